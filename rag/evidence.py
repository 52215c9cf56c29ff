"""From hits to the sentences that answer: each candidate weighed by meaning, by the question's terms it covers, and
by its passage."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rag.coverage import Coverage, Nearest, Spoken, Weighed, assess, is_held, share_covered, weigh
from rag.expanded import Near
from rag.extract import Candidate, Chosen, choose, stands_alone
from rag.marks import SHARES, Marks, Seen, Shares, usual, usual_gaps
from rag.query import Query
from rag.retrieve import Found, Meaning, Retriever
from rag.searchable import Searchable
from rag.split import is_aside
from rag.types import Hit, Language, Sentence

#: A figure that says how much: not the one in a name (stage 4, PD-1).
_FIGURE = re.compile(r"(?<![A-Za-z0-9.-])(?<!stage )(?<!stade )(?<!grade )[0-9]+(?![0-9]|\. ?evre| ?期)", re.IGNORECASE)
_TWIN = 0.87  # cosine from which sentences of two languages say the same
_AHEAD = 1e-3  # of a score, so that the reader's own language comes first
_NEAREST = 3  # sentences whose cosines count for the chance of an answer
_BY_WORDS = 0.25  # of a passage's score beside the best one's, in place of its cosine where there is none
_CACHED = 20_000  # sentences whose keys are kept in memory


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences of an answer and the chance that they answer the question."""

    chosen: tuple[Chosen, ...]
    coverage: Coverage


class Evidences:
    """Weighs hits for questions over one index. Read by many threads."""

    def __init__(
        self, retriever: Retriever, searchable: Searchable, shares: Shares = SHARES, *, calibrated: bool = True
    ) -> None:
        """`calibrated` says that the cosines are those of the model that the chance of an answer was fitted with."""
        self._retriever, self.searchable, self._shares = retriever, searchable, shares
        self._calibrated = calibrated
        self._ceiling = retriever.index.bm25.idf("\0\0")
        self._sentence_keys = lru_cache(_CACHED)(searchable.sentence_keys)
        self._context_keys = lru_cache(_CACHED)(searchable.context_keys)

    def of(self, query: Query, found: Found, limit: int, keep: float = 0.86) -> Evidence:
        """At most about `limit` sentences out of the hits, and how well they cover the question."""
        seen = self._all_seen(found)
        terms = _known(weigh(query, self._retriever.index.bm25.idf, self._ceiling), seen.values())
        candidates = self._ranked(query, found, terms, seen.values())
        chosen = choose(candidates, limit, keep)
        picked = [seen[one.sentence.source, one.sentence.start] for one in chosen]
        told = [_spoken(one, seen.values()) for one in picked]
        texts = zip(told, chosen, strict=True)
        no_figure = query.asks_number and not any(_has_figure(one.sentence.text, query, of.keys) for of, one in texts)
        return Evidence(chosen, assess(terms, told, self._nearest(found, seen.values(), picked), no_figure))

    def near(self, query: Query, found: Found, keep: float) -> frozenset[tuple[str, int]]:
        """Source and start of every sentence of the hits that scores at least `keep` times as well as the best."""
        terms = weigh(query, self._retriever.index.bm25.idf, self._ceiling)
        candidates = self._ranked(query, found, terms, self._all_seen(found).values())
        best = max((candidate.score for candidate in candidates), default=0.0)
        good = (candidate.sentence for candidate in candidates if candidate.score >= keep * best)
        return frozenset((sentence.source, sentence.start) for sentence in good)

    def _all_seen(self, found: Found) -> dict[tuple[str, int], Seen]:
        """Every sentence of the hits that is no heading, by source and start."""
        seen = (s for hit, n in zip(found.hits, found.numbers, strict=True) for s in self._seen(hit, n, found.meaning))
        return {(s.sentence.source, s.sentence.start): s for s in seen if s.sentence.kind != "heading"}

    def _nearest(self, found: Found, seen: Collection[Seen], picked: Sequence[Seen]) -> Nearest | None:
        """None where there is none, or where it was not calibrated."""
        if found.meaning is None or not picked or not self._calibrated:
            return None
        nearest = sorted((one.near for one in seen), reverse=True)[:_NEAREST]
        expansions = _most(one.expansions for one in picked)
        gaps = _most(self._near_gaps(name, found.meaning, expansions) for name in {s.sentence.source for s in picked})
        passage = max(one.passage for one in seen)
        return Nearest(passage, sum(nearest) / len(nearest), expansions.own, expansions.native, gaps.own, gaps.native)

    def _near_gaps(self, source: str, asked: Meaning, expansions: Near) -> Near:
        index = self._retriever.index
        found = None if asked.native is None else index.near_gaps(source, asked.native, asked.vector)
        return found or usual_gaps(expansions)

    def marks(self, query: Query, found: Found) -> list[tuple[Sentence, Marks]]:
        """Every sentence of the hits that is no heading, with what speaks for it; to fit `Shares` on."""
        terms = weigh(query, self._retriever.index.bm25.idf, self._ceiling)
        marked = self._marked(query, found, terms, self._all_seen(found).values())
        return [(seen.sentence, marks) for seen, marks in marked]

    def _marked(
        self, query: Query, found: Found, terms: Sequence[Weighed], seen: Collection[Seen]
    ) -> list[tuple[Seen, Marks]]:
        # What no sentence holds cannot tell them apart, and would only drown what does.
        held = [t for t in terms if any(is_held(t, s.keys, s.context, s.around) for s in seen)]
        best = found.hits[0].score if found.hits else 1.0
        return [(one, self._marks(one, held, query, best)) for one in seen]

    def _ranked(self, query: Query, found: Found, terms: Sequence[Weighed], seen: Collection[Seen]) -> list[Candidate]:
        """The candidates with their scores; of a message that leans on what was said, with those of its echo."""
        candidates = self._candidates(query, found, terms, seen)
        if query.echo is None:
            return candidates
        echoed = replace(found, meaning=found.echo)
        terms = weigh(query.echo, self._retriever.index.bm25.idf, self._ceiling)
        others = self._candidates(query.echo, echoed, terms, self._all_seen(echoed).values())
        best, most = (max((c.score for c in some), default=0.0) or 1.0 for some in (candidates, others))
        share = self._shares.echo * best / most
        scores = {c.sentence: share * c.score for c in others}
        return [replace(c, score=c.score + scores.get(c.sentence, 0.0)) for c in candidates]

    def _candidates(
        self, query: Query, found: Found, terms: Sequence[Weighed], seen: Collection[Seen]
    ) -> list[Candidate]:
        candidates = [
            Candidate(
                one.sentence, marks.score(self._shares.marks), one.hit.passage.language, one.hit.passage, one.vector
            )
            for one, marks in self._marked(query, found, terms, seen)
        ]
        return _own_first(candidates, query.language)

    def _seen(self, hit: Hit, number: int, asked: Meaning | None) -> Iterator[Seen]:
        """Every sentence of a hit; one that hangs on another is read together with it."""
        passage, vectors = hit.passage, self._retriever.index.sentence_vectors(number)
        place = {sentence.start: n for n, sentence in enumerate(passage.sentences)}
        context = self._context_keys(passage)
        around = frozenset().union(*(self._sentence_keys(s, passage.language) for s in passage.sentences))
        whole, expanded = self._passage_near(number, asked), self._near_expansions(number, asked)
        for n, sentence in enumerate(passage.sentences):
            keys, vector, near = self._sentence_keys(sentence, passage.language), None, 0.0
            lead = place.get(sentence.lead) if sentence.lead is not None else None
            if lead is not None and stands_alone(sentence, passage.sentences[lead]):
                lead = None
            if lead is not None:
                keys = keys | self._sentence_keys(passage.sentences[lead], passage.language)
            if vectors is not None and asked is not None:
                vector = np.asarray(vectors[n], dtype=np.float32)
                near = float(vector @ asked.vector)
                more = float(vectors[lead] @ asked.vector) - near if lead is not None else 0.0
                near += self._shares.lead * max(0.0, more)
            yield Seen(sentence, hit, keys, context, around, vector, near, whole, expanded[n] or usual(near))

    def _passage_near(self, number: int, asked: Meaning | None) -> float:
        vectors = self._retriever.index.vectors
        return 0.0 if vectors is None or asked is None else float(vectors[number] @ asked.vector)

    def _near_expansions(self, number: int, asked: Meaning | None) -> list[Near | None]:
        index = self._retriever.index
        if asked is None or asked.native is None:
            return [None] * len(index.passages[number].sentences)
        return index.near_expansions(number, asked.native, asked.vector)

    def _marks(self, seen: Seen, terms: Sequence[Weighed], query: Query, best: float) -> Marks:
        shares, language = self._shares, seen.hit.passage.language
        own = share_covered(terms, seen.keys, seen.context, seen.around)
        about = share_covered(terms, seen.keys | seen.context, around=seen.around)
        covered = (1 - shares.context) * own + shares.context * about
        meaning, passage, expansions = seen.near, seen.passage, seen.expansions
        if seen.vector is None:
            meaning, passage, expansions = covered, _BY_WORDS * seen.hit.score / best, usual(covered)
        figure = query.asks_number and bool(_FIGURE.search(seen.sentence.text))
        factor = 1.0
        if any(not is_held(t, seen.keys, seen.context, seen.around) for t in terms if _is_subject(t)):
            factor *= shares.stranger
        if seen.sentence.kind == "note" or is_aside(seen.sentence.text, language):
            factor *= shares.aside
        same = float(language == query.language)
        marks = Marks(meaning, covered, passage, expansions.own, expansions.native, same, float(figure))
        return marks.times(factor)


def _most(some: Iterable[Near]) -> Near:
    return Near(*map(max, zip(*some, strict=True)))


def _known(terms: Iterable[Weighed], seen: Collection[Seen]) -> list[Weighed]:
    """Who speaks of cancer of the esophagus knows of the esophagus, though no document names it."""
    told = [(one.keys, one.context, one.around) for one in seen]
    return [replace(t, unknown=t.unknown and not any(is_held(t, *keys) for keys in told)) for t in terms]


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
