"""A reader without a browser: a real Socket.IO client that keeps what Chainlit's page would show."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import socketio

SECONDS = 60.0


class Reader:
    """One conversation. `messages` are those of the page by id, in order, as its code would have them by now."""

    def __init__(
        self,
        address: str,
        session: str | None = None,
        language: str = "en",
        transport: str = "websocket",
        **headers: str,
    ) -> None:
        self.transport = transport
        self.address, self.session = address, session or str(uuid.uuid4())
        self.headers = {"Accept-Language": language, **{name.replace("_", "-"): text for name, text in headers.items()}}
        self.messages: dict[str, dict[str, Any]] = {}
        self.elements: dict[str, dict[str, Any]] = {}
        self.events: list[str] = []
        self.is_busy = False
        self.refusal: object = None
        self._changed = asyncio.Event()
        self._socket: Any = None

    async def __aenter__(self) -> Reader:
        await self.join()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def join(self, **claims: object) -> None:
        """Connects, or connects again, as the page does."""
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("*", self._hear)
        self._socket.on("connect_error", self._refused)
        auth = {"sessionId": self.session, "clientType": "webapp", "threadId": "", "userEnv": "{}", "chatProfile": ""}
        await self._socket.connect(
            self.address,
            self.headers,
            {**auth, **claims},
            [self.transport],
            socketio_path="/ws/socket.io",
            retry=False,
        )
        self.events.clear()
        await self._socket.emit("connection_successful")
        await self.until(lambda: "clear_call_fn" in self.events)

    async def leave(self) -> None:
        await self._socket.disconnect()

    async def drop(self) -> None:
        """The line breaks: no goodbye is said."""
        await self._socket.eio.ws.close()

    async def delete(self) -> None:
        """As the page does at "Delete this conversation"."""
        await self._socket.emit("clear_session")
        await self._socket.eio.queue.join()  # a browser sends what it was given before it hangs up
        await self._socket.disconnect()

    async def send(self, text: object, event: str = "client_message", **changes: object) -> str:
        """Sends a question; its id."""
        message = {"id": str(uuid.uuid4()), "type": "user_message", "output": text, "name": "User", "createdAt": ""}
        message |= changes
        await self._socket.emit(event, {"message": message, "fileReferences": []})
        return str(message["id"])

    async def emit(self, event: str, *data: object) -> None:
        await self._socket.emit(event, *data)

    async def ask(self, text: str) -> str:
        """Sends a question and gives its answer."""
        count = len(self.answers)
        await self.send(text)
        await self.until(lambda: len(self.answers) > count and not self.is_busy and self._is_whole)
        return self.answers[-1]

    @property
    def answers(self) -> list[str]:
        return [one["output"] for one in self.messages.values() if one["type"] == "assistant_message"]

    @property
    def _is_whole(self) -> bool:
        return not any(one.get("streaming") for one in self.messages.values())

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Waits for it; what it waits for comes with an event."""
        async with asyncio.timeout(SECONDS):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def _refused(self, data: object) -> None:
        self.refusal = data

    async def _hear(self, event: str, data: Any = None) -> None:
        self.events.append(event)
        if event in ("new_message", "stream_start", "update_message"):
            known = self.messages.get(data["id"], {})
            if event != "update_message" or known:
                self.messages[data["id"]] = {**known, **data}
        elif event == "stream_token":
            self.messages[data["id"]]["output"] += data["token"]
        elif event == "delete_message":
            self.messages.pop(data["id"], None)
        elif event == "element":
            self.elements[data["id"]] = data
        elif event in ("task_start", "task_end"):
            self.is_busy = event == "task_start"
        self._changed.set()
