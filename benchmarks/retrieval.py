"""Does retrieval find the right passage? Ours against BM25, MiniLM and LlamaIndex's retriever on the same passages.

    python benchmarks/retrieval.py [DATA] [--out FILE]      medquad-cancer: the right passage among the first 1, 5, 10
    python benchmarks/retrieval.py [DATA] --tune            a grid of weights on half of its questions
    python benchmarks/retrieval.py [DATA] --tico            tico19-*: nDCG@10 from one language to another
    python benchmarks/retrieval.py [DATA] --mixed           the same over one corpus of all three languages

DATA is the folder of the sets; RAG_BENCH_DATA names it too. The first run builds the indexes, in `--store`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from baselines import Ranking, bm25_alone, llama_index_own_store, llama_index_same_store, minilm_alone, ours
from languages import mixed, one_by_one
from sets import MEDQUAD, arguments, is_right, opened, questions, table, understood, write

from rag.retrieve import Retriever, Weights
from rag.terms import load_terms

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

KS = (1, 5, 10)
LEXICAL, SENTENCE = (0.3, 0.4, 0.5, 0.6, 0.7), (0.0, 0.1, 0.2, 0.3, 0.4)
HALVES = {"all": (False, True), "tuned on": (False,), "held out": (True,)}


def main() -> None:
    parser = arguments(__doc__)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--tune", action="store_true", help="a grid of weights on half of medquad-cancer")
    kinds.add_argument("--tico", action="store_true", help="questions in one language, documents in another")
    kinds.add_argument("--mixed", action="store_true", help="questions over one corpus of three languages")
    args = parser.parse_args()
    if args.tico or args.mixed:
        figures = (mixed if args.mixed else one_by_one)(args.data, args.store, args.limit)
    else:
        bench = Bench(args.data / MEDQUAD, args.store, args.limit)
        figures = bench.tune() if args.tune else bench.compare()
    write(args.out, figures)


class Bench:
    """medquad-cancer: pages of one kind of text on 116 cancers, so that the right page is easy and the passage hard."""

    def __init__(self, folder: Path, store: Path, limit: int | None) -> None:
        self.asked = questions(folder, limit)
        self.index, self.retriever = opened(folder / "docs", store)
        self.store, self.terms = store, load_terms()
        self.queries = [understood(question.text, self.terms) for question in self.asked]
        passages = list(enumerate(self.index.passages))
        self.right = [{n for n, passage in passages if is_right(passage, question)} for question in self.asked]

    def compare(self) -> dict[str, Any]:
        """Prints a table of all systems; gives their figures by half and k."""
        figures = {name: self.shares(ranking) for name, ranking in self.systems().items()}
        print(f"{len(self.asked)} questions, {len(self.index.passages)} passages; the right one among the first k\n")
        self.show(figures)
        return {"set": MEDQUAD, "questions": len(self.asked), "passages": len(self.index.passages), "systems": figures}

    def systems(self) -> Mapping[str, Ranking]:
        index, embedder = self.index, self.retriever.embedder
        assert embedder is not None
        return {
            "BM25 alone": bm25_alone(index, self.terms),
            "MiniLM alone": minilm_alone(index, embedder),
            "LlamaIndex, same store": llama_index_same_store(index, embedder),
            "LlamaIndex, own store": llama_index_own_store(index, embedder, self.store / "llama-index"),
            "ours without MiniLM": ours(Retriever(index, None)),
            "ours": ours(self.retriever),
        }

    def tune(self) -> dict[str, Any]:
        """Prints the mean of @1, @5 and @10 for every pair of weights, then what the best pair reaches elsewhere."""
        remembering: Any = _Remembering(self.retriever.embedder)
        pairs = [Weights(*pair) for pair in product(LEXICAL, SENTENCE)]
        grid = {weights: self.shares(ours(Retriever(self.index, remembering, weights))) for weights in pairs}
        means = {weights: float(np.mean([*shares["tuned on"].values()])) for weights, shares in grid.items()}
        rows = [[f"lexical {a}", *(means[Weights(a, b)] for b in SENTENCE)] for a in LEXICAL]
        print(table([["mean of @1 @5 @10", *(f"sentence {b}" for b in SENTENCE)], *rows]), end="\n\n")
        best = max(means, key=lambda weights: means[weights])
        as_set = self.shares(ours(Retriever(self.index, remembering)))
        self.show({f"best: {best}": grid[best], f"as set: {Weights()}": as_set})
        return {"grid": [{**asdict(weights), "mean": mean} for weights, mean in means.items()], "best": asdict(best)}

    def shares(self, ranking: Ranking) -> dict[str, dict[str, float]]:
        """The share of the questions whose right passage is among the first k, by half and k."""
        ranked = [ranking(query, max(KS)) for query in self.queries]
        hits = [[bool(right & set(best[:k])) for k in KS] for right, best in zip(self.right, ranked, strict=True)]
        found = dict[str, dict[str, float]]()
        for half, kinds in HALVES.items():
            if some := [hit for hit, question in zip(hits, self.asked, strict=True) if question.held_out in kinds]:
                found[half] = {f"@{k}": float(share) for k, share in zip(KS, np.mean(some, 0), strict=True)}
        return found

    def show(self, figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        columns = [(half, k) for half, shares in next(iter(figures.values())).items() for k in shares]
        rows = [[name, *(shares[half][k] for half, k in columns)] for name, shares in figures.items()]
        print(table([["", *(f"{half} {k}" for half, k in columns)], *rows]))


class _Remembering:
    """An embedder that embeds each question once."""

    def __init__(self, embedder: BaseEmbedding | None) -> None:
        self._embedder, self._known = embedder, dict[str, list[float]]()

    def get_query_embedding(self, text: str) -> list[float]:
        assert self._embedder is not None
        if text not in self._known:
            self._known[text] = self._embedder.get_query_embedding(text)
        return self._known[text]


if __name__ == "__main__":
    main()
