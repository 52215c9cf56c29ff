"""A question that leans on the turns before it, made whole without a model: "and surgery?" takes over the topic, a
new topic drops the old one, "I meant stage 4" replaces what it corrects.

What fills the same place in a question is replaced (a treatment by a treatment, a stage by a stage); what the new
question does not name is carried over. That beats gluing texts together, which keeps what was replaced.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.language import detect
from rag.terms import Terms
from rag.topics import Named, Topic, changed, fragment, is_verb, opens, read, subject, tables, without
from rag.types import Language, Turn

_SHORT = 4  # a question of at most so many terms may lean on the one before
_LOOK_BACK = 10  # so many questions back
_READ = 3000  # characters from the start of a message, and as many from its end
_STORY = 240  # a story of at most so many characters is kept whole before the question that follows it
_ORDER = ("cancer", "treatment", "stage", "spread", "operable", "site")
_OF_DISEASE = ("stage", "spread", "operable", "site")  # what a new cancer does not take over from the old one
_CLAUSE = re.compile(r"[,;:.!?，；：。！？、\n]")
_CITED = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as understood, with the topic of the turns before it that it leans on. `base` is what the next one may
    lean on; `alone` the message by itself, where it may as well be a new question; `is_glued`, that what was
    said before stands in `text` ahead of the message."""

    text: str
    base: str
    alone: str | None = None
    is_glued: bool = False


def understood(question: str, history: Sequence[Turn], language: Language, terms: Terms) -> Reading:
    """How the question is read in the light of the turns before it. Work is bounded: the latest messages, and of each
    the start and the end."""
    base: Topic | None = None
    for text, said in _earlier(history):
        spoken = detect(text, default=base.language if base else language)
        now = read(text, spoken, terms)
        if base is None or _tells(now):
            kept = _understand(now, base, said, terms).base
            base = read(kept, spoken, terms) if kept else None
    return _understand(read(_cut(question), language, terms), base, _last_said(history), terms)


def standalone(question: str, history: Sequence[Turn], language: Language, terms: Terms) -> str:
    """The text of `understood`."""
    return understood(question, history, language, terms).text


def _earlier(history: Sequence[Turn]) -> list[tuple[str, str]]:
    """The reader's latest messages, each with what the assistant had said before it."""
    found, said = [], ""
    for turn in history:
        if turn.role == "user" and turn.content.strip():
            found.append((_cut(turn.content), said))
        elif turn.role == "assistant":
            said = turn.content[:_READ]
    return found[-_LOOK_BACK:]


def _last_said(history: Sequence[Turn]) -> str:
    return next((turn.content[:_READ] for turn in reversed(history) if turn.role == "assistant"), "")


def _cut(text: str) -> str:
    """The start and the end of a long message: that is where its question stands."""
    return text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"


def _tells(topic: Topic) -> bool:
    """Whether a message changes what the talk is about: thanks and sighs do not."""
    return topic.asks or topic.has_topic or changed(topic.text, topic.language) is not None


def _understand(now: Topic, base: Topic | None, said: str, terms: Terms) -> Reading:
    rest = changed(now.text, now.language)
    if rest is not None:
        return Reading(rest or now.text, rest)
    if base is None:
        return Reading(now.text, now.text)
    if named := fragment(now, terms):
        return _fragment(now, named, base, terms)
    if not _leans(now, base):
        return Reading(now.text, now.text)
    if not now.has_topic:
        return Reading(_after(base, now, terms), base.text, is_glued=True)
    if _is_story(base, now):
        text = _after(base, now, terms)
        return Reading(text, text, is_glued=True)
    text = _with_topic(now, base, said, terms)
    may_be_new = "treatment" in now.slots and not _goes_on(now)
    return Reading(text, text, now.text if may_be_new and text != now.text else None)


def _leans(now: Topic, base: Topic) -> bool:
    """A few terms and no disease of its own, or an opening that goes on or a word that points back."""
    if "cancer" in now.slots:
        return bool(subject(now.text, now.language)) and "treatment" in base.slots - now.slots
    if now.is_elsewhere or not (now.asks or now.has_topic):
        return _goes_on(now) and len(now.kinds) <= _SHORT
    return _goes_on(now) or len(now.kinds) <= _SHORT


def _goes_on(now: Topic) -> bool:
    return opens(now) or now.has("pronouns")


def _is_story(base: Topic, now: Topic) -> bool:
    return not base.asks and base.language == now.language and len(base.text) <= _STORY


def _after(base: Topic, now: Topic, terms: Terms) -> str:
    """The question before and this one; of one in another language its topics."""
    if base.language == now.language:
        return f"{base.text} {now.text}"
    return _closed(now.text, _names(base.named, now.language, terms))


def _fragment(now: Topic, named: Sequence[Named], base: Topic, terms: Terms) -> Reading:
    """The question before with what is named now in its place."""
    slots = [slot for slot in _ORDER if any(one.slot == slot for one in named)]
    places = [base.text[one.start : one.end] for one in base.named if one.slot == slots[0]]
    fits = any(not is_verb(place, base.language) for place in places)
    if base.language == now.language and (fits or _aim(named[0], base, terms)):
        text = _replaced(now, named, slots[0], base, terms)
        return Reading(text, text)
    if slots[0] == "treatment" or base.language != now.language:
        gone = {*slots, *(_OF_DISEASE if slots[0] == "cancer" else ())}
        kept = [one for one in base.named if one.slot not in gone]
        text = _closed(now.text, _names(kept, now.language, terms))
    else:
        text = _after(base, now, terms)
    return Reading(text, text)


def _replaced(now: Topic, named: Sequence[Named], slot: str, base: Topic, terms: Terms) -> str:
    before = {one.concept for one in base.named}
    new = [one for one in named if one.slot == slot and one.concept not in before]
    new = new or [one for one in named if one.slot == slot]
    if inner := _aim(new[0], base, terms):
        return _spliced(base.text, [(*inner, _surface(now, new[0], terms))], base.language)
    old = [one for one in base.named if one.slot == slot]
    others = {one.slot for one in named} & base.slots - {slot}
    names = " ".join(dict.fromkeys(_surface(now, one, terms) for one in new))
    text = names if others or len(new) > 1 else _phrase(now, new[0], terms)
    edits = [(old[0].start, old[0].end, text), *((one.start, one.end, "") for one in old[1:])]
    if len(old) > 1 and old[-1].end - old[0].start < 40:  # "radiotherapy or chemotherapy" is one place
        edits = [(old[0].start, old[-1].end, text)]
    for one in base.named:
        if one.slot in others:
            mine = next(o for o in named if o.slot == one.slot)
            edits.append((one.start, one.end, _surface(now, mine, terms)))
        elif slot == "cancer" and one.slot in _OF_DISEASE and (one.slot == "stage" or _touches(one, old, base)):
            edits.append((one.start, one.end, ""))
    return _spliced(base.text, edits, base.language)


def _aim(new: Named, base: Topic, terms: Terms) -> tuple[int, int] | None:
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
    """As the reader wrote it; in Turkish, where endings would be wrong in the new place, its name."""
    return terms.names(one.concept, "tr")[0] if now.language == "tr" else now.text[one.start : one.end]


def _phrase(now: Topic, one: Named, terms: Terms) -> str:
    """A name with what follows it in its clause: "rectal cancer that went to the liver"."""
    end = _CLAUSE.search(now.text, one.end)
    tail = now.text[one.end : end.start() if end else len(now.text)]
    for name in ("corrections", "particles"):
        tail = without(tail, name, now.language)
    tail = tail if any(one.end <= other.start for other in now.named) else ""
    between = "" if now.language == "zh" else " "
    return f"{_surface(now, one, terms)}{between}{tail}".strip()


def _spliced(text: str, edits: Iterable[tuple[int, int, str]], language: Language) -> str:
    space = "" if language == "zh" else " "
    for start, end, new in sorted(edits, reverse=True):
        text = f"{text[:start].rstrip() if not new else text[:start]}{new or space}{text[end:]}"
    return " ".join(text.split())


def _with_topic(now: Topic, base: Topic, said: str, terms: Terms) -> str:
    """The question with what it does not name itself: in the place of a pronoun, the rest in brackets behind it."""
    place = subject(now.text, now.language)
    wanted = [one for one in base.named if place or one.slot not in now.slots]
    if "cancer" in now.slots:
        wanted = [one for one in wanted if one.slot == "treatment"]
    if not {one.slot for one in wanted} & {"cancer", "treatment"} and now.has("pronouns"):
        wanted = [*_answered(said, now, terms), *wanted]
    if not wanted:
        return _after(base, now, terms)
    text = now.text
    if place and (one := _referent(now, wanted, terms)):
        wanted = [other for other in wanted if other.concept != one.concept]
        text = f"{text[: place[0]]}{terms.names(one.concept, now.language)[0]}{text[place[1] :]}"
    return _closed(text, _names(wanted, now.language, terms))


def _referent(now: Topic, wanted: Sequence[Named], terms: Terms) -> Named | None:
    """What "it" is: the disease where it is asked how that goes, else the treatment."""
    concepts = {match.concept for match in terms.find(now.text, now.language, parts=True)}
    order = ("cancer", "treatment") if concepts & tables().of_disease else ("treatment", "cancer")
    return next((one for slot in order for one in wanted if one.slot == slot), None)


def _answered(said: str, now: Topic, terms: Terms) -> list[Named]:
    """The treatment or disease that the assistant's last cited answer speaks of most."""
    if not _CITED.search(said):
        return []
    named = [one for one in read(said, detect(said, now.language), terms).named if one.slot in ("cancer", "treatment")]
    most = Counter(one.concept for one in named).most_common(1)
    return [next(one for one in named if one.concept == most[0][0])] if most else []


def _names(named: Iterable[Named], language: Language, terms: Terms) -> list[str]:
    return list(dict.fromkeys(terms.names(one.concept, language)[0] for one in named))


def _closed(text: str, names: Sequence[str]) -> str:
    """The names in brackets behind a question."""
    return f"{text} ({', '.join(names)})" if names else text
