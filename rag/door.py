"""What may come in: requests of our own page, well-formed messages. It runs before Chainlit sees a thing."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from rag.labels import CHAINLIT_TAGS, Labels, preferred

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler = Callable[..., Awaitable[Any]]

#: Longest question in characters; a longer one is told so.
QUESTION_LIMIT = 4000
#: All that the page asks for; the other routes of Chainlit and its framework (uploads, elements, MCP, schema, its
#: answer to any address) are never reached.
OPEN = frozenset(
    {
        "/",
        "/auth/config",
        "/favicon",
        "/health",
        "/logo",
        "/nothing",
        "/project/settings",
        "/project/translations",
        "/set-session-cookie",
        "/user",
    }
)
OPEN_FOLDERS = ("/assets/", "/avatars/", "/public/", "/sources/", "/ws/socket.io/")
#: Socket events that this page never sends: edits, audio, settings, favourites, messages of a hosting window.
UNUSED_EVENTS = (
    "edit_message",
    "message_favorite",
    "fetch_favorites",
    "window_message",
    "audio_start",
    "audio_chunk",
    "audio_end",
    "chat_settings_change",
    "chat_settings_edit",
)
_LOCALISED = ("/project/translations", "/project/settings")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)
_log = logging.getLogger("citewell")


class Door:
    """ASGI middleware: refuses other origins, sends what is not open to `/nothing`, settles the language, sets
    security headers."""

    def __init__(self, app: App, *, origins: Collection[str] = (), root: str = "") -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        path = scope["path"].removeprefix(self._root)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if path.startswith("/ws/socket.io/") and not self._is_ours(headers):
            return await _refuse(scope, send, 403)
        if path not in OPEN and not path.startswith(OPEN_FOLDERS):
            if scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD"):
                return await _refuse(scope, send, 404)
            scope = {**scope, "path": f"{self._root}/nothing", "raw_path": b"/nothing", "query_string": b""}
        if path in _LOCALISED:
            scope = {**scope, "query_string": _with_language(scope["query_string"], headers.get("accept-language"))}
        return await self._app(scope, receive, _with_headers(send))

    def _is_ours(self, headers: MutableMapping[str, str]) -> bool:
        """A browser names the origin of every socket; programs that are no browser name none."""
        origin = headers.get("origin")
        return origin is None or origin in self._origins or urlsplit(origin).netloc == headers.get("host")


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"application/json"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"detail":"Not available"}'})


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(h for h in _HEADERS if h[0] not in present)]
        await send(message)

    return sending


def _with_language(query: bytes, accept_language: str | None) -> bytes:
    """Chainlit has words for `fr-FR` but not for `fr-CA`: it gets the one of our five that the browser prefers."""
    tag = CHAINLIT_TAGS[preferred(accept_language)]
    return urlencode(
        [*((k, v) for k, v in parse_qsl(query.decode("latin-1")) if k != "language"), ("language", tag)]
    ).encode()


def guard_events(handlers: MutableMapping[str, Handler]) -> None:
    """Wraps Chainlit's socket handlers in place: clean session ids and messages only, unused events taken out."""
    for name in UNUSED_EVENTS:
        handlers.pop(name, None)
    handlers["connect"] = _connecting(handlers["connect"])
    handlers["client_message"] = _asking(handlers["client_message"])


def _connecting(handler: Handler) -> Handler:
    async def connect(sid: str, environ: Any, auth: Any = None) -> Any:
        session = auth.get("sessionId") if isinstance(auth, dict) else None
        if not is_session_id(session):
            _log.warning("refused a connection: no session id of ours")
            return False
        profile = auth.get("chatProfile")
        profile = profile if isinstance(profile, str) and len(profile) <= 200 else None
        return await handler(sid, environ, {"sessionId": session, "clientType": "webapp", "chatProfile": profile})

    return connect


def _asking(handler: Handler) -> Handler:
    async def client_message(sid: str, payload: Any) -> Any:
        message = clean_message(payload)
        if message is None:
            _log.warning("dropped a message: not a question")
            return None
        return await handler(sid, {"message": message, "fileReferences": None})

    return client_message


def refusal(question: str, labels: Labels) -> str | None:
    """What to say to a question that is none: empty, or longer than anyone reads."""
    if len(question) > QUESTION_LIMIT:
        return labels.say("notice.too_long", limit=QUESTION_LIMIT)
    return None if question else labels.say("notice.empty")


def is_session_id(value: object) -> bool:
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
    now = datetime.now(UTC).isoformat()
    words = {"output": text[: QUESTION_LIMIT + 1], "name": "User", "type": "user_message"}
    return {"id": message["id"], "threadId": "", "createdAt": now, **words}
