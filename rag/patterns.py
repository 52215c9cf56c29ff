"""Regular expressions that are compiled when a text first calls for them: of hundreds, a text needs a few."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

_ESCAPE = re.compile(r"\\.")
_COUNT = re.compile(r"\{[^{}]*\}")
_GROUP = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<\w+>")
_LETTERS = re.compile(r"([^\W_]+)([?{]?)")
_GAP = "\0"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression; `needed` is in every text that it matches. Used as one of `re`."""

    pattern: str
    needed: str = ""

    def search(self, text: str) -> re.Match[str] | None:
        return compiled(self.pattern).search(text) if self.needed in text else None

    def sub(self, by: str, text: str) -> str:
        return compiled(self.pattern).sub(by, text) if self.needed in text else text

    def split(self, text: str) -> list[str]:
        return [*compiled(self.pattern).split(text)] if self.needed in text else [text]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whether one of several is found; which one, and where, is not told apart."""

    parts: tuple[Pattern, ...]

    @classmethod
    def of(cls, parts: Sequence[Pattern]) -> AnyOf:
        """Those that need nothing are joined to one."""
        loose = "|".join(part.pattern for part in parts if not part.needed)
        return cls((*(part for part in parts if part.needed), *([Pattern(loose)] if loose else [])))

    @property
    def pattern(self) -> str:
        return "|".join(part.pattern for part in self.parts)

    def search(self, text: str) -> re.Match[str] | None:
        found = (match for part in self.parts if part.needed in text and (match := compiled(part.pattern).search(text)))
        return next(found, None)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def needed(alternative: str) -> str:
    """The longest run of letters that stands in every match of an expression without bars outside of brackets; empty
    where there is none. Letters in brackets may be missing, and the one before a `?` or a `{`."""
    rest, before = _COUNT.sub("{", _ESCAPE.sub(_GAP, alternative)), ""
    while rest != before:
        rest, before = _GROUP.sub(_GAP, rest), rest
    runs = (letters[: len(letters) - bool(mark)] for letters, mark in _LETTERS.findall(rest))
    return max(runs, key=len, default="")
