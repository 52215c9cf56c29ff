"""What retrieval is compared with: each a function of a query and k that gives the numbers of the k best passages."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.index import Index
from rag.lexical import Bm25, tokens
from rag.query import Query
from rag.retrieve import Retriever
from rag.searchable import Searchable
from rag.terms import Terms
from rag.translations import Translations
from rag.types import Passage

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.schema import TextNode

Ranking = Callable[[Query, int], list[int]]


def ours(retriever: Retriever) -> Ranking:
    return lambda query, k: list(retriever.find(query, k).numbers)


def bm25_alone(index: Index, terms: Terms) -> Ranking:
    """BM25 as it usually is (k1 1.5, b 0.75) over the same passages and words, the title twice; no concepts."""
    found = Searchable(terms, Translations())
    texts = ((f"{2 * found.context(passage)}{passage.text}", passage.language) for passage in index.passages)
    bm25 = Bm25.build([tokens(text, language) for text, language in texts], k1=1.5, b=0.75)
    return lambda query, k: _best(bm25.scores(tokens(query.text, query.language)), k)


def _best(scores: np.ndarray, k: int) -> list[int]:
    return [int(n) for n in np.argsort(-scores, kind="stable")[:k] if scores[n] > 0]


def minilm_alone(index: Index, embedder: BaseEmbedding) -> Ranking:
    """The order in which Chroma gives the passages."""
    return lambda query, k: [n for n, _ in index.dense(embedder.get_query_embedding(query.gloss), k)]


def llama_index_same_store(index: Index, embedder: BaseEmbedding) -> Ranking:
    """LlamaIndex's retriever over our own collection. It holds no text; nodes are told by their ids."""
    assert index.collection is not None
    return _llama_index(index.collection._collection, index, embedder)


def llama_index_own_store(index: Index, embedder: BaseEmbedding, folder: Path) -> Ranking:
    """LlamaIndex's retriever over a store that LlamaIndex built: nodes of the same passages, title and heading as
    metadata, which it embeds with the text. Kept in `folder` and used again while the passages are the same."""
    import chromadb

    numbers = {passage.id: number for number, passage in enumerate(index.passages)}
    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    collection = client.get_or_create_collection("nodes", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    if set(collection.get(include=[])["ids"]) != set(numbers):
        del collection, client
        chromadb.api.client.SharedSystemClient.clear_system_cache()
        shutil.rmtree(folder, ignore_errors=True)
        return _build_own_store(index, embedder, folder)
    return _llama_index(collection, index, embedder)


def _build_own_store(index: Index, embedder: BaseEmbedding, folder: Path) -> Ranking:
    import chromadb
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    print(f"embedding {len(index.passages)} passages once more for LlamaIndex's own store", file=sys.stderr)
    client = chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection("nodes", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    context = StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))
    VectorStoreIndex([_node(passage) for passage in index.passages], storage_context=context, embed_model=embedder)
    return _llama_index(collection, index, embedder)


def _node(passage: Passage) -> TextNode:
    from llama_index.core.schema import TextNode

    return TextNode(id_=passage.id, text=passage.text, metadata={"title": passage.title, "heading": passage.heading})


def _llama_index(collection: object, index: Index, embedder: BaseEmbedding) -> Ranking:
    from llama_index.core import VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    store = VectorStoreIndex.from_vector_store(ChromaVectorStore(chroma_collection=collection), embed_model=embedder)
    retrievers: dict[int, BaseRetriever] = {}
    numbers: Mapping[str, int] = {passage.id: number for number, passage in enumerate(index.passages)}

    def rank(query: Query, k: int) -> list[int]:
        retriever = retrievers.setdefault(k, store.as_retriever(similarity_top_k=k))
        return [numbers[node.node_id] for node in retriever.retrieve(query.gloss)]

    return rank
