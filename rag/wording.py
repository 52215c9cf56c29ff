"""The words that carry the frame of a sentence, words of one meaning, and words that say nothing by themselves.

They stand in `data/check.yaml`, hedges in `data/translation_cues.yaml`. Every text here is folded.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from rag.lexical import tokens
from rag.tables import read_table
from rag.translation_cues import tables
from rag.types import Language

_AROUND = re.compile(r"\(\?<?[=!].*?\)")
_CLAUSE = re.compile(r"[,;:.!?。；：，]")
_TIMES = frozenset(("before", "after"))  # "-madan önce" holds no negation, and yet a time
_SIGNS = re.compile(r"[\s,，:]*")


class Cue(NamedTuple):
    """A word of the frame: `text[start:end]` is of a class of `check.yaml` or a kind of hedge."""

    kind: str
    start: int
    end: int


@cache
def _data() -> Mapping[str, Any]:
    return read_table("check.yaml")


@cache
def listed(name: str) -> frozenset[str]:
    """A list of concepts in `check.yaml`: `abstract`, `swallowing` or `distrusted`."""
    return frozenset(_data()[name])


def numbers(concepts: Iterable[str]) -> frozenset[str]:
    """The values of the numbers among some concepts."""
    values = _data()["numbers"]
    return frozenset(str(values[concept]) for concept in concepts if concept in values)


@cache
def family(concept: str, kind: str) -> str:
    """What could take the place of a concept in a sentence: the family of its kind, "" when it names no thing."""
    families = (name for name, kinds in _data()["things"].items() if kind in kinds)
    if concept in _data()["telling"]:
        return "telling"
    return "" if concept in _data()["abstract"] else next(families, "")


def _pattern(words: str, language: Language) -> re.Pattern[str]:
    """Of Chinese words the longest, of Latin ones whole words; an elided one ends at its apostrophe."""
    choices = words.split(" | ")
    if language == "zh":
        choices.sort(key=lambda word: -len(_AROUND.sub("", word)))
    marks = itertools.count()
    joined = re.sub(r"\(\?P<c>", lambda _: f"(?P<c{next(marks)}>", "|".join(choices))
    return re.compile(joined if language == "zh" else rf"(?<!\w)(?:{joined})(?:(?<=')|(?!\w))")


@cache
def _cues(language: Language) -> tuple[tuple[str, re.Pattern[str]], ...]:
    own = [(kind, by[language]) for kind, by in _data()["cues"].items()]
    shared = [(kind, tables()["hedges"][kind]["strong"][language]) for kind in ("possible", "usual", "some")]
    if language == "tr":
        shared.append(("negation", tables()["negation"]["strong"]["tr"]))
    return tuple((kind, _pattern(words, language)) for kind, words in (*own, *shared))


@cache
def _neutral(language: Language) -> re.Pattern[str]:
    return _pattern(f"{tables()['neutral'][language]} | {_data()['neutral'][language]}", language)


def cues(text: str, language: Language) -> Iterator[Cue]:
    """Every cue that stands in a text, class by class; they may overlap."""
    neutral = [match.span() for match in _neutral(language).finditer(text)]
    for kind, pattern in _cues(language):
        for match in pattern.finditer(text):
            start, end = match.span(match.lastgroup or 0)
            hidden = kind not in _TIMES and any(a <= start and end <= b for a, b in neutral)
            if end > start and not hidden:
                yield Cue(kind, start, end)


@cache
def _lists(name: str, language: Language) -> tuple[frozenset[str], tuple[str, ...]]:
    words = str(_data()[name][language]).split()
    return frozenset(word for word in words if word[-1] != "*"), tuple(word[:-1] for word in words if word[-1] == "*")


def is_in(name: str, word: str, language: Language) -> bool:
    """Whether a word stands in the list `filler` or `emphasis`."""
    words, beginnings = _lists(name, language)
    return word in words or word.startswith(beginnings)


@cache
def _same(language: Language) -> tuple[Mapping[str, frozenset[str]], Mapping[str, frozenset[str]]]:
    words, beginnings = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for number, group in enumerate(_data()["same"]):
        for word in group[language].split():
            (beginnings if word[-1] == "*" else words)[word.rstrip("*")].add(f"={number}")
    return tuple({word: frozenset(keys) for word, keys in by.items()} for by in (words, beginnings))  # type: ignore[return-value]


@cache
def same_words(language: Language) -> frozenset[str]:
    """The words of `same` as they stand: Chinese has no borders to find them by."""
    return frozenset(_same(language)[0])


def meanings(word: str, language: Language) -> frozenset[str]:
    """Keys of the groups of `same` that a word belongs to."""
    words, beginnings = _same(language)
    found = words.get(word, frozenset())
    for end in range(2, len(word) + 1):
        found |= beginnings.get(word[:end], frozenset())
    return found


@cache
def _alike() -> Mapping[str, frozenset[str]]:
    groups = defaultdict[str, set[str]](set)
    for number, group in enumerate(_data()["alike"]):
        for concept in group.split():
            groups[concept].add(f"=a{number}")
    return {concept: frozenset(keys) for concept, keys in groups.items()}


def alike(concept: str) -> frozenset[str]:
    """Keys of the groups of `alike` that a concept belongs to."""
    return _alike().get(concept, frozenset())


def stem(word: str, language: Language) -> str:
    """A word without its endings, as the search sees it."""
    found = tokens(word, language)
    return found[0] if len(found) == 1 else word


def openings(text: str, language: Language) -> Iterator[tuple[str, int, int]]:
    """Places that `framing` or `reporting` words open the text with."""
    place = 0
    while True:
        for kind in ("reporting", "framing"):
            match = _opening(kind, language).match(text, place)
            if match and match.end() > place:
                yield kind, place, match.end()
                place = _SIGNS.match(text, match.end()).end()  # type: ignore[union-attr]
                break
        else:
            return


@cache
def _opening(kind: str, language: Language) -> re.Pattern[str]:
    return _pattern(_data()[kind][language], language)


def is_order(text: str, language: Language) -> bool:
    """Whether a text, or what follows a sign in it, tells the reader what to do."""
    pattern = _orders(language)
    return any(pattern.match(clause) for clause in _CLAUSE.split(text))


@cache
def _orders(language: Language) -> re.Pattern[str]:
    words = "|".join(_data()["orders"][language].split(" | "))
    return re.compile(rf"\A[\s\"'«“]{{0,9}}(?:{words})")
