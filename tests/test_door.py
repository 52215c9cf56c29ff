"""What may come in at the server's door, and the routes beside Chainlit's, over a small real ASGI application."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from rag.desk import TURNS, Desk, remember
from rag.door import QUESTION_LIMIT, UNUSED_EVENTS, Door, clean_message, guard_events, is_session_id
from rag.errors import RagError
from rag.labels import labels_for
from rag.settings import Settings
from rag.types import Answer, Source, Turn
from rag.web import Site, chat_page, chat_policy, install

TEMPLATE = (
    '<!doctype html><html lang="en"><head><link rel="preconnect" href="https://fonts.example" />'
    '<link\n href="//cdn.example/x.css" rel="stylesheet"/><link rel="stylesheet" href="/assets/a.css">'
    "<script>\nwindow.theme = {};\n</script></head><body></body></html>"
)
#: Routes that Chainlit and its framework serve and the page never asks for.
CLOSED = (
    *("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/copilot/index.js", "/mcp", "/feedback"),
    *("/project/file", "/project/file/x", "/project/element", "/project/action", "/project/threads"),
    *("/project/thread/x", "/project/share/x", "/login", "/auth/jwt", "/auth/header", "/project/settings/", "/ws"),
)
SOURCE = Source("folder/a b.txt", "One sentence. The cited sentence. Another one.", "", "en", "A title")


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.query_params))


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("in")
    await socket.close()


async def _anything(request: Request) -> PlainTextResponse:
    return PlainTextResponse("catch-all")


def _client(sources: dict[str, Source] | None) -> TestClient:
    paths = [*CLOSED, "/project/settings", "/project/translations", "/ws/socket.io/"]
    routes = [Route(path, _echo, methods=["GET", "POST", "PUT", "DELETE"]) for path in paths]
    app = Starlette(
        routes=[
            *routes,
            WebSocketRoute("/ws/socket.io/", _socket),
            Route("/{full_path:path}", _anything, methods=["GET"]),
        ]
    )
    install(app, Site(lambda: TEMPLATE, lambda: sources, Path("public")))
    app.add_middleware(Door, origins=["https://other.example"])
    return TestClient(app, base_url="http://citewell.example")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with _client({SOURCE.name: SOURCE}) as client:
        yield client


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_unused_routes_are_closed(client: TestClient, path: str, method: str) -> None:
    for address in (path, f"{path}?session_id=x"):
        assert client.request(method, address).status_code == 404


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (None, True),
        ("http://citewell.example", True),
        ("https://citewell.example", True),
        ("https://other.example", True),
        ("http://evil.example", False),
        ("http://citewell.example.evil.example", False),
        ("http://citewell.example:81", False),
        ("null", False),
        ("", False),
    ],
)
def test_sockets_are_for_our_own_page(client: TestClient, origin: str | None, is_let_in: bool) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert client.get("/ws/socket.io/", headers=headers).status_code == (200 if is_let_in else 403)
    try:
        with client.websocket_connect("ws://citewell.example/ws/socket.io/", headers=headers) as socket:
            assert socket.receive_text() == "in"
            reached = True
    except WebSocketDisconnect:
        reached = False
    assert reached == is_let_in


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/sources/nothing", "/project/settings", "/docs", "/public/elements/[1].jsx"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["x-frame-options"] == "DENY", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


@pytest.mark.parametrize(
    ("accepted", "tag"), [("fr-CA", "fr-FR"), ("zh-HK", "zh-TW"), ("tr", "tr-TR"), ("de", "en-US")]
)
def test_chainlit_is_asked_for_one_of_our_languages(client: TestClient, accepted: str, tag: str) -> None:
    answer = client.get("/project/settings?language=xx&chat_profile=a%20b", headers={"accept-language": accepted})
    assert answer.json() == {"chat_profile": "a b", "language": tag}


def test_the_chat_page_names_no_other_host_and_allows_only_its_own_scripts(client: TestClient) -> None:
    answer = client.get("/", headers={"accept-language": "tr"})
    assert "example" not in answer.text
    assert '<html lang="tr">' in answer.text
    assert json.loads(re.findall(r'id="citewell">(.*?)</script>', answer.text)[0])["send"] == "Soruyu gönder"
    policy = answer.headers["content-security-policy"]
    scripts = re.findall(r"script-src ([^;]*);", policy)[0]
    assert "'unsafe-inline'" not in scripts
    assert len(re.findall(r"'sha256-[A-Za-z0-9+/]{43}='", scripts)) == 1
    assert "ws://citewell.example wss://citewell.example" in policy


@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "", "x\r\ny"])
def test_a_strange_host_gets_into_no_policy(host: str) -> None:
    policy = chat_policy(chat_page(TEMPLATE, labels_for("en")), host)
    assert "connect-src 'self';" in policy


@pytest.mark.parametrize("path", ["/nothing", "/sources/", "/element/x", "/env", "/index.html"])
def test_other_addresses_get_a_clear_page(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"accept-language": "fr"})
    assert answer.status_code == 404
    assert labels_for("fr").say("source.missing_title").replace("'", "&#x27;") in answer.text


def test_a_source_is_shown_with_its_span_marked(client: TestClient) -> None:
    answer = client.get("/sources/folder/a%20b.txt?start=14&end=33")
    assert answer.status_code == 200
    assert '<mark id="cited" tabindex="-1">The cited sentence.</mark>' in answer.text
    assert "script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")


@pytest.mark.parametrize(
    "address",
    [
        "folder/a%20b.txt?start=14&end=9999",
        "folder/a%20b.txt?start=33&end=14",
        "folder/a%20b.txt?start=14",
        "folder/a%20b.txt?start=%2e&end=x",
        "../seeds/000_aecb67d1b0e255d5.txt",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "folder%5Ca b.txt",
        "folder/a%20b.txt%00",
    ],
)
def test_what_is_no_source_or_no_span_of_it_is_missing(client: TestClient, address: str) -> None:
    answer = client.get(f"/sources/{address}")
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_no_source_is_there_while_the_documents_are_prepared() -> None:
    with _client(None) as client:
        assert client.get("/sources/folder/a%20b.txt").status_code == 404


def test_all_chips_share_one_panel(client: TestClient) -> None:
    code = Path("public/elements/citation.jsx").read_text(encoding="utf-8")
    assert client.get("/public/elements/[1].jsx").text == client.get("/public/elements/[12].jsx").text == code
    for name in ("[x]", "1", "[1][2]", "[1234]", "citation"):
        assert client.get(f"/public/elements/{name}.jsx").status_code == 404


GOOD = str(uuid.UUID("14a15088-9018-4f8c-ad4b-8551b4b52b16"))


@pytest.mark.parametrize(
    "value",
    [
        GOOD.upper(),
        GOOD.replace("-", ""),
        f"{{{GOOD}}}",
        f"urn:uuid:{GOOD}",
        f" {GOOD}",
        f"{GOOD}\n",
        f"../{GOOD}",
        str(uuid.UUID("accc116a-e622-11f1-bf37-02fc00000001")),
        str(uuid.uuid3(uuid.NAMESPACE_DNS, "x")),
        "0" * 36,
        "../../etc",
        "",
        None,
        7,
        [GOOD],
        {"id": GOOD},
    ],
)
def test_only_canonical_uuid4_is_a_session_id(value: object) -> None:
    assert not is_session_id(value)
    assert is_session_id(GOOD)


def _message(**changes: object) -> dict[str, Any]:
    message = {"id": GOOD, "type": "user_message", "output": "Hello?", "name": "User", "createdAt": "now"}
    return {"message": {**message, **changes}, "fileReferences": [{"id": "x"}]}


def test_a_question_is_taken_without_anything_else_a_client_claims() -> None:
    claims = {
        "name": "assistant",
        "metadata": {"avatarName": "x"},
        "parentId": "p",
        "command": "c",
        "modes": {"m": "1"},
    }
    clean = clean_message(_message(**claims, language="html", isError=True))
    assert clean is not None
    assert set(clean) == {"id", "threadId", "createdAt", "output", "name", "type"}
    assert (clean["output"], clean["name"], clean["type"]) == ("Hello?", "User", "user_message")


@pytest.mark.parametrize(
    "payload",
    [
        _message(type="assistant_message"),
        _message(type="system_message"),
        _message(type="tool"),
        _message(type=["user_message"]),
        _message(output={"a": 1}),
        _message(output=None),
        _message(id="1"),
        _message(id=None),
        {"message": "text"},
        {"message": None},
        {},
        [],
        "text",
        None,
    ],
)
def test_what_is_no_question_is_dropped(payload: object) -> None:
    assert clean_message(payload) is None


def test_a_long_question_is_cut_one_character_over_the_limit() -> None:
    clean = clean_message(_message(output="x" * 1_000_000))
    assert clean is not None
    assert len(clean["output"]) == QUESTION_LIMIT + 1


def test_the_socket_handlers_see_only_what_is_clean() -> None:
    seen: list[tuple[object, ...]] = []

    async def connect(sid: str, environ: object, auth: object) -> bool:
        seen.append(("connect", auth))
        return True

    async def client_message(sid: str, payload: object) -> None:
        seen.append(("message", payload))

    handlers: dict[str, Any] = {"connect": connect, "client_message": client_message, "stop": client_message}
    handlers |= dict.fromkeys(UNUSED_EVENTS, client_message)
    guard_events(handlers)
    assert set(handlers) == {"connect", "client_message", "stop"}

    async def play() -> list[object]:
        forged = {
            "sessionId": GOOD,
            "clientType": "copilot",
            "userEnv": "{}",
            "threadId": "t",
            "chatProfile": "p" * 201,
        }
        return [
            await handlers["connect"]("s", {}, {"sessionId": "../x", "clientType": "webapp"}),
            await handlers["connect"]("s", {}, None),
            await handlers["connect"]("s", {}, forged),
            await handlers["client_message"]("s", _message(type="assistant_message")),
            await handlers["client_message"]("s", _message()),
        ]

    assert asyncio.run(play())[:3] == [False, False, True]
    assert seen[0] == ("connect", {"sessionId": GOOD, "clientType": "webapp", "chatProfile": None})
    assert [name for name, _ in seen] == ["connect", "message"]
    assert seen[1][1]["fileReferences"] is None  # type: ignore[index]


def test_a_conversation_keeps_its_last_lines_only() -> None:
    answer = Answer("q", "en", "answered", "extractive", "plain", "y" * 10_000)
    history: tuple[Turn, ...] = ()
    for _ in range(20):
        history = remember(history, "x" * 10_000, answer)
    assert len(history) == TURNS
    assert {len(turn.content) for turn in history} == {4000}
    assert [turn.role for turn in history[:2]] == ["user", "assistant"]


def test_a_desk_that_could_not_open_tells_why_and_tries_again(tmp_path: Path) -> None:
    desk = Desk(Settings(corpus=tmp_path / "none", store=tmp_path / "store", embedding="none"))
    assert desk.sources() is None
    first = desk.open()
    with pytest.raises(RagError):
        first.result(timeout=60)
    assert desk.sources() is None
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.txt").write_text(
        "Radiotherapy can relieve pain. It may be given once or often.", encoding="utf-8"
    )
    second = desk.open()
    assert second is not first
    assert set(second.result(timeout=120).sources) == {"a.txt"}
    assert desk.open() is second
    assert set(desk.sources() or {}) == {"a.txt"}
