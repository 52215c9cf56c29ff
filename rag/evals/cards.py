"""What the report shows of one question: its answer with marks, its citations in context, why it failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.evals import checks
from rag.evals.citing import holds
from rag.evals.figures import FIGURES
from rag.evals.record import Record
from rag.evals.score import Score
from rag.language import repair

_MARK = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Quote:
    """A citation: where it stands, the words around it, whether it is exact and holds evidence."""

    citation: Mapping[str, Any]
    title: str
    before: str
    after: str
    exact: bool
    is_evidence: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One question answered by the first configuration, and in short by the others."""

    record: Record
    passed: Score
    pieces: tuple[tuple[str, int | None], ...]
    quotes: tuple[Quote, ...]
    evidence: tuple[tuple[str, bool], ...]
    scores: tuple[tuple[str, Score], ...]
    others: tuple[tuple[Record, Score], ...]

    @property
    def state(self) -> str:
        return {1.0: "pass", 0.0: "fail", None: "open"}[self.passed.value]


def cards_of(first: Sequence[Record], others: Sequence[Record]) -> Iterator[Card]:
    by_question: dict[tuple[str, str], list[Record]] = {}
    for record in others:
        by_question.setdefault((record.set, record.question.id), []).append(record)
    for record in first:
        yield _card(record, by_question.get((record.set, record.question.id), []))


def _card(record: Record, others: Sequence[Record]) -> Card:
    wanted = record.question.evidence
    cited = {number for citation in record.citations for number in holds(citation["quote"], wanted)}
    # What a figure does not ask of this question would only fill the page.
    scores = [(figure.title, figure.score(record)) for figure in FIGURES if figure.name != "passed"]
    return Card(
        record,
        checks.passed(record),
        tuple(_pieces(str(record.answer["text"]), {citation["number"] for citation in record.citations})),
        tuple(_quotes(record)),
        tuple((text, number in cited) for number, text in enumerate(wanted)),
        tuple((title, score) for title, score in scores if score.value is not None),
        tuple((other, checks.passed(other)) for other in others),
    )


def _pieces(text: str, known: set[int]) -> Iterator[tuple[str, int | None]]:
    """The text cut at the marks of its citations."""
    at = 0
    for mark in _MARK.finditer(text):
        if int(mark.group(1)) in known:
            yield text[at : mark.start()], int(mark.group(1))
            at = mark.end()
    yield text[at:], None


def _quotes(record: Record) -> Iterator[Quote]:
    for citation, exact, (before, _, after) in zip(
        record.citations, record.seen.exact, record.seen.contexts, strict=True
    ):
        title = repair(str(citation["title"])) or str(citation["source"])
        yield Quote(citation, title, before, after, exact, bool(holds(citation["quote"], record.question.evidence)))
