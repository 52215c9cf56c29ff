"""Small talk: thanks, goodbyes, remarks, and questions about the program itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rag.likeness import TALK, odds
from rag.rules import Rules
from rag.types import Language

#: The signs by which a text that `likeness.plain` gives speaks of a disease, a drug, a treatment or a test.
_TOPICS = frozenset("DGTL")
#: What is said by the way: beside it the rest of a message tells more; and the guard's rules for it.
_SAID = frozenset({"stop", "goodbye", "thanks", "greeting", "remark", "ok"})
SAID = frozenset(f"about.{kind}" for kind in _SAID)
#: The reason where a message is small talk for sure.
BARE = "is nothing but small talk"


@dataclass(frozen=True, slots=True)
class Talk:
    """The kinds of the phrases of small talk in a message, and what is left of it without them."""

    kinds: frozenset[str]
    rest: str


def talk_in(text: str, language: Language, rules: Mapping[Language, Rules]) -> Talk:
    """Phrases of the message's language are looked for first: a short one may be of several."""
    kinds: set[str] = set()
    for code in sorted(rules, key=lambda code: code != language):
        text = _take_away(text, rules[code], kinds)
    return Talk(frozenset(kinds - {"filler"}), text)


def signs_of(
    talk: Talk, plain: str, like: Mapping[str, float], meant: Mapping[str, float], *, is_asked: bool, is_later: bool
) -> dict[str, float]:
    """What speaks for small talk and against it, by name of the signal: 1.0 for what is seen, and how much likelier
    than anything else it is by its likeness, as natural logarithms. `plain` is what `likeness.plain` gives; `is_asked`
    says that a clause asks, `is_later` that a question was asked before: "why, then?" is about that."""
    return {
        "talk.phrase": float(bool(talk.kinds)),
        "talk.words": odds(like, "about", ("about",)),
        "talk.meaning": -odds(meant, "none", ("none",)),
        "topic.named": float(not _TOPICS.isdisjoint(plain)),
        "topic.asked": float(is_asked),
        "topic.later": float(is_later),
        "topic.asked_later": float(is_asked and is_later),
    }


def kind_of(talk: Talk, meant: Mapping[str, float], ranked: Iterable[str]) -> str:
    """By its phrase, the most telling one by `ranked` first, where it is nothing but phrases or one of them asks about
    the program; else by its meaning."""
    phrase = next((kind for kind in ranked if kind in talk.kinds), None)
    if phrase and (not talk.rest or phrase not in _SAID):
        return phrase
    return max(TALK, key=meant.__getitem__)


def _take_away(text: str, rules: Rules, kinds: set[str]) -> str:
    """`text` without the phrases of small talk, the longest taken first; their kinds are added to `kinds`."""
    while text:
        found = [(match.end() - match.start(), kind, match) for kind, p in rules.talk if (match := p.search(text))]
        length, kind, match = max(found, key=lambda entry: entry[0], default=(0, "", None))
        if not length or match is None:
            break
        kinds.add(kind)
        text = f"{text[: match.start()]} {text[match.end() :]}".strip()
    return " ".join(text.split())
