"""Conversations at the door: who may start one, how many questions wait, what each may use, what a reader who comes
back hears again, and the end of it all. It wraps Chainlit's handlers and knows of Chainlit only what it is handed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from rag import choice
from rag.access import Access
from rag.frames import UNUSED_EVENTS, clean_message, is_session_id
from rag.incident import Handler, quietly
from rag.labels import Labels, labels_for, preferred
from rag.limits import address_of
from rag.outbox import Emit, Outbox
from rag.shares import Rations, cost
from rag.tokens import tokens
from rag.types import Answer

WAITING = 3  # questions of one conversation at a time: one is answered, two wait
_log = logging.getLogger("citewell")


@dataclass(frozen=True, slots=True)
class Host:
    """What is asked of Chainlit: the session of a socket or of an id, how many there are, to say something in one,
    and to forget all that is kept under an id."""

    of_socket: Callable[[str], Any]
    of_id: Callable[[str], Any]
    count: Callable[[], int]
    say: Callable[[Any, str], Awaitable[None]]
    forget: Callable[[str], None]


@dataclass(slots=True)
class Chat:
    """One conversation: what was said last, what is being answered, and the bare way to its reader."""

    outbox: Outbox = field(default_factory=Outbox)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    emit: Emit | None = None
    is_away: bool = False

    def telling(self, emit: Emit) -> Emit:
        """`emit`, and the end of what runs only when nothing runs any more: Chainlit says it after each of several
        questions, and when the start of a conversation is over though a question came before that."""

        async def tell(event: str, data: Any) -> None:
            if event == "task_end":
                self.tasks.discard(asyncio.current_task())  # type: ignore[arg-type]  # whoever says so is over
                if self.tasks:
                    return
            await emit(event, data)

        return tell


class Chats:
    """All conversations. `reserve` is how many tokens a question may cost at most beside its own."""

    def __init__(self, host: Host, access: Access, rations: Rations, reserve: int = 0) -> None:
        self._host, self._access, self._rations, self._reserve = host, access, rations, reserve
        self._chats: WeakKeyDictionary[Any, Chat] = WeakKeyDictionary()

    def guard(self, handlers: MutableMapping[str, Handler]) -> None:
        """Wraps Chainlit's socket handlers in place; unused events are taken out."""
        for name in UNUSED_EVENTS:
            handlers.pop(name, None)
        handlers["connect"] = self._connecting(handlers["connect"])
        handlers["client_message"] = self._asking(handlers["client_message"])
        handlers[choice.EVENT] = quietly(choice.choosing(handlers[choice.EVENT]))
        handlers["connection_successful"] = self._returning(handlers["connection_successful"])
        handlers["disconnect"] = self._leaving(handlers["disconnect"])
        handlers["clear_session"] = self._deleting(handlers["clear_session"])
        handlers["stop"] = self._stopping(handlers["stop"])

    def settle(self, session: Any, answer: Answer) -> None:
        """Gives back what an answer has not used of what was set aside for it."""
        used = cost(answer) if self._reserve else 0
        self._rations.tokens.give_back(_address(session.environ), self._reserve - used)

    def _connecting(self, handler: Handler) -> Handler:
        from socketio import exceptions  # the built-in refusal loses its words

        async def connect(sid: str, environ: Any, auth: Any = None) -> Any:
            auth = auth if isinstance(auth, dict) else {}
            identity = auth.get("sessionId")
            if not is_session_id(identity):
                _log.warning("refused a conversation: no session id of ours")
                return False
            if not self._host.of_id(identity) and (why := self._crowded(environ)):
                raise exceptions.ConnectionRefusedError(why)
            profile = auth.get("chatProfile")
            profile = profile if isinstance(profile, str) and len(profile) <= 200 else None
            told = {"sessionId": identity, "clientType": "webapp", "chatProfile": profile}
            let_in = await handler(sid, environ, told)
            self._welcome(self._host.of_socket(sid))
            return let_in

        return quietly(connect, refused=False)

    def _crowded(self, environ: Mapping[str, Any]) -> str | None:
        if self._host.count() < self._access.sessions and not self._rations.sessions.take(_address(environ)):
            return None
        _log.warning("refused a conversation: %d are open", self._host.count())
        return _labels(environ).say("notice.crowded")

    def _welcome(self, session: Any) -> None:
        """A new conversation, or one whose reader is back on a new socket, to which Chainlit has tied it."""
        if session is None:
            return
        chat = self._chats.get(session)
        if chat is None:
            chat = self._chats[session] = Chat()
            session.delete = self._ending(session.id, chat, session.delete)
        else:
            chat.outbox.wait()
        chat.emit, chat.is_away = session.emit, False
        session.emit = chat.telling(chat.outbox.recording(session.emit))

    def _asking(self, handler: Handler) -> Handler:
        async def client_message(sid: str, payload: Any) -> Any:
            session, message = self._host.of_socket(sid), clean_message(payload)
            chat = self._chats.get(session) if session else None
            if chat is None or message is None:
                _log.warning("dropped a message: %s", "no question" if chat else "no conversation")
                return None
            if why := self._refused(session, chat, message["output"]):
                return await self._host.say(session, why)
            if not chat.tasks:
                chat.outbox.clear()
            before = session.current_task
            answer = await handler(sid, {"message": message, "fileReferences": None})
            if (task := session.current_task) is not before:
                chat.tasks.add(task)
                task.add_done_callback(chat.tasks.discard)
            return answer

        return quietly(client_message)

    def _refused(self, session: Any, chat: Chat, question: str) -> str | None:
        """Why a question is not taken now, in the reader's language."""
        labels, address = _labels(session.environ), _address(session.environ)
        if len(chat.tasks) >= WAITING:
            return labels.say("notice.busy")
        return self._rations.take(address, tokens(question) + self._reserve, labels)

    def _returning(self, handler: Handler) -> Handler:
        """Chainlit takes an answer that runs on for ended when its reader comes back; the page is told that it runs."""

        async def connection_successful(sid: str) -> Any:
            try:
                return await handler(sid)
            finally:
                session = self._host.of_socket(sid)
                if chat := self._chats.get(session) if session else None:
                    await _say_again(chat, session.restored)

        return quietly(connection_successful)

    def _leaving(self, handler: Handler) -> Handler:
        async def disconnect(sid: str, _reason: Any = None) -> Any:
            """Chainlit's takes no reason, and python-socketio would find that out by an error."""
            if chat := self._chats.get(session) if (session := self._host.of_socket(sid)) else None:
                chat.is_away = True
            return await handler(sid)

        return quietly(disconnect)

    def _stopping(self, handler: Handler) -> Handler:
        """`handler` says that it is stopped. A reader means the answer under way, and the questions that wait."""

        async def stop(sid: str) -> Any:
            session = self._host.of_socket(sid)
            chat = self._chats.get(session) if session else None
            said = await handler(sid)
            for task in list(chat.tasks) if chat else ():
                if not task.cancelling():  # a second time would cut short how it ends
                    task.cancel()
            return said

        return quietly(stop)

    def _deleting(self, handler: Handler) -> Handler:
        """A reader deletes and leaves in one breath, and Chainlit may hear of the leaving first: then it would wait."""

        async def clear_session(sid: str) -> Any:
            done = await handler(sid)
            session = self._host.of_socket(sid)
            chat = self._chats.get(session) if session else None
            if chat and chat.is_away:
                await session.delete()
            return done

        return quietly(clear_session)

    def _ending(self, identity: str, chat: Chat, delete: Handler) -> Handler:
        """Nothing of a conversation outlives it, whoever ends it: its reader, or the time that it was left alone."""

        async def deleting() -> None:
            for task in list(chat.tasks):
                task.add_done_callback(lambda _: self._host.forget(identity))
                task.cancel()
            chat.outbox.clear()
            await delete()
            self._host.forget(identity)
            _log.info("a conversation has ended, %d are open", self._host.count())

        return deleting


async def _say_again(chat: Chat, is_back: bool) -> None:
    if chat.emit and is_back:
        count = await chat.outbox.replay(chat.emit)
        _log.info("a reader is back: %d events again, %d answers to come", count, len(chat.tasks))
    if chat.emit and chat.tasks:
        await chat.emit("task_start", {})


def _labels(environ: Mapping[str, Any]) -> Labels:
    return labels_for(preferred(environ.get("HTTP_ACCEPT_LANGUAGE")))


def _address(environ: Mapping[str, Any]) -> str:
    return address_of(environ["asgi.scope"].get("client"))
