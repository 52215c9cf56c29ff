"""How near a question comes to the expansions of a sentence and to the known gaps of a document: their vectors in the
index, and the cosines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rag.expansions import Lines
from rag.types import Language
from rag.vectors import Vectors

#: Kinds of vector files: all lines by the multilingual model, those of one language by the embedding model.
NATIVE, OWN = "expansions", "expansions_own"
_CUTS = "expansions.cuts.npy"
_NEAREST = {NATIVE: 3, OWN: 2}  # lines of a group whose cosines count, as a mean


class Near(NamedTuple):
    """The mean cosine of a question's nearest lines, by the multilingual model and by the embedding model."""

    native: float
    own: float


def texts(groups: Iterable[Lines], language: Language | None = None) -> Iterator[str]:
    """Every line of every group, or those in one language, in order."""
    for group in groups:
        for some in group.values() if language is None else (group.get(language, ()),):
            yield from some


def write_cuts(folder: Path, groups: Iterable[Lines], language: Language | None) -> None:
    """Where the lines of each group end, of both kinds: int64 [2, groups + 1]."""
    counts = [(sum(map(len, group.values())), group) for group in groups]
    own = [len(group.get(language, ())) if language else count for count, group in counts]
    np.save(folder / _CUTS, np.cumsum([[0, *(count for count, _ in counts)], [0, *own]], axis=1, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Expanded:
    """Vectors of the lines of all groups, by both models; `cuts` as `write_cuts` gives them."""

    native: Vectors
    own: Vectors
    cuts: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> Expanded | None:
        """None where there is no line."""
        if not (folder / _CUTS).exists():
            return None
        return cls(Vectors.load(folder, NATIVE), Vectors.load(folder, OWN), np.load(folder / _CUTS))

    def near(self, start: int, end: int, native: np.ndarray, own: np.ndarray) -> list[Near | None]:
        """For each group from number `start` to before `end` how near its lines come to the question's unit vectors, by
        the multilingual model and by the embedding model; None for one without lines."""
        parts = ((NATIVE, self.native, native, self.cuts[0]), (OWN, self.own, own, self.cuts[1]))
        both = (_means(vectors, vector, cuts[start : end + 1], kind) for kind, vectors, vector, cuts in parts)
        return [None if a is None or b is None else Near(a, b) for a, b in zip(*both, strict=True)]


def _means(vectors: Vectors, vector: np.ndarray, cuts: np.ndarray, kind: str) -> Iterator[float | None]:
    cosines = vectors[int(cuts[0]) : int(cuts[-1])] @ vector
    for first, last in zip(cuts - cuts[0], cuts[1:] - cuts[0], strict=False):
        some = np.sort(cosines[first:last])[-_NEAREST[kind] :]
        yield float(some.mean()) if len(some) else None
