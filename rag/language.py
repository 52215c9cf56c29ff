"""Which language a text is in: by script, then by letters and words, and by statistics only where these cannot tell.

Statistics over letter groups are weak where questions are short ("chimio?"); a list of function words and the
vocabulary of `data/terms` are strong there. Lingua (letter trigrams) is asked for what neither knows.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.fold import HAN, align, fold, is_traditional, repair, to_simplified, to_traditional
from rag.types import LANGUAGES, Language
from rag.vocabulary import COLUMNS, read_rows

if TYPE_CHECKING:
    from lingua import LanguageDetector

__all__ = [
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

DATA = Path(__file__).parent / "data"
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_HAN = re.compile(f"[{HAN}]")
#: Characters that Japan simplified its own way: Chinese in neither form.
_JAPANESE_HAN = re.compile(
    "[薬発検効剤変経続総験図転脳歳対応価悪圧円塩絵覚気帰拠継軽権県険顕広済雑児実釈収従処焼剰専戦"
    "銭臓帯択単団弾遅聴鉄伝徳読売髪抜払辺豊訳様頼覧両緑歴労働込]"
)
_SCRIPTS: tuple[tuple[str, Language, re.Pattern[str]], ...] = (
    ("ja", "zh", re.compile("[\u3041-\u30fa\u30fc-\u30ff\uff66-\uff9f]")),
    ("ko", "en", re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("ru", "en", re.compile("[\u0400-\u052f]")),
    ("ar", "en", re.compile("[\u0620-\u065f\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]")),
    ("el", "en", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", "en", re.compile("[\u0590-\u05ff]")),
    ("hi", "en", re.compile("[\u0900-\u097f]")),
    ("th", "en", re.compile("[\u0e00-\u0e7f]")),
    ("ka", "en", re.compile("[\u10a0-\u10ff]")),
    ("hy", "en", re.compile("[\u0530-\u058f]")),
    ("bn", "en", re.compile("[\u0980-\u09ff]")),
    ("ta", "en", re.compile("[\u0b80-\u0bff]")),
)
#: A language of another script is the text's when it holds at least this share of the letters.
_SCRIPT_SHARE = 0.4
_KANA_SHARE = 0.15  # Japanese mixes kana into Han
#: Turkish endings, enough to see that an unknown word is a known one with endings on it (folded).
_TURKISH_END = re.compile(
    r"(?:y|n|s)?(?:[aeiou]|[dt][aeiou]n?|l[ae]r|n[iu]n|[iu]m|[iu]n|[iu]z|d[iu]r|ki|l[iu]k?|s[iu]z)+"
)
_SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Identified:
    """`language` is an ISO 639-1 code; `nearest` is the one of ours to answer in when it is not ours."""

    language: str
    nearest: Language
    is_supported: bool


@dataclass(frozen=True, slots=True)
class _Tables:
    nearest: Mapping[str, Language]
    letters: Mapping[str, tuple[tuple[str, float], ...]]
    words: Mapping[str, tuple[tuple[str, float], ...]]


def detect(text: str, default: Language = "en") -> Language:
    """The language of ours that `text` is in, or the nearest of ours; `default` when nothing tells."""
    return identify(text, default).nearest


def identify(text: str, default: Language = "en") -> Identified:
    """The language of `text`, one of ours or not. Long texts are judged by three samples of 20,000 characters."""
    sample = _sample(text)
    folded = fold(sample)
    scores = _scores(sample, folded)
    code: str = (
        _by_script(sample) or _by_frame(folded) or _by_words(scores) or _by_statistics(folded, scores) or default
    )
    return Identified(code, _tables().nearest[code], code in LANGUAGES)


@cache
def stopwords(language: Language) -> frozenset[str]:
    """The function words of a language, folded."""
    lines = (DATA / language / "stopwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(fold(word) for line in lines if not line.startswith("#") for word in line.split())


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE:
        return text
    middle = len(text) // 2
    return "\n".join((text[:_SAMPLE], text[middle : middle + _SAMPLE], text[-_SAMPLE:]))


def _by_script(text: str) -> str | None:
    if text.isascii():
        return None
    letters = sum(c.isalpha() for c in text)
    for code, _, script in _SCRIPTS:
        count = len(script.findall(text))
        if count > (_KANA_SHARE if code == "ja" else _SCRIPT_SHARE) * letters:
            return code
    han = _HAN.findall(text)
    return "ja" if len(_JAPANESE_HAN.findall(text)) * 12 > len(han) > 0 else None


def _by_frame(folded: str) -> str | None:
    """Chinese when there is Han and its function words are not outnumbered by those of a Latin script: names
    and terms of the other script stand in both kinds of sentence, function words do not."""
    if not _HAN.search(folded):
        return None
    words = WORD.findall(folded)
    latin = max(sum(word in stopwords(language) for word in words) for language in LANGUAGES if language != "zh")
    return "zh" if latin <= len(_chinese_frame().findall(folded)) else None


@cache
def _chinese_frame() -> re.Pattern[str]:
    return re.compile("|".join(sorted(stopwords("zh"), key=len, reverse=True)))


def _by_words(scores: Mapping[str, float]) -> str | None:
    """The best language when it is clearly ahead of the second."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:2]
    if not ranked or ranked[0][1] < 0.5:
        return None
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    return ranked[0][0] if ranked[0][1] >= 1.2 * second + 0.1 else None


def _scores(text: str, folded: str) -> dict[str, float]:
    """Evidence per language: each letter and word counts 1, shared among our languages that have it."""
    tables, scores = _tables(), defaultdict[str, float](float)
    for char, count in Counter(text if not text.isascii() else "").items():
        for language, weight in tables.letters.get(char, ()):
            scores[language] += weight * count
    for word, count in Counter(WORD.findall(folded)).items():
        for language, weight in _evidence(word, tables.words):
            scores[language] += weight * count
    return scores


def _evidence(word: str, words: Mapping[str, tuple[tuple[str, float], ...]]) -> Iterable[tuple[str, float]]:
    if word in words:
        return words[word]
    head, apostrophe, tail = word.partition("'")
    if apostrophe:
        return (*words.get(head + "'", ()), *_evidence(tail, words), *(words.get(head, ()) if len(head) > 2 else ()))
    for cut in range(len(word) - 1, max(3, len(word) - 9), -1):
        owners = words.get(word[:cut], ())
        if any(language == "tr" for language, _ in owners) and _TURKISH_END.fullmatch(word, cut):
            return (("tr", 0.7),)
    return ()


def _by_statistics(folded: str, scores: Mapping[str, float]) -> str | None:
    known = {language: score for language, score in scores.items() if language in LANGUAGES and score > 0}
    best = max(known, key=lambda language: known[language], default=None)
    words = [word for word in WORD.findall(folded) if len(word) > 3]
    if not words:
        return best
    values = _lingua().compute_language_confidence_values(folded)
    ranked = {value.language.iso_code_639_1.name.lower(): value.value for value in values}
    if not best and len(words) > 2:
        code, value = max(ranked.items(), key=lambda item: item[1])
        return code if value > 0.7 or code in LANGUAGES else None
    ours = {language: ranked.get(language, 0.0) for language in (known or LANGUAGES)}
    code = max(ours, key=lambda language: ours[language])
    # One or two words that nobody knows are names as often as not.
    return code if ours[code] > 0.8 * sum(ours.values()) > 0 else best


@cache
def _lingua() -> LanguageDetector:
    """Low accuracy keeps trigrams alone: 10 MB and 0.2 s to load, where the full models take 170 MB and 2 to 4 s."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    scripts = {"zh", *(code for code, _, _ in _SCRIPTS)}
    names = [code.upper() for code in _tables().nearest if code not in scripts]
    codes = [IsoCode639_1.from_str(name) for name in names]
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_low_accuracy_mode().build()


@cache
def _tables() -> _Tables:
    with (DATA / "languages.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    letters, words = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in rows:
        code, own = row["language"], {fold(word) for word in row["words"].split()}
        own |= stopwords(code) if code in LANGUAGES else frozenset()  # type: ignore[arg-type]
        for char in {c for c in row["letters"] + row["letters"].upper() if not c.isascii()}:
            letters[char].add(code)
        for word in own:
            words[word].add(code)
    for code, word in _vocabulary():
        words[word].add(code)
    nearest: dict[str, Language] = {code: near for code, near, _ in _SCRIPTS}
    nearest |= {row["language"]: row["nearest"] for row in rows}  # type: ignore[misc]
    return _Tables(nearest, _weigh(letters), _weigh(words))


def _vocabulary() -> Iterable[tuple[Language, str]]:
    """The words of our names. Han needs none; two small letters are a unit, two capitals an abbreviation."""
    rows = list(read_rows())
    for language in ("en", "fr", "tr"):
        column = COLUMNS.index(language)
        words = WORD.findall("\n".join(row.folded_cells[column] for row in rows))
        names = "|".join(row.cells[column] for row in rows).split("|")
        short = (fold(name) for name in names if len(name) == 2 and name.isupper())
        yield from ((language, word) for word in {*(w for w in words if len(w) > 2), *short})


def _weigh(owners: Mapping[str, set[str]]) -> dict[str, tuple[tuple[str, float], ...]]:
    return {sign: _weights(frozenset(languages)) for sign, languages in owners.items()}


@cache
def _weights(languages: frozenset[str]) -> tuple[tuple[str, float], ...]:
    """What a sign of `languages` counts for each: less when they are several; people here mostly write one of
    ours, so a foreign language takes half of what one of ours takes."""
    ours = len(languages & set(LANGUAGES))
    own, foreign = 1 / (ours + (len(languages) - ours) / 2), 1 / len(languages)
    return tuple((code, own if code in LANGUAGES else foreign) for code in sorted(languages))
