"""Who does what to whom: whether the words of a sentence hang on the same frame words as in the evidence, and stand in
the same order but for phrases that moved as a whole."""

from __future__ import annotations

from itertools import combinations

from rag.alignment import Alignment
from rag.claims import Claim, Unit

#: What stands in such a phrase must stay in one, what does not may not get into one.
_KEPT = frozenset(["than", "before", "after", "during", "without"])
_NOT_ADDED = _KEPT | {"cause", "due"}
#: What languages say in ways of their own; other vetoes look after it.
_OWN_WAYS = frozenset(("during", "without"))
#: Phrases that may stand before or after what they belong to.
_MOVABLE = frozenset(
    [
        "scope",
        "if",
        "before",
        "after",
        "during",
        "with",
        "by",
        "cause",
        "due",
        "despite",
        "besides",
        "like",
        "purpose",
        "without",
    ]
)
#: Words whose place says nothing.
_LOOSE = frozenset(["emphasis", "light", "label", "reporting"])
#: Frame words between two words of one noun phrase ("treatment for cancer", "cancer treatment").
_JOINTS = frozenset(("", "filler", "scope", "by", "with", "rel", "aux", "light", "'", "-", "and"))
_CHAIN = frozenset(("", "filler", "and", ",", "、", "scope", "purpose", "aux"))


def kept_in_place(alignment: Alignment) -> str | None:
    """A word that hangs on another frame word than in the evidence."""
    for mine, its in alignment.matched:
        said, meant = mine.place.marker, its.place.marker
        if "label" in its.word.flags or said == meant:
            continue
        if not alignment.is_same_language and {said, meant} & _OWN_WAYS:
            continue
        if meant in _KEPT or said in _NOT_ADDED:
            return f"in another place: {_phrase(mine)}, where the evidence says {_phrase(its)}"
        if its.place.is_condition and not mine.place.is_condition:
            return f"states a condition as a fact: {mine.word.text}"
    return None


def _phrase(unit: Unit) -> str:
    return f"{unit.place.marker} {unit.word.text}".strip()


def kept_in_order(alignment: Alignment) -> str | None:
    """Two words that changed places."""
    for (one, its), (other, others) in combinations(alignment.matched, 2):
        if not _LOOSE.isdisjoint(its.word.flags | others.word.flags):
            continue
        if its.number > others.number and not _may_change(one, other, its, others, alignment):
            return f"in another order: {one.word.text}, {other.word.text}"
    return None


def _may_change(one: Unit, other: Unit, its: Unit, others: Unit, alignment: Alignment) -> bool:
    if not alignment.is_same_language and not _are_alike(its, others):
        return True
    if one.place.is_condition == its.place.is_condition != other.place.is_condition == others.place.is_condition:
        return True
    if "like" in (its.place.marker, others.place.marker):
        return True
    if one.place.phrase != other.place.phrase and its.place.phrase != others.place.phrase:
        pairs = ((one, its), (other, others))
        if any(mine.place.marker == that.place.marker and that.place.marker in _MOVABLE for mine, that in pairs):
            return True
    here, there = _between(alignment.sentence, one, other), _between(alignment.evidence, others, its)
    return (_is_list(one, other, here) and _is_list(its, others, there)) or _is_noun(here, there)


def _are_alike(one: Unit, other: Unit) -> bool:
    """Whether one thing could stand for the other."""
    return not one.word.things.isdisjoint(other.word.things)


def _between(claim: Claim, one: Unit, other: Unit) -> tuple[Unit, ...]:
    return claim.units[one.number + 1 : other.number]


def _is_list(one: Unit, other: Unit, between: tuple[Unit, ...]) -> bool:
    """Whether two words are members of one enumeration."""
    return one.place.member != other.place.member and all(unit.word.cue in _CHAIN for unit in between)


def _is_noun(here: tuple[Unit, ...], there: tuple[Unit, ...]) -> bool:
    """Whether two words are one noun, put together on one side: "cancer treatment", "treatment of cancer"."""
    bare = [all(unit.word.cue in ("", "filler", "'", "-") for unit in side) for side in (here, there)]
    return any(bare) and all(unit.word.cue in _JOINTS for unit in (*here, *there))
