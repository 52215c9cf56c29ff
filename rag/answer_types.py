"""What kind of answer a question wants: a figure with a unit, names of drugs. A text on the same thing that has none of
the kind does not answer. The kinds are data (`data/answers.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from rag.signs import HAN_CHARACTER
from rag.tables import read_table
from rag.terms import Match, Terms

_NEAR = 1  # words that may stand between what asks and what is asked for
_BREAK = re.compile(r"[,;:.!?，；：。！？、\n]")


@cache
def _data() -> Any:
    return read_table("answers.yaml")


def asks_number(matches: Sequence[Match]) -> bool:
    """Whether only a figure answers it: how many, how long, what percentage."""
    return bool(_asking(matches))


def unit(text: str, matches: Sequence[Match]) -> frozenset[str]:
    """Keys of which a text must hold one beside a figure, where a number of something is asked for: "how many
    minutes"; none where it is asked for no unit."""
    asks = _asking(matches)
    things = ((row, match) for row in _data()["units"] for match in matches if match.concept in row)
    fitting = (row for row, thing in things if any(_near(text, ask, thing) for ask in asks))
    return frozenset(f"#{concept}" for concept in next(fitting, ()))


def names(text: str, matches: Sequence[Match], terms: Terms) -> Iterator[tuple[str, frozenset[str]]]:
    """What the question asks the names of, as written ("which drugs"), and the keys of all such names."""
    table = _data()["names"]
    asks = [(match, _NEAR) for match in matches if match.concept in table["asked"]]
    asks += ((match, 0) for match in matches if match.concept in table["asked_at_once"])
    for match in matches:
        is_class = terms.concepts[match.concept].kind == table["class"]
        if is_class and any(_near(text, ask, match, most) for ask, most in asks):
            left_out = {match.concept, *table["generic"]}
            members = (one.id for one in terms.concepts.values() if one.kind in table["members"])
            yield text[match.start : match.end], frozenset(f"#{one}" for one in members if one not in left_out)


def _asking(matches: Sequence[Match]) -> list[Match]:
    """What of a question asks for a number."""
    return [match for match in matches if match.concept in _data()["numbers"]]


def _near(text: str, ask: Match, thing: Match, most: int = _NEAR) -> bool:
    """Whether `thing` follows `ask` after at most so many words of its clause: "hangi ilaç", "which chemo drugs"."""
    between = text[ask.end : thing.start]
    if ask.start > thing.start or _BREAK.search(between):
        return False
    return len(between.split()) + len(HAN_CHARACTER.findall(between)) // 2 <= most
