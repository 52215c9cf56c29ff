"""Questions in one language, documents in another: tico19, where each document exists in English, French and Chinese.

A question is a sentence of a document, translated; the right documents are that document in another language. A
document is as good as its best passage.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from baselines import Ranking, bm25_alone, minilm_alone, ours
from sets import Question, document, opened, questions, table, understood

from rag.index import Index
from rag.retrieve import Retriever
from rag.terms import Terms, load_terms

SPOKEN = ("en", "fr", "zh")
DOCUMENTS = 10
PASSAGES = 60  # enough that ten documents are among them


def one_by_one(data: Path, store: Path, limit: int | None) -> dict[str, Any]:
    """Each pair of languages, over the documents of one; prints nDCG@10."""
    terms = load_terms()
    figures: dict[str, dict[str, float]] = {}
    for language in SPOKEN:
        folder = data / f"tico19-{language}"
        asked = questions(folder, limit)
        systems, index = _systems(folder / "docs", store, terms)
        for name, ranking in systems.items():
            for pair, value in _by_pair(index, asked, ranking, terms, language).items():
                figures.setdefault(name, {})[pair] = value
    return _print("nDCG@10, documents of one language", figures)


def mixed(data: Path, store: Path, limit: int | None) -> dict[str, Any]:
    """The same questions over the documents of all languages together. The document in the question's own language is
    left out of the ranking, so what is measured is whether a translation comes before unrelated documents."""
    folder, asked = store / "tico19-mixed", list[Question]()
    folder.mkdir(parents=True, exist_ok=True)
    for language in SPOKEN:
        asked += questions(data / f"tico19-{language}", limit)
        for file in (data / f"tico19-{language}" / "docs").glob("*.txt"):
            shutil.copyfile(file, folder / file.name)
    terms = load_terms()
    systems, index = _systems(folder, store, terms)
    figures = {name: dict[str, float]() for name in systems}
    for name, ranking in systems.items():
        for language in SPOKEN:
            own = [question for question in asked if _language(question) == language]
            figures[name] |= _by_pair(index, own, ranking, terms, language)
    return _print("nDCG@10, documents of three languages together", figures)


def _systems(docs: Path, store: Path, terms: Terms) -> tuple[Mapping[str, Ranking], Index]:
    index, retriever = opened(docs, store)
    assert retriever.embedder is not None
    systems = {
        "BM25 alone": bm25_alone(index, terms),
        "MiniLM alone, on our glosses": minilm_alone(index, retriever.embedder),
        "ours without MiniLM": ours(Retriever(index, None)),
        "ours": ours(retriever),
    }
    return systems, index


def _by_pair(
    index: Index, asked: Sequence[Question], ranking: Ranking, terms: Terms, language: str
) -> dict[str, float]:
    """nDCG@10 by "from->to", where `language` is that of the right documents."""
    found: dict[str, list[float]] = {}
    for question in asked:
        ranked = _documents(index, ranking(understood(question.text, terms), PASSAGES))
        (right,) = question.documents
        rank = _rank(ranked, right)
        found.setdefault(f"{question.language}->{language}", []).append(1 / math.log2(rank + 1) if rank else 0.0)
    return {pair: sum(values) / len(values) for pair, values in found.items()}


def _rank(ranked: Sequence[str], right: str) -> int | None:
    """From 1; None below the tenth. The same document in other languages is passed over."""
    others = [name for name in ranked if name == right or _content(name) != _content(right)][:DOCUMENTS]
    return others.index(right) + 1 if right in others else None


def _content(name: str) -> str:
    """What a document's names in all languages have in common: "tifr_PubMed_10" without its "tifr_"."""
    return name.partition("_")[2]


def _language(question: Question) -> str:
    (name,) = question.documents
    return name.removeprefix("ti")[:2]


def _documents(index: Index, numbers: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(document(index.passages[number]) for number in numbers))


def _print(title: str, figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    pairs = [f"{a}->{b}" for a, b in permutations(SPOKEN, 2)]
    pairs = [pair for pair in pairs if all(pair in row for row in figures.values())]
    print(f"{title}\n")
    print(table([["", *pairs], *([name, *(row[pair] for pair in pairs)] for name, row in figures.items())]))
    return {"set": "tico19", "measure": title, "systems": figures}


if __name__ == "__main__":
    raise SystemExit("run benchmarks/retrieval.py --tico")
