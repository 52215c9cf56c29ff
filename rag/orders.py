"""Sentences of a document that are no information but orders: to the program that reads it, or to readers against their
care. They are left out of the index, and whoever keeps the documents is told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from rag.language import fold
from rag.tables import read_table
from rag.types import LANGUAGES, Language

_READ = 2_000  # characters of a sentence that are read; longer ones are cut into such pieces before


@dataclass(frozen=True, slots=True)
class _Rules:
    program: re.Pattern[str]
    readers: re.Pattern[str]
    unless: re.Pattern[str]


def may_hold(text: str) -> bool:
    """Whether any sentence of a text may be an order, whatever its language: most hold none, quickly told."""
    return bool(_anywhere().search(" ".join(fold(text).split())))


def is_order(text: str, language: Language) -> bool:
    """Whether a sentence addresses the program, in any language, or in its own tells readers to give up care: an order
    that says when, why or whom to ask first is a text on care."""
    plain = " ".join(fold(text[:_READ]).split())
    if any(rules.program.search(plain) for rules in _rules().values()):
        return True
    own = _rules()[language]
    return bool(own.readers.search(plain)) and not own.unless.search(plain)


@cache
def _rules() -> Mapping[Language, _Rules]:
    data = read_table("orders.yaml")
    return {
        language: _Rules(
            re.compile("|".join(data["program"][language])),
            re.compile("|".join(data["readers"][language])),
            re.compile(data["unless"][language]),
        )
        for language in LANGUAGES
    }


@cache
def _anywhere() -> re.Pattern[str]:
    """Every rule, at whatever place of a text."""
    rules = (pattern for each in _rules().values() for pattern in (each.program.pattern, each.readers.pattern))
    return re.compile("|".join(rules).replace("^", "").replace("$", ""))


def lines_of(text: str, starts: Iterator[int]) -> list[int]:
    """The numbers of the lines, from 1, in which these places stand; each once."""
    return list(dict.fromkeys(text.count("\n", 0, start) + 1 for start in starts))
