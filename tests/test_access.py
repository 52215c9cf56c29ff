"""Who gets in: settings of the door, the password file, and each sign-in over real HTTP with the real application."""

from __future__ import annotations

import asyncio
import http.cookiejar
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import socketio
from browser import ROOT, Server, started
from chat_client import Reader

from rag.access import Access, is_loopback
from rag.errors import SettingsError
from rag.passwords import Passwords, entry, read

SECRET = "a-secret-of-thirty-two-characters"
SIGN_INS: tuple[dict[str, str], ...] = (
    {"RAG_PASSWORDS": "people.txt"},
    {"RAG_SIGN_IN_HEADER": "X-User", "RAG_PROXIES": "10.0.0.0/8"},
    {"RAG_OAUTH_USERS": "@example.org"},
)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example", ""])
def test_another_address_wants_a_sign_in_or_a_word(host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Access().check_host(host)
    assert "RAG_PUBLIC=1" in str(refused.value)
    Access(is_public=True).check_host(host)
    for sign_in in SIGN_INS:
        Access.from_variables({**sign_in, "CHAINLIT_AUTH_SECRET": SECRET}).check_host(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_is_open(host: str) -> None:
    assert is_loopback(host)
    Access().check_host(host)


@pytest.mark.parametrize(
    "given",
    [
        *SIGN_INS,
        *({**sign_in, "CHAINLIT_AUTH_SECRET": "short"} for sign_in in SIGN_INS),
        {"RAG_SIGN_IN_HEADER": "X-User", "CHAINLIT_AUTH_SECRET": SECRET},
        {"RAG_SIGN_IN_HEADER": "X User", "RAG_PROXIES": "127.0.0.1", "CHAINLIT_AUTH_SECRET": SECRET},
        {"RAG_PUBLIC": "yes"},
        {"RAG_PROXIES": "*"},
        {"RAG_PROXIES": "proxy.example"},
        {"RAG_ORIGINS": "*"},
        {"RAG_ORIGINS": "https://a.example/path"},
        {"RAG_QUESTIONS": "0"},
        {"RAG_QUESTIONS": "-1"},
        {"RAG_TOKENS": "1e6"},
    ],
)
def test_what_would_not_hold_is_refused_at_start(given: Mapping[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        Access.from_variables(given)
    assert refused.value.hint
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    ("allowed", "name", "is_in"),
    [
        (("@example.org",), "a@example.org", True),
        (("@example.org",), "A@EXAMPLE.ORG", True),
        (("@example.org",), "a@sub.example.org", False),
        (("@example.org",), "a@example.org.evil.example", False),
        (("@example.org",), "example.org", False),
        (("a@example.org", "octo"), "octo", True),
        (("a@example.org",), "b@example.org", False),
        (("*",), "anybody", True),
        (("*",), "", False),
        ((), "a@example.org", False),
    ],
)
def test_whom_a_provider_may_vouch_for(allowed: tuple[str, ...], name: str, is_in: bool) -> None:
    assert Access(oauth_users=allowed).lets_in(name) == is_in


def test_the_secret_is_never_shown() -> None:
    assert SECRET not in repr(Access(secret=SECRET))


def test_an_entry_lets_its_owner_in_and_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "people.txt"
    file.write_text(f"# people\n{entry('ana', 'a long password')}\n\n{entry('bo@x', 'another password')}\n")
    passwords = Passwords(file)
    assert passwords.are_right("ana", "a long password")
    assert passwords.are_right("bo@x", "another password")
    for name, password in (("ana", "another password"), ("nobody", "nobody's password"), ("ana", ""), ("", "")):
        assert not passwords.are_right(name, password)
    assert not passwords.are_right("ana", "a long password" + "x" * 2000)
    file.write_text(entry("cy", "a third password"))
    assert passwords.are_right("cy", "a third password")
    assert not passwords.are_right("ana", "a long password")


@pytest.mark.parametrize(
    "text",
    ["", "ana:secret", "ana", ":$argon2id$x", "a b:$argon2id$x", "ana:$argon2i$x", "ana:$argon2id$x\nana:$argon2id$y"],
)
def test_a_broken_password_file_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "people.txt"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        read(file)
    assert "secret" not in str(refused.value)
    with pytest.raises(SettingsError):
        read(tmp_path / "none.txt")


@pytest.mark.parametrize(("name", "password"), [("a b", "long enough it is"), ("ana", "short"), ("ana", "x" * 2000)])
def test_what_makes_no_entry(name: str, password: str) -> None:
    with pytest.raises(SettingsError):
        entry(name, password)


def test_the_command_makes_an_entry() -> None:
    command = [sys.executable, "-m", "rag", "password", "ana"]
    made = subprocess.run(command, input="a long password\n", capture_output=True, text=True, cwd=ROOT)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("ana:$argon2id$")
    assert "a long password" not in made.stdout


@pytest.mark.parametrize("settings", [{}, {"RAG_PASSWORDS": "none.txt"}, {"CHAINLIT_AUTH_SECRET": SECRET}])
def test_the_application_does_not_start_open_to_others_by_accident(settings: Mapping[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chainlit", "run", "app.py", "--headless", "--host", "0.0.0.0", "--port", "0"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "RAG_STORE": str(tmp_path / "store"), **settings}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert "citewell: " in ended.stderr
    assert "RAG_PUBLIC=1" in ended.stderr or "CHAINLIT_AUTH_SECRET" in ended.stderr
    assert "Traceback" not in ended.stderr


class Person:
    """A browser of somebody: it keeps cookies, and follows where it is led."""

    def __init__(self, server: Server) -> None:
        self.server, self.jar = server, http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def go(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> tuple[int, str, str]:
        """Status, last address and body."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        address = path if "://" in path else self.server.address + path
        try:
            with self._opener.open(urllib.request.Request(address, data, names), timeout=30) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.url, refusal.read().decode()

    def chats(self) -> bool:
        """Whether a conversation is started, and answered."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)

        async def story() -> bool:
            try:
                async with Reader(self.server.address, None, "en", Cookie=cookies) as reader:
                    return bool(await reader.ask("hello"))
            except socketio.exceptions.ConnectionError:
                return False

        return asyncio.run(story())


class Provider(BaseHTTPRequestHandler):
    """An OAuth provider that knows one person."""

    email = "ana@example.org"

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/authorize":
            asked = dict(urllib.parse.parse_qsl(url.query))
            self.send_response(302)
            back = urllib.parse.urlencode({"code": "code", "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self._say({"email": self.email, "name": "Ana", "sub": "1"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say({"access_token": "token", "token_type": "bearer"})

    def _say(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def provider() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The application with all three sign-ins, over a corpus of one file."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "seeds").mkdir()
    text = "Radiotherapy and pain\n\nRadiotherapy can relieve pain. It may be given once or several times."
    (folder / "seeds" / "a.txt").write_text(text)
    (folder / "people.txt").write_text(entry("ana", "a long password"))
    with provider() as address:
        settings = {
            "CHAINLIT_AUTH_SECRET": SECRET,
            "RAG_EMBEDDING": "none",
            "RAG_PASSWORDS": str(folder / "people.txt"),
            "RAG_SIGN_IN_HEADER": "X-User",
            "RAG_PROXIES": "127.0.0.0/8",
            "RAG_OAUTH_USERS": "@example.org",
            "OAUTH_GENERIC_CLIENT_ID": "id",
            "OAUTH_GENERIC_CLIENT_SECRET": "client-secret",
            "OAUTH_GENERIC_AUTH_URL": f"{address}/authorize",
            "OAUTH_GENERIC_TOKEN_URL": f"{address}/token",
            "OAUTH_GENERIC_USER_INFO_URL": f"{address}/me",
            "OAUTH_GENERIC_SCOPES": "email",
            "NO_PROXY": "127.0.0.1",
        }
        with started(folder, folder / "seeds", ROOT / "prompts", **settings) as server:
            yield server


def _is_out(person: Person) -> bool:
    return person.go("/user")[0] == person.go("/project/settings")[0] == 401 and not person.chats()


def _is_in(person: Person) -> bool:
    return person.go("/user")[0] == 200 and "Radiotherapy" in person.go("/sources/a.txt")[2] and person.chats()


def test_nobody_gets_in_without_a_sign_in_and_health_is_there_for_all(server: Server) -> None:
    person = Person(server)
    assert _is_out(person)
    status, address, page = person.go("/sources/a.txt")
    assert (status, urllib.parse.urlsplit(address).path) == (200, "/login")
    assert "Radiotherapy" not in page
    assert person.go("/healthz")[0] == person.go("/readyz")[0] == 200


def test_a_password_lets_in_and_leaving_ends_it(server: Server) -> None:
    person = Person(server)
    for name, password in (("ana", "wrong"), ("nobody", "a long password"), ("", "")):
        assert person.go("/login", {"username": name, "password": password})[0] in (401, 422)
        assert _is_out(person)
    assert person.go("/login", {"username": "ana", "password": "a long password"})[0] == 200
    assert _is_in(person)
    assert person.go("/logout", {})[0] == 200
    assert person.go("/user")[0] == 401


def test_a_header_of_the_proxy_lets_in(server: Server) -> None:
    person = Person(server)
    assert person.go("/auth/header", {})[0] == 401
    assert person.go("/auth/header", {}, X_User="ana")[0] == 200
    assert _is_in(person)


def test_a_provider_lets_in_whom_we_know(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(server)
    _, address, _ = person.go("/auth/oauth/generic")
    assert urllib.parse.urlsplit(address).path == "/login/callback"
    assert _is_in(person)
    monkeypatch.setattr(Provider, "email", "eve@evil.example")
    stranger = Person(server)
    _, address, _ = stranger.go("/auth/oauth/generic")
    assert "error=" in address
    assert _is_out(stranger)
    forged = Person(server)
    assert "error=" in forged.go("/auth/oauth/generic/callback?code=code&state=x")[1]
    assert _is_out(forged)


def test_a_forged_or_spoilt_cookie_opens_nothing(server: Server) -> None:
    for token in ("x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJpZGVudGlmaWVyIjoiYW5hIn0."):
        status, _ = server.get("/user", Cookie=f"access_token={token}")
        assert status == 401
        assert "Radiotherapy" not in server.get("/sources/a.txt", Cookie=f"access_token={token}")[1]


def test_guessing_is_slowed_down_for_its_address_alone(server: Server) -> None:
    person, form = Person(server), {"username": "ana", "password": "guess"}
    seen = [person.go("/login", form, X_Forwarded_For="192.0.2.50")[0] for _ in range(12)]
    assert set(seen[:10]) == {401}
    assert seen[11] == 429
    assert person.go("/login", form, X_Forwarded_For="192.0.2.51")[0] == 401


def test_no_secret_and_no_password_is_in_the_log(server: Server) -> None:
    log = server.log.read_text()
    for secret in (SECRET, "a long password", "client-secret", "$argon2id$"):
        assert secret not in log
