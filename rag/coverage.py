"""Do the documents hold an answer? Decided on evidence: which of the question's terms the very sentences that would
be cited cover, how specific these terms are, and how near the sentences come in meaning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.query import Query, Term

# How much a term of a kind weighs beside its rarity: what a question is about weighs more than what is done to it.
_KIND_WEIGHT = {"word": 1.0, "number": 0.7, "verb": 0.4, "adjective": 0.5}
_DEFAULT_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question's term and what it weighs in this corpus; `unknown` if no document holds it at all."""

    term: Term
    weight: float
    unknown: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """`score` is the probability, 0 to 1, that the cited sentences answer; `missing` are terms they do not hold."""

    score: float
    share: float
    cosine: float
    missing: tuple[str, ...]

    @property
    def reason(self) -> str:
        return f"covered {self.share:.2f} of the question's terms, nearest sentence {self.cosine:.2f}"


def weigh(query: Query, idf: Callable[[str], float], ceiling: float) -> tuple[Weighed, ...]:
    """Each term by the rarity of its commonest key; `ceiling` is the rarity of a key that no passage holds."""
    weighed = []
    for term in query.terms:
        rarity = min((idf(key) for key in term.keys), default=ceiling)
        weight = rarity * _KIND_WEIGHT.get(term.kind, _DEFAULT_WEIGHT)
        weighed.append(Weighed(term, weight, rarity >= ceiling - 1e-9))
    return tuple(weighed)


def share_covered(terms: Sequence[Weighed], keys: frozenset[str]) -> float:
    """The weight of the terms that `keys` hold over the weight of all, 0 to 1; 1 for a question without terms."""
    total = sum(term.weight for term in terms)
    return sum(t.weight for t in terms if t.term.keys & keys) / total if total else 1.0


def assess(terms: Sequence[Weighed], keys: frozenset[str], cosine: float) -> Coverage:
    """The chance that sentences holding `keys`, the nearest of them at `cosine`, answer a question of `terms`."""
    share = share_covered(terms, keys)
    missing = tuple(t.term.surface for t in terms if not t.term.keys & keys)
    unknown = sum(t.weight for t in terms if t.unknown) / (sum(t.weight for t in terms) or 1.0)
    logit = _BIAS + _SHARE * share + _COSINE * cosine + _UNKNOWN * unknown
    return Coverage(1 / (1 + math.exp(-logit)), share, cosine, missing)


# Logistic regression on development questions (benchmarks/calibrate.py prints it again).
_BIAS, _SHARE, _COSINE, _UNKNOWN = -5.0, 4.0, 7.0, -2.0
