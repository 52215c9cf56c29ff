"""The door put up before Chainlit: its middlewares, its connections, and its conversations."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rag.access import Access
from rag.chats import Chats, Host
from rag.door import Door, Rules
from rag.frames import FRAME_LIMIT, Lines
from rag.limits import Rate, Ration
from rag.proxies import Proxies
from rag.settings import Settings
from rag.shares import Rations

if TYPE_CHECKING:
    from starlette.applications import Starlette

_KNOCKS = Rate(10, 60), Rate(300, 60)  # tries to sign in, of one address and of all, a minute


def put_up(
    app: Starlette,
    sio: Any,
    host: Host,
    settings: Settings,
    access: Access,
    *,
    bound: str,
    root: str = "",
    providers: Collection[str] = (),
) -> Chats:
    """Guards the application and its Socket.IO server, which is bound to the address `bound`; gives the conversations,
    whose `guard` is called when all handlers are there."""
    clock = time.monotonic
    rules = Rules.of(access, bound, root, Ration(*_KNOCKS, clock), providers)
    app.add_middleware(Door, rules=rules)
    app.add_middleware(Proxies, proxies=access.proxies, header=access.header)  # outermost: it comes before the door
    sio.eio.max_http_buffer_size = 4 * FRAME_LIMIT
    lines = Lines(access.connections_per_address, access.connections, clock)
    lines.guard(sio.eio.handlers, sio.eio.disconnect)
    needs_model = settings.has_model and settings.engine != "extractive"
    return Chats(host, access, Rations.of(access, clock), settings.model_window if needs_model else 0)
