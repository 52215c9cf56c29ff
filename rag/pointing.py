"""What "the second one", "the last of those" or "the other two" points at: something that an answer listed.

A list is what stands before a colon at the start of several of an answer's sentences ("Surgery: ... [1] Immunotherapy:
..."), or else the treatments that it names, in their order. The latest answer that has one counts. Words are data
(`data/followups.yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from rag.language import align, detect
from rag.terms import Terms
from rag.topics import read, words_of
from rag.types import Language, Turn

_MARKER = re.compile(r"\[\d+\]|\n+")
_HEAD = re.compile(r"^\W*([^\n:：.。?!]{2,40}?)\s*[:：]\s")
_LAST = -1
_LISTS = 3  # so many answers back
_READ = 3000  # characters of an answer


def pointed(message: str, history: Sequence[Turn], language: Language, terms: Terms) -> str:
    """The message with names in the place of what points into a list of the answers; as it is where nothing does, or
    nothing was listed."""
    answers = [turn.content[:_READ] for turn in reversed(history) if turn.role == "assistant"][:_LISTS]
    if not answers:
        return message
    folded, at = align(message)
    for place, pattern in _ordinals(language):
        if found := pattern.search(folded):
            name = _item(answers, place, language, terms)
            return _put(message, name, at[found.start("it")], at[found.end("it") - 1] + 1) if name else message
    if found := _rest(language).search(folded):
        name = _others(answers, history, language, terms)
        return _put(message, name, at[found.start("it")], at[found.end("it") - 1] + 1) if name else message
    return message


def _put(message: str, name: str, start: int, end: int) -> str:
    return f"{message[:start]}{name}{message[end:]}"


def _item(answers: Sequence[str], place: int, language: Language, terms: Terms) -> str | None:
    """The name of the item, in the language of the message."""
    items = next((items for said in answers if (items := _listed(said, language, terms))), [])
    return items[place] if items and place < len(items) else None


def _others(answers: Sequence[str], history: Sequence[Turn], language: Language, terms: Terms) -> str | None:
    """The items that the question before does not name, where it names one of them."""
    asked = next((turn.content[:_READ] for turn in reversed(history) if turn.role == "user"), "")
    named = {match.concept for match in terms.find(asked, detect(asked, language), parts=True)}
    for items in (_listed(said, language, terms) for said in answers):
        rest = [item for item in items if named.isdisjoint(m.concept for m in terms.find(item, language))]
        if rest and len(rest) < len(items):
            return str(words_of("ordinals")[language]["and"]).join(rest)
    return None


def _listed(said: str, language: Language, terms: Terms) -> list[str]:
    """The items of an answer's list, in the language of the message; none where it lists nothing."""
    spoken = detect(said, language)
    heads = [found[1] for part in _MARKER.split(said) if (found := _HEAD.match(part.strip() + " "))]
    items = heads if len(heads) > 1 else _treatments(said, spoken, terms)
    return [_named(item, spoken, language, terms) for item in items] if len(items) > 1 else []


def _treatments(said: str, spoken: Language, terms: Terms) -> Sequence[str]:
    named = [one for one in read(said, spoken, terms).named if one.slot == "treatment"]
    first = {one.concept: said[one.start : one.end] for one in reversed(named)}
    return [first[concept] for concept in dict.fromkeys(one.concept for one in named)]


def _named(item: str, spoken: Language, language: Language, terms: Terms) -> str:
    matches = terms.find(item, spoken)
    known = max(matches, key=lambda match: match.end - match.start, default=None)
    return item if known is None or spoken == language else terms.names(known.concept, language)[0]


@cache
def _ordinals(language: Language) -> tuple[tuple[int, re.Pattern[str]], ...]:
    """Each place in a list, -1 for the last, with the pattern of what says it (its group `it`)."""
    data = words_of("ordinals")[language]
    places = [*enumerate(data["numbers"]), (_LAST, data["last"])]
    return tuple((place, re.compile(data["frame"].replace("N", f"(?:{words})"))) for place, words in places)


@cache
def _rest(language: Language) -> re.Pattern[str]:
    return re.compile(words_of("ordinals")[language]["rest"])
