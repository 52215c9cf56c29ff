"""How alike a message is to examples of each kind: signals of the guard, for what no pattern foresaw.

Two linear scores, fitted on the sentences of `data/<language>/examples.yaml` and development questions by
`benchmarks/likeness.py`. One is over runs of words (hashed, as in fastText: Joulin et al. 2017), where words of one
class (a relative, a disease, a treatment, a drug, a doctor, a number) are put down as their class first, so that what
is learned is how people ask and not what about. The other is over the vector of the message by the multilingual model:
what was learned in one language is known in all. Neither decides alone.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.multilingual import load_multilingual
from rag.patterns import Pattern
from rag.unmask import Clause

if TYPE_CHECKING:
    import numpy as np

DATA = Path(__file__).parent / "data"
WEIGHTS = DATA / "likeness.npz"
KINDS = ("plain", "personal", "self_harm", "body", "about")
MEANT = ("plain", "personal", "emergency", "about")
SLOTS = 1 << 16
_HAN = re.compile("[\u3400-\u9fff]")
_NUMBER = re.compile(r"\d{1,20}(?:[.,]\d{1,20})?")
_LONGEST = 1500
_FLOOR = 1e-4  # shares below this say nothing
_STEM = 5  # letters by which two forms of a word are taken for one


@dataclass(frozen=True, slots=True)
class Likeness:
    """`weights` [slots, kinds]: how much each piece of text speaks for each of `KINDS`; `meaning` [dimension + 1,
    kinds]: how much each number of a message's vector, and 1, speaks for each of `MEANT`."""

    weights: np.ndarray
    meaning: np.ndarray

    @classmethod
    def load(cls) -> Likeness:
        import numpy as np

        with np.load(WEIGHTS) as stored:
            return cls(stored["weights"].astype(np.float32), stored["meaning"])

    def of(self, text: str) -> Mapping[str, float]:
        """The share of each kind, 0 to 1, together 1; `text` is what `plain` gives. Of a long text the end counts."""
        import numpy as np

        slots = pieces(text[-_LONGEST:])
        if not slots:
            return {kind: 1 / len(KINDS) for kind in KINDS}
        return _shares(KINDS, self.weights[slots].sum(axis=0) / np.sqrt(len(slots)))

    def meant(self, text: str) -> Mapping[str, float]:
        """The share of each of `MEANT`, 0 to 1, together 1, by the meaning of the message as it was written."""
        vector = load_multilingual().encode([text])[0]
        return _shares(MEANT, vector @ self.meaning[:-1] + self.meaning[-1])


def _shares(kinds: Sequence[str], scores: np.ndarray) -> dict[str, float]:
    import numpy as np

    shares = np.exp(scores - scores.max())
    return dict(zip(kinds, (shares / shares.sum()).tolist(), strict=True))


def odds(like: Mapping[str, float], kind: str, kinds: Sequence[str]) -> float:
    """How much likelier `kind` is than none of `kinds`, as a natural logarithm."""
    none = sum(share for name, share in like.items() if name not in kinds)
    return math.log((like[kind] + _FLOOR) / (none + _FLOOR))


def plain(parts: Sequence[Clause], classes: Sequence[tuple[str, Pattern]]) -> str:
    """Clauses as the text that `of` takes: words of `classes` are replaced by the class's sign, numbers by N, and
    questions keep their mark."""
    text = " ".join(part.text + " ?" * part.is_asked for part in parts)
    for sign, words in classes:
        text = words.sub(sign, text)
    return _NUMBER.sub("N", text)


def pieces(text: str) -> list[int]:
    """The slots of the pieces of `text`, each once: groups of 3 to 5 letters and runs of up to three words, whole and
    by their first letters; for Chinese groups of one to four characters."""
    padded, is_han = f" {text} ", bool(_HAN.search(text))
    sizes = (1, 2, 3, 4) if is_han else (3, 4, 5)
    found = {padded[i : i + size] for size in sizes for i in range(len(padded) - size + 1)}
    if not is_han:
        words = ["^", *text.split(), "$"]
        found |= {f"w{run}" for run in _runs(words)} | {f"s{run}" for run in _runs([word[:_STEM] for word in words])}
        found |= {f"k{a} {b}" for a, b in zip(words, words[2:], strict=False)}
    return sorted({zlib.crc32(piece.encode()) % SLOTS for piece in found})


def _runs(words: Sequence[str]) -> Iterator[str]:
    return (" ".join(words[i : i + size]) for size in (1, 2, 3) for i in range(len(words) - size + 1))
