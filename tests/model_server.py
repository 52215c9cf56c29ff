"""A real HTTP server that speaks the OpenAI protocol, well or badly. It runs on a free port of this machine.

    with ModelServer(status(429, retry_after="0"), honest) as server:
        ...  # server.base_url, server.requests

Each request is answered by the next behaviour; the last one stays. A behaviour gets an `Exchange` and writes to it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-right-0123456789"
DIMENSION = 8
SECRET = "Traceback: /srv/internal/secret.py"
Row = dict[str, Any]


@dataclass
class Exchange:
    """One request and the way to answer it. `released` is set when the server closes, `gone` when the client has."""

    handler: BaseHTTPRequestHandler
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    released: threading.Event
    gone: threading.Event = field(default_factory=threading.Event)

    def send(self, code: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.begin(code, len(content), kind, **headers)
        self.handler.wfile.write(content)

    def begin(self, code: int, length: int, kind: str = "application/json", **headers: str) -> None:
        self.handler.send_response(code)
        self.handler.send_header("content-type", kind)
        self.handler.send_header("content-length", str(length))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def send_json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode())

    def open_stream(self, kind: str = "text/event-stream; charset=utf-8") -> None:
        self.handler.send_response(200)
        self.handler.send_header("content-type", kind)
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()

    def write(self, data: bytes) -> None:
        """One chunk of a stream, on its way at once."""
        self.handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, value: object) -> None:
        self.write(b"data: " + json.dumps(value).encode() + b"\n\n")

    def delta(self, delta: object, reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        self.event({"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})

    def finish(self, reason: str = "stop") -> None:
        self.delta({}, reason)
        self.write(b"data: [DONE]\n\n")
        self.close_stream()

    def close_stream(self) -> None:
        self.handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """The connection ends, whatever was announced."""
        self.handler.close_connection = True

    @property
    def messages(self) -> list[tuple[str, str]]:
        return [(message["role"], message["content"]) for message in self.body["messages"]]


Behaviour = Callable[[Exchange], None]


@dataclass
class ModelServer:
    """Runs while its `with` block does; `requests` are those it got, in order."""

    script: tuple[Behaviour, ...]
    requests: list[Exchange] = field(default_factory=list)

    def __init__(self, *script: Behaviour) -> None:
        self.script, self.requests = script or (honest,), []
        self._released, self._lock = threading.Event(), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> ModelServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, exchange: Exchange) -> Behaviour:
        with self._lock:
            self.requests.append(exchange)
            return self.script[min(len(self.requests), len(self.script)) - 1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                exchange = Exchange(self, self.path, headers, body, server._released)
                try:
                    server._next(exchange)(exchange)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                    exchange.gone.set()

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # a client may leave at any time
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """A test's output is its own."""

        return Handler


def vector(text: str) -> list[float]:
    """Every text has its own direction."""
    return [byte / 255 + 0.001 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSION]]


def embeddings(exchange: Exchange) -> list[Row]:
    texts = exchange.body["input"]
    return [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]


def honest(exchange: Exchange) -> None:
    """As the protocol says, 404 at addresses it does not have and 401 for any key but `KEY`, or none needed."""
    if exchange.path != "/v1/embeddings":
        return status(404)(exchange)
    if exchange.headers.get("authorization") not in (f"Bearer {KEY}", "Bearer none"):
        return status(401)(exchange)
    return exchange.send_json({"object": "list", "data": embeddings(exchange), "model": exchange.body["model"]})


def status(code: int, **headers: str) -> Behaviour:
    """An error whose body says more than a reader may see: the key, and what runs inside."""

    def behave(exchange: Exchange) -> None:
        message = f"{SECRET} {exchange.headers.get('authorization')} {exchange.body.get('input')}"
        exchange.send(code, json.dumps({"error": {"message": message, "code": "x"}}).encode(), **headers)

    return behave


def edited(edit: Callable[[list[Row]], object]) -> Behaviour:
    """An honest answer but for its rows."""
    return lambda exchange: exchange.send_json({"object": "list", "data": edit(embeddings(exchange))})


def raw(content: bytes, kind: str = "application/json") -> Behaviour:
    return lambda exchange: exchange.send(200, content, kind)


def hang(exchange: Exchange) -> None:
    """Not a byte, until the server closes."""
    exchange.released.wait()
    exchange.handler.close_connection = True


def trickle(exchange: Exchange) -> None:
    """A byte now and then for ever: a read timeout never strikes."""
    exchange.begin(200, 1_000_000)
    while not exchange.released.wait(0.02):
        exchange.handler.wfile.write(b" ")
        exchange.handler.wfile.flush()


def says(*pieces: str, reason: str = "stop") -> Behaviour:
    """A chat answer of these pieces, each an event of its own."""

    def behave(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.delta({"role": "assistant", "content": ""})
        for piece in pieces:
            exchange.delta({"content": piece})
        exchange.finish(reason)

    return behave


def then(*pieces: str, what: Callable[[Exchange], object]) -> Behaviour:
    """A chat answer of these pieces that then goes wrong as `what` does."""

    def behave(exchange: Exchange) -> None:
        exchange.open_stream()
        for piece in pieces:
            exchange.delta({"content": piece})
        what(exchange)

    return behave


def writes(data: bytes) -> Callable[[Exchange], None]:
    """These bytes in a stream, which is then closed cleanly."""

    def behave(exchange: Exchange) -> None:
        exchange.write(data)
        exchange.close_stream()

    return behave


def for_ever(data: bytes, pause: float = 0.02) -> Callable[[Exchange], None]:
    """The same bytes of a stream again and again, until the client has gone or the server closes."""

    def behave(exchange: Exchange) -> None:
        while not exchange.released.wait(pause):
            exchange.write(data)
        exchange.cut()

    return behave


def chunk_of(text: str | None) -> bytes:
    """One event of a chat answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def by_path(**behaviours: Behaviour) -> Behaviour:
    """Another behaviour for `chat` and `embeddings`."""
    paths = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}
    return lambda exchange: behaviours.get(paths.get(exchange.path, ""), status(404))(exchange)


def drop(exchange: Exchange) -> None:
    """Half of what was announced, then the connection ends."""
    exchange.begin(200, 1_000)
    exchange.handler.wfile.write(b'{"data": [')
    exchange.handler.close_connection = True


class Switch:
    """A behaviour that tests exchange while something talks to the server."""

    def __init__(self, first: Behaviour) -> None:
        self.now = first

    def __call__(self, exchange: Exchange) -> None:
        self.now(exchange)


def all_shown(error: BaseException | None, log: str) -> str:
    """All that a log or a page could print of an error: it, what it came from, and the log's lines."""
    parts = [log]
    while error:
        parts.append(repr(error) + str(error))
        error = error.__cause__ or error.__context__
    return "".join(parts)
