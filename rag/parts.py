"""A sentence and its evidence cut into the parts that speak of the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rag.alignment import Alignment
from rag.claims import Claim, Unit
from rag.phrases import CLAUSAL


class Part(NamedTuple):
    """Members of the sentence and of the evidence that speak of the same; `governing` are the frame words before them
    that hold for them too."""

    mine: list[Unit]
    its: list[Unit]
    my_governing: list[Unit]
    its_governing: list[Unit]


def parts(alignment: Alignment) -> Iterator[Part]:
    """The sentence cut into what speaks of different parts of the evidence."""
    groups: list[tuple[set[int], set[int]]] = []
    for mine, its in alignment.matched:
        ours, theirs = {mine.place.member}, {its.place.member}
        for group in [g for g in groups if not g[0].isdisjoint(ours) or not g[1].isdisjoint(theirs)]:
            groups.remove(group)
            ours, theirs = ours | group[0], theirs | group[1]
        groups.append((ours, theirs))
    for ours, theirs in groups:
        yield Part(
            _in(alignment.sentence, ours),
            _in(alignment.evidence, theirs),
            _before(alignment.sentence, ours),
            _before(alignment.evidence, theirs),
        )


def _in(claim: Claim, members: set[int]) -> list[Unit]:
    return [unit for unit in claim.units if unit.place.member in members]


def _before(claim: Claim, members: set[int]) -> list[Unit]:
    last = max((unit.number for unit in claim.units if unit.place.member in members), default=0)
    clauses = {
        unit.place.clause for unit in claim.units if unit.place.member in members and not unit.place.is_condition
    }
    if claim.language == "tr":  # its verbs stand last and carry their own
        full = {unit.place.member for unit in claim.content if not unit.has("light")}
        return [unit for unit in claim.units[:last] if unit.place.clause in clauses and unit.place.member not in full]
    return [
        unit
        for unit in claim.units[:last]
        if unit.place.clause in clauses
        and unit.place.marker not in CLAUSAL
        and not unit.place.is_condition
        and not unit.place.is_aside
    ]


def words(units: Iterable[Unit]) -> str:
    """The words of units, for a reason."""
    return ", ".join(dict.fromkeys(unit.word.text for unit in units))
