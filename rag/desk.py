"""The one assistant that all conversations share, and what a conversation remembers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from rag.errors import RagError
from rag.flow import as_exception
from rag.types import LANGUAGES, Answer, Source, Turn

if TYPE_CHECKING:
    from rag.guard import Guard
    from rag.pipeline import Assistant
    from rag.settings import Settings

#: How much of a conversation is kept: lines, and characters of each.
TURNS, TURN_LENGTH = 24, 4000

_log = logging.getLogger("citewell")


class Desk:
    """Opens the assistant once, in a thread of its own; after a failure the next call tries again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opening: Future[Assistant] | None = None
        self._reading = threading.Lock()
        self._guard: Guard | None = None

    def open(self) -> Future[Assistant]:
        """At once; the future is done when the index is built or opened. It raises what opening raised."""
        with self._lock:
            if self._opening is None or (self._opening.done() and self._opening.exception()):
                opening: Future[Assistant] = Future()
                self._opening = opening
                opening.set_running_or_notify_cancel()  # one who does not wait any more must not end it for the others
                try:
                    threading.Thread(target=self._open, args=(opening,), name="open", daemon=True).start()
                except RuntimeError as error:  # no memory for a thread
                    opening.set_exception(error)
            return self._opening

    def sources(self) -> Mapping[str, Source] | None:
        """The documents by name; None until the assistant is open."""
        opening = self._opening
        ready = opening is not None and opening.done() and not opening.exception()
        return opening.result().sources if ready and opening else None

    @property
    def state(self) -> str:
        """What of the documents: "ready" when their index was verified and is open, "preparing", "failed"."""
        if self._opening is None or not self._opening.done():
            return "preparing"
        return "failed" if self._opening.exception() else "ready"

    def urgent(self, question: str, history: Sequence[Turn] = ()) -> Answer | None:
        """What to say at once to a message that tells of danger, None for any other. Needs no documents and no index:
        for the time before they are open, and for when they cannot be."""
        from rag.guard import Guard
        from rag.language import detect
        from rag.notices import load_notices
        from rag.reply import urgent

        with self._reading:
            self._guard = self._guard or Guard.load()
        before = [turn.content for turn in history if turn.role == "user"]
        language = detect(question, detect(before[-1]) if before else "en")
        return urgent(self._guard, load_notices(), question, language, history)

    def _open(self, opening: Future[Assistant]) -> None:
        try:
            from rag.pipeline import open_assistant

            assistant = open_assistant(self._settings)
            opening.set_result(assistant)
            for language in LANGUAGES:  # so that nobody's first question waits for a vocabulary
                assistant.parts.terms.find("cancer", language)
            if author := assistant.parts.writer.author:
                author.warm()
        except BaseException as error:  # whoever waits gets it, and the operator reads it here
            _log.error("the documents cannot be opened: %s", _what(error))
            if not opening.done():
                opening.set_exception(as_exception(error))


def _what(error: BaseException) -> str:
    return str(error) if isinstance(error, RagError) else type(error).__name__


def remember(history: tuple[Turn, ...], question: str, answer: Answer) -> tuple[Turn, ...]:
    """The conversation with one more question and answer, the oldest lines let go."""
    new = (Turn("user", question[:TURN_LENGTH]), Turn("assistant", answer.text[:TURN_LENGTH]))
    return (*history, *new)[-TURNS:]
