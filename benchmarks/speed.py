"""How long does a question take against the sum of its parts, how big is an index, how much memory is used?

    python benchmarks/speed.py [--corpus DIR] [--store DIR] [--questions FILE] [--limit N]

Medians of one run, whole and parts measured by turns on the same question, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag.embed import embed
from rag.pipeline import Assistant, open_assistant
from rag.retrieve import POOL
from rag.settings import Settings

DATA = Path("../shared/data/medquad-cancer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=DATA / "docs")
    parser.add_argument("--questions", type=Path, default=DATA / "questions.jsonl")
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--limit", type=int, default=100)
    args = parser.parse_args()
    started = time.perf_counter()
    assistant = open_assistant(Settings.from_environment(corpus=args.corpus, store=args.store))
    print(f"opened, or built where needed, in {time.perf_counter() - started:.1f} s")
    size = sum(file.stat().st_size for file in args.store.rglob("*") if file.is_file())
    info = assistant.index.info
    print(f"{info.sources} documents, {info.passages} passages, {info.sentences} sentences; store {size / 1e6:.0f} MB")
    rows = [json.loads(line) for line in args.questions.read_text(encoding="utf-8").splitlines()][: args.limit]
    report(assistant, [row["question"] for row in rows])
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def report(assistant: Assistant, questions: list[str]) -> None:
    parts = assistant._parts
    times: dict[str, list[float]] = {name: [] for name in ("embedding", "Chroma", "BM25", "retrieval", "whole answer")}
    for question in questions:
        query = assistant._understand(question, (), "en")
        vector = timed(times["embedding"], lambda query=query: embed(parts.retriever.embedder, [query.gloss])[0])
        timed(times["Chroma"], lambda vector=vector: parts.index.dense(vector, POOL))
        timed(times["BM25"], lambda query=query: parts.index.bm25.scores(query.keys))
        timed(times["retrieval"], lambda query=query: parts.retriever.find(query, 10))
        timed(times["whole answer"], lambda question=question: assistant.ask(question))
    median = {name: 1000 * statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{name:13} {value:7.1f} ms")
    print(f"retrieval / sum of its parts: {median['retrieval'] / sum(list(median.values())[:3]):.2f}")


def timed(times: list[float], call: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = call()
    times.append(time.perf_counter() - start)
    return result


if __name__ == "__main__":
    main()
