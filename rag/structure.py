"""Who does what to whom: whether the words of a sentence hang on the same frame words as in the evidence, and stand in
the same order but for what may move as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from rag.alignment import Alignment
from rag.claims import Claim, Unit
from rag.phrases import WEAK

Pair = tuple[Unit, Unit]

#: What stands in such a phrase must stay in one, what does not may not get into one.
_KEPT = frozenset(("than", "before", "after", "during", "without"))
_NOT_ADDED = _KEPT | {"cause", "due"}
#: What languages say in ways of their own; other vetoes look after it.
_OWN_WAYS = frozenset(("during", "without"))
#: Phrases that may stand before or after what they belong to.
_MOVABLE = frozenset(
    ("scope", "if", "before", "after", "during", "with", "by", "cause", "due", "despite", "besides", "like", "purpose")
)
#: Words whose place says nothing.
_LOOSE = frozenset(("emphasis", "light", "label", "reporting"))
_BARE = frozenset(("", "filler", "'", "-"))
#: Frame words between two words of one noun phrase ("treatment for cancer", "patients who are HIV-positive").
_JOINTS = _BARE | {"of", "scope", "by", "with", "rel", "aux"}
_SEPARATORS = frozenset(("and", ",", "、"))
_NOUN = 6  # words of a noun phrase at most


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
    pairs = [pair for pair in alignment.matched if _LOOSE.isdisjoint(pair[1].word.flags)]
    may_change = _may_change if alignment.is_same_language else _may_change_abroad
    for one, other in combinations(pairs, 2):
        if one[1].number > other[1].number and not may_change(one, other, pairs, alignment):
            return f"in another order: {one[0].word.text}, {other[0].word.text}"
    return None


def _may_change(one: Pair, other: Pair, pairs: Sequence[Pair], alignment: Alignment) -> bool:
    if _is_moved(one, other, pairs):
        return True
    window = _window(one, other, pairs)
    mine = _between(alignment.sentence, [pair[0] for pair in window])
    its = _between(alignment.evidence, [pair[1] for pair in window])
    closed = _is_closed(mine, alignment.sentence) and _is_closed(its, alignment.evidence)
    return _is_noun(mine, its) or (closed and _is_list(window, mine, its))


def _may_change_abroad(one: Pair, other: Pair, pairs: Sequence[Pair], alignment: Alignment) -> bool:
    """Other languages have another order; only things that could stand for each other must keep theirs."""
    if one[1].word.things.isdisjoint(other[1].word.things):
        return True
    mine = _between(alignment.sentence, [one[0], other[0]])
    its = _between(alignment.evidence, [one[1], other[1]])
    return _is_moved(one, other, pairs) or all(
        unit.word.cue in _SEPARATORS or unit.word.cue in _BARE for unit in (*mine, *its)
    )


def _is_moved(one: Pair, other: Pair, pairs: Sequence[Pair]) -> bool:
    """Whether one of two words stands in a condition or phrase that moved as a whole, without the other."""
    if one[0].place.is_condition != other[0].place.is_condition:
        return all(mine.place.is_condition == its.place.is_condition for mine, its in pairs)
    return any(_has_moved(near, far, pairs) for near, far in ((one, other), (other, one)))


def _has_moved(near: Pair, far: Pair, pairs: Sequence[Pair]) -> bool:
    here, there = near[0].place, near[1].place
    if here.marker != there.marker or here.marker not in _MOVABLE:
        return False
    if here.phrase == far[0].place.phrase or there.phrase == far[1].place.phrase:
        return False
    if here.marker in WEAK and (sum(mine.is_figure for mine, _ in pairs) > 1 or far[0].place.marker == here.marker):
        return False  # "98% for fever, 76% for cough": what it belongs to would change unseen
    return all((mine.place.phrase == here.phrase) == (its.place.phrase == there.phrase) for mine, its in pairs)


def _window(one: Pair, other: Pair, pairs: Sequence[Pair]) -> list[Pair]:
    """The shortest stretch around two words that holds the same words on both sides."""
    window = [one, other]
    while True:
        lows = [min(pair[side].number for pair in window) for side in (0, 1)]
        highs = [max(pair[side].number for pair in window) for side in (0, 1)]
        wider = [p for p in pairs if any(lows[side] <= p[side].number <= highs[side] for side in (0, 1))]
        if len(wider) == len(window):
            return wider
        window = wider


def _between(claim: Claim, units: Sequence[Unit]) -> tuple[Unit, ...]:
    """All that stands from the first to the last of some units."""
    numbers = [unit.number for unit in units]
    return claim.units[min(numbers) : max(numbers) + 1]


def _is_noun(*sides: Sequence[Unit]) -> bool:
    """Whether it is one noun, put together on one side: "cancer treatment", "treatment of cancer"."""
    is_bare = sum(all(unit.word.cue in _BARE for unit in side) for side in sides) == 1
    is_short = all(sum(bool(unit.word.keys) for unit in side) <= _NOUN for side in sides)
    return is_bare and is_short and all(unit.word.cue in _JOINTS for side in sides for unit in side)


def _is_list(window: Sequence[Pair], mine: Sequence[Unit], its: Sequence[Unit]) -> bool:
    """Whether it is one enumeration, whose members changed places and stayed the same themselves."""
    places = [{pair[side].number: n for n, pair in enumerate(window)} for side in (0, 1)]
    if any(unit.word.cue and unit.word.cue not in _SEPARATORS | {"filler"} for unit in (*mine, *its)):
        return False
    return set(_members(mine, places[0])) == set(_members(its, places[1]))


def _is_closed(units: Sequence[Unit], claim: Claim) -> bool:
    """Whether nothing follows that only the last of them may belong to."""
    after = claim.units[units[-1].number + 1 :]
    return not after or bool(after[0].word.cue)


def _members(units: Sequence[Unit], place: Mapping[int, int]) -> Iterator[tuple[int, ...]]:
    """The members of an enumeration as places of their words in the window, in order."""
    member: list[int] = []
    for unit in units:
        if unit.word.cue in _SEPARATORS and member:
            yield tuple(member)
            member = []
        elif unit.number in place:
            member.append(place[unit.number])
    yield tuple(member)
