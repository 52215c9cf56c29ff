"""The model as an answerer: asked with the passages found, heard sentence by sentence, and let go when it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from rag.ahead import Ahead, Read
from rag.cite import Cited, Citer, Judge, Judgement, Translate
from rag.context import Context, Place, place, readings
from rag.errors import ModelError
from rag.gate import Event, Gate, Question, passed
from rag.language import identify
from rag.ledger import SpentError
from rag.llm import ChatEndpoint
from rag.messages import Wanted, compose
from rag.stop import Stop
from rag.types import Hit, Sentence, Source
from rag.written import Writing

_AHEAD = 40  # sentences that are read ahead
#: A short text of each language: what is laid out at its first reading is laid out before there are readers.
_FIRST = ("Cancer.", "Le cancer.", "癌症。", "Kanser hastalığı.")
_log = logging.getLogger("citewell")


@dataclass(frozen=True, slots=True)
class Result:
    """The model's checked answer, or None and the notice that says why the documents' own sentences take its place.
    `withheld` counts the sentences of the model that failed."""

    cited: Cited | None
    notice: str = ""
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Author:
    """`window` is the most tokens of a prompt and its answer together; `read` prepares a text of evidence for `judge`;
    `unspoken` judges sentences in a language that is not ours, where the question is in it. Used by many threads."""

    endpoint: ChatEndpoint
    judge: Judge
    window: int
    read: Read | None = None
    unspoken: Judge | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def write(
        self,
        wanted: Wanted,
        hits: Sequence[Hit],
        on_question: Set[Place],
        sources: Mapping[str, Source],
        translate: Translate,
        stop: Stop | None = None,
    ) -> Generator[Event, None, Result]:
        """What readers see, as it is checked; the result says whether that is an answer. `on_question` are the places
        of sentences that may stand in for one that fails. Raises StoppedError when `stop` is set."""
        context = Context.of(hits)
        prompt = compose(wanted, hits, self.window, self.endpoint.answer_tokens)
        if prompt is None:
            _log.warning("no passage fits into RAG_MODEL_WINDOW of %d tokens", self.window)
            return Result(None, "model.failed")

        def read(sentence: Sentence) -> list[str]:
            return readings(sentence, context, translate, wanted.language)

        ahead = self._ahead(prompt.numbered, on_question, read)
        citer = Citer(
            sources,
            translate,
            wanted.language,
            lambda sentence: context.language[place(sentence)],
            ahead.judging(self._judging(wanted)),
            read,
        )
        limit, traditional = wanted.template.sentences, wanted.traditional
        question = Question(prompt.numbered, on_question, limit, traditional, wanted.is_foreign)
        gate = Gate(citer, context, question)
        try:
            writing = Writing(wanted.language, len(prompt.numbered))
            with ahead:
                yield from passed(self.endpoint.stream(prompt.messages, stop), writing, gate)
        except ModelError as error:
            _log.warning("answered without the model: %s", error)
            return Result(None, "model.spent" if isinstance(error, SpentError) else "model.failed", gate.failed)
        _log.info("model: %d proved, %d replaced, %d withheld", gate.verified, gate.replaced, gate.withheld)
        if gate.is_enough:
            return Result(gate.cited())
        return Result(None, "model.failed" if gate.is_silent else "model.unchecked", gate.failed)

    def warm(self) -> None:
        """Lays out what the check knows of each language; seconds, once in a process."""
        for text in _FIRST if self.read else ():
            self.read(text)  # type: ignore[misc]

    def _judging(self, wanted: Wanted) -> Judge:
        """Each sentence by who can read it."""
        judge, unspoken = self.judge, self.unspoken
        if unspoken is None or not wanted.is_foreign:
            return judge

        def judged(sentence: str, evidence: Sequence[str], /) -> Judgement:
            is_ours = identify(sentence, default=wanted.language).is_supported
            return (judge if is_ours else unspoken)(sentence, evidence)

        return judged

    def _ahead(
        self, numbered: Sequence[Sentence], on_question: Set[Place], texts: Callable[[Sentence], Sequence[str]]
    ) -> Ahead:
        """Reads what is on the question first."""
        order = sorted(numbered, key=lambda sentence: place(sentence) not in on_question)[:_AHEAD]
        found: Iterator[str] = (text for sentence in order for text in texts(sentence))
        return Ahead(self.read or (lambda text: None), found, self._turn)
