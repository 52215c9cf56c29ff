"""Records as the evaluation writes them, made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rag.evals.citing import holds
from rag.evals.questions import Question
from rag.evals.record import Configuration, Record, Seen
from rag.evals.score import Score
from rag.types import Turn

OURS = Configuration("citewell", "plain", "extractive", "f1")
OTHER = Configuration("bm25", "plain", "extractive", "f2")
LANOLIN = "Lanolin cream is rubbed on dry skin twice a day during radiotherapy."
NURSE = "The nurse on the ward explains this to every patient."


ASKED = "How is lanolin cream used on dry skin during radiotherapy?"


def question(id: str = "q1", text: str = ASKED, **more: Any) -> Question:
    """An English question that the texts answer, unless `more` says otherwise."""
    values: dict[str, Any] = {
        "language": "en",
        "outcomes": ("answered",),
        "sources": ("lanolin.txt",),
        "evidence": (LANOLIN,),
        "tags": ("fact", "own", "en-en"),
    }
    return Question(id, text, **{**values, **more})


def refusable(id: str = "q1", *outcomes: str, **more: Any) -> Question:
    """A question that expects one of `outcomes` and no evidence."""
    return question(id, outcomes=outcomes, sources=(), evidence=(), tags=("nearmiss",), **more)


def record(
    asked: Question | None = None,
    outcome: str = "answered",
    quotes: Sequence[str] = (LANOLIN,),
    *,
    how: Configuration = OURS,
    language: str = "en",
    verdict: str = "verbatim",
    held_in: str = "en",
    source: str = "lanolin.txt",
    exact: bool = True,
    proven: Iterable[bool | None] | None = None,
    hits: Sequence[str] | None = None,
    chance: float | None = 0.9,
    would_cite: bool | None = None,
    judged: dict[str, Score] | None = None,
    milliseconds: float = 20.0,
    set: str = "dev",
) -> Record:
    """A record whose answer says its quotes; refusals cite nothing."""
    asked = asked or question()
    quotes = quotes if outcome in ("answered", "boundary") else ()
    hits = [LANOLIN, NURSE] if hits is None else hits
    numbered = list(enumerate(quotes, 1))
    answer = {
        "id": asked.id,
        "question": asked.text,
        "language": language,
        "outcome": outcome,
        "engine": "extractive",
        "prompt": how.prompt,
        "text": " ".join(f"{quote} [{n}]" for n, quote in numbered) or f"This is {outcome}.\n- A document",
        "sentences": [{"text": q, "citations": [n], "verdict": verdict, "support": 1.0} for n, q in numbered],
        "citations": [
            {
                "number": n,
                "source": source,
                "title": "About lanolin",
                "language": held_in,
                "start": 10 * n,
                "end": 10 * n + len(quote),
                "quote": quote,
                "translation": None,
            }
            for n, quote in numbered
        ],
        "passages": [{"source": source, "start": 0, "end": 9, "score": 1.0} for _ in hits] if chance else [],
        "withheld": 0,
        "guard": {"rule": "coverage.enough", "reason": "covered 0.90"},
        "timings_ms": {"guard": 1.0, "retrieve": 9.0, "answer": 9.0, "total": milliseconds},
    }
    seen = Seen(
        hits=tuple(holds(text, asked.evidence) for text in hits),
        held=int(bool(asked.evidence)),
        exact=(exact,) * len(numbered),
        proven=tuple(proven) if proven is not None else (True,) * len(numbered),
        contexts=tuple(("Before it. ", quote, " After it.") for quote in quotes),
        would_cite=would_cite,
    )
    return Record(set, how, asked, answer, chance, seen, judged or {})


def turns(*texts: str) -> tuple[Turn, ...]:
    return tuple(Turn("assistant" if n % 2 else "user", text) for n, text in enumerate(texts))
