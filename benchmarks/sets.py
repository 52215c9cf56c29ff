"""The data that the benchmarks run on, and opening an index of it.

A set is a folder `docs/` beside `questions.jsonl`, a line for each question: {"id", "lang", "question",
"relevant_docs": [id], "answer_spans": [{"doc", "start", "end"}]}. A document's id is its file name without ".txt".
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.embed import open_embedder
from rag.index import Index, open_index
from rag.language import detect
from rag.query import Query, understand
from rag.retrieve import Retriever
from rag.settings import Settings
from rag.terms import Terms
from rag.types import Language, Passage, Span

DATA = "../shared/data"
MEDQUAD = "medquad-cancer"


@dataclass(frozen=True, slots=True)
class Question:
    """`spans` are the places of the answer by document; empty where a set knows only the right documents."""

    id: str
    text: str
    language: Language
    documents: frozenset[str]
    spans: tuple[tuple[str, Span], ...] = ()

    @property
    def held_out(self) -> bool:
        """Half of all questions, by a hash of the id: what is tuned on the others is reported on these."""
        return hashlib.sha256(self.id.encode()).digest()[0] % 2 == 1


def arguments(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    default = Path(os.environ.get("RAG_BENCH_DATA", DATA))
    parser.add_argument("data", type=Path, nargs="?", default=default, help=f"folder of the sets ({default})")
    parser.add_argument("--store", type=Path, default=Path(".store/benchmarks"), help="folder of the indexes")
    parser.add_argument("--out", type=Path, help="also write the figures there, as JSON")
    parser.add_argument("--limit", type=int, help="only so many questions of a set")
    return parser


def questions(folder: Path, limit: int | None = None) -> list[Question]:
    """The questions of a set; ends the program with one line where there is none."""
    file = folder / "questions.jsonl"
    if not file.is_file() or not (folder / "docs").is_dir():
        name = Path(sys.argv[0]).name
        sys.exit(f"{name}: no questions in {folder}: name the folder of the sets, or set RAG_BENCH_DATA")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [_question(row) for row in rows[: limit or len(rows)]]


def _question(row: dict) -> Question:
    spans = tuple((span["doc"], Span(span["start"], span["end"])) for span in row.get("answer_spans", ()))
    return Question(row["id"], row["question"], row["lang"], frozenset(row["relevant_docs"]), spans)


def understood(text: str, terms: Terms) -> Query:
    """A question as the assistant understands it, its language detected."""
    return understand(text, detect(text), terms)


def document(passage: Passage) -> str:
    return Path(passage.source).stem


def is_right(passage: Passage, question: Question) -> bool:
    """Whether a passage and an answer share at least half of the shorter of both."""
    own = [span for name, span in question.spans if name == document(passage)]
    return any(_shared(passage, span) >= 0.5 * min(passage.end - passage.start, span.end - span.start) for span in own)


def _shared(passage: Passage, span: Span) -> int:
    return min(passage.end, span.end) - max(passage.start, span.start)


def opened(docs: Path, store: Path) -> tuple[Index, Retriever]:
    """The index of a folder, built first where need be, and our retriever over it; settings but these are default."""
    settings = Settings(corpus=docs, store=store)
    embedder = open_embedder(settings)
    index = open_index(settings, _Progress(docs), embedder=embedder)
    return index, Retriever(index, embedder)


class _Progress:
    """Says on stderr how far a build is, at most every hundredth part."""

    def __init__(self, docs: Path) -> None:
        self._docs, self._said = docs, -1

    def __call__(self, done: int, total: int) -> None:
        share = 100 * done // max(1, total)
        if share > self._said:
            self._said = share
            end = "\n" if done >= total else ""
            print(f"\rindexing {self._docs}: {share} %", end=end, file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[object]]) -> str:
    """Rows as lines of aligned columns, the first row as heading; numbers with three digits."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(_aligned, row, widths, range(len(row)))).rstrip() for row in cells)


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)


def write(out: Path | None, figures: object) -> None:
    if out is not None:
        out.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
