"""What speaks for a sentence of a hit, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rag.expanded import Near
from rag.types import Hit, Sentence


class Marks(NamedTuple):
    """What speaks for a sentence, 0 to 1 each: its cosine, the share of the question's terms that it holds, the cosine
    of its passage (what a sentence alone does not say, the text around it does), the cosines of its nearest expansions
    by the embedding model and by the multilingual one, whether it is in the question's language, and whether it has a
    figure where one is asked for."""

    meaning: float
    terms: float
    passage: float
    expanded: float
    native: float
    same_language: float
    figure: float

    def times(self, factor: float) -> Marks:
        return Marks(*(factor * mark for mark in self))

    def score(self, shares: Marks) -> float:
        return sum(share * mark for share, mark in zip(shares, self, strict=True))


_SHARES = Marks(meaning=0.05, terms=0.5, passage=0.5, expanded=1.2, native=2.0, same_language=0.02, figure=0.3)


@dataclass(frozen=True, slots=True)
class Shares:
    """What a sentence's score is made of (fitted on development questions: `benchmarks/ranking.py`)."""

    marks: Marks = _SHARES
    context: float = 0.5  # of what a term counts that only the title or heading holds
    lead: float = 0.5  # of what a sentence gains from the nearer one it hangs on
    stranger: float = 0.85  # what is left of a sentence that does not speak of the cancer asked about
    echo: float = 0.5  # what the message with the last answer's names counts beside the question as understood
    aside: float = 0.7  # what is left of a sentence that asks, or speaks of its own article or its author


SHARES = Shares()


@dataclass(frozen=True, slots=True)
class Seen:
    """A sentence of a hit: the keys it holds, those of the title and heading above it, its unit vector [dimension]
    and how near it, its passage and its expansions are to the question, cosines."""

    sentence: Sentence
    hit: Hit
    keys: frozenset[str]
    context: frozenset[str]
    around: frozenset[str]
    vector: np.ndarray | None
    near: float
    passage: float
    expansions: Near


#: What is usual where there are no lines (constant and slope, by least squares: `benchmarks/ranking.py`), so that what
#: nobody has expanded is not behind for that alone: the cosines of a sentence's expansions by its own cosine, and those
#: of its document's known gaps by these.
_USUAL = {"native": (0.28, 0.42), "own": (0.16, 0.72)}
_USUAL_GAPS = {"native": (0.20, 0.65), "own": (0.21, 0.63)}


def usual(near: float) -> Near:
    """Of the expansions of a sentence whose own cosine is `near`."""
    return Near(**{name: constant + slope * near for name, (constant, slope) in _USUAL.items()})


def usual_gaps(expansions: Near) -> Near:
    """Of the known gaps of a document, where the nearest of its expansions are so near."""
    parts = {name: (*_USUAL_GAPS[name], value) for name, value in expansions._asdict().items()}
    return Near(**{name: constant + slope * value for name, (constant, slope, value) in parts.items()})
