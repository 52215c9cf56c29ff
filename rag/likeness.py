"""How alike a message is to examples of each kind: one signal of the guard, for what no pattern foresaw.

A linear score over words, pairs of words and groups of letters (hashed, as in fastText: Joulin et al. 2017),
fitted on the sentences of `data/<language>/examples.yaml` by `benchmarks/likeness.py`. No model of a language: it
knows nothing but which pieces of those sentences speak for which kind. It never decides alone.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.unmask import Clause

if TYPE_CHECKING:
    import numpy as np

DATA = Path(__file__).parent / "data"
WEIGHTS = DATA / "likeness.npz"
KINDS = ("plain", "personal", "self_harm", "body", "about")
SLOTS = 1 << 15
_HAN = re.compile("[\u3400-\u9fff]")
_LONGEST = 1500


@dataclass(frozen=True, slots=True)
class Likeness:
    """`weights` [slots, kinds]: how much each piece of text speaks for each of `KINDS`."""

    weights: np.ndarray

    @classmethod
    def load(cls) -> Likeness:
        import numpy as np

        with np.load(WEIGHTS) as stored:
            return cls(stored["weights"].astype(np.float32))

    def of(self, text: str) -> Mapping[str, float]:
        """The share of each kind, 0 to 1, together 1; `text` is what `plain` gives. Of a long text the end is looked at."""
        import numpy as np

        slots = pieces(text[-_LONGEST:])
        if not slots:
            return {kind: 1 / len(KINDS) for kind in KINDS}
        scores = self.weights[slots].sum(axis=0) / np.sqrt(len(slots))
        shares = np.exp(scores - scores.max())
        return dict(zip(KINDS, (shares / shares.sum()).tolist(), strict=True))


def plain(parts: Sequence[Clause]) -> str:
    """Clauses as the text that `of` takes: questions keep their mark."""
    return " ".join(part.text + " ?" * part.is_asked for part in parts)


def pieces(text: str) -> list[int]:
    """The slots of the pieces of `text`, each once: words, pairs of words, groups of 3 to 5 letters; for Chinese
    groups of 1 to 3 characters."""
    padded = f" {text} "
    found = set()
    if _HAN.search(text):
        sizes: tuple[int, ...] = (1, 2, 3)
    else:
        words = text.split()
        found = {f"w{word}" for word in words} | {f"b{a} {b}" for a, b in zip(words, words[1:], strict=False)}
        sizes = (3, 4, 5)
    found |= {padded[i : i + size] for size in sizes for i in range(len(padded) - size + 1)}
    return sorted({zlib.crc32(piece.encode()) % SLOTS for piece in found})
