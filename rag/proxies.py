"""What a proxy says of a request is believed from the proxies that are named, and from nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Proxies:
    """ASGI middleware: uvicorn's own reading of `X-Forwarded-For` and `-Proto` for requests of these proxies; without
    any of their headers for others'. `header` names who has signed in, and is taken once only."""

    def __init__(self, app: App, *, proxies: Sequence[str], header: str | None = None) -> None:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        self._app = app
        self._networks = [ipaddress.ip_network(proxy) for proxy in proxies]
        self._header = header.lower().encode() if header else None
        self._proxied: Any = ProxyHeadersMiddleware(app, trusted_hosts=list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        is_ours = self._is_ours(scope.get("client"))
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        believed = is_ours and sum(name == self._header for name, _ in headers) == 1
        dropped = {name for name, _ in headers if _is_forwarded(name) and not is_ours}
        dropped |= set() if believed or not self._header else {self._header}
        kept = [(name, value) for name, value in headers if name not in dropped]
        return await (self._proxied if is_ours else self._app)({**scope, "headers": kept}, receive, send)

    def _is_ours(self, client: Any) -> bool:
        try:
            address = ipaddress.ip_address(client[0])
        except (TypeError, ValueError):
            return False
        return any(address in network for network in self._networks)


def _is_forwarded(name: bytes) -> bool:
    return name == b"forwarded" or name.startswith(b"x-forwarded-")
