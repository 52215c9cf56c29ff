"""A question that leans on the turns before it, made whole without a model: "and surgery?" takes over the topic, a
new topic drops the old one, "I meant stage 4" replaces what it corrects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from rag.language import detect, fold
from rag.query import TOPIC_KINDS, kind_of, understand
from rag.terms import Terms
from rag.types import Language, Turn

_DATA = Path(__file__).parent / "data" / "followups.yaml"
_SHORT = 3  # a question of at most so many terms may lean on the one before
#: Kinds of things that are a topic by themselves, though none of medicine: "who won the football match?"
_ELSEWHERE = (
    "country", "city", "sport_art", "nature", "government", "economy", "religion", "school", "travel", "transport",
    "house", "name",
)  # fmt: skip
_LOOK_BACK = 4  # so many questions back
_READ = 3000  # characters from the start of a message, and as many from its end


@cache
def _patterns() -> Mapping[tuple[str, Language], re.Pattern[str]]:
    data = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    rows = ((kind, language, words) for kind, by_language in data.items() for language, words in by_language.items())
    return {(kind, language): _pattern(kind, language, words) for kind, language, words in rows}


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
    texts = [_cut(text) for text in (*earlier, question)]
    understood = ""
    for number, text in enumerate(texts):
        spoken = language if number == len(earlier) else detect(text, default=language)
        if understood and _leans(text, spoken, terms):
            kept = _without(understood, _kinds(text, spoken, terms), detect(understood, default=spoken), terms)
            understood = f"{kept} {text}".strip()
        else:
            understood = text
    return understood


def _cut(text: str) -> str:
    """The start and the end of a long message: that is where its question stands."""
    return text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"


def _leans(text: str, language: Language, terms: Terms) -> bool:
    """A few terms, and an opening that goes on, a word that points back, or no topic of its own."""
    kinds = _kinds(text, language, terms)
    plain = " ".join(re.findall(r"[\w'-]+", fold(text)))
    opens = bool(_patterns()["openings", language].search(plain))
    refers = bool(_patterns()["pronouns", language].search(plain))
    topics = [kind for kind in kinds if kind in TOPIC_KINDS or kind in _ELSEWHERE]
    return len(kinds) <= _SHORT and (opens or not topics or (refers and "cancer" not in topics))


def _kinds(text: str, language: Language, terms: Terms) -> list[str]:
    """The kinds of the things that a text is about, one for each place."""
    kinds = [term.kind for term in understand(text, language, terms).terms]
    return [kind for kind in kinds if kind not in ("adverb", "glue", "people")]


def _without(text: str, kinds: Sequence[str], language: Language, terms: Terms) -> str:
    """`text` without what it names of these kinds, where they are topics."""
    found = terms.find(text, language, slips=True)
    gone = {(m.start, m.end) for m in found if kind_of(m, terms) in kinds and kind_of(m, terms) in TOPIC_KINDS}
    for start, end in sorted(gone, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return " ".join(text.split())
