"""What may come over a socket: frames of our own page, well-formed, of bounded length and number."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections import Counter
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeGuard

from rag import choice
from rag.incident import Handler
from rag.limits import Bucket, Rate, address_of

#: Longest question in characters; a longer one is told so.
QUESTION_LIMIT = 4000
#: Longest frame in characters: a question of the longest kind, each character written as two escapes of JSON.
FRAME_LIMIT = QUESTION_LIMIT * 12 + 4096
#: What the page sends. A client may name any event: "connect" and "disconnect" would run Chainlit's own handlers with
#: an environment of the client's making.
EVENTS = frozenset({"client_message", choice.EVENT, "clear_session", "connection_successful", "stop"})
_WITH_VALUE = frozenset({"client_message", choice.EVENT})
#: Socket events that this page never sends: edits, audio, settings, favourites, messages of a hosting window.
UNUSED_EVENTS = (
    "edit_message",
    "message_favorite",
    "fetch_favorites",
    "window_message",
    "audio_start",
    "audio_chunk",
    "audio_end",
    "chat_settings_edit",
)
_FRAMES = Rate(40, 20)  # of one connection: a reader sends a handful for each question
_GRACE, _PATIENCE = 0.5, 30.0  # seconds that who sent a frame waits for the connection's end, and that we do
_NAME = re.compile(r'2\[\s*"([a-z_]{1,40})"')
_log = logging.getLogger("citewell")


def fault(frame: object) -> str | None:
    """What is wrong with a frame of Socket.IO, None where nothing is: the start of a conversation (`0{...}`), its end
    (`1`) and our events (`2["name", value]`), in the main namespace, as text, without acknowledgement."""
    if not isinstance(frame, str):
        return "is not text"
    if len(frame) > FRAME_LIMIT:
        return "is too long"
    if frame == "1":
        return None
    if frame[:2] not in ("0{", "2["):
        return "is of no kind that the page sends"
    try:
        data = json.loads(frame[1:])
    except (ValueError, RecursionError):
        return "is no JSON"
    if frame[0] == "0":
        return None
    name = data[0] if data and isinstance(data[0], str) else ""
    if name not in EVENTS:
        return "is an event that the page never sends"
    return None if len(data) == 1 + (name in _WITH_VALUE) else "has another shape"


def is_session_id(value: object) -> TypeGuard[str]:
    """A canonical UUID of version 4: Chainlit makes a folder's name of it."""
    try:
        return isinstance(value, str) and str(found := uuid.UUID(value)) == value and found.version == 4
    except ValueError:
        return False


def clean_message(payload: object) -> dict[str, str] | None:
    """What a reader typed, and nothing else a client may claim; one character over the limit shows that it was."""
    message = payload.get("message") if isinstance(payload, dict) else None
    if not isinstance(message, dict) or message.get("type") != "user_message":
        return None
    text = message.get("output")
    if not isinstance(text, str) or not is_session_id(message.get("id")):
        return None
    # Half of a surrogate pair is no character: nothing could write it into an answer or a file.
    whole = text[: QUESTION_LIMIT + 1].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    said = {"output": whole, "name": "User", "type": "user_message"}
    return {"id": message["id"], "threadId": "", "createdAt": datetime.now(UTC).isoformat(), **said}


@dataclass(slots=True)
class _Line:
    address: str
    send: Handler | None = None
    is_joined: bool = False
    frames: Bucket = field(default_factory=Bucket)


@dataclass(slots=True)
class Lines:
    """The open connections: how many there may be, of one address and of all, and what may come over each."""

    each: int
    all: int
    clock: Callable[[], float]
    _open: dict[str, _Line] = field(default_factory=dict)
    _of: Counter[str] = field(default_factory=Counter)
    _ending: set[asyncio.Future[Any]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._open)

    def guard(self, handlers: MutableMapping[str, Handler], close: Handler) -> None:
        """Wraps the handlers of Engine.IO in place. `close` ends the connection it is given."""
        handlers["connect"] = self._connecting(handlers["connect"])
        handlers["message"] = self._hearing(handlers["message"], close)
        handlers["disconnect"] = self._leaving(handlers["disconnect"])

    def _connecting(self, handler: Handler) -> Handler:
        async def connect(line: str, environ: Any) -> Any:
            address = address_of(environ["asgi.scope"].get("client"))
            if len(self._open) >= self.all or self._of[address] >= self.each:
                _log.warning("refused a connection: %d are open", len(self._open))
                return False
            has_socket = environ["asgi.scope"].get("type") == "websocket"
            self._open[line] = _Line(address, environ["asgi.send"] if has_socket else None)
            self._of[address] += 1
            try:
                return await handler(line, environ)
            except BaseException:
                self._forget(line)
                raise

        return connect

    def _hearing(self, handler: Handler, close: Handler) -> Handler:
        async def message(line: str, frame: Any) -> Any:
            state = self._open.get(line)
            if state is None:  # what is still on its way after the end
                return None
            if not (wrong := self._fault(state, frame)):
                return await handler(line, frame)
            if wrong != "unused":
                _log.warning("refused a frame: it %s", wrong)
                await self._end(line, close)
                if state.send:  # Engine.IO leaves it to the client to hang up
                    with suppress(Exception):
                        await state.send({"type": "websocket.close", "code": 1008})
            return None

        return message

    async def _end(self, line: str, close: Handler) -> None:
        """Engine.IO waits until a client that polls has fetched that it is over, which it may never do."""

        async def ended() -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(close(line), _PATIENCE)

        ending = asyncio.ensure_future(ended())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.wait([ending], timeout=_GRACE)

    def _fault(self, state: _Line, frame: Any) -> str | None:
        name = _NAME.match(frame[:60]) if isinstance(frame, str) else None
        if name and name.group(1) in UNUSED_EVENTS and len(frame) <= FRAME_LIMIT:
            return self._too_many(state) or "unused"
        if wrong := fault(frame) or self._too_many(state):
            return wrong
        if frame[0] == "0":
            # A second start would leave the first one's session behind for good.
            if state.is_joined:
                return "starts a second conversation"
            state.is_joined = True
        return None

    def _too_many(self, state: _Line) -> str | None:
        state.frames = state.frames.at_time(_FRAMES, self.clock()).more(1)
        return "is one of too many" if state.frames.taken > _FRAMES.amount else None

    def _leaving(self, handler: Handler) -> Handler:
        async def disconnect(line: str, reason: Any = None) -> Any:
            self._forget(line)
            return await handler(line, reason)

        return disconnect

    def _forget(self, line: str) -> None:
        if state := self._open.pop(line, None):
            self._of -= Counter([state.address])
