"""Words as search keys, in four languages, and BM25 over them.

Chroma refuses sparse vectors in local mode and LlamaIndex's BM25Retriever forgets its stemmer on reload, so
bm25s is used directly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.fold import HAN, fold
from rag.language import stopwords
from rag.types import Language

if TYPE_CHECKING:
    from rag.terms import Terms

# A comma belongs to a number, an apostrophe, hyphen or full stop to a word.
_WORD = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+(?:(?:[-'.]|(?<=\d),(?=\d))[^\W_{HAN}]+)*")
_HAN = re.compile(f"[{HAN}]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PIECE = re.compile(r"\d+(?=[^\W\d])|[^\W_]+")
_STEMMERS = {"en": "english", "fr": "french", "tr": "turkish", "zh": "english"}
_SHORTEST_STEM = 3
_ELIDED = 2  # letters: l', qu', 's, 't


@cache
def _stemmer(language: Language) -> Any:
    import Stemmer

    return Stemmer.Stemmer(_STEMMERS[language], 0)  # it would keep the words of questions


def tokens(text: str, language: Language, terms: Terms | None = None) -> list[str]:
    """Search keys of `text`: stems of its words, pairs of Chinese characters, and with `terms` its concepts.

    Concepts (`#esophageal_cancer`) are the same in every language, so that a question in one language finds
    a text in another.
    """
    keys = [key for match in _WORD.finditer(fold(text)) for key in _keys(match.group(), language)]
    if terms is not None:
        keys += [f"#{match.concept}" for match in terms.find(text, language)]
    return keys


def _keys(word: str, language: Language) -> list[str]:
    if _HAN.match(word):
        return [word[i : i + 2] for i in range(len(word) - 1)] or [word]
    if _NUMBER.fullmatch(word):
        return [word.replace(",", ".")]  # 2,5 is 2.5 elsewhere
    return [key for part in _without_apostrophes(word, language) for key in _of_compound(part, language)]


def _without_apostrophes(word: str, language: Language) -> list[str]:
    """What elision and endings are attached to: "oesophage" of "l'oesophage", "patient" of "patient's"."""
    parts = word.split("'")
    if len(parts) < 2:
        return parts
    return parts[:1] if language == "tr" else [part for part in parts if len(part) > _ELIDED]


def _of_compound(word: str, language: Language) -> list[str]:
    """The stems of its pieces, and of the whole written without joiners: "PET-CT" is found as "PETCT" too."""
    pieces = _PIECE.findall(word)
    stems = [_stem(piece, language) for piece in pieces if piece not in stopwords(language)]
    joined = stems and len(pieces) > 1 and not all(piece.isdigit() for piece in pieces)
    return [*stems, _stem("".join(pieces), language)] if joined else stems


def _stem(word: str, language: Language) -> str:
    """The stemmer's stem, folded again (Turkish puts a cedilla back); too short a one would be everybody's."""
    stem = fold(_stemmer(language).stemWord(word))
    return stem if len(stem) >= _SHORTEST_STEM else word


class Bm25:
    """BM25 (Robertson and Zaragoza 2009; Lucene's variant) over passages given as keys.

    `k1` and `b` are far below the usual 1.5 and 0.75: passages are cut to about one length, and one that says a
    question's word three times answers it no better than one that says it once (benchmarks/README.md has the figures).
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]], *, k1: float = 0.2, b: float = 0.0) -> Bm25:
        import bm25s

        model = bm25s.BM25(method="lucene", k1=k1, b=b)
        # bm25s cannot hold an empty vocabulary; a key that no question has changes no score.
        model.index([list(keys) or ["\0"] for keys in documents], show_progress=False)
        return cls(model)

    def save(self, folder: Path) -> None:
        self._model.save(str(folder))

    @classmethod
    def load(cls, folder: Path) -> Bm25:
        import bm25s

        return cls(bm25s.BM25.load(str(folder)))

    def scores(self, keys: Sequence[str]) -> np.ndarray:
        """One score per passage [n], float32, 0 where no key stands."""
        known = [key for key in keys if key in self._model.vocab_dict]
        if not known:
            return np.zeros(self._model.scores["num_docs"], dtype=np.float32)
        return np.asarray(self._model.get_scores(known), dtype=np.float32)

    def shares(self, keys: Sequence[str]) -> np.ndarray:
        """For each passage [n] its score over the greatest that these keys could give, 0 to 1. A key that no passage
        holds tells none from another and does not count."""
        most = sum(self.idf(key) for key in keys if key in self._model.vocab_dict)
        return self.scores(keys) / np.float32(most) if most else self.scores(keys)

    def holders(self, key: str) -> np.ndarray:
        """The numbers of the passages that hold `key` [m], none where no passage does."""
        number = self._model.vocab_dict.get(key)
        if number is None:
            return np.zeros(0, dtype=np.int64)
        pointers = self._model.scores["indptr"]
        return np.asarray(self._model.scores["indices"][pointers[number] : pointers[number + 1]])

    def idf(self, key: str) -> float:
        """How specific a key is in this corpus: ln(1 + (n - df + 0.5) / (df + 0.5)); largest where it never stands."""
        n, df = int(self._model.scores["num_docs"]), len(self.holders(key))
        return float(np.log1p((n - df + 0.5) / (df + 0.5)))
