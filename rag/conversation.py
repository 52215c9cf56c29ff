"""A question that leans on the turns before it, made whole without a model: "and surgery?" takes over the topic, a
new topic drops the old one, "I meant stage 4" replaces what it corrects.

What fills the same place in a question is replaced (a treatment by a treatment, a stage by a stage); what the new
question does not name is carried over. That beats gluing texts together, which keeps what was replaced.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rag.language import detect
from rag.pointing import pointed
from rag.reread import read_once
from rag.slots import OF_DISEASE, aim, replaced
from rag.terms import Terms
from rag.topics import Named, Topic, changed, fragment, is_verb, opens, read, subject, tables
from rag.types import Language, Turn

_SHORT = 4  # a question of at most so many terms may lean on the one before
_LOOK_BACK = 10  # so many questions back
_READ = 3000  # characters from the start of a message, and as many from its end
_STORY = 240  # a story of at most so many characters is kept whole before the question that follows it
_ORDER = ("cancer", "treatment", "stage", "spread", "operable", "site")
_ENDS = (".", "!", "?", "…", ")", "。", "！", "？", "）")
_CITED = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as understood, with the topic of the turns before it that it leans on. `base` is what the next one may
    lean on; `others` are less likely readings: the message by itself, where it may as well be a new question, or with
    the names alone of what was said before. `is_glued`: what was said before stands in `text` ahead of the message;
    `is_replaced`: a name of it stands in another's place. `asked`: the message with a name in place of its
    pronoun. `before`: the question that a message goes on from that names no other disease. `echo`: a message that
    leans, with the names of the last answer that it has none of its own for."""

    text: str
    base: str
    others: tuple[str, ...] = ()
    is_glued: bool = False
    is_replaced: bool = False
    asked: str = ""
    before: str = ""
    echo: str = ""


def understood(question: str, history: Sequence[Turn], language: Language, terms: Terms) -> Reading:
    """How the question is read in the light of the turns before it. Work is bounded: the latest messages, and of each
    the start and the end."""
    base: Topic | None = None
    for text, said in _earlier(history):
        spoken = detect(text, default=base.language if base else language)
        now = read(text, spoken, terms)
        if _tells(now):
            kept = _understand(now, base, said, terms).base
            base = read(kept, spoken, terms) if kept else None
    said = _last_said(history)
    now = read(pointed(shortened(question), history, language, terms), language, terms)
    reading = _understand(now, base, said, terms)
    if changed(now.text, language) is not None:
        return reading
    if base is not None and _cancers_in(now, terms) <= _cancers_in(base, terms):
        reading = replace(reading, before=base.text)
    return replace(reading, echo=_echo(now, said, terms)) if reading.text != now.text else reading


def _cancers_in(topic: Topic, terms: Terms) -> set[str]:
    """A case history may name other diseases beside."""
    return {one.concept for one in topic.named if terms.concepts[one.concept].kind in ("cancer", "precancer")}


def _earlier(history: Sequence[Turn]) -> list[tuple[str, str]]:
    """The reader's latest messages, each with what the assistant had said before it."""
    found, said = [], ""
    for turn in history:
        if turn.role == "user" and turn.content.strip():
            found.append((shortened(turn.content), said))
        elif turn.role == "assistant":
            said = turn.content[:_READ]
    return found[-_LOOK_BACK:]


def _last_said(history: Sequence[Turn]) -> str:
    return next((turn.content[:_READ] for turn in reversed(history) if turn.role == "assistant"), "")


def shortened(text: str) -> str:
    """The start and the end of a long message: that is where its question stands."""
    return text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"


def _tells(topic: Topic) -> bool:
    """Whether a message changes what the talk is about: thanks and sighs do not, nor a question about the assistant."""
    names = topic.has_topic or topic.is_elsewhere or topic.is_new_to_us
    return names or changed(topic.text, topic.language) is not None


@read_once
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
    if not (now.has_topic or now.is_elsewhere or subject(now.text, now.language)):
        others = (_closed(now.text, _names(base.named, now.language, terms)),) if now.kinds else ()
        hinted = "treatment" not in base.slots and now.has("pronouns")
        names = _names(_answered(said, now, terms), now.language, terms) if hinted else []
        return Reading(_closed(_after(base, now, terms), names), base.text, others, is_glued=True)
    if _is_story(base, now):
        text = _after(base, now, terms)
        return Reading(text, text, is_glued=True)
    asked, text = _with_topic(now, base, said, terms)
    may_be_new = "treatment" in now.slots and not _goes_on(now)
    return Reading(text, text, (now.text,) if may_be_new and text != now.text else (), asked=asked)


def _leans(now: Topic, base: Topic) -> bool:
    """A few terms and no disease of its own, or an opening that goes on or a word that points back."""
    if "cancer" in now.slots:
        return bool(subject(now.text, now.language)) and "treatment" in base.slots - now.slots
    if not (now.asks or now.has_topic):  # a remark: "that helps a bit"
        return opens(now) and len(now.kinds) <= _SHORT
    if now.is_elsewhere:
        return _goes_on(now) and len(now.kinds) <= _SHORT
    return _goes_on(now) or len(now.kinds) <= _SHORT


def _goes_on(now: Topic) -> bool:
    return opens(now) or now.has("pronouns")


def _is_story(base: Topic, now: Topic) -> bool:
    return not base.asks and base.language == now.language and len(base.text) <= _STORY


def _after(base: Topic, now: Topic, terms: Terms) -> str:
    """The question before and this one; of one in another language its topics."""
    if base.language == now.language:
        return f"{_ended(base)} {now.text}"
    return _closed(now.text, _names(base.named, now.language, terms))


def _ended(base: Topic) -> str:
    """With a mark at its end, where it was typed without one."""
    mark = ("？" if base.asks else "。") if base.language == "zh" else "?" if base.asks else "."
    return base.text if base.text.endswith(_ENDS) else f"{base.text}{mark}"


def _fragment(now: Topic, named: Sequence[Named], base: Topic, terms: Terms) -> Reading:
    """The question before with what is named now in its place."""
    named = _cancers(now, named, base, terms)
    slots = [slot for slot in _ORDER if any(one.slot == slot for one in named)]
    places = [base.text[one.start : one.end] for one in base.named if one.slot == slots[0]]
    fits = any(not is_verb(place, base.language) for place in places)
    fits = fits and not (len(places) > 1 and base.text.endswith(")"))  # "which is worse? (this, that)" is settled
    if base.language == now.language and (fits or aim(named[0], base, terms)):
        text = replaced(now, named, slots[0], base, terms)
        return Reading(text, text, is_replaced=True)
    if slots[0] == "treatment" or base.language != now.language:
        gone = {*slots, *(OF_DISEASE if slots[0] == "cancer" else ())}
        kept = [one for one in base.named if one.slot not in gone]
        text = _closed(now.text, _names(kept, now.language, terms))
    else:
        text = _after(base, now, terms)
    return Reading(text, text, is_replaced=True)


def _cancers(now: Topic, named: Sequence[Named], base: Topic, terms: Terms) -> Sequence[Named]:
    """Where the cancer of an organ was spoken of, an organ stands for its cancer: "I meant the pancreas"."""
    organs = {part for one in base.named if one.slot == "cancer" for part in terms.parts(one.concept)}
    is_organ = {one.slot for one in named} == {"site"} and any(terms.cancer_of(organ) for organ in organs)
    if not is_organ or (base.slots & {"site", "spread"} and not now.has("corrections")):
        return named
    cancers = ((one, terms.cancer_of(one.concept)) for one in named)
    return tuple(Named(cancer, "cancer", one.end, one.end) if cancer else one for one, cancer in cancers)


def _with_topic(now: Topic, base: Topic, said: str, terms: Terms) -> tuple[str, str]:
    """The message with a name in the place of its pronoun, and with the rest of what it does not name itself in
    brackets behind it."""
    place = subject(now.text, now.language)
    wanted = [one for one in base.named if place or one.slot not in now.slots]
    if "cancer" in now.slots:
        wanted = [one for one in wanted if one.slot == "treatment"]
    if not {one.slot for one in wanted} & {"cancer", "treatment"} and now.has("pronouns"):
        wanted = [*_answered(said, now, terms), *wanted]
    if not wanted:
        return now.text, _after(base, now, terms)
    text = now.text
    if place and (one := _referent(now, wanted, terms)):
        wanted = [other for other in wanted if other.concept != one.concept]
        text = f"{text[: place[0]]}{terms.names(one.concept, now.language)[0]}{text[place[1] :]}"
    return text, _closed(text, _names(wanted, now.language, terms))


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


def _echo(now: Topic, said: str, terms: Terms) -> str:
    """The message with what the last answer names; empty where that was none, or it names nothing else."""
    if not _CITED.search(said):
        return ""
    named = (one for one in read(said, detect(said, now.language), terms).named if one.slot not in now.slots)
    names = _names(named, now.language, terms)
    return _closed(now.text, names) if names else ""


def _names(named: Iterable[Named], language: Language, terms: Terms) -> list[str]:
    return list(dict.fromkeys(terms.names(one.concept, language)[0] for one in named))


def _closed(text: str, names: Sequence[str]) -> str:
    """The names in brackets behind a question."""
    return f"{text} ({', '.join(names)})" if names else text
