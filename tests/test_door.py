"""What may come in at the server's door, and the routes beside Chainlit's, over a small real ASGI application."""

from __future__ import annotations

import asyncio
import json
import re
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

from rag.access import Access
from rag.desk import TURNS, Desk, remember
from rag.door import BODY_LIMIT, HEADER_LIMIT, QUERY_LIMIT, Door, Rules
from rag.errors import RagError
from rag.labels import labels_for
from rag.limits import Rate, Ration
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

RULES = Rules(origins=["https://other.example"])


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.query_params))


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("in")
    await socket.close()


async def _anything(request: Request) -> PlainTextResponse:
    return PlainTextResponse("catch-all")


async def _broken(request: Request) -> PlainTextResponse:
    raise ValueError(f"sk-{request.query_params}")


async def _body(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def _client(sources: dict[str, Source] | None, rules: Rules = RULES, host: str = "citewell.example") -> TestClient:
    paths = [*CLOSED, "/project/settings", "/project/translations", "/ws/socket.io/"]
    routes = [Route(path, _echo, methods=["GET", "POST", "PUT", "DELETE"]) for path in paths]
    app = Starlette(
        routes=[
            Route("/user", _broken),
            Route("/set-session-cookie", _body, methods=["POST"]),
            *routes,
            WebSocketRoute("/ws/socket.io/", _socket),
            Route("/{full_path:path}", _anything, methods=["GET"]),
        ]
    )
    install(app, Site(lambda: TEMPLATE, lambda: sources, Path("public")))
    app.add_middleware(Door, rules=rules)
    return TestClient(app, base_url=f"http://{host}")


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
    ("method", "path", "status"),
    [
        ("GET", "/docs", 404),
        ("GET", "/user", 500),
        ("PUT", "/set-session-cookie", 405),
        ("DELETE", "/", 404),
        ("GET", "/assets/none.js", 200),
        ("GET", "/public/elements/x.jsx", 404),
        ("GET", f"/?{'x' * (QUERY_LIMIT + 1)}", 414),
    ],
)
def test_errors_and_refusals_have_them_too(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    for name in ("x-content-type-options", "content-security-policy", "x-frame-options", "permissions-policy"):
        assert name in answer.headers


def test_an_error_is_a_code_for_the_reader_and_its_place_in_the_log(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/user?x=secret")
    code = re.findall(r"\(Code ([0-9a-f]{6})\)", answer.text)[0]
    assert "secret" not in answer.text + caplog.text
    assert f"code {code}: ValueError" in caplog.text
    assert "_broken" in caplog.text


def _status(receive: Any, path: str = "/set-session-cookie", length: str | None = "9") -> int:
    """Of a POST whose body comes from `receive`, behind the door an application that reads all of it."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def reads(_scope: Any, receiving: Any, _send: Any) -> None:
        while (await receiving()).get("more_body"):
            pass
        raise AssertionError("all of it was read")

    headers = [] if length is None else [(b"content-length", length.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers, "scheme": "http"}
    asyncio.run(Door(reads, rules=Rules())(scope, receive, send))
    status: int = sent[0]["status"]
    return status


async def _never() -> Any:
    await asyncio.Event().wait()


async def _endless() -> Any:
    return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.door.BODY_SECONDS", 0.01)
    assert _status(_never) == 408


@pytest.mark.parametrize("path", ["/ws/socket.io/", "/set-session-cookie"])
def test_a_body_that_goes_on_beyond_its_length_is_bounded(path: str) -> None:
    assert _status(_endless, path) == 413


@pytest.mark.parametrize("path", ["/ws/socket.io/", "/set-session-cookie"])
@pytest.mark.parametrize("length", [None, "", "-1", "one"])
def test_a_body_without_a_length_is_refused(path: str, length: str | None) -> None:
    assert _status(_endless, path, length) == 411


def test_a_body_is_bounded_whatever_length_is_announced(client: TestClient) -> None:
    assert client.post("/set-session-cookie", content=b"x" * BODY_LIMIT).text == str(BODY_LIMIT)
    assert client.post("/set-session-cookie", content=b"x" * (BODY_LIMIT + 1)).status_code == 413
    chunked = client.post("/set-session-cookie", content=(b"x" * 65_536 for _ in range(BODY_LIMIT // 65_536 + 1)))
    assert "content-length" not in chunked.request.headers
    assert chunked.status_code == 411


def test_headers_are_bounded(client: TestClient) -> None:
    assert client.get("/", headers={"x-long": "x" * HEADER_LIMIT}).status_code == 431


@pytest.mark.parametrize(
    ("origin", "status"), [("http://citewell.example", 200), ("http://evil.example", 403), ("null", 403)]
)
def test_another_page_cannot_post(client: TestClient, origin: str, status: int) -> None:
    assert client.post("/set-session-cookie", headers={"origin": origin}).status_code == status


def test_transport_security_is_asked_for_where_there_is_any(client: TestClient) -> None:
    assert "strict-transport-security" not in client.get("/").headers
    assert "strict-transport-security" in client.get("https://citewell.example/").headers


@pytest.mark.parametrize(
    ("bound", "proxies", "host", "status"),
    [
        ("127.0.0.1", (), "127.0.0.1:8000", 200),
        ("127.0.0.1", (), "localhost", 200),
        ("::1", (), "[::1]:8000", 200),
        ("127.0.0.1", (), "chat.example", 200),
        ("127.0.0.1", (), "evil.example:8000", 421),
        ("127.0.0.1", (), "localhost.evil.example", 421),
        ("127.0.0.1", ("127.0.0.1",), "any.example", 200),
        ("192.0.2.1", (), "any.example", 200),
    ],
)
def test_on_loopback_no_name_of_somebody_else_leads_here(
    bound: str, proxies: tuple[str, ...], host: str, status: int
) -> None:
    access = Access(proxies=proxies, origins=("https://chat.example",), is_public=True)
    rules = Rules.of(access, bound, "", Ration(Rate(1, 1), Rate(1, 1), lambda: 0.0))
    with _client(None, rules, host) as client:
        assert client.get("/").status_code == status


def test_tries_to_sign_in_are_rationed() -> None:
    rules = Rules(posts=["/login"], knocks=Ration(Rate(3, 60), Rate(100, 60), lambda: 0.0))
    with _client(None, rules) as client:
        assert [client.post("/login").status_code for _ in range(5)] == [200, 200, 200, 429, 429]


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
