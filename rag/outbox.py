"""What was said to a reader since the last question, to be said again when the line comes back.

Chainlit sends an answer to the socket that is there at that moment, and to nobody when there is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Emit = Callable[[str, Any], Awaitable[None]]

#: Events that make what stands in a conversation. The page knows each by its id, so hearing one twice does no harm.
KEPT = frozenset(
    {"new_message", "update_message", "delete_message", "stream_start", "stream_token", "element", "first_interaction"}
)
_OF_MESSAGES = KEPT - {"element", "first_interaction"}
_WHOLE = frozenset({"new_message", "update_message", "delete_message"})
_MOST = 5_000  # events of one answer; a stream has one for each piece


@dataclass(slots=True)
class Outbox:
    """Events since the last question, oldest first, whole or not at all. It lives and ends with its conversation."""

    _events: list[tuple[str, Any]] = field(default_factory=list)
    _is_over: bool = False
    _is_waiting: bool = False
    _held: list[tuple[str, Any]] | None = None

    def __len__(self) -> int:
        return len(self._events)

    def clear(self) -> None:
        """A new question, or the end of the conversation."""
        self._events, self._is_over = [], False

    def note(self, event: str, data: Any) -> None:
        if event not in KEPT or self._is_over:
            return
        if event in _WHOLE:
            # It says all there is to say of a message, and so takes the place of its stream; an update is said as a
            # new message, since the page may not have heard of it.
            event = "delete_message" if event == "delete_message" else "new_message"
            places = [place for place, one in enumerate(self._events) if _is_of(one, data)] or [len(self._events)]
            kept = [one for one in self._events if not _is_of(one, data)]
            self._events = [*kept[: places[0]], (event, _copy(data)), *kept[places[0] :]]
        else:
            self._events.append((event, _copy(data)))
        if len(self._events) > _MOST:
            self._events, self._is_over = [], True

    def recording(self, emit: Emit) -> Emit:
        """`emit` as before, with a note of what it was given."""

        async def emitting(event: str, data: Any) -> None:
            self.note(event, data)
            if self._is_waiting and event in KEPT:
                return
            if self._held is None:
                await emit(event, data)
            else:
                self._held.append((event, _copy(data)))

        return emitting

    def wait(self) -> None:
        """A reader is back, but has not said yet that they hear: until `replay` what is kept is noted only, since half
        of it before its beginning makes no message."""
        self._is_waiting = True

    async def replay(self, emit: Emit) -> int:
        """All of it again, in order; how many events. What is said meanwhile comes after it."""
        events, self._held, self._is_waiting = list(self._events), [], False
        try:
            for event, data in events:
                await emit(event, data)
            while self._held:
                await emit(*self._held.pop(0))
        finally:
            self._held = None
        return len(events)


def _copy(data: Any) -> Any:
    return dict(data) if isinstance(data, dict) else data


def _is_of(noted: tuple[str, Any], message: Any) -> bool:
    event, data = noted
    return event in _OF_MESSAGES and data["id"] == message["id"]
