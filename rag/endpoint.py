"""Embeddings of any OpenAI-compatible endpoint. What it sends is checked; what it says of errors is never shown."""

from __future__ import annotations

import asyncio
import json
import math
import random
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from rag.errors import ModelError, SettingsError
from rag.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CONNECT = 10.0  # seconds
# Some models take 8,191 tokens and refuse a longer text; a character is at most four of them.
_MAX_CHARACTERS = 2_000
_ADDRESS = "check OPENAI_BASE_URL, which usually ends in /v1"
_REFUSED = {
    400: ("refused the request", "check that RAG_EMBEDDING=openai:<model> names an embedding model of this endpoint"),
    401: ("refused the key", "check OPENAI_API_KEY"),
    403: ("refused access", "check what the key in OPENAI_API_KEY may use"),
    404: ("has no such address or model", f"{_ADDRESS}, and the model in RAG_EMBEDDING"),
    429: ("is over its limit", "wait a while, or check the plan behind OPENAI_API_KEY"),
}
_AGAIN = {408, 409, 429, *range(500, 600)}


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
            yield min(self.longest_pause, self.pause * 2**again) * random.uniform(0.5, 1)


@dataclass(frozen=True, slots=True)
class Failure:
    """`error` is what to raise; `again` says if another attempt can help, `after` how many seconds from now."""

    error: ModelError
    again: bool = False
    after: float = 0.0


class EmbeddingEndpoint:
    """Texts to vectors; safe for concurrent use. `dimension` is None until the first answer."""

    batch = 64

    def __init__(self, client: AsyncOpenAI, model_name: str, patience: Patience) -> None:
        self.model_name = model_name
        self.dimension: int | None = None
        self._client, self._patience, self._lock = client, patience, threading.Lock()
        # A read timeout starts anew with each byte. Cancelling a task does not: it keeps a total deadline.
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_serve, args=(self._loop, client), name="embeddings", daemon=True).start()
        weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop).atexit = False

    @classmethod
    def open(cls, settings: Settings, patience: Patience | None = None) -> EmbeddingEndpoint:
        """Raises SettingsError if key or address cannot be used; nothing is sent yet."""
        from openai import AsyncOpenAI, Timeout

        patience = patience or Patience()
        key, address = (settings.openai_api_key or "").strip(), (settings.openai_base_url or "").strip() or None
        _check_settings(key, address)
        timeout = Timeout(patience.deadline, connect=_CONNECT)
        # A server of one's own needs no key, the client does.
        client = AsyncOpenAI(api_key=key or "none", base_url=address, max_retries=0, timeout=timeout)
        return cls(client, settings.embedding_model, patience)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, float32 [n, dimension], of up to `batch` texts in one request. Raises ModelError."""
        # An empty text is refused by some; a space is not.
        cut = [text[:_MAX_CHARACTERS] or " " for text in texts]
        vectors = vectors_of(self._ask(cut), len(cut))
        with self._lock:
            self.dimension = self.dimension or vectors.shape[1]
        if vectors.shape[1] != self.dimension:
            raise _wrong(f"vectors of {vectors.shape[1]} numbers where others had {self.dimension}")
        return vectors

    def _ask(self, texts: list[str]) -> bytes:
        end = time.monotonic() + self._patience.deadline
        pauses = self._patience.pauses()
        while True:
            found = self._attempt(texts, end - time.monotonic())
            if isinstance(found, bytes):
                return found
            wait = found.after + next(pauses, math.inf)
            if not found.again or time.monotonic() + wait >= end:
                raise found.error
            time.sleep(wait)

    def _attempt(self, texts: list[str], seconds: float) -> bytes | Failure:
        request = asyncio.wait_for(self._send(texts), seconds)
        try:
            # A little later than the task itself: the thread that runs it does not survive a fork.
            return asyncio.run_coroutine_threadsafe(request, self._loop).result(seconds + 1)
        except Exception as error:  # whatever it is, it may carry the key or the server's internals
            return explain(error, self._patience.deadline)

    async def _send(self, texts: list[str]) -> bytes:
        create = self._client.embeddings.with_raw_response.create
        return (await create(input=texts, model=self.model_name, encoding_format="float")).content


def _serve(loop: asyncio.AbstractEventLoop, client: AsyncOpenAI) -> None:
    loop.run_forever()
    loop.run_until_complete(client.close())
    loop.close()


def _check_settings(key: str, address: str | None) -> None:
    if not key and not address:
        raise SettingsError("there is no key for embeddings", hint="set OPENAI_API_KEY, or RAG_EMBEDDING=local")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError("OPENAI_API_KEY holds what no key has", hint="paste it again, without spaces")
    try:
        parts = urlsplit(address or "https://default")
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise SettingsError("OPENAI_BASE_URL is no address", hint="give it as http://host:port/v1")


def explain(error: Exception, deadline: float) -> Failure:
    """What to tell the reader of an error of the client: never its own words, which are the server's."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(error, APIStatusError):
        what, hint = _REFUSED.get(error.status_code, (f"failed with status {error.status_code}", "try again later"))
        again = error.status_code in _AGAIN
        return Failure(_failed(what, hint), again, _seconds(error.response.headers.get("retry-after")))
    if isinstance(error, TimeoutError | APITimeoutError):
        return Failure(_failed(f"did not answer within {deadline:g} s", "try again later"), again=True)
    if isinstance(error, APIConnectionError):
        return Failure(_failed("cannot be reached", f"{_ADDRESS}, and that the server runs"), again=True)
    return Failure(_failed("could not be used", _ADDRESS))


def vectors_of(body: bytes, count: int) -> np.ndarray:
    """The `count` vectors of an answer, float32 [count, dimension], by their index.

    Raises ModelError if `body` is anything else: no JSON, another count, rows of unequal length, numbers that are none.
    """
    try:
        rows: list[dict[str, Any]] = json.loads(body)["data"]
        places = [row.get("index", place) for place, row in enumerate(rows)]
        if sorted(places) != list(range(count)):
            raise _wrong(f"{len(rows)} vectors for {count} texts")
        found = np.array([row["embedding"] for row in rows])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _wrong("an answer that holds no vectors") from None
    if found.ndim != 2 or found.dtype.kind not in "fi":
        raise _wrong("an answer that holds no vectors")
    with np.errstate(over="ignore"):
        vectors = found[np.argsort(places)].astype(np.float32)
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise _wrong("vectors with numbers that are none, or of zeros alone")
    return vectors


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


def _failed(what: str, hint: str) -> ModelError:
    return ModelError(f"the embeddings endpoint {what}", hint=hint)


def _wrong(what: str) -> ModelError:
    return _failed(f"gave {what}", f"{_ADDRESS}, and that the model in RAG_EMBEDDING is for embeddings")
