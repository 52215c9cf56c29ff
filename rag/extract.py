"""The extractive answerer: the whole sentences of the documents that answer the question, most direct first.

It writes nothing of its own, so every sentence is verbatim or a reading translation tied to its original.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rag.split import connective
from rag.types import Language, Passage, Sentence

_REDUNDANT = 0.87  # cosine above which two sentences say the same
_CHAIN = 3  # how many sentences back a sentence may need to be understood
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
    """At most `limit` sentences: the best with the neighbours it cannot be read without, then whatever scores at least
    `keep` times as well and says something else, in reading order. More than `limit` only where nothing good can be
    read with less. Empty without candidates."""
    ranked = sorted(candidates, key=lambda c: (-c.score, c.sentence.source, c.sentence.start))
    best = ranked[0].score if ranked else 0.0
    good = [candidate for candidate in ranked if candidate.score >= keep * best]
    book = _Book(candidates)
    groups = _groups(good, book, limit)
    if not groups:
        whole = (book.whole(candidate, len(book.chain(candidate)) + 1) for candidate in good)
        groups = [group for group in whole if group][:1]
    ordered = [*groups[:1], *sorted(groups[1:], key=lambda group: _key(group[0]))]
    return tuple(Chosen(sentence, book.score(sentence, best)) for group in ordered for sentence in group)


def _groups(good: Iterable[Candidate], book: _Book, limit: int) -> list[list[Sentence]]:
    """Sentences that are read together, in the order of the candidates they were taken for; at most `limit` of them."""
    groups: list[list[Sentence]] = []
    for candidate in good:
        said = [sentence for group in groups for sentence in group]
        if len(said) >= limit:
            break
        if any(_same(candidate, other) for other in book.among(said)):
            continue
        whole = book.whole(candidate, limit - len(said), frozenset(map(_key, said)))
        more = [sentence for sentence in whole if sentence not in said]
        if not more or any(_plain(a) == _plain(b) for a in more for b in said):
            continue
        home = next((group for group in groups if any(sentence in group for sentence in whole)), None)
        if home is None:
            groups.append(more)
        else:  # what hangs on a sentence stands beside it
            home[:] = sorted([*home, *more], key=_key)
    return groups


def _key(sentence: Sentence) -> tuple[str, int]:
    return sentence.source, sentence.start


def _plain(sentence: Sentence) -> str:
    return " ".join(sentence.text.split())


def _same(one: Candidate, other: Candidate) -> bool:
    if _plain(one.sentence) == _plain(other.sentence):
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
        self._next = {_key(a): b for a, b in pairwise(ordered) if a.source == b.source}

    def score(self, sentence: Sentence, best: float) -> float:
        found = self.candidates.get(_key(sentence))
        return min(1.0, max(0.0, found.score / best)) if found and best > 0 else 0.0

    def among(self, sentences: Iterable[Sentence]) -> list[Candidate]:
        return [found for s in sentences if (found := self.candidates.get(_key(s)))]

    def whole(self, candidate: Candidate, room: int, said: Set[tuple[str, int]] = frozenset()) -> list[Sentence]:
        """What the sentence is read with, in reading order: its chain, and after a colon the best items of the list.
        Empty where that takes more than `room` sentences that are not among `said`."""
        chain = self.chain(candidate)
        room -= sum(_key(sentence) not in said for sentence in chain)
        if not chain or room < 0:
            return []
        items = [self._limited(item, candidate.language) for item in self._items(candidate.sentence)]
        kept: list[Sentence] = []
        for item in sorted(items, key=lambda item: self._rank(item[0])):
            if len(item) <= room or _key(item[0]) in said:
                kept += item
                room -= sum(_key(sentence) not in said for sentence in item)
        return [] if items and not kept else [*chain, *sorted(kept, key=_key)]

    def chain(self, candidate: Candidate) -> list[Sentence]:
        """The sentence after those that it hangs on and before the one that limits it; empty where it cannot be read
        without a sentence that was not found."""
        sentence, language = candidate.sentence, candidate.language
        chain = [sentence]
        while chain[0].lead is not None:
            lead = self._sentences.get((sentence.source, chain[0].lead))
            if lead is not None and stands_alone(chain[0], lead):
                break
            if lead is None or len(chain) > _CHAIN:
                if connective(chain[0].text, language):
                    return []
                break
            chain.insert(0, lead)
        limited = (limited for link in chain for limited in self._limited(link, language))
        return list(dict.fromkeys(limited))

    def _limited(self, sentence: Sentence, language: Language) -> list[Sentence]:
        """The sentence, and each "However, ..." after it."""
        limited = [sentence]
        while (following := self._next.get(_key(limited[-1]))) and following.lead == limited[-1].start:
            if connective(following.text, language) != "contrast":
                break
            limited.append(following)
        return limited

    def _rank(self, sentence: Sentence) -> float:
        found = self.candidates.get(_key(sentence))
        return -found.score if found else 0.0

    def _items(self, sentence: Sentence) -> list[Sentence]:
        items: list[Sentence] = []
        following = self._next.get(_key(sentence)) if sentence.text.rstrip().endswith((":", "：")) else None
        while following and following.kind == "item" and len(items) < _LIST_ITEMS:
            if following.lead == sentence.start:
                items.append(following)
            following = self._next.get(_key(following))
        return items
