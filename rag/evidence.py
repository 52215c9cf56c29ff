"""From hits to the sentences that answer: each candidate weighed by meaning, by the question's terms it covers, and
by how well its passage was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rag.coverage import Coverage, Weighed, assess, share_covered, weigh
from rag.extract import Candidate, Chosen, choose
from rag.query import Query
from rag.retrieve import Found, Retriever
from rag.searchable import Searchable
from rag.types import Language, Passage, Sentence

_CACHED = 20_000  # sentences whose keys are kept in memory
_CONTEXT = 0.5  # what a term counts that only the title or heading of a sentence holds


@dataclass(frozen=True, slots=True)
class Shares:
    """What a sentence's score is made of (tuned on development questions)."""

    meaning: float = 0.5
    terms: float = 0.4
    passage: float = 0.1
    same_language: float = 0.03


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences of an answer and the chance that they answer the question."""

    chosen: tuple[Chosen, ...]
    coverage: Coverage


class Evidences:
    """Weighs hits for questions over one index. Read by many threads."""

    def __init__(self, retriever: Retriever, searchable: Searchable, shares: Shares = Shares()) -> None:
        self._retriever, self._searchable, self._shares = retriever, searchable, shares
        self._ceiling = retriever.index.bm25.idf("\0\0")
        self._sentence_keys = lru_cache(_CACHED)(searchable.sentence_keys)
        self._context_keys = lru_cache(_CACHED)(searchable.context_keys)

    def of(self, query: Query, found: Found, limit: int, keep: float = 0.75) -> Evidence:
        """At most about `limit` sentences out of the hits, and how well they cover the question."""
        terms = weigh(query, self._retriever.index.bm25.idf, self._ceiling)
        candidates = self._candidates(query, found, terms)
        chosen = choose(candidates, limit, keep)
        cosine = max((self._cosine(c, found.vector) for c in candidates), default=0.0)
        return Evidence(chosen, assess(terms, self._held(chosen, found), cosine))

    def _candidates(self, query: Query, found: Found, terms: Sequence[Weighed]) -> list[Candidate]:
        best = found.hits[0].score if found.hits else 1.0
        return [
            self._candidate(sentence, vector, hit.passage, hit.score / best, query, found.vector, terms)
            for hit, number in zip(found.hits, found.numbers, strict=True)
            for sentence, vector in self._sentences(hit.passage, number)
            if sentence.kind != "heading"
        ]

    def _sentences(self, passage: Passage, number: int) -> list[tuple[Sentence, np.ndarray | None]]:
        vectors = self._retriever.index.sentence_vectors(number)
        rows = [None] * len(passage.sentences) if vectors is None else [np.asarray(v, dtype=np.float32) for v in vectors]
        return list(zip(passage.sentences, rows, strict=True))

    def _candidate(
        self,
        sentence: Sentence,
        vector: np.ndarray | None,
        passage: Passage,
        passage_score: float,
        query: Query,
        asked: np.ndarray | None,
        terms: Sequence[Weighed],
    ) -> Candidate:
        own = share_covered(terms, self._sentence_keys(sentence, passage.language))
        context = share_covered(terms, self._sentence_keys(sentence, passage.language) | self._context_keys(passage))
        covered = (1 - _CONTEXT) * own + _CONTEXT * context
        meaning = float(vector @ asked) if vector is not None and asked is not None else covered
        shares = self._shares
        score = shares.meaning * meaning + shares.terms * covered + shares.passage * passage_score
        score += shares.same_language * (passage.language == query.language)
        return Candidate(sentence, score, passage.language, passage, vector)

    def _cosine(self, candidate: Candidate, asked: np.ndarray | None) -> float:
        return float(candidate.vector @ asked) if candidate.vector is not None and asked is not None else 0.0

    def _held(self, chosen: Sequence[Chosen], found: Found) -> frozenset[str]:
        """The keys of the chosen sentences and of the titles and headings above them."""
        passages = {(s.source, s.start): hit.passage for hit in found.hits for s in hit.passage.sentences}
        held: set[str] = set()
        for one in chosen:
            passage = passages[one.sentence.source, one.sentence.start]
            held |= self._sentence_keys(one.sentence, passage.language) | self._context_keys(passage)
        return frozenset(held)


def languages_of(found: Found) -> dict[tuple[str, int], Language]:
    """The language of every sentence of the hits, by source and start."""
    return {(s.source, s.start): hit.passage.language for hit in found.hits for s in hit.passage.sentences}
