"""The dictionary form of an inflected word, from simplemma's tables: "büyümemesi" is a form of "büyümek"."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rag.fold import fold
from rag.types import Language

if TYPE_CHECKING:
    from simplemma import Lemmatizer

#: Languages whose words change their form.
INFLECTED: frozenset[Language] = frozenset({"en", "fr", "tr"})


@cache
def _lemmatizer() -> Lemmatizer:
    from simplemma import Lemmatizer

    return Lemmatizer(cache_max_size=0)  # it would keep the words of questions


def lemma_keys(word: str, language: Language) -> tuple[str, ...]:
    """The folded dictionary forms that `word`, as written, may be a form of, without itself; a Turkish verb as the
    dictionary has it, with its infinitive's ending, after the bare stem. None where the tables do not know it."""
    if language not in INFLECTED or not word.isalpha():
        return ()
    lower = word.replace("İ", "i").replace("I", "ı").lower() if language == "tr" else word.lower()
    lemma = _lemmatizer().lemmatize(lower, lang=language)
    forms = [lemma, *_infinitives(lemma)] if language == "tr" else [lemma]
    return tuple(form for form in dict.fromkeys(map(fold, forms)) if form != fold(word))


def _infinitives(stem: str) -> list[str]:
    last = next((char for char in reversed(stem) if char in "aeıioöuü"), "")
    return [stem + ("mak" if last in "aıou" else "mek")] if last else []
