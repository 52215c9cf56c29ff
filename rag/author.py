"""The model as an answerer: asked with the passages found, heard sentence by sentence, and let go when it fails."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence, Set
from dataclasses import dataclass

from rag.cite import Cited, Citer, Judge, Translate
from rag.context import Context, Place, place, readings
from rag.errors import ModelError
from rag.gate import Event, Gate, Question, passed
from rag.ledger import SpentError
from rag.llm import ChatEndpoint
from rag.messages import Wanted, compose
from rag.stop import Stop
from rag.types import Hit, Source
from rag.written import Writing

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
    """`window` is the most tokens of a prompt and its answer together. Used by many threads."""

    endpoint: ChatEndpoint
    judge: Judge
    window: int

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
        citer = Citer(
            sources,
            translate,
            wanted.language,
            lambda sentence: context.language[place(sentence)],
            self.judge,
            lambda sentence: readings(sentence, context, translate, wanted.language),
        )
        limit, traditional = wanted.template.sentences, wanted.traditional
        gate = Gate(citer, context, Question(prompt.numbered, on_question, limit, traditional))
        try:
            writing = Writing(wanted.language, len(prompt.numbered))
            yield from passed(self.endpoint.stream(prompt.messages, stop), writing, gate)
        except ModelError as error:
            _log.warning("answered without the model: %s", error)
            return Result(None, "model.spent" if isinstance(error, SpentError) else "model.failed", gate.failed)
        _log.info("model: %d proved, %d replaced, %d withheld", gate.verified, gate.replaced, gate.withheld)
        return Result(gate.cited()) if gate.is_enough else Result(None, "model.unchecked", gate.failed)
