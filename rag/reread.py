"""With every question the conversation before it is read again. What was read of a text is kept for as long as its
conversation lasts, by whoever holds the conversation, and nowhere else: readers' words must end with it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_MOST = 100  # readings of one conversation; a question with ten before it needs fewer


class Readings:
    """What was read in one conversation, the latest `most`. An answer that was stopped may still be at it when the next
    one begins."""

    def __init__(self, most: int = _MOST) -> None:
        self._most, self._lock = most, threading.Lock()
        self._known: OrderedDict[Hashable, Any] = OrderedDict()

    def of(self, key: Hashable, read: Callable[[], _R]) -> _R:
        """What was read under `key` before, or what `read` gives now."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = read()
        with self._lock:
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


_current: ContextVar[Readings | None] = ContextVar("readings", default=None)


@contextmanager
def keeping(readings: Readings | None = None) -> Iterator[None]:
    """Inside, what is `read_once` is read once for these readings; without any for those of whoever called, else for
    new ones that nobody keeps."""
    token = _current.set(readings or _current.get() or Readings())
    try:
        yield
    finally:
        _current.reset(token)


def reading(readings: Readings, made: Iterable[_R]) -> Iterator[_R]:
    """What is `made`, with these readings; for a thread of its own, which must end it too."""
    with keeping(readings):
        yield from made


def read_once(read: Callable[_P, _R]) -> Callable[_P, _R]:
    """For a pure function of hashable arguments; outside of `keeping` it is called every time."""

    @wraps(read)
    def once(*args: _P.args, **options: _P.kwargs) -> _R:
        readings = _current.get()
        if readings is None:
            return read(*args, **options)
        return readings.of((read, args, tuple(options.items())), lambda: read(*args, **options))

    return once
