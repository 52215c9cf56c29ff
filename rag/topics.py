"""What a message of a conversation names, by the place it fills in a question: the cancer, the treatment, the stage;
and how it hangs on what was said before. Words and places are data (`data/followups.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from rag.language import align, fold, stopwords
from rag.query import FORM_KINDS, TOPIC_KINDS, kind_of, understand
from rag.reread import read_once
from rag.tables import read_table
from rag.terms import Match, Terms
from rag.types import Language

_HAN = re.compile("[\u3400-\u9fff]")
_TAIL = 3  # words that may say more of a name that takes another's place
#: What may stand before and after the words that leave a topic, and what ends them.
_AROUND_CHANGE = {
    "": (r"(?:\w+\W+){0,3}?", r"(?:\W?\w+){0,2}", r" *(?:[,.:;!?-]|$)"),
    "zh": (r".{0,4}?", r"[^,.:;!?。 ]{0,4}?", r"(?: *[,.:;!?。-]| |$)"),
}
_LIGHT = frozenset({"adverb", "people"})  # kinds that say nothing of the topic


@dataclass(frozen=True, slots=True)
class Named:
    """`text[start:end]` names a concept that fills `slot`."""

    concept: str
    slot: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A message as the conversation sees it. `kinds` are those of what it is about, one for each place; `asks` that
    it is a question by its words or its mark."""

    text: str
    language: Language
    named: tuple[Named, ...]
    kinds: tuple[str, ...]
    asks: bool

    @property
    def slots(self) -> frozenset[str]:
        return frozenset(named.slot for named in self.named)

    @property
    def has_topic(self) -> bool:
        return bool(self.named) or any(kind in (*TOPIC_KINDS, "aspect") for kind in self.kinds)

    @property
    def is_new_to_us(self) -> bool:
        """Whether it names what the vocabulary does not know."""
        return any(kind in ("word", "name") for kind in self.kinds)

    @property
    def is_elsewhere(self) -> bool:
        return not self.named and any(kind in tables().elsewhere for kind in self.kinds)

    def has(self, name: str) -> bool:
        """Whether one of the word lists of the data is found in it."""
        return bool(_words(name, self.language).search(_plain(self.text)))


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of `data/followups.yaml` that hold no words of a language."""

    kinds: Mapping[str, str]
    concepts: Mapping[str, str]
    generic: frozenset[str]
    manner: frozenset[str]
    aims: frozenset[str]
    of_disease: frozenset[str]
    elsewhere: frozenset[str]

    def slot(self, match: Match, kind: str) -> str | None:
        if match.concept in self.generic | self.manner:
            return None
        return self.concepts.get(match.concept) or self.kinds.get(kind)


@cache
def tables() -> Tables:
    data = _data()
    slots: Mapping[str, Mapping[str, Sequence[str]]] = data["slots"]
    kinds = {kind: slot for slot, entry in slots.items() for kind in entry.get("kinds", ())}
    concepts = {concept: slot for slot, entry in slots.items() for concept in entry.get("concepts", ())}
    sets = (frozenset(data[name]) for name in ("generic", "manner", "aims", "of_disease", "elsewhere"))
    return Tables(kinds, concepts, *sets)


@read_once
def read(text: str, language: Language, terms: Terms) -> Topic:
    """What `text` names; misspelt names count."""
    matches = terms.find(text, language, slips=True)
    named = tuple(
        Named(match.concept, slot, match.start, match.end)
        for match in matches
        if (slot := tables().slot(match, kind_of(match, terms)))
    )
    plain = fold(text)
    asks = any(kind_of(match, terms) == "question" for match in matches) or "?" in plain
    asks = asks or bool(re.search(_data()["asking"][language], plain))
    manner = {f"#{concept}" for concept in tables().manner}
    kinds = ("verb" if term.keys & manner else term.kind for term in understand(text, language, terms).terms)
    return Topic(text, language, _one_a_place(named), tuple(kind for kind in kinds if kind not in _LIGHT), asks)


def fragment(topic: Topic, terms: Terms) -> tuple[Named, ...]:
    """Of a message that only names something ("and surgery?", "I meant stage 4, not 3") what it names; none of one
    that says something of it."""
    corrects = topic.has("corrections") or topic.has("replacing")
    left = _without(topic.text, topic.named)
    left = _words("corrections", topic.language).sub(" ", left)
    left = _words("particles", topic.language).sub(" ", _unopened(left, topic))
    matches = terms.find(left, topic.language, slips=True)
    says = _words("predicates", topic.language).search(left) and not corrects
    if says or any(kind_of(match, terms) in FORM_KINDS for match in matches) or not topic.named:
        return ()
    said = [m for m in matches if kind_of(m, terms) not in _LIGHT]
    rest = _content(_cut_out(left, matches), topic.language)
    return _meant(topic) if len(said) + len(rest) <= (_TAIL if corrects else 0) else ()


def _meant(topic: Topic) -> tuple[Named, ...]:
    """What it names without what it puts aside ("mesothelioma, not cancer of the gullet"), unless that is all."""
    before, behind = _negated(topic.language)

    def is_put_aside(one: Named) -> bool:
        return bool(before.search(fold(topic.text[: one.start])) or behind.match(fold(topic.text[one.end :])))

    return tuple(one for one in topic.named if not is_put_aside(one)) or topic.named


@cache
def _negated(language: Language) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands before a name that is put aside, and what stands behind one."""
    rule = _data()["negated"][language]
    before = rf"(?:^|\W|[\u3400-\u9fff])(?:{rule.get('before', '(?!)')}) *(?:l'|la |le |the )?$"
    return re.compile(before), re.compile(rf" *(?:{rule.get('behind', '(?!)')})")


def _unopened(text: str, topic: Topic) -> str:
    for name in ("replacing", "openings"):
        text = re.sub(rf"^\W*(?:{_words(name, topic.language).pattern})", " ", text)
    return text


def without(text: str, name: str, language: Language) -> str:
    """`text` without the words of one list of the data and the marks around it; as it is where it has none of them."""
    folded, at = align(text)
    found = list(_words(name, language).finditer(folded))
    if not found:
        return text
    for match in reversed(found):
        text = f"{text[: at[match.start()]]} {text[at[match.end() - 1] + 1 :]}"
    return " ".join(text.split()).strip(" ,;:.!?，；：。！？、")


def changed(text: str, language: Language) -> str | None:
    """What follows where a message opens by leaving the topic ("new question: ..."); None where it does not."""
    folded, at = align(text)
    few, end, stop = _AROUND_CHANGE.get(language, _AROUND_CHANGE[""])
    found = re.match(rf"(?:\W*{few}{_words('changes', language).pattern}{end}{stop})+", folded)
    return text[at[found.end() - 1] + 1 :].strip() if found else None


def opens(topic: Topic) -> bool:
    """Whether the message opens as one that goes on."""
    return _unopened(plain := _plain(topic.text), topic) != plain


def subject(text: str, language: Language) -> tuple[int, int] | None:
    """The place of a pronoun in whose place the name itself can stand."""
    folded, at = align(text)
    found = next((match for pattern in _subjects(language) if (match := pattern.search(folded))), None)
    expletive = _data()["expletives"].get(language, "(?!)")
    if not found or re.match(rf" (?:{expletive})", folded[found.end("it") :]):
        return None
    return at[found.start("it")], at[found.end("it") - 1] + 1


@cache
def _subjects(language: Language) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, _data()["subjects"][language]))


def is_verb(text: str, language: Language) -> bool:
    return bool(_words("verbs", language).fullmatch(fold(text)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w'-]+", fold(text)))


def _without(text: str, named: Iterable[Named]) -> str:
    """The folded text without the places of `named`."""
    gone = {position for one in named for position in range(one.start, one.end)}
    return fold("".join(" " if position in gone else char for position, char in enumerate(text)))


def _cut_out(text: str, matches: Sequence[Match]) -> str:
    gone = {position for match in matches for position in range(match.start, match.end)}
    return "".join(" " if position in gone else char for position, char in enumerate(text))


def _content(text: str, language: Language) -> list[str]:
    """What is left of a folded text beside function words."""
    if language != "zh":
        words = re.findall(r"[\w'-]+", text)
        return [word for word in words if not set(re.split(r"['-]", word)) <= _function(language)]
    for word in sorted(stopwords("zh"), key=len, reverse=True):
        text = text.replace(word, " ")
    return _HAN.findall(text)


@cache
def _function(language: Language) -> frozenset[str]:
    return stopwords(language) | {"", "d", "l", "s", "qu", "t", "m", "n", "j", "c"}


def _one_a_place(named: Sequence[Named]) -> tuple[Named, ...]:
    return tuple({(one.start, one.end): one for one in reversed(named)}.values())[::-1]


@cache
def _words(name: str, language: Language) -> re.Pattern[str]:
    """The words of one list, the longest first."""
    words = sorted(_data()[name].get(language, ()), key=len, reverse=True)
    body = "|".join(map(re.escape, words)) or r"(?!)"
    return re.compile(f"(?:{body})" if language == "zh" else rf"\b(?:{body})(?!\w)")


def words_of(name: str) -> Mapping[str, Any]:
    """One list of the data, by language."""
    found: Mapping[str, Any] = _data()[name]
    return found


@cache
def _data() -> Mapping[str, Any]:
    return read_table("followups.yaml")
