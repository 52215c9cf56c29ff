"""What the server says besides Chainlit: the chat page without foreign addresses, source pages, the panel's code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag import source_page
from rag.labels import Labels, labels_for, preferred
from rag.types import Source

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_FOREIGN = re.compile(r'\s*<link\b[^>]*\bhref="(?:https?:)?//[^>]*>')
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Site:
    """What the routes need: the page's template, the documents (None while they are prepared), where files lie, and
    who may read the documents: anybody, or who has signed in."""

    template: Callable[[], str]
    sources: Callable[[], Mapping[str, Source] | None]
    public: Path
    root: str = ""
    lets_in: Callable[[Request], bool] = lambda _: True


def install(app: Starlette, site: Site) -> None:
    """Puts our routes before Chainlit's own, whose last one answers to any address."""
    from starlette.routing import Route

    ours = {
        "/": _chat,
        "/login": _chat,
        "/login/callback": _chat,
        "/nothing": _nothing,
        "/sources/{name:path}": _source,
        "/public/elements/{name}.jsx": _panel,
    }
    app.router.routes[:0] = [Route(site.root + path, make(site), methods=["GET"]) for path, make in ours.items()]


def _labels(request: Request) -> Labels:
    return labels_for(preferred(request.headers.get("accept-language")))


def _chat(site: Site) -> Callable[[Request], Response]:
    def chat(request: Request) -> Response:
        page = chat_page(site.template(), _labels(request), site.root)
        return _html(page, policy=chat_policy(page, request.headers.get("host", "")))

    return chat


def chat_page(template: str, labels: Labels, root: str = "") -> str:
    """Chainlit's page without links to other hosts, in the reader's language, with our style, script and words.

    They stand last in the head: Chainlit puts custom styles before its own, where they lose.
    """
    words = json.dumps(labels.words["spoken"], ensure_ascii=False).replace("<", "\\u003c")
    page = _FOREIGN.sub("", template).replace('<html lang="en">', f'<html lang="{labels.tag}">', 1)
    ours = (
        f'<link rel="stylesheet" href="{root}/public/page.css"><script defer src="{root}/public/page.js"></script>'
        f'<script type="application/json" id="citewell">{words}</script>'
    )
    return page.replace("</head>", f"{ours}</head>", 1)


def chat_policy(page: str, host: str) -> str:
    """The Content-Security-Policy of the chat page: own host only, inline scripts by their hash.

    Chainlit compiles custom elements in the browser, hence 'unsafe-eval', and sets styles inline.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in _INLINE.findall(page))
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        f"default-src 'none'; script-src 'self' 'unsafe-eval' {hashes}; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self'; connect-src 'self'{sockets}; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _source(site: Site) -> Callable[[Request], Response]:
    """Names are looked up among the sources of the index and nowhere else: a path is never built from one."""
    from starlette.responses import RedirectResponse

    def source(request: Request) -> Response:
        if not site.lets_in(request):
            return RedirectResponse(f"{site.root}/login", status_code=303, headers={"Cache-Control": "no-store"})
        found = (site.sources() or {}).get(request.path_params["name"])
        if found is None:
            return _missing(request, site)
        try:
            span = source_page.span_of(found, request.query_params.get("start"), request.query_params.get("end"))
        except ValueError:
            return _missing(request, site)
        return _html(source_page.document(found, span, _labels(request), site.root), policy=source_page.POLICY)

    return source


def _panel(site: Site) -> Callable[[Request], Response]:
    """Chips are elements named `[1]`, `[2]`...; Chainlit asks for a file of that name, and all are the same one."""
    from starlette.responses import FileResponse

    def panel(request: Request) -> Response:
        if not re.fullmatch(r"\[[0-9]{1,3}\]", request.path_params["name"]):
            return _missing(request, site)
        return FileResponse(site.public / "elements" / "citation.jsx", media_type="text/javascript")

    return panel


def _nothing(site: Site) -> Callable[[Request], Response]:
    def nothing(request: Request) -> Response:
        return _missing(request, site)

    return nothing


def _missing(request: Request, site: Site) -> Response:
    return _html(source_page.missing(_labels(request), site.root), policy=source_page.POLICY, status=404)


def _html(page: str, *, policy: str, status: int = 200) -> Response:
    from starlette.responses import HTMLResponse

    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Vary": "Accept-Language"}
    return HTMLResponse(page, status_code=status, headers=headers)
