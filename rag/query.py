"""A question as retrieval and the guard see it: search keys, an English gloss, and the terms an answer must cover."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.fold import fold
from rag.language import stopwords
from rag.lexical import tokens
from rag.terms import Match, Terms
from rag.types import Language

#: Kinds of the vocabulary that say how something is asked, not about what.
FORM_KINDS = frozenset({"question", "phrase", "conversation", "politeness", "adverb", "quantifier", "function"})
_NAME = re.compile(r"[^\W\d_][^\W_]*(?:[-'][^\W_]+)*|\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Term:
    """Something the question is about. A text covers it by holding any of `keys`. `kind` is the vocabulary's
    (cancer, drug, verb, ...), `word` where the vocabulary does not know it, `number` for figures."""

    surface: str
    keys: frozenset[str]
    kind: str


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is the question as understood, `gloss` its English gloss for an English-only embedding model."""

    text: str
    language: Language
    keys: tuple[str, ...]
    gloss: str
    terms: tuple[Term, ...]


def understand(text: str, language: Language, terms: Terms) -> Query:
    """Words the vocabulary does not know are taken for misspelt ones where one known word is near."""
    mended = mend(text, language, terms)
    matches = terms.find(mended, language)
    gloss = mended if language == "en" else terms.gloss(mended, language)
    wanted = [*_concepts(mended, language, matches, terms), *_words(mended, language, matches)]
    unique = {term.keys: term for term in wanted if term.kind not in FORM_KINDS}
    return Query(mended, language, tuple(tokens(mended, language, terms)), gloss, tuple(unique.values()))


def mend(text: str, language: Language, terms: Terms) -> str:
    """`text` with misspelt words replaced by the known word they are nearest to; a known word is never changed."""
    if language == "zh":
        return text
    return re.sub(r"[^\W\d_]{5,}", lambda match: terms.near(match.group(), language) or match.group(), text)


def _concepts(text: str, language: Language, matches: Sequence[Match], terms: Terms) -> Iterator[Term]:
    for match in matches:
        surface = text[match.start : match.end]
        keys = frozenset({f"#{match.concept}", *tokens(surface, language)})
        yield Term(surface, keys, terms.concepts[match.concept].kind)


def _words(text: str, language: Language, matches: Sequence[Match]) -> Iterator[Term]:
    """What the vocabulary does not know: words, figures, and runs of Chinese characters two by two."""
    inside = _covers(matches)
    rest = "".join("\n" if inside(position) else char for position, char in enumerate(text))
    for piece in rest.split("\n"):
        for found in _NAME.finditer(piece):
            word = fold(found.group())
            keys = [key for key in tokens(found.group(), language) if key not in stopwords(language)]
            if word in stopwords(language) or not keys:
                continue
            if word.isascii() or language != "zh":
                yield Term(found.group(), frozenset(keys), "number" if word[0].isdigit() else "word")
            else:
                yield from (Term(key, frozenset({key}), "word") for key in keys)


def _covers(matches: Sequence[Match]) -> Callable[[int], bool]:
    taken = {position for match in matches for position in range(match.start, match.end)}
    return taken.__contains__
