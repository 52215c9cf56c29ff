"""A sentence as the check sees it: its words with what they mean and where they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from rag.phrases import Place, Word, places
from rag.sheet import Sheet, Span, words
from rag.terms import Terms
from rag.translation_cues import figures, number_words
from rag.types import Language
from rag.wording import alike, family, is_in, meanings, numbers, stem

_WORD = re.compile(r"[\w%°±²³½¼¾]")
_DIGIT = re.compile(r"[0-9]")
_BEGINNING = 5  # words in which an "it" speaks of the sentence before
_TOPIC = 4
_SUBJECT = {"tr": 2, "zh": 2}  # words of a subject where the verb does not follow it, or is not known for one
#: Kinds of concepts that say what happens and how, not of what is spoken.
_PREDICATES = frozenset(("aux", "possible", "must", "will", "usual", "negation"))
_PREFIX = re.compile(r"(?:pre|post)(?=op|men|trans|surg|treat|chimio|chemo|radi|nat)")
_QUALITIES = frozenset(("verb", "adjective", "adverb"))
_SPOKEN = frozenset(("verb", "phrase"))
_LABEL = 6  # words before a colon that may name what follows
_LISTS = (
    "filler",
    "light",
    "emphasis",
    "comparative",
    "up",
    "down",
    "bad",
    "negative",
    "deictic",
    "frequent",
    "necessity",
    "limiting",
    "softening",
    "weakening",
)
#: Turkish carries these in the ending of a word that keeps its meaning besides.
_ENDINGS = frozenset(("negation", "possible", "if", "must", "without", "will", "person", "despite", "than"))
_BARE = re.compile(
    r"(?:ol|et|ed|edil|bulun|kal)(?:[ae]bil|[ae]m[ae]|m[ae]|il|[ui]r|s[ae]|m[iu]s|acak|ecek)\w*|ol\w{1,3}|degil\w*|yok\w*"
    r"|hic\w*|asla|gerek\w*|lazim|zorunda\w*|eger|surece|potansiyel|mumkun\w*|muhtemel\w*|olasi\w*|belki|ihtimal\w*|\w{1,3}"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A word in its place; `number` counts the units of a claim."""

    number: int
    word: Word
    place: Place

    @property
    def is_figure(self) -> bool:
        return any(key[0] == "#" for key in self.word.keys)

    @property
    def marker(self) -> str:
        """What it hangs on, be it in the word itself ("postoperative")."""
        return next((kind for kind in ("before", "after") if kind in self.word.flags), self.place.marker)

    def has(self, kind: str) -> bool:
        """Whether it is of a class, or carries it, or stands in a list."""
        return self.word.cue == kind or kind in self.word.flags


@dataclass(frozen=True, slots=True)
class Claim:
    """`units` in order; `content` are those that mean something."""

    language: Language
    units: tuple[Unit, ...]
    content: tuple[Unit, ...]

    @classmethod
    def of(cls, found: Sequence[Word], language: Language) -> Claim:
        placed = zip(found, places(found, language), strict=True)
        units = tuple(Unit(number, word, place) for number, (word, place) in enumerate(placed))
        return cls(language, units, tuple(unit for unit in units if unit.word.keys))

    @property
    def _anaphor(self) -> Unit | None:
        """The "it" that the claim begins with."""
        return next((unit for unit in self.units[:_BEGINNING] if unit.word.cue == "anaphor"), None)

    @property
    def is_open(self) -> bool:
        """Whether it speaks of an "it" that stands before it."""
        anaphor = self._anaphor
        return anaphor is not None and not any(
            unit.word.things for unit in self.content if unit.number < anaphor.number
        )

    @property
    def topic(self) -> tuple[Word, ...]:
        """What it is about: its label, or its first words up to the frame; nothing when that is not clear."""
        label = tuple(unit.word for unit in self.content if "label" in unit.word.flags)
        first = tuple(unit.word for unit in takewhile(_is_named, self.units[: _SUBJECT.get(self.language)]))
        found = label or tuple(word for word in first if word.keys)
        return found if len(found) <= _TOPIC else ()

    @property
    def scope(self) -> frozenset[str]:
        """Keys of what it is said of: the things in its phrases with "in", "for", "with"."""
        said = (unit for unit in self.content if unit.place.marker in ("scope", "with", "if") and unit.word.things)
        return frozenset(key for unit in said for key in unit.word.keys)

    @property
    def has_anaphor(self) -> bool:
        if self.language in ("zh", "tr"):
            return True
        first = next((unit.number for unit in self.content if unit.word.things), len(self.units))
        return any(unit.word.cue == "anaphor" or unit.has("deictic") for unit in self.units[:first])

    @property
    def lacks_subject(self) -> bool:
        """Whether it begins with a verb: it goes on with the subject of what stands before."""
        first = next((unit for unit in self.units if unit.word.cue != "filler"), None)
        return first is not None and (first.word.cue in _PREDICATES or first.has("verb"))

    def after(self, topic: Sequence[Word]) -> Claim:
        """The claim with `topic` for its subject."""
        return Claim.of([*topic, *(unit.word for unit in self.units)], self.language)

    def about(self, topic: Sequence[Word]) -> Claim:
        """The claim with `topic` in place of "it"."""
        anaphor = self._anaphor
        words = [unit.word for unit in self.units]
        if anaphor is not None:
            named = [word._replace(flags=word.flags | {"label"}) for word in topic]
            words[anaphor.number : anaphor.number + 1] = named
        return Claim.of(words, self.language)


def _is_named(unit: Unit) -> bool:
    """Whether a word can belong to the name of what a sentence is about."""
    return unit.word.cue in ("", "filler", "and", "of", "-", "'") and (not unit.number or not unit.has("quality"))


class Reader:
    """Reads sentences. It keeps none: they are a model's as well as the evidence's. Read by many threads."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def read(self, text: str, language: Language) -> Claim:
        return claimed([word for _, word in self.words(text, language)], language)

    def words(self, text: str, language: Language) -> list[tuple[int, Word]]:
        """The words of a text, each after the place in the text where it begins."""
        sheet = Sheet.of(text, language, self._terms)
        return [(sheet.at[sheet.tokens[span[0]][0]], self._word(span, sheet)) for span in words(sheet)]

    def _word(self, span: Span, sheet: Sheet) -> Word:
        text, language = sheet.text(span), sheet.language
        if not _WORD.match(text):
            return Word(text, "filler" if text[:1] == "'" and len(text) > 1 else text)
        opening = sheet.openings.get(span[0])
        flags = {name for name in _LISTS if is_in(name, text, language)} | ({opening} if opening else set())
        kinds = sheet.kinds(span)
        if opening == "framing" or (opening and kinds):
            return Word(text, "filler")
        own, wholes = sheet.concepts.get(span, []), list(sheet.wholes(span))
        things = self._families(own) or (
            self._families(wholes) if not own and not meanings(text, language) else frozenset()
        )
        is_ending = " " not in text and not _BARE.fullmatch(text)
        if kinds and language == "tr" and _ENDINGS.intersection(kinds) and is_ending:
            flags |= {kind for kind in _ENDINGS.intersection(kinds) if kind in ("without", "than") or not things}
        elif kinds and not (language == "zh" and things):
            return Word(text, kinds[0], flags=frozenset(kinds[1:] if kinds[0] != "potential" else ()))
        if "filler" in flags:
            return Word(text, "filler", flags=frozenset(flags))
        if things:
            flags -= {"light", "emphasis"}  # the beginning of a name may be that of a word with hardly a meaning
        named = [self._terms.concepts[concept].kind for concept in own]
        if own and all(kind in _QUALITIES for kind in named):
            flags.add("quality")
        if "verb" in named and all(kind in _QUALITIES or kind == "abstract" for kind in named):
            flags.add("verb")
        if language in ("en", "fr") and (prefix := _PREFIX.match(text)):
            flags.add("before" if prefix[0][:3] == "pre" else "after")
        return Word(text, "", self._keys(text, span, sheet), things, frozenset(flags))

    def _keys(self, text: str, span: Span, sheet: Sheet) -> frozenset[str]:
        language, concepts = sheet.language, sheet.concepts.get(span, [])
        bare = text.rstrip("地的") if language == "zh" and len(text) > 2 else text
        keys = {f"s:{stem(bare, language)}", *meanings(bare, language)}
        for lemma in sheet.lemmas(span):
            keys |= {f"s:{lemma}", *meanings(lemma, language)}
        if language != "zh" and len(text) > 3:
            keys.add(f"w:{text}")
        keys |= {f"#{value}" for value in numbers(concepts) or _figures(text, language)}
        keys |= {f"{mark}{concept}" for concept in concepts for mark in ("c:", "^")}
        is_verb = any(self._terms.concepts[concept].kind == "verb" for concept in concepts)
        wholes = [w for w in sheet.wholes(span) if not is_verb or self._terms.concepts[w].kind in _SPOKEN]
        keys.update(*map(alike, concepts))
        for concept in (*concepts, *wholes):
            keys |= {f"^{key}" for key in (concept, *alike(concept))}
        return frozenset(keys)

    def _families(self, concepts: Sequence[str]) -> frozenset[str]:
        kinds = self._terms.concepts
        return frozenset(family(concept, kinds[concept].kind) for concept in concepts) - {""}


def _figures(word: str, language: Language) -> frozenset[str]:
    """The number that a word is; "one" is an article as often as not."""
    if _DIGIT.match(word):
        return frozenset(figures(word, language)) if not re.search(r"[^\W\d]", word) else frozenset()
    return frozenset(number_words(word, language)) - {"1"} if len(word) < 12 else frozenset()


def claimed(found: Sequence[Word], language: Language) -> Claim:
    """Words as a claim, those of a label marked."""
    return Claim.of(_labelled(found), language)


def _labelled(found: Sequence[Word]) -> list[Word]:
    """A few words before a colon name what follows ("Chemotherapy: ..."): they need not be said again."""
    colon = next((number for number, word in enumerate(found) if word.cue == ":"), 0)
    if not 0 < sum(bool(word.keys) for word in found[:colon]) <= _LABEL or colon > len(found) - 3:
        return list(found)
    label = [word._replace(flags=word.flags | {"label"}) for word in found[:colon]]
    return [*label, *found[colon:]]
