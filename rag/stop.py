"""A way to stop what runs in another thread, also while it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StoppedError(Exception):
    """Whoever asked does not want the answer any more."""


class Stop:
    """Set once, from any thread."""

    def __init__(self) -> None:
        self._event, self._lock = threading.Event(), threading.Lock()
        self._calls: list[Callable[[], object]] = []

    def set(self) -> None:
        with self._lock:
            self._event.set()
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Waits so long; raises StoppedError as soon as it is set."""
        if self._event.wait(seconds):
            raise StoppedError

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """While the block runs, setting calls `call`; at once where it is set already."""
        with self._lock:
            if not self._event.is_set():
                self._calls.append(call)
        if self._event.is_set():
            call()
        try:
            yield
        finally:
            with self._lock:
                if call in self._calls:
                    self._calls.remove(call)
