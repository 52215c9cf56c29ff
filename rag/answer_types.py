"""What kind of answer a question wants: a figure with a unit, names of drugs. A text on the same thing that has none of
the kind does not answer. The kinds are data (`data/answers.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from rag.tables import read_table
from rag.terms import Match, Terms

_NEAR = 3  # words that may stand between what asks and what is asked for: "which other chemotherapy drugs"
_BREAK = re.compile(r"[,;:.!?，；：。！？、\n]")
_HAN = re.compile("[\u3400-\u9fff]")


@cache
def _data() -> Any:
    return read_table("answers.yaml")


def asks_number(matches: Sequence[Match]) -> bool:
    """Whether only a figure answers it: how many, how long, what percentage."""
    return any(match.concept in _data()["numbers"] for match in matches)


def unit(text: str, matches: Sequence[Match]) -> frozenset[str]:
    """Keys of which a text must hold one beside a figure, where a number of something is asked for: "how many
    minutes"; none where it is asked for no unit."""
    asks = [match for match in matches if match.concept in _data()["numbers"]]
    units: list[str] = _data()["units"]
    for match in matches:
        if not any(_stand_together(text, ask, match) for ask in asks):
            continue
        if match.concept in units:
            place = units.index(match.concept)
            return frozenset(f"#{concept}" for concept in units[max(0, place - 1) : place + 2])
        if match.concept in _data()["counted"]:
            return frozenset([f"#{match.concept}"])
    return frozenset()


def names(text: str, matches: Sequence[Match], terms: Terms) -> Iterator[tuple[str, frozenset[str]]]:
    """What the question asks the names of, as written ("which drugs"), and the keys of all such names."""
    table = _data()["names"]
    asks = [match for match in matches if match.concept in table["asked"]]
    for match in matches:
        is_class = terms.concepts[match.concept].kind == table["class"]
        if is_class and any(_stand_together(text, ask, match) for ask in asks):
            left_out = {match.concept, *table["generic"]}
            members = (one.id for one in terms.concepts.values() if one.kind in table["members"])
            yield text[match.start : match.end], frozenset(f"#{one}" for one in members if one not in left_out)


def _stand_together(text: str, ask: Match, thing: Match) -> bool:
    """Whether `thing` follows `ask` at once or after a few words of the same clause; "hangi ilaç", "有哪些药"."""
    between = text[ask.end : thing.start]
    if ask.start > thing.start or _BREAK.search(between):
        return False
    return len(between.split()) + len(_HAN.findall(between)) // 2 <= _NEAR
