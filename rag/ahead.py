"""Reading evidence ahead: while a model is silent or writes, what it may cite is read, so that its sentences need not
wait for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from rag.cite import Judge, Judgement

#: Reads a text and keeps what it read.
Read = Callable[[str], object]


@dataclass(slots=True)
class Ahead:
    """Reads `texts` on a thread of its own from entering to leaving, and rests while a sentence is judged. `turn` is
    shared by all answers of a process: one reads ahead at a time, so that many do not slow each other."""

    read: Read
    texts: Iterable[str]
    turn: threading.Lock
    _free: threading.Event = field(default_factory=threading.Event)
    _left: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Ahead:
        self._free.set()
        threading.Thread(target=self._run, daemon=True, name="reading ahead").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._left.set()
        self._free.set()

    def judging(self, judge: Judge) -> Judge:
        """`judge`, undisturbed."""

        def undisturbed(sentence: str, evidence: Sequence[str], /) -> Judgement:
            self._free.clear()
            try:
                return judge(sentence, evidence)
            finally:
                self._free.set()

        return undisturbed

    def _run(self) -> None:
        for text in self.texts:
            with self.turn:
                self._free.wait()
                if self._left.is_set():
                    return
                self.read(text)
