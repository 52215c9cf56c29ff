"""What a translation must not lose, found in a text of either side: cue words and figures.

The words stand in `data/translation_cues.yaml`. Every text here is folded (`rag.language.fold`).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from rag.tables import read_table
from rag.types import Language


@cache
def tables() -> Mapping[str, Any]:
    """`data/translation_cues.yaml` as it stands."""
    return read_table("translation_cues.yaml")


def hedges() -> tuple[str, ...]:
    """The kinds of hedge: possible, usual, ..."""
    return tuple(tables()["hedges"])


def demands(kind: str, text: str, language: Language) -> bool:
    """Whether the text holds a cue of the kind (`negation` or one of `hedges()`) that a translation must keep: a
    strong one that is not part of a longer weak one ("not" in "not only")."""
    neutral, weak, strong = _patterns(kind, language)
    plain = neutral.sub(" ", text)
    softened = [match.span() for match in weak.finditer(plain)]
    return any(not _inside(match.span(), softened) for match in strong.finditer(plain))


def _inside(span: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end and (start, end) != span for start, end in spans)


def answers(kind: str, text: str, language: Language) -> bool:
    """Whether the text holds any cue of the kind, strong or weak."""
    neutral, weak, strong = _patterns(kind, language)
    plain = neutral.sub(" ", text)
    return bool(weak.search(plain) or strong.search(plain))


@cache
def _patterns(kind: str, language: Language) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    own = tables()["negation"] if kind == "negation" else tables()["hedges"][kind]
    neutral, weak, strong = tables()["neutral"][language], own["weak"][language], own["strong"][language]
    return _words(neutral, language), _words(weak, language), _words(strong, language)


def _words(cues: str, language: Language) -> re.Pattern[str]:
    joined = cues.replace(" | ", "|")
    return re.compile(joined if language == "zh" else rf"(?<!\w)(?:{joined})(?!\w)")


def figures(text: str, language: Language) -> Counter[str]:
    """Every figure by value ("1 200,5" in French is 1200.5), and superscripts and fractions as they stand."""
    pattern, factors = _figure_pattern(language)
    group = re.compile(f"[{tables()['figures'][language]['group']}]")
    found: Counter[str] = Counter(char for char in text if unicodedata.category(char) == "No")
    for match in pattern.finditer(text):
        value = Decimal(f"{group.sub('', match['whole'])}.{match['part'] or 0}")
        value *= next((factor for word, factor in factors if word.fullmatch(match["times"] or "")), 1)
        found[f"{value.normalize():f}"] += 1
    return found


@cache
def _figure_pattern(language: Language) -> tuple[re.Pattern[str], tuple[tuple[re.Pattern[str], int], ...]]:
    own = tables()["figures"][language]
    group, decimal, border = f"[{own['group']}]", re.escape(own["decimal"]), "" if language == "zh" else r"(?!\w)"
    pattern = re.compile(
        rf"(?P<whole>(?<![0-9])[0-9]{{1,3}}(?:{group}[0-9]{{3}})+(?![0-9])|[0-9]+)"
        rf"(?:{decimal}(?P<part>[0-9]+))?(?:\s?[多余几]?(?P<times>{'|'.join(own['times'])}){border})?"
    )
    return pattern, tuple((re.compile(word), factor) for word, factor in own["times"].items())


def number_words(text: str, language: Language) -> Counter[str]:
    """The numbers from 1 to 10 written as words, by value."""
    return Counter({str(n): len(hits) for n, p in enumerate(_numbers(language), 1) if (hits := p.findall(text))})


@cache
def _numbers(language: Language) -> tuple[re.Pattern[str], ...]:
    return tuple(_words(words, language) for words in tables()["numbers"][language].split(" | "))


def characters(text: str, language: Language) -> float:
    """The length of a text in characters of English, whatever its language."""
    return float(len(" ".join(text.split())) / tables()["length"][language])
