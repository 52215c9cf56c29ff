"""What every use of an OpenAI-compatible endpoint shares: a client, patience, and errors that never show its own words.

A read timeout starts anew with each byte, so it never ends one byte a second. Tasks of an event loop in a thread of its
own can be cancelled: that keeps a total deadline, and lets a reader stop while nothing comes.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rag.errors import ModelError, SettingsError
from rag.settings import Settings

if TYPE_CHECKING:
    import httpx
    from openai import AsyncOpenAI

_T = TypeVar("_T")
ADDRESS = "check OPENAI_BASE_URL, which usually ends in /v1"
_REFUSED = {
    400: ("refused the request", "{model}"),
    401: ("refused the key", "check OPENAI_API_KEY"),
    403: ("refused access", "check what the key in OPENAI_API_KEY may use"),
    404: ("has no such address or model", ADDRESS + ", and the model in {variable}"),
    429: ("is over its limit", "wait a while, or check the plan behind OPENAI_API_KEY"),
}
_AGAIN = {408, 409, 429, *range(500, 600)}


class TooMuchError(Exception):
    """An answer of more bytes than any sound one has."""


@dataclass(frozen=True, slots=True)
class About:
    """How an endpoint is called in errors, which variable names its model, and what a refused request may mean."""

    name: str
    variable: str
    model: str
    without_key: str

    def failed(self, what: str, hint: str) -> ModelError:
        return ModelError(f"the {self.name} {what}", hint=hint)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to keep at one request, in seconds: `deadline` in all, up to `pause` before the second attempt, then
    twice that each time up to `longest_pause`."""

    deadline: float = 60.0
    attempts: int = 5
    pause: float = 0.5
    longest_pause: float = 8.0

    def pauses(self) -> Iterator[float]:
        """One fewer than attempts. The jitter keeps clients that failed together from coming back together."""
        for again in range(self.attempts - 1):
            yield min(self.longest_pause, self.pause * 2**again) * random.uniform(0.5, 1)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Failure:
    """`error` is what to raise; `again` says if another attempt can help, `after` how many seconds from now; `status`
    is that of HTTP, where there was an answer."""

    error: ModelError
    again: bool = False
    after: float = 0.0
    status: int | None = None


class Remote:
    """A client and the event loop that its requests run in; safe for concurrent use, ended with its last user."""

    def __init__(self, client: AsyncOpenAI, name: str) -> None:
        self.client = client
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_serve, args=(self._loop, client), name=name, daemon=True).start()
        weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop).atexit = False

    @classmethod
    def open(cls, settings: Settings, about: About, connect: float, seconds: float, most: int) -> Remote:
        """`connect` and `seconds` are timeouts, `most` the bytes of one answer. Nothing is sent yet. Raises
        SettingsError if key or address cannot be used."""
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        key, address = (settings.openai_api_key or "").strip(), (settings.openai_base_url or "").strip() or None
        _check_settings(key, address, about)
        timeout = Timeout(seconds, connect=connect)
        http = DefaultAsyncHttpxClient(timeout=timeout, event_hooks={"response": [_bounded(most)]})
        # A server of one's own needs no key, the client does. Retries are ours: two kinds would multiply.
        client = AsyncOpenAI(api_key=key or "none", base_url=address, max_retries=0, timeout=timeout, http_client=http)
        return cls(client, about.name)

    def submit(self, request: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Runs it; cancelling the future closes its connection."""
        return asyncio.run_coroutine_threadsafe(request, self._loop)


def _serve(loop: asyncio.AbstractEventLoop, client: AsyncOpenAI) -> None:
    loop.run_forever()
    loop.run_until_complete(_end(client))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _end(client: AsyncOpenAI) -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await client.close()


def _bounded(most: int) -> Any:
    """A hook that ends an answer of more than `most` bytes, one of an error included."""
    import httpx

    class Counted(httpx.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = most
            async for data in self._stream:
                left -= len(data)
                if left < 0:
                    raise TooMuchError
                yield data

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def hook(response: httpx.Response) -> None:
        response.stream = Counted(response.stream)

    return hook


def _check_settings(key: str, address: str | None, about: About) -> None:
    if not key and not address:
        raise SettingsError(f"there is no key for the {about.name}", hint=about.without_key)
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError("OPENAI_API_KEY holds what no key has", hint="paste it again, without spaces")
    try:
        parts = urlsplit(address or "https://default")
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingsError("OPENAI_BASE_URL is no address", hint="give it as http://host:port/v1")


def explain(error: BaseException, deadline: float, about: About) -> Failure:
    """What to tell the reader of an error of the client: never its own words, which are the server's."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(error, APIStatusError):
        code = error.status_code
        what, hint = _REFUSED.get(code, (f"failed with status {code}", "try again later"))
        hint = hint.format(model=about.model, variable=about.variable)
        wait = _seconds(error.response.headers.get("retry-after"))
        return Failure(about.failed(what, hint), code in _AGAIN, wait, code)
    if isinstance(error, TimeoutError | APITimeoutError):
        return Failure(about.failed(f"did not answer within {deadline:g} s", "try again later"), again=True)
    if isinstance(error, TooMuchError):
        return Failure(about.failed("sent far more than was asked", ADDRESS))
    if isinstance(error, APIConnectionError) or _is_lost(error):
        return Failure(about.failed("cannot be reached", f"{ADDRESS}, and that the server runs"), again=True)
    return Failure(about.failed("could not be used", ADDRESS))


def _is_lost(error: BaseException) -> bool:
    """A connection that broke while its answer was read."""
    import httpx

    return isinstance(error, httpx.TransportError)


def _seconds(retry_after: str | None) -> float:
    """Of a Retry-After header: seconds or a date (RFC 9110, 10.2.3); 0 if there is none that can be read."""
    try:
        return max(0.0, float(retry_after or 0))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after or "").timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
