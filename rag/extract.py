"""The extractive answerer: the whole sentences of the documents that answer the question, most direct first.

It writes nothing of its own, so every sentence is verbatim or a reading translation tied to its original.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag.split import connective
from rag.types import Language, Passage, Sentence

_REDUNDANT = 0.87  # cosine above which two sentences say the same
_CHAIN = 2  # how many sentences back a sentence may need to be understood
_OWN_BYTES = 60  # UTF-8 bytes from which an item is taken for a sentence; they weigh Latin and Chinese script alike
_LIST_ITEMS = 6  # a list is shown with so many of its items


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer: `score` 0 to about 1, `vector` of unit length or None, `language` its own."""

    sentence: Sentence
    score: float
    language: Language
    passage: Passage
    vector: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sentence of the answer and how well it answers."""

    sentence: Sentence
    support: float


def choose(candidates: Sequence[Candidate], limit: int, keep: float = 0.75) -> tuple[Chosen, ...]:
    """At most about `limit` sentences: the best with the neighbours it cannot be read without, then whatever scores
    at least `keep` times as well and says something else, in reading order. Empty without candidates."""
    ranked = sorted(candidates, key=lambda c: (-c.score, c.sentence.source, c.sentence.start))
    if not ranked:
        return ()
    book = _Book(candidates)
    groups: list[list[Sentence]] = []
    taken: list[Candidate] = []
    for candidate in ranked:
        if candidate.score < keep * ranked[0].score or any(_same(candidate, other) for other in taken):
            continue
        group = [s for s in book.with_neighbours(candidate) if not any(s in g for g in groups)]
        if not group or (groups and sum(map(len, groups)) + len(group) > limit):
            continue
        groups.append(group)
        taken += [found for s in group if (found := book.candidates.get(_key(s)))]
        if sum(map(len, groups)) >= limit:
            break
    ordered = [*groups[0], *sorted((s for g in groups[1:] for s in g), key=_key)]
    return tuple(Chosen(s, book.score(s, ranked[0].score)) for s in ordered)


def _key(sentence: Sentence) -> tuple[str, int]:
    return sentence.source, sentence.start


def _same(one: Candidate, other: Candidate) -> bool:
    if _key(one.sentence) == _key(other.sentence):
        return True
    return one.vector is not None and other.vector is not None and float(one.vector @ other.vector) > _REDUNDANT


def stands_alone(item: Sentence, lead: Sentence) -> bool:
    """Whether an item of a list is a sentence by itself and not only the end of the line above the list."""
    is_listed = item.kind == "item" and lead.text.rstrip().endswith((":", "："))
    return is_listed and len(item.text.encode()) >= _OWN_BYTES


class _Book:
    """The candidates by place, to look up a sentence's neighbours."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.candidates: Mapping[tuple[str, int], Candidate] = {_key(c.sentence): c for c in candidates}
        passages = {c.passage.id: c.passage for c in candidates}.values()
        ordered = sorted((s for p in passages for s in p.sentences if s.kind != "heading"), key=_key)
        self._sentences = {_key(s): s for s in ordered}
        self._next = {_key(a): b for a, b in zip(ordered, ordered[1:], strict=False) if a.source == b.source}

    def score(self, sentence: Sentence, best: float) -> float:
        found = self.candidates.get(_key(sentence))
        return min(1.0, max(0.0, found.score / best)) if found and best > 0 else 0.0

    def with_neighbours(self, candidate: Candidate) -> list[Sentence]:
        """The sentence in reading order with what it hangs on, what limits it, and the items of its list."""
        sentence = candidate.sentence
        chain = [sentence]
        while chain[0].lead is not None and len(chain) <= _CHAIN:
            lead = self._sentences.get((sentence.source, chain[0].lead))
            if lead is None or stands_alone(chain[0], lead):
                break
            chain.insert(0, lead)
        following = self._next.get(_key(sentence))
        if (
            following
            and following.lead == sentence.start
            and connective(following.text, candidate.language) == "contrast"
        ):
            chain.append(following)
        return [*chain, *self._items(sentence)]

    def _items(self, sentence: Sentence) -> list[Sentence]:
        if not sentence.text.rstrip().endswith((":", "：")):
            return []
        items, following = [], self._next.get(_key(sentence))
        while following and following.kind == "item" and len(items) < _LIST_ITEMS:
            if following.lead == sentence.start:
                items.append(following)
            following = self._next.get(_key(following))
        return items
