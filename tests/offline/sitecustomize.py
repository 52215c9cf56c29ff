"""A network guard: this process may connect to and look up this machine only. Python imports this at start when its
folder is on PYTHONPATH, so that the processes that tests start are guarded too."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import Any

_LOCAL = {"localhost", "", None, b"localhost", "0.0.0.0", "::"}


def is_local(host: object) -> bool:
    if host in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _note(what: str) -> None:
    """In the file that OFFLINE_LOG names: every host that is asked for, also on this machine."""
    if path := os.environ.get("OFFLINE_LOG"):
        with open(path, "a", encoding="utf-8") as log:  # noqa: PTH123 - at every start, before pathlib
            log.write(f"{what}\n")


def _audit(event: str, args: tuple[Any, ...]) -> None:
    """Audit hooks see every connection and look-up of the process, whichever library makes it, and cannot be undone."""
    host: object = None
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if args[0].family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return
        host = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    _note(repr(host))
    if not is_local(host):
        raise PermissionError(f"a test tried to reach {host!r}: tests may not leave this machine")


_note("start")
sys.addaudithook(_audit)
