"""Which spans of a page are its article: cleaning selects, it never rewrites.

A page is read line by line. A line is furniture by its words (`rag/data/furniture.yaml`) or by its shape
(no letters, a string of keywords, a menu); of the rest, short lines that no sentence follows are menus too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from rag.language import fold
from rag.tables import read_table
from rag.types import Kind

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
# "-5 °C" is a figure and "**Note**" is emphasis: neither begins an item.
_MARKER = re.compile(r"(?:[-–—](?![0-9])|\*(?!\*)|[•·▪◦‣]|\(?\d{1,3}[.)、．](?!\d)|\(\d{1,3}\)|[a-z]\)|[①-⑳])\s*")
_TERMINAL = re.compile(r"[.!?。！？…;；:：][\"'”’»」』)）\]]*$")
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’»」』)）\]]*$")
_LETTER = re.compile(r"[^\W\d_]")
_SPACE = " \t\xa0\u3000\ufeff\u200b\u200e\u200f"
_LONG = 150  # a line of so many folded characters without a full stop is prose all the same
_FOLDED = 400  # furniture shows in the first so many characters of a line
_MENU = 4  # so many short lines in a row, none of them a list item, are a menu
_END_SHARE = 0.4  # an end marker counts when at most this share of the page's prose follows it


@dataclass(frozen=True, slots=True)
class Block:
    """A kept line: `text[start:end]` without the list marker and white space around it."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    folded: str
    kind: Kind
    sentence: bool  # it ends as a sentence or an item of a list does
    numbered: bool


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    data = read_table("furniture.yaml")
    return {group: re.compile("|".join(f"(?:{p})" for p in rules.values()), re.I) for group, rules in data.items()}


def keep(text: str) -> tuple[Block, ...]:
    """The article's lines in reading order; joined they are everything that may be quoted or used as a heading."""
    lines = [line for line in _article(list(_lines(text))) if not _is_furniture(line)]
    return tuple(Block(line.start, line.end, line.kind) for line in _headings(lines))


def opens_note(heading: str) -> bool:
    """Whether what stands below a heading is about the author."""
    return bool(_patterns()["note"].search(" ".join(fold(heading[:_FOLDED]).split())))


def _lines(text: str) -> Iterator[_Line]:
    for match in _LINE.finditer(text):
        raw = match.group()
        start = match.start() + len(raw) - len(raw.lstrip(_SPACE))
        end = match.start() + len(raw.rstrip(_SPACE))
        marker = _MARKER.match(text, start, end)
        if marker and marker.end() < end:
            start = marker.end()
        line = text[start:end]
        if line:
            ends = bool(_TERMINAL.search(line))
            kind: Kind = "item" if marker else "prose"
            numbered = bool(marker and re.search(r"[0-9]", marker.group()))
            yield _Line(start, end, " ".join(fold(line[:_FOLDED]).split()), kind, ends or len(line) > _LONG, numbered)


def _article(lines: list[_Line]) -> list[_Line]:
    """The lines before the first mark that the article is over."""
    sizes = [line.end - line.start if line.sentence else 0 for line in lines]
    total, before = sum(sizes), 0
    for number, line in enumerate(lines):
        if before >= total * (1 - _END_SHARE) and before and _patterns()["end"].search(line.folded):
            return lines[:number]
        before += sizes[number]
    return lines


def _is_furniture(line: _Line) -> bool:
    shape = not _LETTER.search(line.folded) or _is_keyword_string(line)
    return shape or bool(_patterns()["line"].search(line.folded) or _patterns()["end"].search(line.folded))


def _is_keyword_string(line: _Line) -> bool:
    """Many short pieces between commas and no sentence: search-engine spam and tag clouds."""
    if _SENTENCE_END.search(line.folded) or line.kind == "item":
        return False
    pieces = [piece for piece in re.split(r"[,，、|]", line.folded) if piece.strip()]
    return len(pieces) >= 6 and sum(map(len, pieces)) / len(pieces) < 20


def _headings(lines: list[_Line]) -> Iterator[_Line]:
    """Short lines that no full stop ends: headings where text follows, menus where it does not."""
    for number, line in enumerate(lines):
        is_prose = line.sentence and not _is_title(lines, number)
        if is_prose or (line.kind == "item" and not _is_numbered_heading(lines, number)):
            yield line
        elif any(later.sentence or later.kind == "item" for later in lines[number + 1 : number + _MENU]):
            yield replace(line, kind="heading")


def _is_numbered_heading(lines: list[_Line], number: int) -> bool:
    """ "01. Goals of treatment" above a paragraph, where a list would go on with an item."""
    following = lines[number + 1] if number + 1 < len(lines) else None
    return lines[number].numbered and following is not None and following.kind == "prose" and following.sentence


def _is_title(lines: list[_Line], number: int) -> bool:
    """A question on a line of its own above its answer is a heading."""
    line = lines[number]
    asks = line.folded.endswith("?") and line.end - line.start < _LONG and not re.search(r"[.!?]\s", line.folded)
    following = lines[number + 1] if number + 1 < len(lines) else None
    return asks and line.kind == "prose" and following is not None and not following.folded.endswith("?")
