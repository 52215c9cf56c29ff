"""One judgement, and what many of them say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SEED, _RESAMPLES = 20, 1000
_ALPHA = 0.05
Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Score:
    """A value with its reason. None: it could not be judged, which is neither 0 nor a reason to pass."""

    value: float | None
    reason: str

    @classmethod
    def of(cls, good: bool, reason: str) -> Score:
        return cls(float(good), reason)

    @classmethod
    def unknown(cls, reason: str) -> Score:
        return cls(None, reason)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` judged cases and its 95 % interval; `unjudged` could not be. Without a case all are None."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    unjudged: int = 0


def estimate(scores: Sequence[Score]) -> Estimate:
    """The mean, with a percentile bootstrap interval (Efron 1979).

    Resampling cases that are all 1 (or all 0) would give an interval of no width: there it is the exact one of
    Clopper and Pearson (1934), for 1 it reaches down to 0.025 ** (1 / n).
    """
    values = np.array([score.value for score in scores if score.value is not None], dtype=np.float64)
    unjudged = len(scores) - len(values)
    if not len(values):
        return Estimate(None, None, None, 0, unjudged)
    low, high = _all_equal(values) or _bounds(_resampled(values, 0))
    return Estimate(float(values.mean()), low, high, len(values), unjudged)


def difference(old: Sequence[float], new: Sequence[float]) -> Estimate:
    """The mean of `new - old` over the same cases, resampled in pairs (Efron and Tibshirani 1993; for comparing two
    systems on one test set Koehn 2004)."""
    change = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    if not len(change):
        return Estimate(None, None, None, 0)
    return Estimate(float(change.mean()), *_bounds(_resampled(change, 0)), len(change))


def gap(first: Sequence[Score], second: Sequence[Score]) -> Estimate:
    """The mean of `first` less that of `second`, other cases each, resampled apart."""
    one, two = (np.array([s.value for s in scores if s.value is not None]) for scores in (first, second))
    if not len(one) or not len(two):
        return Estimate(None, None, None, 0)
    means = _resampled(one, 0) - _resampled(two, 1)
    return Estimate(float(one.mean() - two.mean()), *_bounds(means), len(one) + len(two))


def _all_equal(values: Array) -> tuple[float, float] | None:
    if values.min() != values.max() or values[0] not in (0.0, 1.0):
        return None
    bound = (_ALPHA / 2) ** (1 / len(values))
    return (bound, 1.0) if values[0] else (0.0, 1 - bound)


def _resampled(values: Array, stream: int) -> Array:
    """Means of resamples [_RESAMPLES]. A generator of its own for each call: no figure hangs on another's."""
    drawn = np.random.default_rng([_SEED, stream]).integers(0, len(values), (_RESAMPLES, len(values)))
    return np.asarray(values[drawn].mean(axis=1))


def _bounds(means: Array) -> tuple[float, float]:
    low, high = np.quantile(means, [_ALPHA / 2, 1 - _ALPHA / 2])
    return float(low), float(high)
