"""The bytes of a chat stream as pieces of text: server-sent events (HTML standard, 9.2.6) of chat-completion chunks.

Pure and incremental. A stream is sound only when it ends with `finish_reason` "stop"; everything else is said here, in
words of ours: what a server writes is never repeated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")
_MOST = 256 * 1024  # bytes of one event; a token takes some hundred
_DONE = "[DONE]"
#: What a `finish_reason` other than "stop" says.
_UNFINISHED = {
    "length": "cut its answer at the limit of its tokens",
    "content_filter": "had its answer stopped by a content filter",
    "tool_calls": "asked for a tool",
    "function_call": "asked for a tool",
}


class BrokenStreamError(Exception):
    """The stream is none, or no whole one; `again` says if another attempt can help."""

    def __init__(self, what: str, *, again: bool = False) -> None:
        super().__init__(what)
        self.what, self.again = what, again


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the answer. `text` is empty while a model thinks; `is_last` is True when the answer is whole."""

    text: str
    is_last: bool = False


class Chunks:
    """Feed it bytes as they come, then `close` it. Both raise BrokenStreamError."""

    def __init__(self) -> None:
        self._bytes = b""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that these bytes complete; after the last of an answer the rest is not looked at."""
        *lines, self._bytes = _LINE.split(self._bytes + data)
        for line in lines:
            for piece in self._line(line):
                yield piece
                if piece.is_last:
                    return
        if len(self._bytes) > _MOST:
            raise BrokenStreamError("sent an event of far too many bytes")

    def close(self) -> Iterator[Piece]:
        """What the last line completes. Raises BrokenStreamError unless that is the end of the answer."""
        for line in (self._bytes.rstrip(b"\r"), b""):
            yield from self._line(line)
        raise BrokenStreamError("ended its answer in the middle", again=True)

    def _line(self, line: bytes) -> Iterator[Piece]:
        self._size += len(line)
        if self._size > _MOST:
            raise BrokenStreamError("sent an event of far too many bytes")
        if line:
            self._field(line)
            return
        data, self._data, self._size = "\n".join(self._data), [], 0
        if data.strip() == _DONE:
            raise BrokenStreamError("ended its answer without saying that it is whole", again=True)
        if data:
            yield from _pieces(data)

    def _field(self, line: bytes) -> None:
        try:
            name, _, value = line.decode("utf-8").lstrip("\ufeff").partition(":")
        except UnicodeDecodeError:
            raise BrokenStreamError("sent what is no UTF-8") from None
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name.strip() not in ("", "event", "id", "retry"):  # an empty name is a comment
            raise BrokenStreamError("sent what is no stream of an answer")


def _pieces(data: str) -> Iterator[Piece]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenStreamError("sent what is no JSON") from None
    if not isinstance(chunk, Mapping):
        raise BrokenStreamError("sent what is no chunk of an answer")
    if chunk.get("error"):
        raise BrokenStreamError("reported an error in the middle of its answer", again=True)
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(choice, Mapping):
        yield from _choice(choice)


def _choice(choice: Mapping[str, Any]) -> Iterator[Piece]:
    found = choice.get("delta")
    delta = found if isinstance(found, Mapping) else {}
    text, thought = delta.get("content"), delta.get("reasoning_content") or delta.get("reasoning")
    if text is not None and not isinstance(text, str):
        raise BrokenStreamError("sent what is no text")
    if delta.get("tool_calls") or delta.get("function_call"):
        raise BrokenStreamError(_UNFINISHED["tool_calls"])
    if delta.get("refusal"):
        raise BrokenStreamError("refused to answer")
    if text or thought:
        # Half a surrogate pair, as JSON may carry it, is no text.
        yield Piece((text or "").encode(errors="replace").decode())
    reason = choice.get("finish_reason")
    if reason == "stop":
        yield Piece("", is_last=True)
    elif reason:
        what = _UNFINISHED.get(reason) if isinstance(reason, str) else None
        raise BrokenStreamError(what or "ended its answer for a reason of its own")
