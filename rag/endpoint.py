"""Embeddings of any OpenAI-compatible endpoint. What it sends is checked; what it says of errors is never shown."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from rag.errors import ModelError
from rag.remote import ADDRESS, About, Failure, Patience, Remote, explain
from rag.settings import Settings

__all__ = ["EmbeddingEndpoint", "Patience", "vectors_of"]

# Some models take 8,191 tokens and refuse a longer text; a character is at most four of them.
_MAX_CHARACTERS = 2_000
_MOST = 64 * 2**20  # bytes of one answer; 64 vectors of 3,072 numbers have 4 MB
_ABOUT = About(
    "embeddings endpoint",
    "RAG_EMBEDDING",
    "check that RAG_EMBEDDING=openai:<model> names an embedding model of this endpoint",
    "set OPENAI_API_KEY, or RAG_EMBEDDING=local",
)


class EmbeddingEndpoint:
    """Texts to vectors; safe for concurrent use. `dimension` is None until the first answer."""

    batch = 64

    def __init__(self, remote: Remote, model_name: str, patience: Patience) -> None:
        self.model_name = model_name
        self.dimension: int | None = None
        self._remote, self._patience, self._lock = remote, patience, threading.Lock()

    @classmethod
    def open(cls, settings: Settings, patience: Patience | None = None) -> EmbeddingEndpoint:
        """Raises SettingsError if key or address cannot be used; nothing is sent yet."""
        patience = patience or Patience()
        remote = Remote.open(settings, _ABOUT, settings.connect_seconds, patience.deadline, _MOST)
        return cls(remote, settings.embedding_model, patience)

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
            return self._remote.submit(request).result(seconds + 1)
        except Exception as error:  # whatever it is, it may carry the key or the server's internals
            return explain(error, self._patience.deadline, _ABOUT)

    async def _send(self, texts: list[str]) -> bytes:
        create = self._remote.client.embeddings.with_raw_response.create
        return (await create(input=texts, model=self.model_name, encoding_format="float")).content


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


def _wrong(what: str) -> ModelError:
    return _ABOUT.failed(f"gave {what}", f"{ADDRESS}, and that the model in RAG_EMBEDDING is for embeddings")
