"""For whoever runs it: `/healthz` says that the process is alive, `/readyz` that it can answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.errors import RagError
from rag.remote import About, Remote
from rag.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

_KEEP = 15.0  # seconds that a look at the model is good for, so that asking often costs nothing
_WAIT = 5.0  # seconds for the model's endpoint to say anything
_ABOUT = About("language model", "RAG_MODEL", "check RAG_MODEL", "set OPENAI_API_KEY")
Look = Callable[[], bool]


@dataclass(slots=True)
class Health:
    """`documents` is "ready", "preparing" or "failed"; `look` says whether the model's endpoint answers, None where
    none is needed."""

    documents: Callable[[], str]
    look: Look | None
    clock: Callable[[], float] = time.monotonic
    _seen: tuple[float, bool] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def report(self) -> tuple[bool, dict[str, str]]:
        """Whether it is ready, and of each part how it is."""
        documents, model = self.documents(), await self._model()
        is_ready = documents == "ready" and model in ("reachable", "not needed")
        return is_ready, {"status": "ready" if is_ready else "not ready", "index": documents, "model": model}

    async def _model(self) -> str:
        if self.look is None:
            return "not needed"
        async with self._lock:
            if self._seen is None or self.clock() - self._seen[0] > _KEEP:
                found = await asyncio.to_thread(self.look)
                self._seen = (self.clock(), found)
            return "reachable" if self._seen[1] else "unreachable"


def look_at(settings: Settings) -> Look | None:
    """A look at the model's endpoint: whether it lists its models, or says that it has no such list. None where
    answers need no model."""
    if not settings.has_model or settings.engine == "extractive":
        return None
    opened: list[Remote] = []

    def look() -> bool:
        try:
            if not opened:
                opened.append(Remote.open(settings, _ABOUT, _WAIT, _WAIT, 2**22))
            remote = opened[0]
            remote.submit(asyncio.wait_for(_ask(remote), _WAIT)).result(_WAIT + 1)
        except RagError:
            return False
        except Exception as error:  # whatever it is, it may carry the key
            return getattr(error, "status_code", None) in (404, 405, 501)
        return True

    return look


async def _ask(remote: Remote) -> None:
    await remote.client.models.with_raw_response.list()


def install(app: Starlette, health: Health, root: str = "") -> None:
    """Puts both routes before Chainlit's."""
    from starlette.responses import JSONResponse, PlainTextResponse
    from starlette.routing import Route

    kept = {"Cache-Control": "no-store"}

    async def alive(_: Request) -> PlainTextResponse:
        return PlainTextResponse("alive\n", headers=kept)

    async def ready(_: Request) -> JSONResponse:
        is_ready, report = await health.report()
        return JSONResponse(report, status_code=200 if is_ready else 503, headers=kept)

    routes = [Route(f"{root}/healthz", alive, methods=["GET"]), Route(f"{root}/readyz", ready, methods=["GET"])]
    app.router.routes[:0] = routes
