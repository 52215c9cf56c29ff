"""From hits to the sentences that answer: each candidate weighed by meaning, by the question's terms it covers, and
by how well its passage was found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rag.coverage import Coverage, Spoken, Weighed, assess, is_held, share_covered, weigh
from rag.extract import Candidate, Chosen, choose, stands_alone
from rag.query import Query
from rag.retrieve import Found, Retriever
from rag.searchable import Searchable
from rag.split import is_aside
from rag.types import Hit, Language, Sentence

_FIGURE = re.compile(r"[0-9]")
_TWIN = 0.87  # cosine from which sentences of two languages say the same
_AHEAD = 1e-3  # of a score, so that the reader's own language comes first
_NEAREST = 3  # sentences whose cosines count for the chance of an answer
_CACHED = 20_000  # sentences whose keys are kept in memory


@dataclass(frozen=True, slots=True)
class Shares:
    """What a sentence's score is made of (tuned on development questions)."""

    meaning: float = 0.5
    terms: float = 0.5
    passage: float = 0.25
    same_language: float = 0.03
    context: float = 0.5  # of what a term counts that only the title or heading holds
    lead: float = 0.5  # of what a sentence gains from the nearer one it hangs on
    figure: float = 0.1  # what a sentence with a figure gains where a figure is asked for
    stranger: float = 0.85  # what is left of a sentence that does not speak of the cancer asked about
    aside: float = 0.7  # what is left of a sentence that asks, or speaks of its own article or its author


@dataclass(frozen=True, slots=True)
class Seen:
    """A sentence of a hit: the keys it holds, those of the title and heading above it, its unit vector [dimension]
    and how near it is to the question, a cosine."""

    sentence: Sentence
    hit: Hit
    keys: frozenset[str]
    context: frozenset[str]
    around: frozenset[str]
    vector: np.ndarray | None
    near: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences of an answer and the chance that they answer the question."""

    chosen: tuple[Chosen, ...]
    coverage: Coverage


class Evidences:
    """Weighs hits for questions over one index. Read by many threads."""

    def __init__(
        self, retriever: Retriever, searchable: Searchable, shares: Shares = Shares(), *, calibrated: bool = True
    ) -> None:
        """`calibrated` says that the cosines are those of the model that the chance of an answer was fitted with."""
        self._retriever, self.searchable, self._shares = retriever, searchable, shares
        self._calibrated = calibrated
        self._ceiling = retriever.index.bm25.idf("\0\0")
        self._sentence_keys = lru_cache(_CACHED)(searchable.sentence_keys)
        self._context_keys = lru_cache(_CACHED)(searchable.context_keys)

    def of(self, query: Query, found: Found, limit: int, keep: float = 0.8) -> Evidence:
        """At most about `limit` sentences out of the hits, and how well they cover the question."""
        terms = weigh(query, self._retriever.index.bm25.idf, self._ceiling)
        seen = self._all_seen(found)
        candidates = self._candidates(query, found, terms, seen.values())
        chosen = choose(candidates, limit, keep)
        told = [_spoken(seen[one.sentence.source, one.sentence.start], seen.values()) for one in chosen]
        texts = zip(told, chosen, strict=True)
        no_figure = query.asks_number and not any(_has_figure(one.sentence.text, query, of.keys) for of, one in texts)
        return Evidence(chosen, assess(terms, told, self._nearest(found, seen.values()), no_figure))

    def near(self, query: Query, found: Found, keep: float) -> frozenset[tuple[str, int]]:
        """Source and start of every sentence of the hits that scores at least `keep` times as well as the best."""
        terms = weigh(query, self._retriever.index.bm25.idf, self._ceiling)
        candidates = self._candidates(query, found, terms, self._all_seen(found).values())
        best = max((candidate.score for candidate in candidates), default=0.0)
        good = (candidate.sentence for candidate in candidates if candidate.score >= keep * best)
        return frozenset((sentence.source, sentence.start) for sentence in good)

    def _all_seen(self, found: Found) -> dict[tuple[str, int], Seen]:
        """Every sentence of the hits that is no heading, by source and start."""
        seen = (s for hit, n in zip(found.hits, found.numbers, strict=True) for s in self._seen(hit, n, found.vector))
        return {(s.sentence.source, s.sentence.start): s for s in seen if s.sentence.kind != "heading"}

    def _nearest(self, found: Found, seen: Collection[Seen]) -> tuple[float, float] | None:
        """The cosine of the nearest passage and the mean of the nearest sentences; None where there is none, or where
        it was not calibrated."""
        vectors = self._retriever.index.vectors
        if vectors is None or found.vector is None or not found.numbers or not self._calibrated:
            return None
        passage = float(max(vectors[number] @ found.vector for number in found.numbers))
        nearest = sorted((one.near for one in seen), reverse=True)[:_NEAREST]
        return passage, sum(nearest) / max(1, len(nearest))

    def _candidates(
        self, query: Query, found: Found, terms: Sequence[Weighed], seen: Collection[Seen]
    ) -> list[Candidate]:
        # What no sentence holds cannot tell them apart, and would only drown what does.
        held = [t for t in terms if any(is_held(t, s.keys, s.context, s.around) for s in seen)]
        best = found.hits[0].score if found.hits else 1.0
        return _own_first([self._candidate(one, held, query, best) for one in seen], query.language)

    def _seen(self, hit: Hit, number: int, asked: np.ndarray | None) -> Iterator[Seen]:
        """Every sentence of a hit; one that hangs on another is read together with it."""
        passage, vectors = hit.passage, self._retriever.index.sentence_vectors(number)
        place = {sentence.start: n for n, sentence in enumerate(passage.sentences)}
        context = self._context_keys(passage)
        around = frozenset().union(*(self._sentence_keys(s, passage.language) for s in passage.sentences))
        for n, sentence in enumerate(passage.sentences):
            keys, vector, near = self._sentence_keys(sentence, passage.language), None, 0.0
            lead = place.get(sentence.lead) if sentence.lead is not None else None
            if lead is not None and stands_alone(sentence, passage.sentences[lead]):
                lead = None
            if lead is not None:
                keys = keys | self._sentence_keys(passage.sentences[lead], passage.language)
            if vectors is not None and asked is not None:
                vector = np.asarray(vectors[n], dtype=np.float32)
                near = float(vector @ asked)
                near += self._shares.lead * max(0.0, float(vectors[lead] @ asked) - near) if lead is not None else 0.0
            yield Seen(sentence, hit, keys, context, around, vector, near)

    def _candidate(self, seen: Seen, terms: Sequence[Weighed], query: Query, best: float) -> Candidate:
        shares, language = self._shares, seen.hit.passage.language
        own = share_covered(terms, seen.keys, seen.context, seen.around)
        about = share_covered(terms, seen.keys | seen.context, around=seen.around)
        covered = (1 - shares.context) * own + shares.context * about
        score = shares.meaning * (seen.near if seen.vector is not None else covered) + shares.terms * covered
        score += shares.passage * seen.hit.score / best + shares.same_language * (language == query.language)
        if query.asks_number and _FIGURE.search(seen.sentence.text):
            score += shares.figure
        if any(not is_held(t, seen.keys, seen.context, seen.around) for t in terms if _is_subject(t)):
            score *= shares.stranger
        if seen.sentence.kind == "note" or is_aside(seen.sentence.text, language):
            score *= shares.aside
        return Candidate(seen.sentence, score, language, seen.hit.passage, seen.vector)


def _is_subject(weighed: Weighed) -> bool:
    term = weighed.term
    return term.kind == "cancer" and term.sure and not term.carried


def _has_figure(text: str, query: Query, keys: frozenset[str]) -> bool:
    return bool(_FIGURE.search(text)) and not (query.unit and query.unit.isdisjoint(keys))


def _own_first(candidates: list[Candidate], language: Language) -> list[Candidate]:
    """What a document says in two languages scores in the reader's own at least as well as in the other."""
    own = [c for c in candidates if c.language == language and c.vector is not None]
    others = [c for c in candidates if c.language != language and c.vector is not None]
    if not own or not others:
        return candidates
    vectors, theirs = (np.array([c.vector for c in some], dtype=np.float32) for some in (own, others))
    same = vectors @ theirs.T > _TWIN
    scores = np.where(same, [c.score + _AHEAD for c in others], 0.0).max(axis=1)
    least = {c.sentence: float(score) for c, score in zip(own, scores, strict=True)}
    return [replace(c, score=max(c.score, least.get(c.sentence, 0.0))) for c in candidates]


def _spoken(one: Seen, seen: Iterable[Seen]) -> Spoken:
    """What a sentence speaks of, in whatever words its document says the same in another language."""
    twins = (other.keys for other in seen if _are_twins(one, other))
    return Spoken(one.keys.union(*twins), one.context, one.around)


def _are_twins(one: Seen, other: Seen) -> bool:
    if one.vector is None or other.vector is None or one.hit.passage.language == other.hit.passage.language:
        return False
    return one.sentence.source == other.sentence.source and float(one.vector @ other.vector) > _TWIN
