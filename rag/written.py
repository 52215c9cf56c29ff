"""What a model writes, as sentences with the numbers they cite, while it comes. Pure: how the text is cut into pieces
changes nothing.

A sentence is complete when its stop follows its markers ("... [1]."), when what comes after its stop is neither space
nor a marker ("... . [1] Next"), or at the end of a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag.split import sentences
from rag.types import Language, Span

_MARK = "\ue000"  # stands for a marker that was taken out; private letters of a model are thrown away
_STOPS, _CLOSERS = ".!?…。！？｡।؟۔", "\"'”’」』)）］]»"
_OPEN, _CLOSE, _ROUND = "[【［(（", "]】］)）", "(（"
_NUMBER = r"[0-9０-９]{1,4}"
_NAME = r"(?:(?:sources?|sentences?|phrases?|来源|來源|kaynak|cümle|ref|s)\.?:?\s*|[\^#])?"
_BETWEEN = r"\s*(?:[,，、;；&/~–—-]|and|et|ve|和)\s*"
_MARKER = re.compile(
    rf"[\[【［(（]\s*{_NAME}{_NUMBER}(?:{_BETWEEN}{_NAME}{_NUMBER}){{0,30}}\s*(?:†[^\]】］]{{0,40}})?[\]】］)）]", re.I
)
_STEP = re.compile(rf"({_NUMBER})(?:\s*([~–—-])\s*{_NAME}({_NUMBER}))?", re.I)
_PENDING = re.compile(r"[\[【［(（][^\]】］)）]{0,60}")
_DECISIVE = re.compile(f"{_MARK}[{re.escape(_STOPS)}][{re.escape(_STOPS + _CLOSERS)}]*$")
_BULLET = re.compile(r"^(?:[-•–·]|#{1,6}|>|[0-9]{1,2}\))\s+")
_NUMBERED = re.compile(r"^[0-9]{1,2}\.\s+(?=[^\W\d_])")
_HALF = re.compile(rf"\s*[\[【［(（]\s*{_NAME}(?:{_NUMBER})?(?:{_BETWEEN}(?:{_NUMBER})?){{0,30}}$", re.I)
_EMPHASIS = "*`"  # letters that prose does without, and that would hide what an abbreviation is
_LONGEST = 1500  # characters; a longer run is no sentence
_THOUGHT, _THOUGHT_ENDS = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence without its markers, and the numbers in them, in order, whether there are such sources or not."""

    text: str
    ids: tuple[int, ...]


class Writing:
    """Feed it text as it comes, then `close` it. `known` is the greatest number that a source has."""

    def __init__(self, language: Language, known: int) -> None:
        self._language, self._known = language, known
        self._text, self._marks = "", list[tuple[int, ...]]()
        self._stop: Span | None = None  # where the sentence may have ended
        self._is_line_start = True

    def feed(self, text: str) -> Iterator[Written]:
        """The sentences that are complete with this text."""
        for char in text:
            if char == "\n":
                yield from self._cut(len(self._text))
                self._is_line_start = True
            elif char not in _EMPHASIS and not unicodedata.category(char).startswith("C"):
                yield from self._add(" " if char.isspace() else char)

    def close(self) -> Iterator[Written]:
        """What is left when the answer is whole; never call it for one that is not."""
        self._text = _HALF.sub("", self._text)
        yield from self._cut(len(self._text))

    def _add(self, char: str) -> Iterator[Written]:
        self._text += char
        if char in _CLOSE and (at := max(map(self._text.rfind, _OPEN))) >= 0:
            marker = _MARKER.fullmatch(self._text, at)
            if marker and (self._text[at] not in _ROUND or self._is_round_marker(at)):
                yield from self._take(marker, at)
                return
        yield from self._see(char)
        if len(self._text) >= _LONGEST:
            yield from self._cut(len(self._text))

    def _see(self, char: str) -> Iterator[Written]:
        """Notes a stop, and decides on the one before when what follows it is known."""
        end, stop = len(self._text), self._stop
        if stop and char in _STOPS + _CLOSERS and not self._text[stop.end : end - 1].strip(" " if char == "»" else ""):
            self._stop = Span(stop.start, end)
        elif stop and (tail := self._text[stop.end :].lstrip()):
            if not _PENDING.fullmatch(tail):
                self._stop = None
                if self._ends_at(stop):
                    yield from self._cut(stop.end)
                self._restop(char)
        elif not stop:
            self._restop(char)
        if self._stop and char in _STOPS and _DECISIVE.search(self._text):
            yield from self._cut(end)

    def _restop(self, char: str) -> None:
        end = len(self._text)
        if char in _STOPS and end:
            self._stop = Span(end - 1, end)
            self._take_round(end - 1)

    def _ends_at(self, stop: Span) -> bool:
        if _DECISIVE.search(self._text[: stop.end]):
            return True
        spans = sentences(self._text, Span(0, len(self._text)), self._language)
        return any(span.end == stop.end for span in spans)

    def _take(self, marker: re.Match[str], at: int) -> Iterator[Written]:
        """A marker that ends where the text does: it belongs to what stands before it, or leads a line."""
        ids, stop, head = tuple(self._ids(marker.group())), self._stop, self._text[:at]
        if stop and not head[stop.end :].strip():
            if head.startswith(_MARK):  # markers lead their sentences here
                self._text = head
                yield from self._cut(stop.end)
                self._text, self._marks = _MARK, [ids]
                return
            before = head[: stop.start].rstrip() + _MARK
            self._text = before + head[stop.start : stop.end]
            self._stop = Span(len(before), len(self._text))
        elif _has_words(head) or self._is_line_start:
            self._text = head.rstrip() + _MARK
        else:  # a second marker of a sentence that is shown already
            self._text = ""
            return
        self._marks.append(ids)

    def _is_round_marker(self, at: int) -> bool:
        """ "(1)" is one only after a stop, in a sentence without others; before a stop see `_take_round`."""
        stop = self._stop
        return bool(stop and not self._marks and not self._text[stop.end : at].strip() and self._are_known(at))

    def _take_round(self, stop: int) -> None:
        """ "(1)." as a marker, in a sentence without others."""
        at = max(map(self._text[:stop].rfind, _ROUND))
        if at > 0 and not self._marks and _MARKER.fullmatch(self._text, at, stop) and self._are_known(at):
            self._marks.append(tuple(self._ids(self._text[at:stop])))
            head = self._text[:at].rstrip() + _MARK
            self._text, self._stop = head + self._text[stop:], Span(len(head), len(head) + 1)

    def _are_known(self, at: int) -> bool:
        return all(1 <= number <= self._known for number in self._ids(self._text[at:]))

    def _ids(self, marker: str) -> Iterator[int]:
        """The numbers of a marker. A range that holds unknown ones ends in one."""
        for first, dash, last in _STEP.findall(marker):
            start, end = int(first), int(last or first)
            yield from range(start, min(end, self._known) + 1) if dash and start <= end else (start,)
            if dash and (end > self._known or end < start):
                yield end if end > self._known else 0

    def _cut(self, end: int) -> Iterator[Written]:
        """The text up to `end` as a sentence; what comes after it begins the next."""
        piece, self._text, self._stop = self._text[:end], self._text[end:].lstrip(), None
        count = piece.count(_MARK)
        ids, self._marks = self._marks[:count], self._marks[count:]
        text = _plain(piece.replace(_MARK, ""), self._language)
        if _has_words(text):
            self._is_line_start = False
            yield Written(text, tuple(dict.fromkeys(number for group in ids for number in group)))


def _has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _plain(text: str, language: Language) -> str:
    """Without bullets, emphasis, and what is left of the sentence before. In Turkish "4." may be "fourth"."""
    text = _BULLET.sub("", text.strip().lstrip(_STOPS + _CLOSERS + " "))
    text = text if language == "tr" else _NUMBERED.sub("", text)
    return " ".join(text.split())


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """A model's pieces without the thoughts that some write first, between <think> and </think>."""
    held, is_open = "", True
    for piece in pieces:
        if not is_open:
            yield piece
            continue
        held += piece
        start = held.lstrip()
        if start.startswith(_THOUGHT):
            _, ends, after = held.partition(_THOUGHT_ENDS)
            held, is_open = (after, False) if ends else (held, True)
        else:
            is_open = _THOUGHT.startswith(start)
        if not is_open and held:
            yield held
    if is_open and not held.lstrip().startswith(_THOUGHT):
        yield held
