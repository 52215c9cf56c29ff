"""The password file of the optional sign-in: a line for each person, `name:` and an argon2id hash of RFC 9106."""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rag.errors import SettingsError

_NAME = re.compile(r"[\w.@+-]{1,64}")
_LEAST, _MOST = 12, 1024  # characters of a password
_FIX = "make an entry with `rag password NAME >> FILE`"


def read(file: Path) -> Mapping[str, str]:
    """Hashes by name. Raises SettingsError, which names the line but never what stands there."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the password file {file} cannot be read: {type(error).__name__}", hint=_FIX) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, _, digest = line.strip().partition(":")
        if not line.strip() or line.startswith("#"):
            continue
        if not _NAME.fullmatch(name) or not digest.startswith("$argon2id$") or name in found:
            raise SettingsError(f"{file}, line {number}, is no entry, or a second one of a name", hint=_FIX)
        found[name] = digest
    if not found:
        raise SettingsError(f"the password file {file} holds no entry", hint=_FIX)
    return found


class Passwords:
    """Checks names and passwords against a file that is read anew each time. One check at a time: each takes 64 MiB."""

    def __init__(self, file: Path) -> None:
        from argon2 import PasswordHasher

        read(file)
        self._file, self._hasher, self._lock = file, PasswordHasher(), threading.Lock()
        self._decoy = self._hasher.hash("nobody's password")

    def are_right(self, name: str, password: str) -> bool:
        """Takes as long for a name that there is not. Raises SettingsError when the file is broken by now."""
        from argon2.exceptions import Argon2Error, InvalidHashError

        digest = read(self._file).get(name)
        try:
            with self._lock:
                matches = self._hasher.verify(digest or self._decoy, password[:_MOST])
        except (Argon2Error, InvalidHashError):
            return False
        return matches and digest is not None and len(password) <= _MOST


def entry(name: str, password: str) -> str:
    """A line for the file. Raises SettingsError for a name or a password that will not do."""
    from argon2 import PasswordHasher

    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name[:70]!r} is no name", hint="up to 64 letters, digits, dots, dashes, @ and +")
    if not _LEAST <= len(password) <= _MOST:
        raise SettingsError("this password is too short or too long", hint=f"{_LEAST} to {_MOST} characters")
    return f"{name}:{PasswordHasher().hash(password)}"


def _print_entry(args: argparse.Namespace) -> None:
    if sys.stdin.isatty():
        from getpass import getpass

        password = getpass("Password: ")
        if getpass("Again: ") != password:
            raise SettingsError("the two are not the same", hint="try again")
    else:
        password = sys.stdin.readline().rstrip("\n")
    print(entry(args.name, password))


_Argument = tuple[tuple[str, ...], dict[str, Any]]
_NAME_ARGUMENT: _Argument = (("name",), {"metavar": "NAME", "help": "who signs in with it"})
COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int | None], str, tuple[_Argument, ...]]] = {
    "password": (_print_entry, "an entry for the file of RAG_PASSWORDS; asks for the password", (_NAME_ARGUMENT,)),
}
