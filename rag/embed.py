"""Embeddings behind LlamaIndex's `BaseEmbedding`: the local MiniLM, any OpenAI-compatible endpoint, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rag.endpoint import EmbeddingEndpoint
from rag.errors import ModelError
from rag.minilm import MiniLM
from rag.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding


class Encoder(Protocol):
    """What turns texts into vectors [n, dimension]; `batch` is how many texts it takes at once."""

    @property
    def model_name(self) -> str: ...

    @property
    def dimension(self) -> int | None: ...

    @property
    def batch(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...


_OPENERS: dict[str, Callable[[Settings], Encoder]] = {
    "local": lambda settings: MiniLM.open(),
    "openai": EmbeddingEndpoint.open,
}


def open_embedder(settings: Settings) -> BaseEmbedding | None:
    """What `settings.embedding` asks for; None for "none". Open it once and share it: it is safe for concurrent use.

    It has `model_name`, and `dimension`: an int, None before the first answer of an endpoint.
    Raises ModelError if the weights are missing or damaged, SettingsError if the endpoint's settings are off.
    """
    opener = _OPENERS.get(settings.embedding)
    return as_embedding(opener(settings)) if opener else None


def embed(embedder: BaseEmbedding, texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of passages or questions, float32 [n, dimension], in the order of `texts`.

    Raises ModelError if the model fails or gives what are no vectors.
    """
    if not texts:
        return np.empty((0, getattr(embedder, "dimension", None) or 0), dtype=np.float32)
    found = embedder.get_text_embedding_batch([_sendable(text) for text in texts])
    lengths = {len(vector) for vector in found}
    vectors = np.array(found, dtype=np.float64) if len(lengths) == 1 else np.empty((0, 0))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if len(vectors) != len(texts) or not np.isfinite(norms).all() or not norms.all():
        raise ModelError("the embedding model gave what are no vectors", hint="try another embedding model")
    return (vectors / norms).astype(np.float32)


def as_embedding(encoder: Encoder) -> BaseEmbedding:
    """`encoder` as LlamaIndex wants it. The class is made here because LlamaIndex takes seconds to import."""
    from llama_index.core.base.embeddings.base import BaseEmbedding

    class Embedder(BaseEmbedding):
        @classmethod
        def class_name(cls) -> str:
            return type(encoder).__name__

        @property
        def dimension(self) -> int | None:
            return encoder.dimension

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return encoder.encode([_sendable(text) for text in texts]).tolist()

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return await asyncio.to_thread(self._get_query_embedding, query)

    made: Any = Embedder(model_name=encoder.model_name, embed_batch_size=encoder.batch)
    return made


def _sendable(text: str) -> str:
    """Half a surrogate pair, as JSON may carry it, is no text: neither a tokenizer nor UTF-8 takes it."""
    return text.encode(errors="replace").decode()
