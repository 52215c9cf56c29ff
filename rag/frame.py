"""Vetoes over the words of the frame: negation, direction, hedges, comparison, time, cause, scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rag.alignment import Alignment, Part, parts, words
from rag.claims import Unit

#: Frame words that a sentence may not add, by what adding them does.
_ADDED = {
    "widens the scope": "all most many",
    "adds a restriction": "only",
    "changes an amount": "over under",
    "changes a comparison": "more less than superlative",
    "changes the order in time": "before after",
    "adds a cause": "cause due result",
    "raises how often": "usual",
    "adds an obligation": "must",
    "makes certain": "will",
    "adds 'without'": "without",
}
#: Frame words that a sentence may not leave out, by what that does.
_DROPPED = {
    "drops a hedge": "possible potential usual",
    "widens the scope": "some many most",
    "drops a restriction": "only",
    "changes an amount": "over under approx",
    "changes a comparison": "more less than superlative",
    "changes the order in time": "before after",
    "drops an obligation": "must",
    "drops 'without'": "without",
    "drops a condition": "needed",
}
#: Classes that answer for another.
_ANSWERS = {
    "usual": ("usual", "most"),
    "most": ("most", "usual"),
    "many": ("many", "most", "all"),
    "without": ("without", "negation"),
    "more": ("more", "comparative"),
    "only": ("only", "limiting"),
}
#: What each language says in a way of its own.
_OWN_WAYS = frozenset(("superlative", "due"))
#: Before an enumeration these hold for all of it.
_GOVERNING = frozenset(["possible", "usual", "must", "most", "some"])
#: Words that answer for what the sentence adds, but do not keep what the evidence says.
#: Words by which the sentence may say less than the evidence.
_WEAKER = {"most": ("many", "some"), "many": ("some",)}
_ALLOWING = {"usual": ("frequent",), "must": ("necessity",)}
#: Lists of `check.yaml` that say which way things go.
WAYS = ("up", "down", "bad")
_STRENGTH = {"some": 1, "many": 2, "most": 3, "all": 4}


def frame(alignment: Alignment) -> str | None:
    """The first reason that the words of the frame give against a sentence, or None."""
    same = alignment.is_same_language
    counted = frozenset(("usual", "must"))
    kept = frozenset(kind for kind in counted if _count(alignment, kind))
    matched = () if same else alignment.matched  # another language has other words in its lists
    same_way = frozenset(mine.number for mine, its in matched if _goes_along(mine, its))
    found = [part._replace(kept=kept, same=same_way) for part in parts(alignment)]
    reasons = (reason for check in _CHECKS for part in found if (reason := check(part, same)))
    return next(reasons, None) or _quantities(alignment)


def _goes_along(mine: Unit, its: Unit) -> bool:
    """Whether two words of one meaning go no opposite ways: one list may know a word and another not."""
    up, down = (any(unit.has("up") for unit in (mine, its)), any(map(its.has, ("down", "bad"))))
    is_known = any(key[0] in "c=" for key in mine.word.keys & its.word.keys)
    opposite = (up and down) or (its.has("up") and any(map(mine.has, ("down", "bad"))))
    return is_known and not opposite


def _count(alignment: Alignment, kind: str) -> bool:
    """Whether both sides have as many words of a class: wherever they stand then, none was added or dropped."""
    mine, its = (
        len(_apart(unit for unit in claim.units if unit.has(kind)))
        for claim in (alignment.sentence, alignment.evidence)
    )
    return mine == its


def _negation(part: Part, is_same_language: bool) -> str | None:
    """A negation on one side only; other languages may have it in the word ("unavailable")."""
    mine, its = (_all_of(units, ("negation", "without")) for units in (part.mine, part.its))
    words_of_mine, words_of_its = (_all_of(units, ("negative",)) for units in (part.mine, part.its))
    if is_same_language:
        differs = len(mine) + len(words_of_mine) != len(its) + len(words_of_its)
    else:
        here, there = len(mine) > 0, len(its) > 0
        differs = here != there and len(words_of_mine) - len(words_of_its) != there - here
    if differs:
        return f"negation {'added' if len(mine) > len(its) else 'lost'}: {words(mine or its or part.mine)}"
    return None


def _all_of(units: Iterable[Unit], kinds: Sequence[str]) -> list[Unit]:
    return [unit for unit in units if any(map(unit.has, kinds))]


def _direction(part: Part, is_same_language: bool) -> str | None:
    """What rises in the sentence and falls in the evidence."""
    for way in WAYS:
        found = [unit for unit in part.mine if unit.has(way) and unit.number not in part.same]
        if found and not any(unit.has(way) for unit in part.its):
            return f"goes another way: {words(found)}"
    return None


def _added(part: Part, is_same_language: bool) -> str | None:
    """Frame words that what the sentence speaks of does not have."""
    for kind, what in _classes(_ADDED, is_same_language):
        found = [unit for unit in part.mine if unit.has(kind) and (is_same_language or kind != "usual")]
        its = part.its + part.its_governing * (kind in _GOVERNING)
        if found and kind not in part.kept and not _has(its, kind) and not _all_of(its, _ALLOWING.get(kind, ())):
            return f"{what}: {words(found)}"
    return None


def _dropped(part: Part, is_same_language: bool) -> str | None:
    """Frame words of what the sentence speaks of, which it does not have."""
    is_purpose = _is_purpose(part.mine)
    for kind, what in _classes(_DROPPED, is_same_language):
        governs = kind in _GOVERNING
        if (
            kind == "some"
            and _has(part.mine + part.my_governing, "possible")
            and not _has(part.its + part.its_governing, "possible")
        ):
            continue  # "in some patients" is "can"
        found = [unit for unit in part.its + part.its_governing * (governs and not is_purpose) if unit.has(kind)]
        mine = part.mine + part.my_governing * governs
        if found and kind not in part.kept and not _has(mine, kind) and not _all_of(mine, _WEAKER.get(kind, ())):
            return f"{what}: {words(found)}"
    mine, its = (_apart(unit for unit in units if unit.has("possible")) for units in (part.mine, part.its))
    if is_same_language and len(its) > len(mine) > 0:
        return f"drops a hedge: one of {words(its)}"
    if _has(part.its, "negation") and _has(part.its, "all") and not _has(part.mine, "all"):
        return "makes 'never' of 'not always'"
    return None


def _is_purpose(units: Iterable[Unit]) -> bool:
    """Whether it says what for: nothing that governs the sentence is said of that."""
    named = [unit for unit in units if unit.word.keys]
    return bool(named) and all(unit.place.marker == "purpose" for unit in named)


def _apart(found: Iterable[Unit]) -> list[Unit]:
    """Words of a class, of those in one member ("may potentially") the first: they speak of one verb."""
    return list({unit.place.member: unit for unit in reversed(list(found))}.values())


_CHECKS: tuple[Callable[[Part, bool], str | None], ...] = (_negation, _direction, _added, _dropped)


def _classes(table: dict[str, str], is_same_language: bool) -> Iterable[tuple[str, str]]:
    kinds = ((kind, what) for what, kinds in table.items() for kind in kinds.split())
    return ((kind, what) for kind, what in kinds if is_same_language or kind not in _OWN_WAYS)


def _has(units: Iterable[Unit], kind: str) -> bool:
    return any(unit.has(other) for unit in units for other in _ANSWERS.get(kind, (kind,)))


def _quantities(alignment: Alignment) -> str | None:
    """ "Most" where the evidence says "some", or of something else."""
    counted = frozenset(("usual", "must"))
    for mine, its in alignment.matched:
        said, meant = mine.place.quantity, its.place.quantity
        if said and meant and _STRENGTH[said] > _STRENGTH[meant]:
            return f"widens the scope: {said} {mine.word.text}, where the evidence says {meant}"
        if said and not meant and said in counted and alignment.is_same_language:
            return f"counts something else: {said} {mine.word.text}"
    return None
