"""How well an assistant knows what it does not know: risk against coverage, over all thresholds at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Point:
    """Answering whatever has at least this `chance`: the share of questions answered, and of these the share wrong."""

    chance: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class Curve:
    """`points` by rising coverage, one for each threshold that can be told apart. `area` is AURC, 0 to 1, lower is
    better; `best_area` is what the same answers give in the best order there is."""

    points: tuple[Point, ...]
    area: float
    best_area: float

    def coverage_at(self, risk: float) -> float:
        """The largest share of questions that some threshold answers with at most this share wrong; 0 if none does."""
        return max((point.coverage for point in self.points if point.risk <= risk), default=0.0)

    def at(self, chance: float) -> Point:
        """Where a threshold puts us; at a threshold above all chances nothing is answered."""
        reached = [point for point in self.points if point.chance >= chance]
        return reached[-1] if reached else Point(chance, 0.0, 0.0)


def risk_coverage(chances: Sequence[float], right: Sequence[bool]) -> Curve | None:
    """The risk-coverage curve (El-Yaniv and Wiener 2010) and its area (Geifman, Uziel and El-Yaniv 2019: the mean
    risk over the coverages 1/n, 2/n ... 1). Equal chances cannot be told apart: each counts their mean.

    `chances` and `right` [n] say of each question how sure the assistant was and whether its answer is, or would have
    been, right; a question that nothing can answer is never right. None without questions.
    """
    if not len(chances):
        return None
    order = np.argsort(-np.asarray(chances), kind="stable")
    sure, wrong = np.asarray(chances, dtype=np.float64)[order], ~np.asarray(right, dtype=bool)[order]
    _, group = np.unique(-sure, return_inverse=True)
    means = np.bincount(group, wrong) / np.bincount(group)
    risks = _risks(means[group])
    ends = np.flatnonzero(np.append(np.diff(group), 1))
    points = tuple(Point(float(sure[n]), (n + 1) / len(sure), float(risks[n])) for n in ends)
    return Curve(points, float(risks.mean()), float(_risks(np.sort(wrong.astype(np.float64))).mean()))


def _risks(losses: np.ndarray) -> np.ndarray:
    """Mean loss of the first 1, 2 ... n."""
    return np.asarray(np.cumsum(losses) / np.arange(1, len(losses) + 1))
