"""Hybrid retrieval: what a question means and the words and concepts it uses, weighed together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rag.multilingual import load_multilingual
from rag.query import Query
from rag.searchable import readable_in
from rag.types import Hit, Language

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from rag.index import Index

#: Kinds of terms that stand for one thing alone. What the vocabulary does not know is as often as not a name too.
NAMING_KINDS = frozenset({"name", "number", "rare", "word", "drug", "cancer_drug"})
POOL = 100  # passages that each of the two rankings brings in
NOW = 0.4  # the share of the message alone in the meaning of a question that leans on what was said before


@dataclass(frozen=True, slots=True)
class Weights:
    """`lexical` is the share of BM25 beside the dense score, `sentence` the share of a passage's best sentence in its
    dense score: tuned on one half of medquad-cancer (`benchmarks/retrieval.py --tune`). `names` is how many times a
    name counts as a word: set so that it is heard, at no cost elsewhere (`tests/test_retrieve.py`)."""

    lexical: float = 0.5
    sentence: float = 0.2
    names: int = 3


class Meaning(NamedTuple):
    """Unit vectors of a question: its gloss's by the embedding model [dimension], and, where sentences have expansions,
    that of the question as it was written by the multilingual model [512]."""

    vector: np.ndarray
    native: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Hits best first, their numbers in the index, and the vectors of the question and of its echo of the last answer,
    or None."""

    hits: tuple[Hit, ...] = ()
    numbers: tuple[int, ...] = ()
    meaning: Meaning | None = None
    echo: Meaning | None = None


def fuse(dense: np.ndarray, lexical: np.ndarray, weights: Weights = Weights()) -> np.ndarray:
    """One score per passage, 0 to 1, from dense and lexical scores [n], both 0 where nothing was found.

    Each is measured by the best passage for the question: reciprocal ranks (Cormack et al. 2009) forget by how much a
    passage won. Without dense evidence BM25 has the whole weight.
    """
    share = weights.lexical if dense.any() else 1.0
    return (1 - share) * _by_the_best(dense) + share * _by_the_best(lexical)


def _by_the_best(scores: np.ndarray) -> np.ndarray:
    best = float(scores.max(initial=0.0))
    return scores / best if best else scores


class Retriever:
    """Finds the passages for a question. Read by many threads."""

    def __init__(self, index: Index, embedder: BaseEmbedding | None, weights: Weights = Weights()) -> None:
        self.index, self.embedder, self.weights = index, embedder, weights

    def find(self, query: Query, k: int) -> Found:
        """The `k` best passages, best first; fewer only where the corpus has fewer or nothing speaks for them."""
        lexical = self._lexical(query)
        meaning = self.meaning(query)
        echo = self.meaning(query.echo, query.now) if query.echo else None
        vector = meaning.vector if meaning else None
        near = self.index.dense(vector, POOL) if vector is not None else []
        scores = fuse(self._dense(vector, near, lexical), lexical, self.weights)
        order = [int(number) for number in _top(scores, k)]
        ranks = {number: rank for rank, (number, _) in enumerate(near, 1)}
        hits = (Hit(self.index.passages[n], float(scores[n]), ranks.get(n), _rank(lexical, n)) for n in order)
        return Found(tuple(hits), tuple(order), meaning, echo)

    def _lexical(self, query: Query) -> np.ndarray:
        """For each passage [n] how much it holds of the question's words and concepts, 0 to 1.

        A passage in another language, and not translated, cannot hold the words: it is asked for what is written the
        same everywhere, so that passages in the question's language are not ahead just for that.
        """
        bm25, keys = self.index.bm25, _weighed(query, self.weights.names)
        shares = bm25.shares(keys)
        foreign = np.ones(len(shares), dtype=bool)
        foreign[bm25.holders(readable_in(query.language))] = False
        if foreign.any():
            anywhere = bm25.shares([key for key in keys if _is_universal(key, query.language)])
            shares = np.where(foreign, np.maximum(shares, anywhere), shares)
        return shares

    def meaning(self, query: Query, now: Query | None = None) -> Meaning | None:
        """Of a question; `now` is the message alone where it leans on what was said before, by default `query.now`."""
        if self.embedder is None:
            return None
        embedder, now = self.embedder, now or query.now
        vector = _mixed(query, now, lambda one: self._unit(embedder, one.gloss))
        return Meaning(vector, _mixed(query, now, _native) if self.index.expanded else None)

    @staticmethod
    def _unit(embedder: BaseEmbedding, text: str) -> np.ndarray:
        vector = np.asarray(embedder.get_query_embedding(text), dtype=np.float32)
        return vector / max(float(np.linalg.norm(vector)), 1e-9)

    def _dense(self, vector: np.ndarray | None, near: list[tuple[int, float]], lexical: np.ndarray) -> np.ndarray:
        """For each passage [n] its cosine, mixed with that of its best sentence; 0 for those that neither ranking
        brings in. What only the words found is measured as well: a rare name is no reason to call it unrelated."""
        scores = np.zeros(len(self.index.passages), dtype=np.float32)
        if vector is None or self.index.vectors is None:
            return scores
        cosines = dict(near)
        others = [number for number in _top(lexical, POOL) if number not in cosines]
        cosines |= zip(others, self.index.vectors[np.array(others, dtype=np.int64)] @ vector, strict=True)
        for number, cosine in cosines.items():
            sentences = self.index.sentence_vectors(number)
            best = float((sentences @ vector).max()) if sentences is not None and len(sentences) else cosine
            scores[number] = max(0.0, (1 - self.weights.sentence) * cosine + self.weights.sentence * best)
        return scores


def _mixed(query: Query, now: Query | None, vector: Callable[[Query], np.ndarray]) -> np.ndarray:
    whole = vector(query)
    if now is None:
        return whole
    mixed = (1 - NOW) * whole + NOW * vector(now)
    return np.asarray(mixed / max(float(np.linalg.norm(mixed)), 1e-9))


def _native(query: Query) -> np.ndarray:
    return load_multilingual().encode([query.text])[0]


def _weighed(query: Query, names: int) -> list[str]:
    """The question's keys, those that name something `names` times: a model of meaning takes one drug for another and
    one number for another, so where they decide, words must."""
    naming = {key for term in query.terms if term.kind in NAMING_KINDS for key in term.keys}
    return [key for key in dict.fromkeys(query.keys) for _ in range(names if key in naming else 1)]


def _is_universal(key: str, language: Language) -> bool:
    """Concepts and figures, and the Latin names in a Chinese question."""
    return key.startswith("#") or any(char.isdigit() for char in key) or (language == "zh" and key.isascii())


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    """The numbers of the `k` greatest scores above 0, greatest first, the earlier passage where they are equal."""
    some = np.flatnonzero(scores > 0)
    return some[np.argsort(-scores[some], kind="stable")[:k]]


def _rank(scores: np.ndarray, number: int) -> int | None:
    if not scores[number] > 0:
        return None
    return 1 + int((scores > scores[number]).sum() + (scores[:number] == scores[number]).sum())


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
