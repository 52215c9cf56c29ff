"""A question with something else in the place of what it named: a treatment for a treatment, a stage for a stage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rag.terms import Terms
from rag.topics import Named, Topic, tables, without
from rag.types import Language

OF_DISEASE = ("stage", "spread", "operable", "site")  # what a new cancer does not take over from the old one
_CLAUSE = re.compile(r"[,;:.!?，；：。！？、\n]")


def replaced(now: Topic, named: Sequence[Named], slot: str, base: Topic, terms: Terms) -> str:
    """The question before with what is `named` now in the place of what fills `slot` there."""
    before = {one.concept for one in base.named}
    new = [one for one in named if one.slot == slot and one.concept not in before]
    new = new or [one for one in named if one.slot == slot]
    if inner := aim(new[0], base, terms):
        return _spliced(base.text, [(*inner, _surface(now, new[0], terms))], base.language)
    old = [one for one in base.named if one.slot == slot]
    others = {one.slot for one in named} & base.slots - {slot}
    names = " ".join(dict.fromkeys(_surface(now, one, terms) for one in new))
    text = names if others or len(new) > 1 else _phrase(now, new[0], named, terms)
    edits = [(old[0].start, old[0].end, text), *((one.start, one.end, "") for one in old[1:])]
    if len(old) > 1 and old[-1].end - old[0].start < 40:  # "radiotherapy or chemotherapy" is one place
        edits = [(old[0].start, old[-1].end, text)]
    is_left = slot == "cancer" and new[0].start < new[0].end  # what was said of a wrong organ is meant of the right one
    for one in base.named:
        if one.slot in others:
            mine = next(o for o in named if o.slot == one.slot)
            edits.append((one.start, one.end, _surface(now, mine, terms)))
        elif is_left and one.slot in OF_DISEASE and (one.slot == "stage" or _touches(one, old, base)):
            edits.append((one.start, one.end, ""))
    return _spliced(base.text, edits, base.language)


def aim(new: Named, base: Topic, terms: Terms) -> tuple[int, int] | None:
    """Where an aim stands inside the treatment before ("palliative radiotherapy"), if an aim is what is new."""
    if new.concept not in tables().aims:
        return None
    for old in (one for one in base.named if one.slot == "treatment"):
        for match in terms.find(base.text[old.start : old.end], base.language, parts=True):
            if match.concept in tables().aims and match.end - match.start < old.end - old.start:
                return old.start + match.start, old.start + match.end
    return None


def _touches(one: Named, others: Iterable[Named], topic: Topic) -> bool:
    """Whether at most a preposition stands between."""
    gaps = (topic.text[min(one.end, o.end) : max(one.start, o.start)] for o in others)
    return any(len(gap.split()) <= 2 and len(gap) <= 12 and not _CLAUSE.search(gap) for gap in gaps)


def _surface(now: Topic, one: Named, terms: Terms) -> str:
    """As the reader wrote it; where that stands for it only, or its ending or article would be wrong in the new place,
    its name."""
    written = now.text[one.start : one.end] if now.language in ("en", "zh") else ""
    return written or terms.names(one.concept, now.language)[0]


def _phrase(now: Topic, one: Named, named: Sequence[Named], terms: Terms) -> str:
    """A name with what follows it in its clause, where more is named there: "rectal cancer that went to the liver"."""
    end = _CLAUSE.search(now.text, one.end)
    tail = now.text[one.end : end.start() if end else len(now.text)]
    for name in ("corrections", "particles"):
        tail = without(tail, name, now.language)
    tail = tail if any(one.end <= other.start for other in named) else ""
    between = "" if now.language == "zh" else " "
    return f"{_surface(now, one, terms)}{between}{tail}".strip()


def _spliced(text: str, edits: Iterable[tuple[int, int, str]], language: Language) -> str:
    space = "" if language == "zh" else " "
    for start, end, new in sorted(edits, reverse=True):
        text = f"{text[:start].rstrip() if not new else text[:start]}{new or space}{text[end:]}"
    return " ".join(text.split())
