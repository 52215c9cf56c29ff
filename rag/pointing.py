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
    if not said:
        return message
    folded, at = align(message)
    for place, pattern in _ordinals(language):
        if found := pattern.search(folded):
            name = _item(said, place, language, terms)
            return (
                f"{message[: at[found.start('it')]]}{name}{message[at[found.end('it') - 1] + 1 :]}" if name else message
            )
    return message


def _item(said: str, place: int, language: Language, terms: Terms) -> str | None:
    """The name of the item, in the language of the message."""
    spoken = detect(said, language)
    heads = [found[1] for part in _MARKER.split(said) if (found := _HEAD.match(part.strip() + " "))]
    items = heads if len(heads) > 1 else _treatments(said, spoken, terms)
    if len(items) < 2 or place >= len(items):
        return None
    return _named(items[place], spoken, language, terms)


def _treatments(said: str, spoken: Language, terms: Terms) -> Sequence[str]:
    named = [one for one in read(said, spoken, terms).named if one.slot == "treatment"]
    return list({one.concept: said[one.start : one.end] for one in reversed(named)}.values())[::-1]


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
