"""What many answers say together, beyond means: groups, confusion, abstention, time and shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.evals import citing, metrics
from rag.evals.abstention import Curve, risk_coverage
from rag.evals.readability import reading_level
from rag.evals.record import Record
from rag.evals.score import Estimate, Score, gap
from rag.types import LANGUAGES, OUTCOMES, Language

RISK = 0.05  # the share of wrong answers that "coverage at risk" allows

#: Ways to divide answers: the groups that a record belongs to.
DIVISIONS: Mapping[str, Callable[[Record], Sequence[str]]] = {
    "language": lambda record: [record.question.language] if record.question.language else [],
    "document": lambda record: record.question.sources,
    "pair": lambda record: record.question.pairs,
    "kind": lambda record: [tag for tag in record.question.tags if tag not in record.question.pairs],
}


def divided(records: Iterable[Record], division: str) -> dict[str, list[Record]]:
    """The records of each group, groups by name. One record may belong to several."""
    pairs = sorted(((group, record) for record in records for group in DIVISIONS[division](record)), key=lambda p: p[0])
    return {group: [record for _, record in found] for group, found in groupby(pairs, key=lambda p: p[0])}


def language_gap(records: Iterable[Record]) -> Estimate:
    """Evidence cited when the texts hold the answer in the language asked, less the same across languages."""
    own: list[Score] = []
    cross: list[Score] = []
    for record in records:
        if record.question.pairs:
            (own if record.question.is_own else cross).append(citing.evidence(record))
    return gap(own, cross)


def pair_gaps(records: Iterable[Record]) -> dict[str, Estimate]:
    """For each pair asked-held of two languages: evidence cited when the same texts are asked in their own language,
    less that of the pair."""
    scores = {pair: [citing.evidence(record) for record in found] for pair, found in divided(records, "pair").items()}
    own = {pair: scores.get(f"{pair[3:]}-{pair[3:]}", []) for pair in scores if pair[:2] != pair[3:]}
    return {pair: gap(own[pair], scores[pair]) for pair in own if own[pair]}


def confusion_of(records: Iterable[Record]) -> dict[tuple[str, str], int]:
    """(expected, got) of all outcomes; where another outcome is accepted as well and came, it was the expected one."""
    pairs = [(r.outcome if r.outcome in r.question.outcomes else r.question.expected, r.outcome) for r in records]
    found = metrics.confusion((expected, got) for expected, got in pairs if expected)
    return {(expected, got): found[expected, got] for expected in OUTCOMES for got in OUTCOMES}


@dataclass(frozen=True, slots=True)
class Abstention:
    """How well the chance that was given tells questions with an answer from those without. `curve` also asks that
    the answer be right; `auroc` only that there be one."""

    curve: Curve
    coverage: float
    auroc: float | None


def abstention_of(records: Iterable[Record]) -> Abstention | None:
    """Over the plain questions that came so far as to be given a chance; None without one."""
    chances: list[tuple[float, bool, bool]] = []
    for record in records:
        expected, evidence = record.question.outcomes, citing.evidence(record)
        if record.chance is None or not expected or not set(expected) <= {"answered", "not_in_corpus"}:
            continue
        right = record.seen.would_cite if record.seen.would_cite is not None else evidence.value == 1.0
        if "answered" not in expected or record.question.evidence:
            chances.append((record.chance, "answered" in expected and bool(right), "answered" in expected))
    curve = risk_coverage([chance for chance, _, _ in chances], [right for _, right, _ in chances])
    if curve is None:
        return None
    has, lacks = ([chance for chance, _, answerable in chances if answerable is want] for want in (True, False))
    return Abstention(curve, curve.coverage_at(RISK), metrics.auroc(has, lacks))


def latency_of(records: Sequence[Record]) -> dict[str, float]:
    """Milliseconds of a whole answer that half, 95 % and 99 % of the answers do not exceed."""
    totals = [float(record.answer["timings_ms"]["total"]) for record in records]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: value for name, share in shares.items() if (value := metrics.percentile(totals, share)) is not None}


@dataclass(frozen=True, slots=True)
class Shape:
    """How long and how hard to read answers in one language are: medians. `own` is what the assistant itself says
    where it cites nothing."""

    sentences: float | None
    characters: float | None
    cited_level: float | None
    own_level: float | None


def shapes_of(records: Sequence[Record]) -> dict[Language, Shape]:
    return {language: _shape(language, found) for language in LANGUAGES if (found := _in(language, records))}


def _in(language: Language, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.answer["language"] == language]


def _shape(language: Language, records: Sequence[Record]) -> Shape:
    cited = [[str(sentence["text"]) for sentence in record.sentences] for record in records if record.sentences]
    own = [_own_words(record) for record in records if not record.sentences]
    return Shape(
        metrics.percentile([len(texts) for texts in cited], 0.5),
        metrics.percentile([sum(map(len, texts)) for texts in cited], 0.5),
        _median_level(["\n".join(texts) for texts in cited], language),
        _median_level(own, language),
    )


def _own_words(record: Record) -> str:
    """Without the list of documents, whose titles are not the assistant's words."""
    return "\n".join(line for line in str(record.answer["text"]).split("\n") if not line.startswith("- "))


def _median_level(texts: Iterable[str], language: Language) -> float | None:
    levels = [level for text in texts if (level := reading_level(text, language)) is not None]
    return metrics.percentile(levels, 0.5)
