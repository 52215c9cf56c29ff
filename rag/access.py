"""How the page is offered: to whom, through which proxies, with which sign-in, and how much of it each may use."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rag.errors import SettingsError

_SECRET = 32  # characters; a shorter key of HMAC-SHA-256 can be guessed (RFC 7518, 3.2)
_LOOPBACK = ("localhost",)
_COUNTS = (
    *("questions_per_address", "questions", "tokens_per_address", "tokens"),
    *("sessions_per_address", "sessions", "connections_per_address", "connections"),
)
_LISTS = ("proxies", "origins", "oauth_users")
#: Every variable that says something here, and the field it sets; the secret is Chainlit's own.
VARIABLES = {
    "RAG_PUBLIC": "is_public",
    "RAG_PASSWORDS": "passwords",
    "RAG_SIGN_IN_HEADER": "header",
    **{f"RAG_{name.upper()}": name for name in (*_LISTS, *_COUNTS)},
    "CHAINLIT_AUTH_SECRET": "secret",
}


@dataclass(frozen=True, slots=True)
class Access:
    """`origins` are other origins whose pages may connect. `oauth_users` are identifiers, "@domain" or "*".

    Rates: questions of one address a minute, and of all; tokens an hour; new conversations a minute; then what there
    may be at a time: conversations that are kept, and connections of one address and of all.
    """

    is_public: bool = False
    passwords: Path | None = None
    header: str | None = None
    oauth_users: tuple[str, ...] = ()
    secret: str | None = None
    proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    questions_per_address: int = 30
    questions: int = 600
    tokens_per_address: int = 200_000
    tokens: int = 5_000_000
    sessions_per_address: int = 60
    sessions: int = 5_000
    connections_per_address: int = 100
    connections: int = 2_000

    def __repr__(self) -> str:
        """Never shows the secret."""
        return f"Access(is_public={self.is_public}, has_sign_in={self.has_sign_in})"

    @property
    def has_sign_in(self) -> bool:
        return bool(self.passwords or self.header or self.oauth_users)

    @classmethod
    def from_variables(cls, given: Mapping[str, str]) -> Access:
        """From variables that are not empty. Raises SettingsError for a value that is not allowed."""
        found: dict[str, object] = {field: given[name] for name, field in VARIABLES.items() if name in given}
        found |= {name: _list(str(found[name])) for name in _LISTS if name in found}
        found |= {name: _count(name, str(found[name])) for name in _COUNTS if name in found}
        if "passwords" in found:
            found["passwords"] = Path(str(found["passwords"]))
        if "is_public" in found:
            found["is_public"] = _yes(str(found["is_public"]))
        access = cls(**found)  # type: ignore[arg-type]
        access.check()
        return access

    def check(self) -> None:
        """Raises SettingsError where a sign-in would not hold."""
        for proxy in self.proxies:
            _check_network(proxy)
        for origin in self.origins:
            _check_origin(origin)
        if self.header and not re.fullmatch("[A-Za-z0-9-]+", self.header):
            raise SettingsError(f"RAG_SIGN_IN_HEADER is {self.header[:40]!r}", hint="give the name of a header")
        if self.header and not self.proxies:
            hint = "set RAG_PROXIES to the address of the proxy: from anybody else the header is not believed"
            raise SettingsError("RAG_SIGN_IN_HEADER without RAG_PROXIES lets anybody in under any name", hint=hint)
        if self.has_sign_in and len(self.secret or "") < _SECRET:
            hint = "make one with `chainlit create-secret` and keep it"
            raise SettingsError(f"a sign-in needs CHAINLIT_AUTH_SECRET of {_SECRET} characters or more", hint=hint)

    def check_host(self, host: str) -> None:
        """Raises SettingsError when the page would be open to others and nobody has said that it shall be."""
        if self.is_public or self.has_sign_in or is_loopback(host):
            return
        what = f"at {host} anybody who reaches this machine can ask, read the documents and spend the model's tokens"
        hint = (
            "set RAG_PUBLIC=1 if that is meant, or a sign-in: CHAINLIT_AUTH_SECRET with RAG_PASSWORDS, "
            "RAG_SIGN_IN_HEADER or RAG_OAUTH_USERS; or leave it at 127.0.0.1"
        )
        raise SettingsError(what, hint=hint)

    def lets_in(self, identifier: str) -> bool:
        """Whether somebody whom an OAuth provider vouches for may come in."""
        name = identifier.casefold()
        allowed = {user.casefold() for user in self.oauth_users}
        return bool(name) and bool(allowed & {"*", name, f"@{name.rpartition('@')[2]}" if "@" in name else name})


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in _LOOPBACK


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


def _yes(text: str) -> bool:
    if text not in ("0", "1"):
        raise SettingsError(f"RAG_PUBLIC is {text[:40]!r}", hint="give 1 or 0")
    return text == "1"


def _count(name: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise SettingsError(f"RAG_{name.upper()} is {text[:40]!r}", hint="give a whole number above 0")
    return int(text)


def _check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        hint = "give addresses or networks, as 127.0.0.1 or 10.0.0.0/8"
        raise SettingsError(f"RAG_PROXIES holds {text[:60]!r}", hint=hint) from None


def _check_origin(text: str) -> None:
    found = urlsplit(text)
    if found.scheme not in ("http", "https") or not found.netloc or text != f"{found.scheme}://{found.netloc}":
        hint = "give scheme, host and port of a page, as https://chat.example"
        raise SettingsError(f"RAG_ORIGINS holds {text[:60]!r}", hint=hint)
