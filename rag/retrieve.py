"""Hybrid retrieval: dense and lexical evidence, weighed for each question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rag.query import Query
from rag.types import Hit

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from rag.index import Index

POOL = 100  # passages that the dense ranking brings in; every passage has a lexical score


@dataclass(frozen=True, slots=True)
class Weights:
    """Tuned on medquad-cancer (benchmarks/retrieval.py --tune): `lexical` is the share of BM25 beside the dense
    score, `sentence` the share of a passage's best sentence in its dense score, `rare` what a passage gains that
    holds all rare words of the question, where rare is a key of at most `rarity` of all passages."""

    lexical: float = 0.1
    sentence: float = 0.2
    rare: float = 0.1
    rarity: float = 0.05


@dataclass(frozen=True, slots=True)
class Found:
    """Hits best first, their numbers in the index, and the question's unit vector [dimension] or None."""

    hits: tuple[Hit, ...] = ()
    numbers: tuple[int, ...] = ()
    vector: np.ndarray | None = None


def fuse(dense: np.ndarray, lexical: np.ndarray, rare: np.ndarray, weights: Weights = Weights()) -> np.ndarray:
    """One score per passage from cosines [n], BM25 scores [n] and the shares of the question's rare keys held [n].

    Scores, not ranks, each scaled to the question's own range: reciprocal ranks (Cormack et al. 2009) forget by how
    much a passage won. Without dense evidence BM25 has the whole weight.
    """
    share = weights.lexical if dense.any() else 1.0
    return (1 - share) * _scaled(dense) + share * _scaled(lexical) + weights.rare * rare


def _scaled(scores: np.ndarray) -> np.ndarray:
    low, high = float(scores.min(initial=0.0)), float(scores.max(initial=0.0))
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)


class Retriever:
    """Finds the passages for a question. Read by many threads."""

    def __init__(self, index: Index, embedder: BaseEmbedding | None, weights: Weights = Weights()) -> None:
        self.index, self.embedder, self.weights = index, embedder, weights

    def find(self, query: Query, k: int) -> Found:
        """The `k` best passages, best first; fewer only where the corpus has fewer or nothing speaks for them."""
        vector, dense = self._dense(query)
        lexical = self.index.bm25.scores(query.keys)
        scores = fuse(dense, lexical, self._rare(query.keys), self.weights)
        order = [int(n) for n in np.argsort(-scores, kind="stable")[:k] if scores[n] > 0]
        dense_ranks, lexical_ranks = _ranks(dense), _ranks(lexical)
        hits = (Hit(self.index.passages[n], float(scores[n]), dense_ranks.get(n), lexical_ranks.get(n)) for n in order)
        return Found(tuple(hits), tuple(order), vector)

    def _dense(self, query: Query) -> tuple[np.ndarray | None, np.ndarray]:
        """The question's vector, and for each passage [n] the cosine, mixed with that of its best sentence."""
        scores = np.zeros(len(self.index.passages), dtype=np.float32)
        if self.embedder is None:
            return None, scores
        vector = np.asarray(self.embedder.get_query_embedding(query.gloss), dtype=np.float32)
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        share = self.weights.sentence
        for number, cosine in self.index.dense(vector, POOL):
            sentences = self.index.sentence_vectors(number)
            best = float((sentences @ vector).max()) if sentences is not None and len(sentences) else cosine
            scores[number] = max(0.0, (1 - share) * cosine + share * best)
        return vector, scores

    def _rare(self, keys: Sequence[str]) -> np.ndarray:
        """For each passage [n] the share of the question's rare keys that it holds, weighed by rarity."""
        n = len(self.index.passages)
        held, total = np.zeros(n, dtype=np.float32), 0.0
        for key in dict.fromkeys(keys):
            numbers = self.index.bm25.holders(key)
            if 0 < len(numbers) <= max(1, self.weights.rarity * n):
                weight = float(np.log(n / len(numbers)))
                held[numbers] += weight
                total += weight
        return held / total if total else held


def _ranks(scores: np.ndarray) -> dict[int, int]:
    order = np.argsort(-scores, kind="stable")
    return {int(n): rank for rank, n in enumerate(order, 1) if scores[n] > 0}


def as_llama_index(retriever: Retriever, understand: Callable[[str], Query], k: int = 10) -> BaseRetriever:
    """The retriever as LlamaIndex's `BaseRetriever`, for its query engines, evaluators and agents."""
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class HybridRetriever(BaseRetriever):
        """Nodes carry `source`, `start` and `end`, so that a citation can be proved from them."""

        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            found = retriever.find(understand(query_bundle.query_str), k)
            return [NodeWithScore(node=_node(hit), score=hit.score) for hit in found.hits]

    def _node(hit: Hit) -> TextNode:
        place = {"source": hit.passage.source, "start": hit.passage.start, "end": hit.passage.end}
        return TextNode(id_=hit.passage.id, text=hit.passage.text, metadata=place)

    return HybridRetriever()
