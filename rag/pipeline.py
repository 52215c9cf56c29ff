"""The order of steps from a question to an answer, and the wiring of the parts."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rag.careteam import Spoken
from rag.coverage import Coverage
from rag.evidence import Evidence, Evidences
from rag.extract import Chosen
from rag.gate import Event, Retrieved
from rag.guard import Guard
from rag.hear import Heard, Hearing
from rag.prompts import Template, load
from rag.query import Query
from rag.reply import Asked, Reply
from rag.retrieve import Found, Retriever
from rag.searchable import Searchable
from rag.settings import Settings
from rag.stop import Stop
from rag.terms import Terms, load_terms
from rag.timing import timed, with_timings
from rag.translations import load_translations, titles_of
from rag.types import Answer, Decision, Hit, Language, Outcome, Source, Turn
from rag.wishes import Wish
from rag.writer import Task, Text, Writer, open_writer

if TYPE_CHECKING:
    from rag.index import Index

ANSWERS_FROM = 0.43  # the least chance that the sentences found answer the question (benchmarks/calibrate.py)
_CITED = ("answered", "boundary")
_NOTHING_FURTHER = Decision("about.no_more", "nothing further was found", "about")
ALONE_FROM = 0.1  # a question that may be a new one is read as one where that is so much likelier to be answered
_NEAR = 0.67  # how much of the best score a sentence has that may stand in for one of a model
FURTHER_KEEP = 0.6  # how much of the best score a sentence has that is shown when more is asked for
PERSONAL_FROM = 0.4  # for a personal question: what the documents say in general on its topic


@dataclass(frozen=True, slots=True)
class SearchResult:
    language: Language
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What is found for one reading of a question."""

    query: Query
    found: Found
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Parts:
    """What an assistant is made of; `settings` are those it was opened with."""

    settings: Settings
    index: Index
    retriever: Retriever
    evidences: Evidences
    guard: Guard
    terms: Terms
    writer: Writer
    reply: Reply


class Assistant:
    """Answers questions over one index. Sync and thread-safe; open one with `open_assistant`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        settings = parts.settings
        self._hearing = Hearing(parts.guard, parts.terms, settings.language, english=settings.embedding == "local")

    @property
    def parts(self) -> Parts:
        """What it is made of, for another assistant that has one part of its own."""
        return self._parts

    @property
    def sources(self) -> Mapping[str, Source]:
        return self._parts.index.sources

    @property
    def index(self) -> Index:
        return self._parts.index

    def search(self, question: str, k: int, history: Sequence[Turn] = (), language: str | None = None) -> SearchResult:
        """The `k` best passages for a question. `language` is that of a question of which nothing tells it."""
        query = self._hearing.query(question, history, language)
        return SearchResult(query.language, self._parts.retriever.find(query, k).hits)

    def look_up(self, question: str, history: Sequence[Turn] = (), *, language: str | None = None) -> LookedUp:
        """What would answer and the chance that it does, whatever the guard says; for calibration."""
        query, settings = self._hearing.query(question, history, language), self._parts.settings
        return self._looked_up(query, load(settings.prompts).get(settings.prompt).sentences)

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        prompt: str | Template | None = None,
        language: str | None = None,
        engine: str | None = None,
    ) -> Answer:
        """An answer in the question's language, or in `language`. Raises PromptError for an unknown prompt,
        SettingsError for an unknown language or engine, ModelError where the engine asked for has no model."""
        *_, answer = self.stream(question, history, prompt=prompt, language=language, engine=engine)
        assert isinstance(answer, Answer)
        return answer

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        prompt: str | Template | None = None,
        language: str | None = None,
        engine: str | None = None,
        stop: Stop | None = None,
    ) -> Iterator[Event | Answer]:
        """As `ask`: each sentence of a model as soon as it is checked, and last the answer, which holds instead of
        them. Raises StoppedError as well, once `stop` is set."""
        timings: dict[str, float] = {}
        with timed(timings, "total"):
            answer = yield from self._steps(question, history, prompt, language, engine, timings, stop)
        yield with_timings(answer, timings)

    def _steps(
        self,
        question: str,
        history: Sequence[Turn],
        prompt: str | Template | None,
        language: str | None,
        engine: str | None,
        timings: dict[str, float],
        stop: Stop | None,
    ) -> Generator[Event, None, Answer]:
        settings, reply = self._parts.settings, self._parts.reply
        template = prompt if isinstance(prompt, Template) else load(settings.prompts).get(prompt or settings.prompt)
        has_model = self._parts.writer.uses_model(engine or settings.engine)
        with timed(timings, "guard"):
            heard = self._hearing.of(question, history, language)
        asked = Asked(question, heard.spoken.answer, template, heard.spoken.is_foreign, heard.wish.original)
        if heard.decision and heard.decision.outcome in ("emergency", "about"):
            return reply.guarded(asked, heard.decision, self.sources)
        searched, rewriter = heard, self._parts.writer.rewriter
        with timed(timings, "retrieve"):
            if has_model and rewriter:  # after the guard, for retrieval
                searched = rewriter.heard(heard, question, history, self._hearing, stop)
            if (decision := searched.decision) and decision.outcome == "emergency":
                return reply.guarded(asked, decision, self.sources)
            best = self._best(searched, template.sentences)
            hits, coverage = best.found.hits, best.evidence.coverage
            understood = (searched if best.query is searched.queries[0] else heard).understood
        with timed(timings, "answer"):
            (outcome, why), text = _decide(decision, coverage), Text()
            if outcome in _CITED:
                text = yield from self._written(asked, heard, best, history, stop, has_model, understood)
            if text.cited.sentences:
                answer = reply.cited(asked, outcome, why, text.cited, hits)
                answer = reply.with_gaps(asked, answer, coverage.unheard)
                answer = reply.with_questions(asked, answer, Spoken(best.query.text, best.query.language))
                return reply.noted(asked, replace(answer, engine=text.engine, understood=understood), text.notice)
            if outcome in _CITED and heard.wish.further:
                return reply.guarded(asked, _NOTHING_FURTHER, self.sources)
            answer = reply.refused(asked, "declined" if decision else "not_in_corpus", why, hits, self.sources)
            return replace(answer, withheld=text.cited.withheld, understood=understood)

    def _written(
        self,
        asked: Asked,
        heard: Heard,
        best: LookedUp,
        history: Sequence[Turn],
        stop: Stop | None,
        has_model: bool,
        searched: str,
    ) -> Generator[Event, None, Text]:
        """By the model, unless the documents' own words or what has not been shown yet are asked for."""
        chosen, hits, limit = best.evidence.chosen, best.found.hits, asked.template.sentences
        task = Task(asked, heard.understood or asked.question, history, hits, chosen)
        if not has_model or heard.wish.original or heard.wish.further:
            return self._parts.writer.extract(task)
        near = self._parts.evidences.near(best.query, best.found, _NEAR)
        task = replace(task, near=near, limit=len(chosen) if heard.wish.halved else limit)
        yield Retrieved(hits, searched)
        return (yield from self._parts.writer.write(task, stop))

    def _best(self, heard: Heard, limit: int) -> LookedUp:
        """What is found for the likeliest reading, or for another clearly better answered; of it what is wanted."""
        first, *others = [self._looked_up(query, limit) for query in heard.queries]
        enough = first.evidence.coverage.score + ALONE_FROM
        best = next((one for one in others if one.evidence.coverage.score > enough), first)
        if heard.before and best.evidence.coverage.score < PERSONAL_FROM and not best.evidence.coverage.is_strange:
            best = self._looked_up(heard.before, limit)
        return self._wished(best, heard.wish, limit)

    def _wished(self, best: LookedUp, wish: Wish, limit: int) -> LookedUp:
        """Of what answers fewer sentences, or those that have not been shown."""
        chosen = best.evidence.chosen
        if wish.further:
            shown = {one.sentence for one in (*chosen, *self._more(best, limit * wish.further))}
            chosen = tuple(one for one in self._more(best, limit * (wish.further + 1)) if one.sentence not in shown)
        if wish.halved:
            chosen = self._more(best, max(1, len(chosen) >> wish.halved))
        return replace(best, evidence=replace(best.evidence, chosen=chosen))

    def _more(self, best: LookedUp, limit: int) -> tuple[Chosen, ...]:
        """At most about `limit` sentences, those included that answer less directly."""
        return self._parts.evidences.of(best.query, best.found, limit, FURTHER_KEEP).chosen

    def _looked_up(self, query: Query, limit: int) -> LookedUp:
        found = self._parts.retriever.find(query, self._parts.settings.passages)
        return LookedUp(query, found, self._parts.evidences.of(query, found, limit))


def _decide(decision: Decision | None, coverage: Coverage) -> tuple[Outcome, Decision]:
    """Answered or not, by the chance that the evidence answers; a personal question keeps the rule that saw it."""
    if decision:
        scored = replace(decision, score=coverage.score)
        return ("boundary" if coverage.score >= PERSONAL_FROM else "declined"), scored
    answered = coverage.score >= ANSWERS_FROM
    missing = f"; not held: {', '.join(coverage.missing)}" if coverage.missing and not answered else ""
    rule = "coverage.enough" if answered else "coverage.too_little"
    why = Decision(rule, f"{coverage.reason}{missing}", score=coverage.score)
    return ("answered" if answered else "not_in_corpus"), why


def open_assistant(settings: Settings, progress: Callable[[int, int], None] | None = None) -> Assistant:
    """Builds or opens the index and wires the parts. Raises CorpusError, IndexMissing, ModelError, SettingsError."""
    terms, translations = load_terms(), load_translations(settings.corpus)
    writer = open_writer(settings, terms, translations)
    from rag.embed import open_embedder
    from rag.index import open_index

    embedder = open_embedder(settings)
    index = open_index(settings, progress, embedder=embedder)
    searchable = Searchable(terms, translations, english=settings.embedding == "local")
    retriever = Retriever(index, embedder)
    evidences = Evidences(retriever, searchable, calibrated=settings.embedding == "local")
    sentences = (sentence for passage in index.passages for sentence in passage.sentences)
    guard, reply = Guard.load(), Reply.load(titles_of(index.sources.values(), sentences, translations), terms)
    writer = replace(writer, sources=index.sources)
    return Assistant(Parts(settings, index, retriever, evidences, guard, terms, writer, reply))
