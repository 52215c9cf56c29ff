"""What may come in over HTTP: requests of our own page, of bounded size. It runs before Chainlit sees a thing."""

from __future__ import annotations

import asyncio
import json
import logging
import unicodedata
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from rag.access import Access, is_loopback
from rag.frames import FRAME_LIMIT, QUESTION_LIMIT
from rag.incident import incident
from rag.labels import CHAINLIT_TAGS, Labels, preferred
from rag.limits import Ration, address_of

Scope = MutableMapping[str, Any]
Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Most bytes of a body or of one message of a websocket, of a query, and of all headers.
BODY_LIMIT, QUERY_LIMIT, HEADER_LIMIT = 4 * FRAME_LIMIT, 8_192, 32_768
BODY_SECONDS = 20.0  # that a part of a body is waited for
#: All that the page asks for; the other routes of Chainlit and its framework (uploads, elements, MCP, schema, its
#: answer to any address) are never reached.
OPEN = frozenset(
    {
        "/",
        "/auth/config",
        "/favicon",
        "/health",
        "/healthz",
        "/logo",
        "/nothing",
        "/project/settings",
        "/project/translations",
        "/readyz",
        "/set-session-cookie",
        "/user",
    }
)
OPEN_FOLDERS = ("/assets/", "/avatars/", "/public/", "/sources/", "/ws/socket.io/")
_SOCKET = "/ws/socket.io/"
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
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_log = logging.getLogger("citewell")


@dataclass(frozen=True, slots=True)
class Rules:
    """`hosts` are the names the page may be asked for by, None for any: a page elsewhere may point a name of its own
    at this machine. `pages` and `posts` are routes of the sign-in; `knocks` rations tries to sign in."""

    origins: Collection[str] = ()
    hosts: Collection[str] | None = None
    pages: Collection[str] = ()
    posts: Collection[str] = ()
    knocks: Ration | None = None
    root: str = ""

    @classmethod
    def of(cls, access: Access, host: str, root: str, knocks: Ration, providers: Collection[str] = ()) -> Rules:
        """Those of a page that is bound to `host`; `providers` are those of OAuth."""
        named = {"localhost", "127.0.0.1", "[::1]", *(urlsplit(origin).netloc for origin in access.origins)}
        pages, posts = {"/login", "/login/callback"}, {"/logout"}
        posts |= {"/login"} if access.passwords else set()
        posts |= {"/auth/header"} if access.header else set()
        if access.oauth_users:
            pages |= {f"/auth/oauth/{name}{end}" for name in providers for end in ("", "/callback")}
        return cls(
            access.origins,
            named if is_loopback(host) and not access.proxies else None,
            pages if access.has_sign_in else (),
            posts if access.has_sign_in else (),
            knocks,
            root,
        )


class Door:
    """ASGI middleware: refuses other origins and what is too large, sends what is not open to `/nothing`, settles the
    language, sets security headers, and answers for whatever fails behind it with a code."""

    def __init__(self, app: App, *, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        path = scope["path"].removeprefix(self._rules.root)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if status := self._refusal(scope, path, headers):
            return await _refuse(scope, send, status)
        if not self._is_open(path):
            scope = {**scope, "path": f"{self._rules.root}/nothing", "raw_path": b"/nothing", "query_string": b""}
        if path in _LOCALISED:
            scope = {**scope, "query_string": _with_language(scope["query_string"], headers.get("accept-language"))}
        return await self._enter(scope, receive, send)

    def _refusal(self, scope: Scope, path: str, headers: MutableMapping[str, str]) -> int | None:
        """The status of what is not let in, None for what is."""
        rules, reads = self._rules, scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_LIMIT:
            return 431
        if len(scope["query_string"]) > QUERY_LIMIT:
            return 414
        if int(said if (said := headers.get("content-length", "")).isdecimal() else 0) > BODY_LIMIT:
            return 413
        if rules.hosts is not None and _without_port(headers.get("host", "")) not in rules.hosts:
            return 421
        if scope.get("method") == "POST" and not headers.get("content-length", "").isdecimal():
            return 411
        if path.startswith(_SOCKET):
            return None if self._is_ours(headers) else 403
        if reads:
            return None
        if scope["type"] == "websocket" or path not in {"/set-session-cookie", *rules.posts}:
            return 404
        if scope["method"] != "POST":
            return 405
        if not self._is_ours(headers):
            return 403
        knocks = rules.knocks if path in ("/login", "/auth/header") else None
        return 429 if knocks is not None and knocks.take(address_of(scope.get("client"))) else None

    def _is_open(self, path: str) -> bool:
        return path in OPEN or path in self._rules.pages or path in self._rules.posts or path.startswith(OPEN_FOLDERS)

    def _is_ours(self, headers: MutableMapping[str, str]) -> bool:
        """A browser names the origin of every socket; programs that are no browser name none."""
        origin = headers.get("origin")
        return origin is None or origin in self._rules.origins or urlsplit(origin).netloc == headers.get("host")

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = _Reply(scope, send)
        try:
            await self._app(scope, _bounded(scope, receive, send), reply)
        except _TooLargeError:
            await reply.instead(413)
        except _TooSlowError:
            await reply.instead(408)
        except Exception as error:
            code = incident(error)
            await reply.instead(500, code)


@dataclass(slots=True)
class _Reply:
    """Sends, with the security headers; notes whether it has begun, after which nothing else can be said."""

    scope: Scope
    send: Send
    has_begun: bool = field(default=False)

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        self.has_begun = True
        if message["type"] == "http.response.start":
            message["headers"] = _secured(self.scope, message["headers"])
        await self.send(message)

    async def instead(self, status: int, code: str = "") -> None:
        if not self.has_begun:
            await _refuse(self.scope, self.send, status, code)


class _TooLargeError(Exception):
    """A body goes on beyond the limit."""


class _TooSlowError(Exception):
    """The rest of a body does not come."""


def _bounded(scope: Scope, receive: Receive, send: Send) -> Receive:
    """`receive` up to the limit, whatever length was announced, and no longer than is patient."""
    seen, is_whole = 0, scope["type"] != "http"

    async def receiving() -> Any:
        nonlocal seen, is_whole
        try:
            message = await asyncio.wait_for(receive(), None if is_whole else BODY_SECONDS)
        except TimeoutError as error:
            raise _TooSlowError from error
        if message["type"] == "http.request":
            is_whole = not message.get("more_body", False)
            seen += len(message.get("body") or b"")
            if seen > BODY_LIMIT:
                raise _TooLargeError
        said = message.get("text") or message.get("bytes") or ""
        if message["type"] == "websocket.receive" and len(said) > BODY_LIMIT:
            _log.warning("refused a frame: it is too long")
            await send({"type": "websocket.close", "code": 1009})
            return {"type": "websocket.disconnect", "code": 1009}
        return message

    return receiving


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host


async def _refuse(scope: Scope, send: Send, status: int, code: str = "") -> None:
    _log.info("refused a request: %d", status)
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    detail = f"Sorry, that did not work. (Code {code})" if code else "Not available"
    headers = _secured(scope, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": detail}).encode()})


def _secured(scope: Scope, headers: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    ours = (*_HEADERS, _HSTS) if scope.get("scheme") == "https" else _HEADERS
    return [*headers, *(header for header in ours if header[0] not in present)]


def _with_language(query: bytes, accept_language: str | None) -> bytes:
    """Chainlit has words for `fr-FR` but not for `fr-CA`: it gets the one of our five that the browser prefers."""
    tag = CHAINLIT_TAGS[preferred(accept_language)]
    return urlencode(
        [*((k, v) for k, v in parse_qsl(query.decode("latin-1")) if k != "language"), ("language", tag)]
    ).encode()


def refusal(question: str, labels: Labels) -> str | None:
    """What to say to a question that is none: empty, or longer than anyone reads. One character may stand for eighteen
    (U+FDFA), so it is measured as it will be searched for."""
    if len(unicodedata.normalize("NFKC", question)) > QUESTION_LIMIT:
        return labels.say("notice.too_long", limit=QUESTION_LIMIT)
    return None if question else labels.say("notice.empty")
