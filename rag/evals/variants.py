"""The assistant, and the same with one part taken out or put in another's place: what is each part worth?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rag.evidence import Evidence, Evidences
from rag.pipeline import Parts
from rag.query import Query
from rag.retrieve import Found, Retriever, Weights
from rag.types import Hit

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever

OURS = "citewell"


@dataclass(frozen=True, slots=True)
class Variant:
    meaning: str
    build: Callable[[Parts], Parts]


def _weighed(weights: Weights) -> Callable[[Parts], Parts]:
    return lambda parts: replace(parts, retriever=Retriever(parts.retriever.index, parts.retriever.embedder, weights))


class LlamaIndexRetriever(Retriever):
    """LlamaIndex's `VectorStoreIndex` retriever as it comes, over the same Chroma collection and the same embedding:
    the question's words go in, the nearest nodes come out."""

    def find(self, query: Query, k: int) -> Found:
        if self.embedder is None or self.index.collection is None:
            return Found()
        places = {passage.id: number for number, passage in enumerate(self.index.passages)}
        nodes = self._engine(k).retrieve(query.text)
        numbers = tuple(places[node.node_id] for node in nodes)
        hits = (
            Hit(self.index.passages[number], float(node.score or 0.0), rank)
            for rank, (node, number) in enumerate(zip(nodes, numbers, strict=True), 1)
        )
        # The answerer weighs sentences with the same vectors as everywhere.
        return Found(tuple(hits), numbers, self.meaning(query))

    def _engine(self, k: int) -> BaseRetriever:
        from llama_index.core import VectorStoreIndex
        from llama_index.vector_stores.chroma import ChromaVectorStore

        assert self.index.collection is not None
        store = ChromaVectorStore(chroma_collection=self.index.collection.chroma)
        return VectorStoreIndex.from_vector_store(store, embed_model=self.embedder).as_retriever(similarity_top_k=k)


def _llama_index(parts: Parts) -> Parts:
    return replace(parts, retriever=LlamaIndexRetriever(parts.retriever.index, parts.retriever.embedder))


class Bold(Evidences):
    """Never abstains: whatever was found is taken for an answer."""

    def of(self, *args: Any, **named: Any) -> Evidence:
        evidence = super().of(*args, **named)
        return replace(evidence, coverage=replace(evidence.coverage, score=1.0))


def bold(parts: Parts) -> Parts:
    """The assistant without abstention: what would it have said?"""
    return replace(parts, evidences=Bold(parts.retriever, parts.evidences.searchable))


#: Weights of 0 leave a part out of the ranking and nothing else: the answerer stays as it is.
VARIANTS: Mapping[str, Variant] = {
    OURS: Variant("the assistant as it is", lambda parts: parts),
    "bm25": Variant("passages by BM25 alone", _weighed(Weights(lexical=1.0, sentence=0.0))),
    "dense": Variant("passages by embedding alone", _weighed(Weights(lexical=0.0, sentence=0.0))),
    "llamaindex": Variant("passages by LlamaIndex's plain retriever over the same store", _llama_index),
}
BASELINES = tuple(name for name in VARIANTS if name != OURS)
