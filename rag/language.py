"""Which language a text is in: by script, then by letters and words, and by statistics only where these cannot tell.

Statistics over letter groups are weak where questions are short ("chimio?"); a list of function words and the
vocabulary of `data/terms` are strong there. Lingua (letter trigrams) is asked for what neither knows.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rag.fold import HAN, align, fold, is_traditional, repair, to_simplified, to_traditional
from rag.signs import HAN_CHARACTER, WORD, by_script, evidence, stopwords, tables
from rag.types import LANGUAGES, Language

if TYPE_CHECKING:
    from lingua import LanguageDetector

__all__ = [
    "HAN",
    "Identified",
    "align",
    "detect",
    "fold",
    "identify",
    "is_traditional",
    "repair",
    "stopwords",
    "to_simplified",
    "to_traditional",
]

_SAMPLE = 20_000
_LATIN: tuple[Language, ...] = tuple(language for language in LANGUAGES if language != "zh")
_SURE = 4.0  # times as likely as any of ours
_NAME = 4  # letters; a shorter word that only another language knows is as often a name or a slip


@dataclass(frozen=True, slots=True)
class Identified:
    """`language` is an ISO 639-1 code; `nearest` is the one of ours to answer in when it is not ours."""

    language: str
    nearest: Language
    is_supported: bool


def detect(text: str, default: Language = "en") -> Language:
    """The language of ours that `text` is in, or the nearest of ours; `default` when nothing tells."""
    return identify(text, default).nearest


def identify(text: str, default: Language = "en") -> Identified:
    """The language of `text`, one of ours or not. Long texts are judged by three samples of 20,000 characters."""
    sample = _sample(text)
    folded = fold(sample)
    scores = _scores(sample, folded)
    code: str = (
        by_script(sample)
        or _by_frame(folded)
        or _by_cover(sample, folded)
        or _by_words(scores)
        or _by_statistics(folded, scores)
        or default
    )
    return Identified(code, tables().nearest[code], code in LANGUAGES)


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE:
        return text
    middle = len(text) // 2
    return "\n".join((text[:_SAMPLE], text[middle : middle + _SAMPLE], text[-_SAMPLE:]))


def _by_frame(folded: str) -> str | None:
    """Chinese when there is Han and its function words are not outnumbered by those of a Latin script: names
    and terms of the other script stand in both kinds of sentence, function words do not."""
    if not HAN_CHARACTER.search(folded):
        return None
    words = WORD.findall(folded)
    latin = max(sum(word in stopwords(language) for word in words) for language in _LATIN)
    return "zh" if latin <= len(_chinese_frame().findall(folded)) else None


@cache
def _chinese_frame() -> re.Pattern[str]:
    return re.compile("|".join(sorted(stopwords("zh"), key=len, reverse=True)))


def _by_cover(text: str, folded: str) -> str | None:
    """A language not ours that knows more of the words than each of ours does, or as many where something else tells.

    What our vocabulary knows is international ("chemotherapy"; "oder" is a Turkish verb), so that one word more tells.
    A letter that none of ours has counts as two words.
    """
    owners = {word: {code for code, _ in evidence(word, tables().words)} for word in set(WORD.findall(folded))}
    letters = [{code for code, _ in tables().letters.get(char, ())} for char in set(text) if not char.isascii()]
    known = Counter(code for codes in owners.values() for code in codes)
    known += Counter(code for codes in letters if codes.isdisjoint(LANGUAGES) for code in codes for _ in range(2))
    strange = {code: count for code, count in known.items() if code not in LANGUAGES}
    most, ours = max(strange.values(), default=0), max(known[code] for code in LANGUAGES)
    if most < max(1, ours):
        return None
    best = {code for code, count in strange.items() if count == most}
    own = {word for word, codes in owners.items() if len(word) > _NAME and codes & best and codes.isdisjoint(LANGUAGES)}
    if most == 1 and not own:
        return None
    ranked = _statistics(folded)
    code = max(best, key=ranked.__getitem__)
    is_sure = len(owners) > ours and ranked[code] > _SURE * max(ranked[language] for language in _LATIN)
    is_named = bool(own) and not any(word in stopwords(language) for word in owners for language in _LATIN)
    return code if most > ours or (is_sure and most > 1) or is_named else None


def _by_words(scores: Mapping[str, float]) -> str | None:
    """The best language when it is clearly ahead of the second."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:2]
    if not ranked or ranked[0][1] < 0.5:
        return None
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    return ranked[0][0] if ranked[0][1] >= 1.2 * second + 0.1 else None


def _scores(text: str, folded: str) -> dict[str, float]:
    """Evidence per language: each letter and word counts 1, shared among our languages that have it."""
    scores = defaultdict[str, float](float)
    for char, count in Counter(text if not text.isascii() else "").items():
        for language, weight in tables().letters.get(char, ()):
            scores[language] += weight * count
    for word, count in Counter(WORD.findall(folded)).items():
        for language, weight in evidence(word, tables().words):
            scores[language] += weight * count
    return scores


def _by_statistics(folded: str, scores: Mapping[str, float]) -> str | None:
    known = {language: score for language, score in scores.items() if language in LANGUAGES and score > 0}
    best = max(known, key=lambda language: known[language], default=None)
    words = [word for word in WORD.findall(folded) if len(word) > 3]
    if not words:
        return best
    ranked = _statistics(folded)
    if not best and len(words) > 2:
        code, value = max(ranked.items(), key=lambda item: item[1])
        return code if value > 0.7 or code in LANGUAGES else None
    ours = {language: ranked.get(language, 0.0) for language in (known or LANGUAGES)}
    code = max(ours, key=lambda language: ours[language])
    # One or two words that nobody knows are names as often as not.
    return code if ours[code] > 0.8 * sum(ours.values()) > 0 else best


def _statistics(folded: str) -> Mapping[str, float]:
    """How likely each language in Latin letters is, 0 to 1, together 1."""
    values = _lingua().compute_language_confidence_values(folded)
    return {value.language.iso_code_639_1.name.lower(): value.value for value in values}


@cache
def _lingua() -> LanguageDetector:
    """Low accuracy keeps trigrams alone: 10 MB and 0.2 s to load, where the full models take 170 MB and 2 to 4 s."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [IsoCode639_1.from_str(code.upper()) for code in tables().latin]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_low_accuracy_mode().build()
