"""What each address and all together may have of questions, tokens and conversations, and what is said where it is used
up."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from rag.access import Access
from rag.labels import Labels
from rag.limits import Rate, Ration, Refusal
from rag.tokens import tokens
from rag.types import Answer

_MINUTE, _HOUR = 60.0, 3600.0
_log = logging.getLogger("citewell")


@dataclass(frozen=True, slots=True)
class Rations:
    """What each address and all together may have: questions, tokens, and new conversations."""

    questions: Ration
    tokens: Ration
    sessions: Ration

    @classmethod
    def of(cls, access: Access, clock: Callable[[], float]) -> Rations:
        return cls(
            Ration(Rate(access.questions_per_address, _MINUTE), Rate(access.questions, _MINUTE), clock),
            Ration(Rate(access.tokens_per_address, _HOUR), Rate(access.tokens, _HOUR), clock),
            Ration(Rate(access.sessions_per_address, _MINUTE), Rate(access.sessions, _MINUTE), clock),
        )

    def take(self, address: str, amount: int, labels: Labels) -> str | None:
        """Takes a question of so many tokens; why not, in the reader's language, where there is no share left."""
        if refusal := self.questions.take(address):
            return _said(labels, "notice.too_fast", refusal)
        if refusal := self.tokens.take(address, amount):
            return _said(labels, "notice.used_up", refusal)
        return None


def _said(labels: Labels, key: str, refusal: Refusal) -> str:
    _log.warning("refused a question: %s, %s", key, refusal.whose)
    if refusal.whose == "all":
        key = f"{key}_all"
    return labels.say(key, minutes=max(1, math.ceil(refusal.seconds / 60)))


def cost(answer: Answer) -> int:
    """Tokens of an answer, and of what a model was given for it: what it was told beside the passages is small."""
    has_model = answer.engine == "model" or answer.withheld > 0
    passages = sum(tokens(hit.passage.text) for hit in answer.hits) if has_model else 0
    return tokens(answer.text) + passages
