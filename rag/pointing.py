"""What "the second one" or "the last of those" points at: something that the assistant's last answer listed.

A list is what stands before a colon at the start of several of its sentences ("Surgery: ... [1] Immunotherapy: ..."),
or else the treatments that it names, in their order. Words are data (`data/followups.yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from rag.language import align, detect
from rag.terms import Terms
from rag.topics import read, words_of
from rag.types import Language

_MARKER = re.compile(r"\[\d+\]|\n+")
_HEAD = re.compile(r"^\W*([^\n:：.。?!]{2,40}?)\s*[:：]\s")
_LAST = -1


def pointed(message: str, said: str, language: Language, terms: Terms) -> str:
    """The message with a name in the place of an ordinal that points into what was `said`; as it is where it has none,
    or nothing was listed."""
    folded, at = align(message)
    for number, pattern in _ordinals(language):
        if found := pattern.search(folded):
            name = _item(said, number, language, terms)
            place = found.start("it"), found.end("it")
            return f"{message[: at[place[0]]]}{name}{message[at[place[1] - 1] + 1 :]}" if name else message
    return message


def _item(said: str, number: int, language: Language, terms: Terms) -> str | None:
    """The name of the item, in the language of the message."""
    spoken = detect(said, language)
    heads = [found[1] for part in _MARKER.split(said) if (found := _HEAD.match(part.strip() + " "))]
    items = heads if len(heads) > 1 else _treatments(said, spoken, terms)
    if len(items) < 2 or number > len(items):
        return None
    return _named(items[number if number == _LAST else number - 1], spoken, language, terms)


def _treatments(said: str, spoken: Language, terms: Terms) -> Sequence[str]:
    named = [one for one in read(said, spoken, terms).named if one.slot == "treatment"]
    return list({one.concept: said[one.start : one.end] for one in reversed(named)}.values())[::-1]


def _named(item: str, spoken: Language, language: Language, terms: Terms) -> str:
    matches = terms.find(item, spoken)
    known = max(matches, key=lambda match: match.end - match.start, default=None)
    return item if known is None or spoken == language else terms.names(known.concept, language)[0]


@cache
def _ordinals(language: Language) -> tuple[tuple[int, re.Pattern[str]], ...]:
    """Each number with the pattern of what says it (its group `it`); -1 is the last."""
    data = words_of("ordinals")[language]
    frame = data["frame"]
    numbers = enumerate([*data["numbers"], data["last"]], 1)
    made = [(_LAST if one == data["last"] else n, frame.replace("N", f"(?:{one})")) for n, one in numbers]
    return tuple((n, re.compile(pattern)) for n, pattern in made)
