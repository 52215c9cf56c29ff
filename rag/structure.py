"""Who does what to whom: whether the words of a sentence hang on the same frame words as in the evidence, and whether
the things it speaks of keep their order but for what may move as a whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from rag.alignment import Alignment
from rag.claims import Claim, Unit
from rag.phrases import WEAK

Pair = tuple[Unit, Unit]

#: What stands in such a phrase must stay in one, what does not may not get into one.
_KEPT = frozenset(("than", "before", "after", "without"))
_NOT_ADDED = _KEPT | {"cause", "due"}
#: What languages say in ways of their own; other vetoes look after it.
_OWN_WAYS = frozenset(("without", "due"))
_OPPOSITE = ({"with", "without"}, {"before", "after"})
#: Markers that may stand for each other ("once it has healed", "when it has healed").
_ALIKE = (
    frozenset(("after", "if")),
    frozenset(("due", "by")),
    frozenset(("due", "cause")),
    frozenset(("due", "scope")),
)
#: Phrases that may stand before or after what they belong to.
_MOVABLE = frozenset(
    ("scope", "if", "before", "after", "during", "with", "by", "cause", "due", "despite", "besides", "like", "purpose")
)
#: Those of them that take one thing, which stays with them.
_FIRM = frozenset(("before", "after", "during", "than", "without"))
#: Words whose place says nothing.
_LOOSE = frozenset(("emphasis", "light", "label", "reporting"))
_BARE = frozenset(("", "filler", "'", "-"))
#: Frame words between two words of one noun phrase ("treatment for cancer", "patients who are HIV-positive").
_JOINTS = _BARE | {"of", "scope", "by", "with", "rel", "aux", "and"}
_OF = _BARE | {"of", "scope"}
_VERBAL = frozenset(("aux", "possible", "must", "will", "usual"))
#: Endings of Turkish nouns that are not the subject.
_CASE = re.compile(r"\w{3}(?:[iu]n|y?[iu]|y?[ae]|[dt][ae]n?)$")
_NOUN = 6  # words of a noun phrase at most


def kept_in_place(alignment: Alignment) -> str | None:
    """A phrase that hangs on another frame word than in the evidence; its words next to the frame word decide."""
    for mine, its in alignment.matched:
        said, meant = mine.marker, its.marker
        if "label" in its.word.flags or said == meant or frozenset((said, meant)) in _ALIKE:
            continue
        if {said, meant} in _OPPOSITE:
            return f"says the opposite: {_phrase(mine)}, where the evidence says {_phrase(its)}"
        if not alignment.is_same_language and {said, meant} & _OWN_WAYS:
            continue
        if (meant in _KEPT and _is_lost(its, alignment)) or (said in _NOT_ADDED and _is_new(mine, alignment)):
            return f"in another place: {_phrase(mine)}, where the evidence says {_phrase(its)}"
        if its.place.is_condition and not mine.place.is_condition and meant == "if":
            return f"states a condition as a fact: {mine.word.text}"
    return None


def _is_lost(its: Unit, alignment: Alignment) -> bool:
    """Whether the first word of a phrase of the evidence hangs on another marker in the sentence."""
    phrase = [(b.number, a.marker) for a, b in alignment.matched if b.place.phrase == its.place.phrase]
    return not _is_like(min(phrase)[1], its.marker)


def _is_new(mine: Unit, alignment: Alignment) -> bool:
    phrase = [(a.number, b.marker) for a, b in alignment.matched if a.place.phrase == mine.place.phrase]
    return not _is_like(min(phrase)[1], mine.marker)


def _is_like(one: str, other: str) -> bool:
    return one == other or frozenset((one, other)) in _ALIKE


def _phrase(unit: Unit) -> str:
    return f"{unit.place.marker} {unit.word.text}".strip()


def kept_in_order(alignment: Alignment) -> str | None:
    """Two things that changed places, or a doer that became what is done to."""
    pairs = [pair for pair in alignment.matched if _LOOSE.isdisjoint(pair[0].word.flags | pair[1].word.flags)]
    may_change = _may_change if alignment.is_same_language else _may_change_abroad
    for one, other in combinations(pairs, 2):
        is_swapped = one[1].number > other[1].number and _are_rivals(one, other, alignment)
        if is_swapped and not may_change(one, other, pairs, alignment):
            return f"in another order: {one[0].word.text}, {other[0].word.text}"
    return None


def _are_rivals(one: Pair, other: Pair, alignment: Alignment) -> bool:
    """Two things, or two properties: each could stand where the other stands. Turkish endings say who does what, so
    words that keep theirs may move; figures are looked after by what they count."""
    if not alignment.is_same_language and (one[1].is_figure or other[1].is_figure):
        return False
    if alignment.is_same_language and alignment.sentence.language == "tr":
        is_near = all(a.place.member == b.place.member for a, b in zip(one, other, strict=True))
        is_kept = all(mine.word.text == its.word.text for mine, its in (one, other))
        if is_near and is_kept and any(_CASE.search(mine.word.text) for mine, _ in (one, other)):
            return False
    if any(pair[side].has(kind) for pair in (one, other) for side in (0, 1) for kind in ("before", "after")):
        return False
    if any(pair[side].has("verb") for pair in (one, other) for side in (0, 1)):
        return False
    return one[1].has("quality") == other[1].has("quality")


def _may_change(one: Pair, other: Pair, pairs: Sequence[Pair], alignment: Alignment) -> bool:
    if _is_moved(one, other, pairs) or _is_turned(one, other, alignment) or _are_members(one, other, pairs):
        return True
    window = _window(one, other, pairs)
    mine, its = (_between(claim, [pair[side] for pair in window]) for side, claim in enumerate(alignment.claims))
    return _is_noun(mine, its) or (_is_list(mine) and _is_list(its))


def _may_change_abroad(one: Pair, other: Pair, pairs: Sequence[Pair], alignment: Alignment) -> bool:
    """Other languages put a noun and what belongs to it the other way round; a verb between them keeps its sides."""
    if _is_moved(one, other, pairs) or _is_turned(one, other, alignment) or _are_members(one, other, pairs):
        return True
    sides = (
        _between(alignment.sentence, [one[0], other[0]]),
        _between(alignment.evidence, [one[1], other[1]]),
    )
    return any(all(unit.word.cue in _OF and not unit.has("verb") for unit in side) for side in sides)


def _is_turned(one: Pair, other: Pair, alignment: Alignment) -> bool:
    """Passive for active ("lowers the risk", "the risk is lowered by"), or the two sides of "is" exchanged."""
    if sum(_is_agent(pair, alignment) for pair in (one, other)) == 1:
        return True
    sides = []
    for claim, side in ((alignment.sentence, 0), (alignment.evidence, 1)):
        verbs = [unit.number for unit in claim.units if unit.word.cue == "aux"]
        if len(verbs) != 1:
            return False
        sides.append([pair[side].number > verbs[0] for pair in alignment.matched])
    return all(mine != its for mine, its in zip(*sides, strict=True))


def _is_agent(pair: Pair, alignment: Alignment) -> bool:
    """Whether it is the subject on one side, and stands after "by" or "with" on the other."""
    for unit, there, claim in ((pair[0], pair[1], alignment.evidence), (pair[1], pair[0], alignment.sentence)):
        if unit.place.marker in ("by", "with") and not there.place.marker:
            before = [u for u in claim.units[: there.number] if u.has("verb") or u.word.cue in _VERBAL]
            return not before or unit.place.marker == "by"
    return False


def _are_members(one: Pair, other: Pair, pairs: Sequence[Pair]) -> bool:
    """Whether two whole members of an enumeration or two clauses changed places, all their words with them."""
    if one[0].place.member == other[0].place.member or one[1].place.member == other[1].place.member:
        return False
    if not all(pair[side].number for pair in (one, other) for side in (0, 1)):
        return False
    ours, theirs = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for mine, its in pairs:
        if mine.number and its.number:
            ours[mine.place.member].add(its.place.member)
            theirs[its.place.member].add(mine.place.member)
    members = [pair[0].place.member for pair in (one, other)]
    is_whole = all(theirs[there] <= {here} for here in members for there in ours[here])
    return is_whole and ours[members[0]].isdisjoint(ours[members[1]])


def _is_moved(one: Pair, other: Pair, pairs: Sequence[Pair]) -> bool:
    """Whether one of two words stands in a condition or phrase that moved as a whole, without the other."""
    if one[0].place.is_condition != other[0].place.is_condition:
        return all(mine.place.is_condition == its.place.is_condition for mine, its in pairs)
    return any(_has_moved(near, far, pairs) for near, far in ((one, other), (other, one)))


def _has_moved(near: Pair, far: Pair, pairs: Sequence[Pair]) -> bool:
    here, there = near[0].place, near[1].place
    if here.marker != there.marker or here.marker not in _MOVABLE:
        return False
    if here.marker in _FIRM and _is_held(near, far, pairs):
        return True
    if here.phrase == far[0].place.phrase or there.phrase == far[1].place.phrase:
        return False
    if here.marker in WEAK and (sum(mine.is_figure for mine, _ in pairs) > 1 or far[0].place.marker == here.marker):
        return False  # "98% for fever, 76% for cough": what it belongs to would change unseen
    return all((mine.place.phrase == here.phrase) == (its.place.phrase == there.phrase) for mine, its in pairs)


def _is_held(near: Pair, far: Pair, pairs: Sequence[Pair]) -> bool:
    """Whether one word stands next to its marker on both sides, and the other does not: "after surgery" is that,
    wherever it stands."""
    for side in (0, 1):
        phrase = near[side].place.phrase
        inside = [pair[side].number for pair in pairs if pair[side].place.phrase == phrase]
        if near[side].number not in (min(inside), max(inside)) or far[side].number in (min(inside), max(inside)):
            return False
    return True


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


def _is_list(units: Sequence[Unit]) -> bool:
    """Whether it is an enumeration of things and nothing else."""
    cues = [unit.word.cue for unit in units]
    is_bare = all(cue in _BARE | {"and", ",", "、"} for cue in cues) and "and" in cues
    return is_bare and not any(unit.has("quality") for unit in units)


def _is_noun(*sides: Sequence[Unit]) -> bool:
    """Whether it is one noun, put together on one side: "cancer treatment", "treatment of cancer"."""
    is_bare = sum(all(unit.word.cue in _BARE for unit in side) for side in sides) == 1
    is_short = all(sum(bool(unit.word.keys) for unit in side) <= _NOUN for side in sides)
    return is_bare and is_short and all(unit.word.cue in _JOINTS for side in sides for unit in side)
