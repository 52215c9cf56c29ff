"""Do the documents hold an answer? Decided on evidence: which of the question's terms the very sentences that would
be cited cover, how specific these terms are, and how near the sentences come in meaning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import astuple, dataclass

from rag.query import SUBJECT_KINDS, TOPIC_KINDS, Query, Term

# How much a term of a kind weighs beside its rarity: what a question is about weighs more than how it is told.
_KIND_WEIGHT = {
    "verb": 0.4, "adjective": 0.5, "adverb": 0.25, "phrase": 0.5, "people": 0.15, "emotion": 0.2, "time": 0.4,
    "place": 0.5, "abstract": 0.4, "communication": 0.3, "measure": 0.4, "number": 0.7, "word": 0.5, "glue": 0.1,
    "profession": 0.5,
}  # fmt: skip
_TOPIC_LEAST = 1.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question's term and what it weighs in this corpus; `unknown` if no document holds it at all."""

    term: Term
    weight: float
    unknown: bool


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for an answer and against it, each 0 to 1: the weight of the question's terms that the chosen
    sentences hold, and that the best passages hold; the cosine of the nearest sentence; the weight of terms that no
    document holds; whether a figure is asked for and none is there."""

    share: float
    nearby: float
    cosine: float
    unknown: float
    no_figure: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """`score` is the probability, 0 to 1, that the chosen sentences answer; `missing` are terms they do not hold."""

    score: float
    signals: Signals
    missing: tuple[str, ...]

    @property
    def reason(self) -> str:
        parts = (f"{name} {value:.2f}" for name, value in zip(_NAMES, astuple(self.signals), strict=True))
        return f"chance of an answer {self.score:.2f}: {', '.join(parts)}"


_NAMES = ("terms held", "held nearby", "cosine", "unknown", "no figure")


def weigh(query: Query, idf: Callable[[str], float], ceiling: float) -> tuple[Weighed, ...]:
    """Each term by the rarity of its commonest key; `ceiling` is the rarity of a key that no passage holds."""
    weighed = []
    for term in query.terms:
        rarity = min((idf(key) for key in term.keys), default=ceiling)
        weight = rarity * _KIND_WEIGHT.get(term.kind, 1.0)
        if term.kind in TOPIC_KINDS:  # a treatment that every page speaks of is still what the question is about
            weight = max(weight, _TOPIC_LEAST)
        weighed.append(Weighed(term, weight, rarity >= ceiling - 1e-9))
    return tuple(weighed)


def share_covered(terms: Sequence[Weighed], keys: Set[str], context: Set[str] = frozenset()) -> float:
    """The weight of the terms that `keys` hold over the weight of all, 0 to 1; 1 for a question without terms.

    What a page is about is said once, in its title: for the disease, its stage and place `context` counts as well.
    """
    total = sum(term.weight for term in terms)
    return sum(t.weight for t in terms if is_held(t, keys, context)) / total if total else 1.0


def is_held(weighed: Weighed, keys: Set[str], context: Set[str]) -> bool:
    """Whether a text of these keys below a title of that context speaks of the term."""
    term = weighed.term
    return not term.keys.isdisjoint(keys) or (term.kind in SUBJECT_KINDS and not term.keys.isdisjoint(context))


def assess(terms: Sequence[Weighed], chosen: Set[str], nearby: Set[str], cosine: float, no_figure: bool) -> Coverage:
    """The chance that an answer of sentences with the keys `chosen`, from passages with the keys `nearby`, answers."""
    total = sum(t.weight for t in terms)
    if not total:  # "why?", with nothing before it: asked about nothing, nothing answers
        return Coverage(0.0, Signals(0.0, 0.0, max(0.0, cosine), 0.0, float(no_figure)), ())
    unknown = sum(t.weight for t in terms if t.unknown) / total
    near = share_covered(terms, nearby | chosen)
    signals = Signals(share_covered(terms, chosen), near, max(0.0, cosine), unknown, float(no_figure))
    missing = tuple(t.term.surface for t in terms if t.term.keys.isdisjoint(chosen))
    return Coverage(chance(signals), signals, missing)


def chance(signals: Signals) -> float:
    logit = _BIAS + sum(weight * value for weight, value in zip(_WEIGHTS, astuple(signals), strict=True))
    return 1 / (1 + math.exp(-logit))


# Logistic regression on development questions: `python benchmarks/calibrate.py` prints it again, with its figures.
_BIAS = -4.4
_WEIGHTS = (2.5, 3.62, 2.5, -0.51, -1.22)
