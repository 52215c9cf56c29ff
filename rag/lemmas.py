"""The dictionary form of an inflected word, from simplemma's tables: "büyümemesi" is a form of "büyümek"."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from rag.fold import fold
from rag.types import Language

if TYPE_CHECKING:
    from simplemma import Lemmatizer

#: Folded endings that only Turkish verbs have.
_VERBAL = re.compile(
    "[iu]yor|[ae]c[ae][kg]|m[ae]z|m[iu]s|(?<![iu])[dt][iu]k?(?![a-z])|m[ae]s[iu]|d[iu]g[iu]|[iu]nca|ar[ae]k"
)
#: Languages whose words change their form.
INFLECTED: frozenset[Language] = frozenset({"en", "fr", "tr"})


@cache
def _lemmatizer() -> Lemmatizer:
    from simplemma import Lemmatizer

    return Lemmatizer(cache_max_size=0)  # it would keep the words of questions


def lemma_keys(word: str, language: Language) -> tuple[str, ...]:
    """The folded dictionary forms that `word`, as written, may be a form of, without itself; of a Turkish verb, which
    the tables have without its ending, the infinitive: alone where the word ends as only verbs do ("yarıyor" is
    "yaramak", no "yara"), else after the noun. None where the tables do not know it."""
    if language not in INFLECTED or not word.isalpha():
        return ()
    lower = word.replace("İ", "i").replace("I", "ı").lower() if language == "tr" else word.lower()
    lemma = _lemmatizer().lemmatize(lower, lang=language)
    forms = [lemma] if language != "tr" else _turkish(lower, lemma)
    return tuple(form for form in dict.fromkeys(map(fold, forms)) if form != fold(word))


def _turkish(word: str, lemma: str) -> list[str]:
    if lemma == word:
        return []
    is_verb = _VERBAL.search(fold(word), max(2, len(lemma) - 1))
    return _infinitives(lemma) if is_verb else [lemma, *_infinitives(lemma)]


def _infinitives(stem: str) -> list[str]:
    last = next((char for char in reversed(stem) if char in "aeıioöuü"), "")
    return [stem + ("mak" if last in "aıou" else "mek")] if last else []
