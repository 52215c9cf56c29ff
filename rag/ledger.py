"""How many tokens were spent on a language model, and an end to it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Lock

from rag.errors import ModelError

_DAY = 24 * 3600.0  # seconds


class SpentError(ModelError):
    """The day's tokens are used up."""


@dataclass(slots=True)
class Ledger:
    """What was spent in the last 24 hours, prompts and answers; `limit` tokens, or None."""

    limit: int | None
    _spent: deque[tuple[float, int]] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def spend(self, count: int) -> None:
        """Raises SpentError when so many more are too many; then nothing is noted."""
        if self.limit is None:
            return
        now = time.monotonic()
        with self._lock:
            while self._spent and self._spent[0][0] < now - _DAY:
                self._spent.popleft()
            if sum(spent for _, spent in self._spent) + count > self.limit:
                hint = "raise RAG_TOKENS_PER_DAY, or wait until tomorrow"
                raise SpentError("the language model has used up its tokens of the day", hint=hint)
            self._spent.append((now, count))
