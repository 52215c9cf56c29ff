"""Who writes an answer: the documents' own sentences, or a model whose sentences are checked against them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag.author import Author
from rag.check import open_checker
from rag.cite import Cited, Translate, cite, shown, unmarked
from rag.context import Context, Place, place
from rag.errors import ModelError, SettingsError
from rag.extract import Chosen
from rag.gate import Event
from rag.language import to_traditional
from rag.llm import ChatEndpoint
from rag.messages import Wanted
from rag.opinion import open_second_opinion
from rag.reply import Asked
from rag.rewrite import Rewriter, open_rewriter
from rag.settings import ENGINES, Settings
from rag.stop import Stop
from rag.terms import Terms
from rag.translations import Translations
from rag.types import Draft, Hit, Language, Sentence, Source, Turn
from rag.unspoken import Unspoken


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be written. `question` is the question as understood; `chosen` are the sentences that answer it best,
    `near` the places of those that answer it less directly; `limit` is how many sentences a model may write."""

    asked: Asked
    question: str
    history: Sequence[Turn]
    hits: Sequence[Hit]
    chosen: Sequence[Chosen]
    near: frozenset[Place] = frozenset()
    limit: int = 4


@dataclass(frozen=True, slots=True)
class Text:
    """What was written and by which engine; `notice` says why it was not the model, where it should have been."""

    cited: Cited = field(default_factory=Cited)
    engine: str = "extractive"
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """`author` and `rewriter` are None where there is no model. Used by many threads."""

    sources: Mapping[str, Source]
    translations: Translations
    author: Author | None = None
    rewriter: Rewriter | None = None

    def uses_model(self, engine: str) -> bool:
        """Raises SettingsError for an unknown engine, ModelError where there is no model and one is wanted."""
        if engine not in ENGINES:
            raise SettingsError(f"engine is {engine!r}", hint=f"use one of {', '.join(ENGINES)}")
        if engine == "model" and self.author is None:
            hint = "set RAG_MODEL, and OPENAI_API_KEY or OPENAI_BASE_URL, or use --engine extractive"
            raise ModelError("there is no language model", hint=hint)
        return engine != "extractive" and self.author is not None

    def extract(self, task: Task) -> Text:
        """The documents' own sentences, in the language of the answer where they are translated."""
        translate, asked, languages = self._translate(task.asked), task.asked, Context.of(task.hits).language
        drafts = (Draft(_words(one.sentence, asked, translate), (one.sentence,), one.support) for one in task.chosen)
        cited = cite(drafts, self.sources, translate, asked.language, lambda sentence: languages[place(sentence)])
        return Text(self._marked(cited, asked))

    def write(self, task: Task, stop: Stop | None = None) -> Generator[Event, None, Text]:
        """A model's answer, its sentences as they are checked; where nothing comes of it, the documents' own."""
        assert self.author, "there is a model"
        asked, translate = task.asked, self._translate(task.asked)
        template = replace(asked.template, sentences=task.limit)
        wanted = Wanted(
            task.question,
            asked.language,
            template,
            lambda sentence: _words(sentence, asked, translate),
            task.history,
            asked.traditional,
            asked.is_foreign,
        )
        made = yield from self.author.write(wanted, task.hits, task.near, self.sources, translate, stop)
        if made.cited is not None:
            return Text(self._marked(made.cited, asked), "model")
        text = self.extract(task)
        return replace(text, cited=replace(text.cited, withheld=made.withheld), notice=made.notice)

    def _marked(self, cited: Cited, asked: Asked) -> Cited:
        return replace(cited, citations=self.translations.marked(cited.citations, asked.language))

    def _translate(self, asked: Asked) -> Translate:
        def translate(sentence: Sentence, language: Language) -> str | None:
            text = unmarked(self.translations.of(sentence, language) or "")
            return (to_traditional(text) if asked.traditional else text) or None

        return translate


def _words(sentence: Sentence, asked: Asked, translate: Translate) -> str:
    """A sentence as the reader sees it."""
    translation = None if asked.original else translate(sentence, asked.language)
    return translation or shown(sentence)


def open_writer(settings: Settings, terms: Terms, translations: Translations) -> Writer:
    """With a model where one is configured. Raises SettingsError if key or address are off, ModelError where the
    engine asked for has no model."""
    author = open_author(settings, terms)
    rewriter = open_rewriter(settings, author.endpoint.ledger, terms) if author else None
    writer = Writer({}, translations, author, rewriter)
    writer.uses_model(settings.engine)
    return writer


def open_author(settings: Settings, terms: Terms) -> Author | None:
    """None where no model is configured. Nothing is sent yet. Raises SettingsError if key or address are off."""
    if not settings.has_model:
        return None
    endpoint = ChatEndpoint.open(settings)
    opinion = open_second_opinion(settings, endpoint.ledger)
    checker = open_checker(terms, opinion)
    return Author(endpoint, checker.check, settings.model_window, checker.read, Unspoken(terms, opinion).check)
