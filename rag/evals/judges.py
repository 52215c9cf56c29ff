"""LlamaIndex's evaluators: what a language model says of an answer. Only where an endpoint is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.evals.record import Record
from rag.evals.score import Score
from rag.settings import Settings
from rag.types import Answer

if TYPE_CHECKING:
    from llama_index.core.evaluation import BaseEvaluator, EvaluationResult

_WINDOW = 8192  # tokens that any model of today takes; a question with its evidence needs a tenth
_TIMEOUT, _RETRIES = 60.0, 2


@dataclass(frozen=True, slots=True)
class Judge:
    """Evaluators by name. Ask from any number of threads."""

    model: str
    evaluators: Mapping[str, BaseEvaluator]

    def judged(self, record: Record, answer: Answer) -> Record:
        """The record with a score of each evaluator. Raises ModelError when the endpoint fails."""
        if not answer.citations:
            nothing = Score.unknown("the answer cites nothing")
            return replace(record, judged=dict.fromkeys(self.evaluators, nothing))
        contexts = [citation.translation or citation.quote for citation in answer.citations]
        given: dict[str, Any] = {"query": answer.question, "response": answer.text, "contexts": contexts}
        given["reference"] = "\n".join(record.question.evidence) or None
        return replace(record, judged={name: self._ask(name, given) for name in self.evaluators})

    def _ask(self, name: str, given: Mapping[str, Any]) -> Score:
        from openai import OpenAIError

        if name == "correctness" and not given["reference"]:
            return Score.unknown("the question names no evidence to compare with")
        try:
            return _READERS[name](self.evaluators[name].evaluate(**given))
        except OpenAIError as error:
            hint = "see that the endpoint answers (`rag doctor`), or leave out --judge"
            raise ModelError(f"the model failed to judge: {type(error).__name__}", hint=hint) from error
        except ValueError:  # the evaluator's own parser gave up
            return Score.unknown("the model's verdict cannot be read")


def open_judge(settings: Settings) -> Judge | None:
    """LlamaIndex's evaluators over the configured model; None where none is."""
    if not settings.model:
        return None
    from llama_index.core.evaluation import CorrectnessEvaluator, FaithfulnessEvaluator, RelevancyEvaluator

    llm = _language_model(settings, settings.model)
    made = {"faithfulness": FaithfulnessEvaluator, "relevancy": RelevancyEvaluator, "correctness": CorrectnessEvaluator}
    return Judge(settings.model, {name: evaluator(llm=llm) for name, evaluator in made.items()})


def _language_model(settings: Settings, model: str) -> Any:
    from llama_index.core.llms import LLMMetadata
    from llama_index.llms.openai import OpenAI

    class Endpoint(OpenAI):
        """Any OpenAI-compatible endpoint: LlamaIndex's class knows the window of OpenAI's own models only."""

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(context_window=_WINDOW, num_output=512, is_chat_model=True, model_name=self.model)

    return Endpoint(
        model=model,
        temperature=0.0,
        api_key=settings.openai_api_key or "none",
        api_base=settings.openai_base_url,
        timeout=_TIMEOUT,
        max_retries=_RETRIES,
    )


def _yes_or_no(what: str, result: EvaluationResult) -> Score:
    """LlamaIndex takes whatever holds no "yes" for a no; a model that said neither has not judged."""
    words = (result.feedback or "").lower()
    if "yes" not in words and "no" not in words.split() and not words.strip(" .").startswith("no"):
        return Score.unknown("the model's verdict cannot be read")
    return Score.of(bool(result.passing), f"the model says that the answer is {'' if result.passing else 'not '}{what}")


def _one_to_five(result: EvaluationResult) -> Score:
    if result.score is None or not 1 <= result.score <= 5:
        return Score.unknown("the model's verdict cannot be read")
    return Score((result.score - 1) / 4, f"the model gives {result.score:g} of 5 against the evidence")


_READERS: Mapping[str, Callable[[Any], Score]] = {
    "faithfulness": partial(_yes_or_no, "carried by its citations"),
    "relevancy": partial(_yes_or_no, "about the question"),
    "correctness": _one_to_five,
}
