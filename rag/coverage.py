"""Do the documents hold an answer? Decided on evidence: which of the question's terms the very sentences that would
be cited cover, how specific these terms are, and how near the sentences come in meaning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import astuple, dataclass
from typing import NamedTuple

from rag.frequency import specificity
from rag.query import ASPECT, SUBJECT_KINDS, TOPIC_KINDS, Query, Term
from rag.types import Language

# How much a term of a kind weighs beside its rarity: what a question is about weighs more than how it is told.
_KIND_WEIGHT = {
    "verb": 0.4, "adjective": 0.5, "adverb": 0.25, "phrase": 0.5, "people": 0.15, "emotion": 0.2, "time": 0.4,
    "place": 0.5, "abstract": 0.4, "communication": 0.3, "measure": 0.4, "number": 0.7, "word": 0.5,
    "profession": 0.5,
}  # fmt: skip
_LEAST = {**dict.fromkeys(TOPIC_KINDS, 1.0), ASPECT: 2.0}
_KIN = 0.5  # of a term's weight, where a text has a near synonym of it only
_TITLED = 0.5  # likewise, where only the title names a treatment: the page says more of it than of others
_CARRIED = 0.4  # of its weight, where it was named before and not in the message
_UNSURE = 0.3  # of its weight, where a word has an everyday meaning as well
#: Kinds of what has a name of its own: a text that lacks it speaks of something else.
NAME_KINDS = frozenset({"city", "country", "organisation", "cancer", "cancer_drug", "drug", "drug_class", "name"})


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question's term and what it weighs in this corpus; `unknown` if no document holds it at all."""

    term: Term
    weight: float
    unknown: bool


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a sentence speaks of: the keys it holds, those of the title and heading above it, and those of the sentences
    around it."""

    keys: frozenset[str]
    context: frozenset[str]
    around: frozenset[str] = frozenset()


class Nearest(NamedTuple):
    """The cosines of the nearest passage and of the nearest three sentences, as a mean. Of the chosen sentences those
    of the nearest expansions, and of the nearest known gaps of their documents: by the embedding model, and `native` by
    the multilingual one."""

    passage: float
    sentences: float
    expanded: float
    native: float
    gap: float
    gap_native: float


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for an answer and against it. Of the chosen sentence that holds most of the question: how many of its
    terms it holds, as log(1 + number), the weight of the things that it does not, as log(1 + weight), and whether it is
    silent on the aspect asked for. The weight of the things that none of the chosen sentences holds, likewise. Whether
    no document knows a name, or a treatment, test or stage, of the question. Whether a figure is asked for and none is
    there. Of a message that leans on what was said before, the share of what it names itself that none of them holds.
    The cosines that `Nearest` holds, 0 to 1."""

    held: float
    missing: float
    silent: float
    no_aspect: float
    no_name: float
    no_means: float
    no_figure: float
    unsaid: float
    passage: float
    sentences: float
    expanded: float
    native: float
    gap: float
    gap_native: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """`score` is the probability, 0 to 1, that the chosen sentences answer; `missing` are terms they do not hold, and
    `unheard` the things among these that no document names."""

    score: float
    signals: Signals
    missing: tuple[str, ...]
    unheard: tuple[str, ...] = ()

    @property
    def is_strange(self) -> bool:
        """Whether no document knows a name, treatment, test or stage of the question, or what about it is asked."""
        return bool(self.signals.no_name or self.signals.no_means or self.signals.no_aspect)

    @property
    def reason(self) -> str:
        parts = (f"{name} {value:.2f}" for name, value in zip(_NAMES, astuple(self.signals), strict=True))
        return f"chance of an answer {self.score:.2f}: {', '.join(parts)}"


_USUAL = Nearest(0.5, 0.5, 0.6, 0.5, 0.5, 0.5)  # of a usual question
#: Kinds of what is done about a disease.
MEANS_KINDS = frozenset({"treatment", "procedure", "test", "testing", "vaccine", "device", "stage"})
#: Kinds of what a reader is told of that no document names it.
_SAID = NAME_KINDS | MEANS_KINDS | frozenset(TOPIC_KINDS) | {ASPECT}
_SILENT = Spoken(frozenset(), frozenset())
_NAMES = (
    "held", "missing", "silent", "no aspect", "no name", "no means", "no figure", "unsaid", "nearest passage",
    "nearest sentences", "nearest expansions", "natively", "nearest gaps", "natively",
)  # fmt: skip


def weigh(query: Query, idf: Callable[[str], float], ceiling: float) -> tuple[Weighed, ...]:
    """Each term by the rarity of its commonest key; `ceiling` is the rarity of a key that no passage holds."""
    weighed = []
    for term in query.terms:
        whole = min((idf(key) for key in term.keys), default=ceiling)
        together = max((min(map(idf, part)) for part in term.parts), default=ceiling)
        rarity = min(whole, together)
        weighed.append(Weighed(term, _weight(term, rarity, query.language), rarity >= ceiling - 1e-9))
    return tuple(weighed)


def _weight(term: Term, rarity: float, language: Language) -> float:
    weight = rarity * _KIND_WEIGHT.get(term.kind, 1.0) * (1.0 if term.sure else _UNSURE)
    weight *= _CARRIED if term.carried else 1.0
    if term.kind in _LEAST:  # a treatment that every page speaks of is still what the question is about
        return max(weight, _LEAST[term.kind]) if term.sure else weight
    if term.kind in NAME_KINDS:
        return weight
    return weight * specificity(term.surface, language)  # everyday words that the documents do not use tell little


def share_covered(
    terms: Sequence[Weighed], keys: Set[str], context: Set[str] = frozenset(), around: Set[str] = frozenset()
) -> float:
    """The weight of the terms that `keys` hold over the weight of all, 0 to 1; 1 for a question without terms.

    What a page is about is said once, in its title: for the disease, its stage and place `context` counts as well, and
    for what was named before the message the text `around`.
    """
    total = sum(term.weight for term in terms)
    return sum(t.weight * _degree(t, keys, context, around) for t in terms) / total if total else 1.0


def is_held(weighed: Weighed, keys: Set[str], context: Set[str], around: Set[str] = frozenset()) -> bool:
    """Whether a text of these keys below a title of that context speaks of the term."""
    return _degree(weighed, keys, context, around) > 0


def _degree(weighed: Weighed, keys: Set[str], context: Set[str], around: Set[str]) -> float:
    """How surely a text speaks of the term, 0 to 1: by itself or all its parts, or by what may stand for it. A
    treatment named before is of the text itself: beside what is said of chemotherapy stands what is said of surgery."""
    term = weighed.term
    about = keys | context if term.kind in SUBJECT_KINDS or term.carried else keys
    about = about | around if term.carried and term.kind != "treatment" else about
    if not term.keys.isdisjoint(about) or (term.parts and all(not part.isdisjoint(about) for part in term.parts)):
        return 1.0
    if not term.kin.isdisjoint(about):
        return _KIN
    is_titled = term.kind == "treatment" and not term.carried and not term.keys.isdisjoint(context)
    return _TITLED if is_titled else 0.0


def assess(terms: Sequence[Weighed], chosen: Sequence[Spoken], near: Nearest | None, no_figure: bool) -> Coverage:
    """The chance that the `chosen` sentences answer; `near` is None where the cosines of a model tell nothing, as they
    have not been calibrated."""
    best = max(
        chosen, key=lambda s: _total(t for t in terms if is_held(t, s.keys, s.context, s.around)), default=_SILENT
    )
    lacks = [t for t in terms if not is_held(t, best.keys, best.context, best.around)]
    things = [t for t in terms if t.term.kind not in _KIND_WEIGHT]
    unknown = [t for t in things if t.unknown]
    unspoken = [t for t in terms if not any(is_held(t, s.keys, s.context, s.around) for s in chosen)]
    cosines = Nearest(*(max(0.0, cosine) for cosine in near or _USUAL))
    signals = Signals(
        held=math.log1p(len(terms) - len(lacks)),
        missing=math.log1p(_total(t for t in things if t in lacks)),
        silent=math.log1p(_total(t for t in things if t in unspoken)),
        no_aspect=float(any(t.term.kind == ASPECT for t in lacks)),
        no_name=float(any(t.term.kind in NAME_KINDS for t in unknown)),
        no_means=float(any(t.term.kind in MEANS_KINDS and t.term.sure for t in unknown)),
        no_figure=float(no_figure),
        unsaid=_unsaid(terms, unspoken),
        **cosines._asdict(),
    )
    # "why?", with nothing before it: asked about nothing, nothing answers
    unheard = tuple(t.term.surface for t in unknown if t.term.sure and t.term.kind in _SAID)
    return Coverage(chance(signals) if terms else 0.0, signals, tuple(t.term.surface for t in unspoken), unheard)


def _unsaid(terms: Sequence[Weighed], unspoken: Sequence[Weighed]) -> float:
    own = [t for t in terms if not t.term.carried]
    leans = 0 < len(own) < len(terms)
    return _total(t for t in own if t in unspoken) / (_total(own) or 1.0) if leans else 0.0


def _total(terms: Iterable[Weighed]) -> float:
    return sum(term.weight for term in terms)


def chance(signals: Signals) -> float:
    logit = _BIAS + sum(weight * value for weight, value in zip(_WEIGHTS, astuple(signals), strict=True))
    return 1 / (1 + math.exp(-logit))


# Logistic regression on development questions: `python benchmarks/calibrate.py` prints it again, with its figures.
_BIAS = -2.14
_WEIGHTS = (2.32, -0.72, -0.80, -0.89, -1.70, -1.29, -5.95, -2.02, 1.27, 7.80, 11.43, 18.22, -11.63, -23.16)
