"""What can be said of the citations of one answer, and of the passages that were found for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag.evals import metrics
from rag.evals.record import Record
from rag.evals.score import Score

_CITING = frozenset({"answered", "boundary"})


def folded(text: str) -> str:
    """White space taken out: evidence stands in a text however its lines are broken."""
    return "".join(text.split())


def holds(text: str, evidence: Sequence[str]) -> tuple[int, ...]:
    """The numbers of those of `evidence` that stand in `text`."""
    body = folded(text)
    return tuple(number for number, wanted in enumerate(evidence) if folded(wanted) in body)


def evidence(record: Record) -> Score:
    """Does any evidence stand in a cited quote?"""
    if (excuse := _nothing_to_cite(record, bool(record.question.evidence))) is not None:
        return excuse
    good = any(holds(citation["quote"], record.question.evidence) for citation in record.citations)
    return Score.of(good, "evidence is cited" if good else _missing(record))


def source(record: Record) -> Score:
    """Is any of the right files cited?"""
    if (excuse := _nothing_to_cite(record, bool(record.question.sources))) is not None:
        return excuse
    good = bool({citation["source"] for citation in record.citations} & set(record.question.sources))
    return Score.of(good, "the right file is cited" if good else _missing(record))


def _missing(record: Record) -> str:
    if not record.citations:
        return f"nothing is cited ({record.outcome})"
    files = ", ".join(dict.fromkeys(str(citation["source"]) for citation in record.citations))
    return f"cited is none of the evidence, but text of {files}"


def _nothing_to_cite(record: Record, is_named: bool) -> Score | None:
    if not is_named:
        return Score.unknown("the question names no evidence")
    accepted = set(record.question.outcomes)
    if not record.citations and record.outcome in accepted and accepted - _CITING:
        return Score.unknown(f"{record.outcome} is accepted here, and cites nothing")
    return None


def recall(record: Record) -> Score:
    return _alce(record, metrics.citation_recall, "sentences whose citations hold evidence")


def precision(record: Record) -> Score:
    return _alce(record, metrics.citation_precision, "citations that hold evidence")


def _alce(record: Record, measure: Callable[[Sequence[Sequence[bool]]], float], what: str) -> Score:
    if not record.question.evidence:
        return Score.unknown("the question names no evidence")
    good = {c["number"]: bool(holds(c["quote"], record.question.evidence)) for c in record.citations}
    sentences = [[good.get(number, False) for number in sentence["citations"]] for sentence in record.sentences]
    if not any(sentences):
        return Score.unknown("nothing is cited")
    value = measure(sentences)
    return Score(value, f"{value:.0%} of the {what}")


def quoted(record: Record) -> Score:
    """The share of citations whose quote is what stands in the file at its offsets."""
    exact = record.seen.exact
    if not exact:
        return Score.unknown("nothing is cited")
    return Score(sum(exact) / len(exact), f"{sum(exact)} of {len(exact)} quotes stand in their files as cited")


def proven(record: Record) -> Score:
    """The share of sentences that are what their citations say."""
    judged = [good for good in record.seen.proven if good is not None]
    if not judged:
        return Score.unknown("no sentence that could be judged")
    return Score(sum(judged) / len(judged), f"{len(judged) - sum(judged)} of {len(judged)} sentences are unsupported")


def unsupported(record: Record) -> Score:
    """The share of sentences that are not what their citations say. (Lower is better.)"""
    score = proven(record)
    return Score(None if score.value is None else 1 - score.value, score.reason)


def hit_at(k: int) -> Callable[[Record], Score]:
    """Does a passage with evidence stand among the first `k`?"""
    return lambda record: _found(record, lambda found, _: metrics.hit_at(found, k))


def recall_at(k: int) -> Callable[[Record], Score]:
    return lambda record: _found(record, lambda found, held: metrics.recall_at(found, held, k))


def ndcg_at(k: int) -> Callable[[Record], Score]:
    return lambda record: _found(record, lambda found, held: metrics.ndcg_at(found, held, k))


def reciprocal_rank(record: Record) -> Score:
    return _found(record, lambda found, _: metrics.reciprocal_rank(found))


def _found(record: Record, measure: Callable[[Sequence[bool], int], float]) -> Score:
    seen = record.seen
    if not record.question.evidence:
        return Score.unknown("the question names no evidence")
    if not seen.held:
        return Score.unknown("no passage holds the evidence whole")
    if record.answer["guard"] and not record.answer["passages"] and record.chance is None:
        return Score.unknown(f"decided before any search ({record.outcome})")
    ranks = [rank for rank, numbers in enumerate(seen.hits, 1) if numbers]
    found = [bool(numbers) for numbers in seen.hits]
    return Score(measure(found, seen.held), f"evidence at ranks {ranks[:5]} of {len(found)}, in {seen.held} passages")
