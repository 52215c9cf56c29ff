"""What a reader may want of the last answer in place of a new question: in another language, shorter, in the words of
the source, or more of it. A wish becomes that last question, asked again in another way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from rag.guard import Guard
from rag.language import fold
from rag.tables import read_table
from rag.types import LANGUAGES, Decision, Language, Turn

_TABLE = "wishes.yaml"
_LONGEST = 80  # characters of a wish
_LOOK_BACK = 12  # messages back in which the question is looked for
_MARKS = re.compile(r"[^\w' -]+|_")
#: Small talk of the guard that is a wish where there is an answer before it.
_TALK: Mapping[str, str] = {"about.language": "language", "about.shorter": "shorter", "about.original": "original"}
#: What is said where there is no answer yet.
_RULES: Mapping[str, str] = {kind: rule for rule, kind in _TALK.items()} | {
    "more": "about.abilities",
    "again": "about.abilities",
}
_KINDS = ("language", "shorter", "original", "more", "again")
Wanted = tuple[str, Language | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """`question` is the one asked again, with what was said before it. `language`: the answer's, None for that of the
    wish; `halved` so many times is it shortened; `further` so many answers are passed over; `original`: the source's
    own words. With an empty `question` there is none yet, and `decision` says what to answer."""

    question: str = ""
    history: tuple[Turn, ...] = ()
    language: Language | None = None
    halved: int = 0
    further: int = 0
    original: bool = False
    decision: Decision | None = None


NO_WISH = Wish()


@dataclass(frozen=True, slots=True)
class Wishes:
    guard: Guard

    def of(self, message: str, decision: Decision | None, language: Language, history: Sequence[Turn]) -> Wish | None:
        """What is wanted of the last answer; None for a message that wants nothing of it. `decision` is the guard's
        on the message. Wishes add up: "more", then "in French". Work is bounded: only short messages can be wishes,
        and few are looked back on."""
        first = _wanted(message, decision)
        if not first:
            return None
        found = [first]
        said = [(place, turn.content) for place, turn in enumerate(history) if turn.role == "user"][-_LOOK_BACK:]
        for place, text in reversed(said):
            before = self.guard.before(text, language) if len(text) <= _LONGEST else None
            if one := _wanted(text, before):
                found.append(one)
            elif text.strip() and not (before and before.outcome == "about"):
                return _added(found, text, tuple(history[:place]))
        return Wish(language=first[1], decision=Decision(_RULES[first[0]], "a wish with no answer before it", "about"))


def _wanted(text: str, decision: Decision | None) -> Wanted | None:
    """By its words, or as the guard sees it."""
    if not text.strip() or len(text) > _LONGEST:
        return None
    if known := wanted(text):
        return known
    kind = _TALK.get(decision.rule) if decision else None
    named = _named(text) if kind == "language" else None
    return (kind, named) if kind and (kind != "language" or named) else None


def _added(found: Sequence[Wanted], question: str, history: tuple[Turn, ...]) -> Wish:
    """All wishes since the question, the earliest first."""
    wish = Wish(question, history)
    for kind, language in reversed(found):
        if kind == "language":
            wish = replace(wish, language=language, original=False)
        elif kind == "shorter":
            wish = replace(wish, halved=wish.halved + 1)
        elif kind == "original":
            wish = replace(wish, original=True)
        elif kind == "more":
            wish = replace(wish, further=wish.further + 1, halved=0, original=False)
    return wish


def wanted(text: str) -> Wanted | None:
    """The kind of wish that a whole message is by its words, and the language it names; None for any other message."""
    if len(text) > _LONGEST:
        return None
    plain = " ".join(_patterns()["to_whom"].sub(" ", _MARKS.sub(" ", fold(text))).split())
    polite = _patterns()["polite"]
    for _ in range(4):  # polite words in a row, before and after
        for kind, pattern in _patterns().items():
            if kind in _KINDS and pattern.fullmatch(plain):
                return kind, _named(plain) if kind == "language" else None
        shorter = polite.sub("", plain).strip()
        if shorter == plain:
            return None
        plain = shorter
    return None


def _named(text: str) -> Language | None:
    plain = fold(text)
    return next((language for language in LANGUAGES if _names()[language].search(plain)), None)


@cache
def _names() -> Mapping[Language, re.Pattern[str]]:
    names = read_table(_TABLE)["languages"]
    return {language: re.compile("|".join(sorted(names[language], key=len, reverse=True))) for language in LANGUAGES}


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    """By kind, for all languages at once: a reader may wish in any."""
    data = read_table(_TABLE)
    any_language = "|".join(name for names in data["languages"].values() for name in names)
    phrases = {
        kind: "|".join(phrase for some in by.values() for phrase in some) for kind, by in data["phrases"].items()
    }
    made = {kind: re.compile(phrase.replace("<lang>", f"(?:{any_language})")) for kind, phrase in phrases.items()}
    spaced = [re.escape(word) for code, words in data["polite"].items() if code != "zh" for word in words]
    han = "|".join(sorted(map(re.escape, data["polite"]["zh"]), key=len, reverse=True))
    latin = "|".join(sorted(spaced, key=len, reverse=True))
    polite = re.compile(rf"^(?:(?:{latin})\b ?|(?:{han}) ?)|(?: (?:{latin})| ?(?:{han}))$")
    to_whom = re.compile(rf"\b(?:{'|'.join(data['to_whom'])})\b")
    return {**made, "polite": polite, "to_whom": to_whom}
