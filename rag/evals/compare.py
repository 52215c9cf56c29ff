"""Two runs side by side: which figures moved, and which questions got better or worse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.errors import SettingsError
from rag.evals import checks
from rag.evals.figures import FIGURES, Figure
from rag.evals.record import Record, latest
from rag.evals.score import Estimate, difference


@dataclass(frozen=True, slots=True)
class Move:
    """A figure over the questions that both runs could judge, and the interval of its change."""

    figure: Figure
    old: float
    new: float
    change: Estimate

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        low, high = self.change.low, self.change.high
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True, slots=True)
class Change:
    """A question that passes in one run and fails in the other; `reason` is that of the failure."""

    old: Record
    new: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One configuration in two runs. `apart` is how many questions stand in one run only, or are asked or judged
    differently now."""

    old_label: str
    new_label: str
    shared: int
    apart: int
    moves: tuple[Move, ...]
    better: tuple[Change, ...]
    worse: tuple[Change, ...]


def compare(old: Iterable[Record], new: Iterable[Record]) -> tuple[Comparison, ...]:
    """Each configuration that both runs have, by its label; two runs of one configuration each are compared whatever
    it is. Raises SettingsError when they have nothing in common."""
    before, after = _by_label(old), _by_label(new)
    names = [(label, label) for label in after if label in before]
    if not names and len(before) == len(after) == 1:
        names = list(zip(before, after, strict=True))
    compared = tuple(_compare(one, two, before[one], after[two]) for one, two in names)
    if not any(one.shared for one in compared):
        raise SettingsError("the two runs have no question in common", hint="compare runs over the same question file")
    return compared


def _by_label(records: Iterable[Record]) -> dict[str, dict[tuple[str, str], Record]]:
    found: dict[str, dict[tuple[str, str], Record]] = {}
    for record in latest(records).values():
        found.setdefault(record.configuration.label, {})[record.set, record.question.id] = record
    return found


_Run = Mapping[tuple[str, str], Record]


def _compare(old_label: str, new_label: str, old: _Run, new: _Run) -> Comparison:
    shared = [place for place in new if place in old and old[place].question.key == new[place].question.key]
    pairs = [(old[place], new[place]) for place in shared]
    better = tuple(_changes(pairs, was=0.0))
    worse = tuple(_changes(pairs, was=1.0))
    apart = len({*old, *new}) - len(shared)
    return Comparison(old_label, new_label, len(shared), apart, tuple(_moves(pairs)), better, worse)


def _moves(pairs: Sequence[tuple[Record, Record]]) -> Iterator[Move]:
    for figure in FIGURES:
        judged = [(a.value, b.value) for a, b in ((figure.score(x), figure.score(y)) for x, y in pairs)]
        both = [(a, b) for a, b in judged if a is not None and b is not None]
        if both:
            first, second = [a for a, _ in both], [b for _, b in both]
            yield Move(figure, sum(first) / len(both), sum(second) / len(both), difference(first, second))


def _changes(pairs: Sequence[tuple[Record, Record]], was: float) -> Iterator[Change]:
    for old, new in pairs:
        before, now = checks.passed(old), checks.passed(new)
        if before.value == was and now.value == 1 - was:
            yield Change(old, new, before.reason if was == 0 else now.reason)
