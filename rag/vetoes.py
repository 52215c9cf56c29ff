"""What speaks against a sentence: each veto looks at how it aligns with one sentence of the evidence and gives its
reason, or None. Rules are a veto, never a licence: a sentence passes only when nothing speaks against it and every
word that means something was found."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from rag.alignment import Alignment, words
from rag.claims import Claim, Unit
from rag.frame import WAYS, frame
from rag.structure import kept_in_order, kept_in_place

Veto = Callable[[Alignment], str | None]

#: Phrases that limit what is said: none of their words can be left out.
_LIMITS = frozenset(["if", "scope", "with", "due", "before", "after", "during", "without", "than", "over", "under"])
_ALWAYS_LIMITS = frozenset(["if"])
#: Phrases that can be left out as a whole.
_SPARE = frozenset(("like", "purpose", "cause", "despite", "besides"))
_FINITE = frozenset(["possible", "aux", "must", "usual", "will"])
_FREE = frozenset(["emphasis", "light", "label", "reporting"])
_LOCATIVE = re.compile(r"\w{3}[dt][ae]$")
_ONE = frozenset(("one", "un", "une", "bir", "一"))
_KNOWN = 1.5
_UNSAID_SHARE = 0.35
_FIGURE_REACH = 2  # words of evidence between a figure and what it counts


def unknown(alignment: Alignment) -> str | None:
    """Numbers, names and other words that the evidence does not have."""
    if all(not _FREE.isdisjoint(mine.word.flags | its.word.flags) for mine, its in alignment.matched):
        return "says nothing that words can judge"
    missing = alignment.missing
    if figures := [unit for unit in missing if unit.is_figure and not _is_article(unit, alignment)]:
        return f"number not in the evidence: {words(figures)}"
    missing = [unit for unit in missing if not unit.is_figure]
    if things := [unit for unit in missing if unit.word.things and not unit.has("light")]:
        return f"not named in the evidence: {words(things)}"
    serious = [unit for unit in missing if not unit.has("light") and not unit.has("softening")]
    return f"{_MISSING}: {words(serious)}" if serious else None


def _is_article(unit: Unit, alignment: Alignment) -> bool:
    """Whether it is a "1" that the evidence writes as a word that may be an article ("une à cinq séances")."""
    return "#1" in unit.word.keys and any(other.word.text in _ONE for other in alignment.evidence.units)


def _weight(units: list[Unit]) -> float:
    """How many they are; a word that is known, and so is known to be another, counts more. Unknown Chinese falls into
    characters: neighbours count once."""
    known = [unit for unit in units if any(key[0] in "c=" for key in unit.word.keys)]
    rest = [unit for unit in units if unit not in known]
    runs = [u for n, u in enumerate(rest) if len(u.word.text) > 1 or not n or rest[n - 1].number != u.number - 1]
    return _KNOWN * len(known) + len(runs)


def limits(alignment: Alignment) -> str | None:
    """A phrase that limits what is said, left out or cut short."""
    covered, content = alignment.covered, alignment.evidence.content
    phrases = defaultdict[tuple[str, int], list[int]](list)
    for n, unit in enumerate(content):
        if unit.place.is_condition:
            phrases["if", unit.place.clause].append(n)
        elif unit.place.marker in _LIMITS and not unit.place.is_aside:
            phrases[unit.place.marker, unit.place.phrase].append(n)
    paired = set(alignment.pairs.values())
    phrases["scope", -1] = _opening(alignment.evidence)
    for (marker, _), places in phrases.items():
        needed = [n for n in places if _FREE.isdisjoint(content[n].word.flags)]
        spare = [n for n in needed if content[n].has("verb") and not content[n].has("weakening")]
        needed = [n for n in needed if n not in spare] or needed
        left = [content[n] for n in needed if n not in covered]
        if not left:
            continue
        if len(left) < len(needed):
            kept = {content[n].place.member for n in needed if n in covered}
            if alignment.is_same_language or any(
                unit.word.things or unit.is_figure or unit.place.member not in kept for unit in left
            ):
                return f"leaves out part of a condition: {words(left)}"
        elif _holds(marker, left, alignment, paired):
            return f"leaves out a condition: {words(left)}"
    return None


def _opening(claim: Claim) -> list[int]:
    """Places of the words before the first comma where they say by their ending of whom or where it holds (Turkish)."""
    comma = next((unit.number for unit in claim.units if unit.word.cue == ","), 0)
    places = [n for n, unit in enumerate(claim.content) if unit.number < comma]
    is_scope = claim.language == "tr" and places and _LOCATIVE.search(claim.content[places[-1]].word.text)
    return places if is_scope else []


def _holds(marker: str, phrase: list[Unit], alignment: Alignment, paired: set[int]) -> bool:
    """Whether a phrase limits the part of the evidence that is spoken of."""
    said = [alignment.evidence.content[n] for n in paired]
    in_clause = [unit for unit in said if unit.place.clause == phrase[0].place.clause]
    if not in_clause:  # what a sentence opens with holds for all of its clauses
        return phrase[0].number <= alignment.evidence.content[0].number
    in_member = any(unit.place.member == phrase[0].place.member for unit in in_clause)
    own = [unit for unit in alignment.evidence.units[: phrase[0].number] if unit.place.member == phrase[0].place.member]
    has_verb = alignment.evidence.language == "zh" or any(u.word.cue in _FINITE or u.has("verb") for u in own)
    is_bound = marker in _ALWAYS_LIMITS or (marker in ("before", "after") and not has_verb)
    return in_member or is_bound or phrase[0].number < min(unit.number for unit in in_clause)


def unsaid(alignment: Alignment) -> str | None:
    """Words left out of what is spoken of, by which it says more than the evidence."""
    content, paired = alignment.evidence.content, set(alignment.pairs.values())
    members = {content[n].place.member for n in paired}
    spoken = {content[n].place.phrase for n in alignment.covered}
    left = [
        unit
        for n, unit in enumerate(content)
        if n not in alignment.covered
        and unit.place.member in members
        and _FREE.isdisjoint(unit.word.flags)
        and not _is_spare(unit, alignment.evidence)
        and not unit.place.is_aside
        and not (unit.place.marker in _SPARE and unit.place.phrase not in spoken)
        and not _is_introduced(unit, alignment.evidence)
        and not _is_listed(unit, alignment)
    ]
    if not alignment.is_same_language:
        active = sum(unit.place.member in members for unit in content)
        strict = [unit for unit in left if unit.word.things or unit.is_figure]
        left = strict or (left if len(left) > _UNSAID_SHARE * active else [])
    return f"leaves out: {words(left)}" if left else None


def together(alignment: Alignment) -> str | None:
    """One of several things, where the evidence speaks of them together or as who does it."""
    units, content = alignment.evidence.units, alignment.evidence.content
    members = {content[n].place.member for n in alignment.pairs.values()}
    for clause in {content[n].place.clause for n in alignment.pairs.values()}:
        inside = [unit for unit in units if unit.place.clause == clause]
        first = next((unit.number for unit in inside if unit.word.cue in _FINITE), len(units))
        is_joint = any(unit.has("together") for unit in inside if unit.place.member in members)
        joined = {unit.place.member for unit in inside if unit.word.cue == "and"}
        left = [
            unit
            for n, unit in enumerate(content)
            if unit.place.clause == clause
            and unit.place.member not in members
            and (unit.place.member in joined or unit.number < first)
            and (is_joint or unit.number < first)
            and unit.word.things
            and not unit.place.is_aside
        ]
        if left:
            return f"leaves out what it is joined with: {words(left)}"
    return None


def _is_spare(unit: Unit, claim: Claim) -> bool:
    """Whether it is a verb that can be left out; a participle beside a noun tells which one is meant."""
    if not unit.has("verb") or any(map(unit.has, ("weakening", *WAYS))):
        return False
    before = claim.units[unit.number - 1] if unit.number else None
    after = claim.units[unit.number + 1] if unit.number + 1 < len(claim.units) else None
    if claim.language == "en" and not unit.word.text.endswith(("ed", "ing", "en")):
        return True
    beside = (before,) if claim.language == "fr" else (after,)
    return not any(other and (other.word.keys or other.word.text == "的") for other in beside)


def added(alignment: Alignment) -> str | None:
    """A phrase made of words that stand elsewhere in the sentence too: it says them of something more."""
    paired = {mine.place.phrase for mine, _ in alignment.matched if not mine.has("light")}
    mine, its = alignment.sentence.content, alignment.evidence.content
    for n, m in alignment.parts.items():
        if mine[n].has("light"):
            continue
        is_new = mine[n].place.phrase not in paired and mine[n].marker != its[m].marker
        if is_new or (mine[n].place.quantity and not its[m].place.quantity):
            return f"says of something else: {mine[n].word.text}"
    return None


def _is_introduced(unit: Unit, claim: Claim) -> bool:
    """Whether it is the noun of "X is a noun that does": X does it too."""
    before = next((u.word.cue for u in reversed(claim.units[: unit.number]) if u.word.cue not in ("", "filler")), "")
    after = next((u.word.cue for u in claim.units[unit.number :] if u.word.cue not in ("", "filler")), "")
    return before == "aux" and after == "rel"


def _is_listed(unit: Unit, alignment: Alignment) -> bool:
    """Whether it ends the member of an enumeration that goes on with what is said: of "helps X and Y" one is enough."""
    units, said = alignment.evidence.units, {alignment.evidence.content[n].number for n in alignment.covered}
    clause = [u for u in units if u.place.clause == unit.place.clause]
    has_verb = any(u.word.cue in _FINITE or u.has("verb") for u in clause if u.number <= unit.number)
    if unit.place.marker in _LIMITS or not has_verb:
        return False
    rest = [u for u in clause if u.number > unit.number]
    own = [u for u in rest if u.place.member == unit.place.member and u.word.keys]
    following = next((u for u in rest if u.place.member != unit.place.member), None)
    if following is None or following.word.cue not in ("and", ",", "、") or any(u.number in said for u in own):
        return False
    return any(u.number in said for u in rest)


def figures(alignment: Alignment) -> str | None:
    """A figure that counts something else than in the evidence."""
    mine, pairs = alignment.sentence.content, alignment.pairs
    for n, m in pairs.items():
        if not mine[n].is_figure:
            continue
        near = [k for k in _beside(n, mine) if k in pairs and not mine[k].has("verb")]
        one_name = [k for k in near if any(key[0] == "^" for key in mine[k].word.keys & mine[n].word.keys)]
        if near and not one_name and not any(0 < (pairs[k] - m) * (k - n) <= _FIGURE_REACH * abs(k - n) for k in near):
            return f"counts something else: {mine[n].word.text} {mine[near[0]].word.text}"
        if n + 1 < len(mine) and mine[n + 1].number == mine[n].number + 1 and mine[n + 1] in alignment.missing:
            return f"counts something else: {mine[n].word.text} {mine[n + 1].word.text}"
    return None


def _beside(n: int, content: Sequence[Unit]) -> Iterator[int]:
    """Places of the words beside a figure; those of a range ("five to ten years") share theirs."""
    for step in (1, -1):
        k = n + step
        while 0 <= k < len(content) and content[k].is_figure:
            k += step
        if 0 <= k < len(content):
            yield k


#: How a reason begins where nothing but words that the evidence does not have speaks against a sentence.
UNJUDGED = "cannot be judged by words"
_MISSING = "not in the evidence"
VETOES: tuple[Veto, ...] = (unknown, added, frame, figures, kept_in_place, limits, unsaid, kept_in_order)


def veto(alignment: Alignment) -> str | None:
    """The first reason against the sentence, or None."""
    reason = next((reason for check in VETOES if (reason := check(alignment))), None)
    if reason and reason.startswith(_MISSING) and not any(check(alignment) for check in VETOES[1:]):
        return UNJUDGED + reason.removeprefix(_MISSING)
    return reason
