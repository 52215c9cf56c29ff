"""A question that leans on the turns before it, made whole without a model: "and surgery?" takes over the topic, a
new topic drops the old one, "I meant stage 4" replaces what it corrects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from rag.language import detect, fold
from rag.query import FORM_KINDS
from rag.terms import Terms
from rag.types import Language, Turn

_DATA = Path(__file__).parent / "data" / "followups.yaml"
_SHORT = 3  # a question of at most so many terms may lean on the one before
_LOOK_BACK = 4  # so many questions back


@cache
def _patterns() -> Mapping[tuple[str, Language], re.Pattern[str]]:
    data = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return {(kind, language): _pattern(kind, language, words) for kind, rows in data.items() for language, words in rows.items()}


def _pattern(kind: str, language: Language, words: Sequence[str]) -> re.Pattern[str]:
    body = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    edge = "" if language == "zh" else r"\b"
    return re.compile(rf"^\W*(?:{body}){edge}" if kind == "openings" else rf"{edge}(?:{body}){edge}")


def standalone(question: str, history: Sequence[Turn], language: Language, terms: Terms) -> str:
    """The question as understood: itself, or with the topic of the questions before it that it leans on.

    From an earlier question go the names of things that are of the same kind as one that is asked about now, so that
    "and surgery?" after "does chemotherapy help in mesothelioma?" asks about surgery in mesothelioma.
    """
    earlier = [turn.content for turn in history if turn.role == "user" and turn.content.strip()][-_LOOK_BACK:]
    understood = ""
    for text in [*earlier, question]:
        spoken = language if text is question else detect(text, default=language)
        if understood and _leans(text, spoken, terms):
            understood = f"{_without(understood, _kinds(text, spoken, terms), spoken, terms)} {text}".strip()
        else:
            understood = text
    return understood


def _leans(text: str, language: Language, terms: Terms) -> bool:
    kinds = _kinds(text, language, terms)
    folded = fold(text)
    opens = bool(_patterns()["openings", language].search(folded))
    refers = bool(_patterns()["pronouns", language].search(folded))
    return len(kinds) <= _SHORT and (opens or len(kinds) <= 1 or (refers and "cancer" not in kinds))


def _kinds(text: str, language: Language, terms: Terms) -> list[str]:
    """The kinds of the things that a text is about."""
    kinds = (terms.concepts[match.concept].kind for match in terms.find(text, language, slips=True))
    return [kind for kind in kinds if kind not in FORM_KINDS]


def _without(text: str, kinds: Sequence[str], language: Language, terms: Terms) -> str:
    gone = [m for m in terms.find(text, detect(text, default=language), slips=True) if terms.concepts[m.concept].kind in kinds]
    for match in reversed(gone):
        text = f"{text[: match.start]} {text[match.end :]}"
    return " ".join(text.split())
