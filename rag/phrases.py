"""Where a word stands in its sentence: in which clause, member of an enumeration and phrase, and what that phrase
hangs on ("after", "than", "if", ...). No grammar: the words of the frame and punctuation set the borders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from rag.types import Language


class Word(NamedTuple):
    """A word: `cue` is its class when it belongs to the frame (a sign is its own class); else `keys` say what it means:
    "#" a number, "s:" a stem, "w:" the word itself, "c:" a concept, "=" words of one meaning, "^" part of a longer
    name.
    `things` are the families of its concepts that name things. `flags` are classes in its ending, lists of `check.yaml`
    that it stands in, "quality" and "verb" for what no noun is, "label" before a colon."""

    text: str
    cue: str = ""
    keys: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()

    def kind(self, kinds: frozenset[str]) -> str:
        """Its class when that is one of `kinds`, else a class in its ending, else ""."""
        return self.cue if self.cue in kinds else next(iter(sorted(self.flags & kinds)), "")


class Place(NamedTuple):
    """Numbers that only tell apart, and the class that the phrase hangs on; `quantity` is "some", "most" or "all" where
    the word is counted so; `is_condition` after "if", `is_aside` in brackets."""

    clause: int = 0
    member: int = 0
    phrase: int = 0
    marker: str = ""
    quantity: str = ""
    is_condition: bool = False
    is_aside: bool = False


#: Frame words that a phrase hangs on, and those of them that hold for a whole clause.
MARKERS = frozenset(
    ("than", "before", "after", "during", "without", "with", "if", "due", "cause", "despite", "besides", "like",
     "scope", "by", "purpose", "over", "under")
)  # fmt: skip
CLAUSAL = frozenset(("if", "cause", "despite", "besides"))
WEAK = frozenset(("scope", "with", "by", "purpose"))
_POST = {
    "zh": frozenset(("before", "after", "during", "if", "like")),
    "tr": MARKERS - {"scope", "like", "with", "by", "over", "under"},
}
_AFTER_ITS_PHRASE = "后前时中间下等"
_BREAKS = {",": "member", "、": "member", ";": "clause", ":": "clause", ".": "clause", "!": "clause", "?": "clause",
           "。": "clause", "—": "clause", "–": "clause", "·": "clause", "•": "clause"}  # fmt: skip
_OPEN, _CLOSE = frozenset("(["), frozenset(")]")
_QUANTITIES = frozenset(("some", "many", "most", "all"))
_FINITE: dict[Language, str] = {"en": "s"}
_VERBAL = frozenset(("aux", "possible", "must", "will", "usual"))


class _Scan:
    """Reads words from left to right and keeps the place they stand in."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.place = Place()
        self.count = 0
        self.is_relative = False
        self.is_fresh = False  # nothing has followed the marker yet
        self.outer: list[tuple[Place, Place | None]] = []
        self.condition: Place | None = None  # the "if" that the clause stands under
        self.suspended: Place | None = None  # the same, when a comma leaves open whether it goes on

    def step(self, word: Word) -> Place:
        cue = word.cue
        if cue in _OPEN:
            self.outer.append((self.place, self.condition))
            self.move(marker="like", clause=True, is_aside=True)
        elif cue in _CLOSE and self.outer:
            self.place, self.condition = self.outer.pop()
        elif cue in _BREAKS:
            self.pause(cue)
        elif cue in ("and", "contrast", "result"):
            self.join(cue)
        elif cue in MARKERS and self.language != "tr" and not _is_post(word, self.language):
            self.hang(cue)
        elif cue == "rel":
            self.is_relative = True
        elif cue in _VERBAL or self.is_finite(word):
            self.verb()
        if word.keys:
            self.is_fresh = False
        return self.place._replace(is_condition=self.condition is not None)

    def is_finite(self, word: Word) -> bool:
        """Whether a verb shows by its ending that it is the one of its clause."""
        ending = _FINITE.get(self.language)
        return bool(ending and not self.is_fresh and "verb" in word.flags and word.text.endswith(ending))

    def move(self, marker: str, member: bool = False, clause: bool = False, is_aside: bool | None = None) -> None:
        self.count += 1
        place = self.place
        self.place = Place(
            self.count if clause else place.clause,
            self.count if member or clause else place.member,
            self.count,
            marker,
            is_aside=place.is_aside if is_aside is None else is_aside,
        )

    def pause(self, sign: str) -> None:
        """After a comma the sentence goes on; whether within its condition only the next word tells."""
        self.is_relative = False
        held = self.condition if _BREAKS[sign] == "member" else None
        self.move(marker="", member=True, clause=_BREAKS[sign] == "clause")
        self.condition, self.suspended = None, held

    def join(self, cue: str) -> None:
        held = self.suspended or self.condition
        if held or cue == "and":
            self.count += 1
            self.place = (held or self.place)._replace(member=self.count)
            self.condition, self.suspended = held, None
        else:
            self.move(marker="", clause=True)

    def hang(self, cue: str) -> None:
        if cue in WEAK and (self.place.marker in CLAUSAL or (self.is_fresh and self.place.marker not in WEAK)):
            return  # "than in", "because of": the stronger word rules
        self.move(cue, member=cue in CLAUSAL, clause=cue == "despite")
        self.is_fresh, self.is_relative = True, False
        self.condition = self.place if cue == "if" else self.condition

    def verb(self) -> None:
        """A finite verb ends a phrase, the first one after "who" does not."""
        if self.place.marker and self.place.marker not in CLAUSAL and self.language != "tr":
            if self.is_relative:
                self.is_relative = False
            else:
                self.move(marker="")


def places(words: Sequence[Word], language: Language) -> list[Place]:
    """The place of each word."""
    scan = _Scan(language)
    found = []
    subject = _subject_comma(words, language)
    for number, word in enumerate(words):
        if number == subject:
            found.append(scan.place)
            continue
        if _begins_clause(words, number, language) and not (scan.condition or scan.suspended):
            scan.move(marker="", clause=True)
        found.append(scan.step(word))
        if word.keys or word.cue in MARKERS:
            scan.suspended = None
    for number, word in enumerate(words):
        if _is_post(word, language):
            scan.count += 1
            _hang_back(words, found, number, word.kind(_POST[language]), scan.count)
    _count_out(words, found, language)
    return found


def _subject_comma(words: Sequence[Word], language: Language) -> int | None:
    """The place of a comma that sets off the subject in Turkish ("Ağrı, hastalarda sık görülür"): what stands before
    it has no verb, and what follows is no list."""
    comma = next((number for number, word in enumerate(words) if word.cue == ","), 0)
    if language != "tr" or not comma or any("verb" in word.flags or word.cue for word in words[:comma]):
        return None
    after = list(takewhile(lambda word: word.cue not in _BREAKS and word.cue != "and", words[comma + 1 :]))
    return comma if any("verb" in word.flags or word.cue in _VERBAL for word in after) else None


def _begins_clause(words: Sequence[Word], number: int, language: Language) -> bool:
    """Whether a word that follows a comma begins a clause with a subject of its own: "..., and most patients have"."""
    if not number or words[number - 1].cue not in (",", "，"):
        return False
    if language == "zh":
        return words[number].cue in _QUANTITIES
    if words[number].cue != "and":
        return False
    has_subject = False
    for word in words[number + 1 :]:
        if word.cue in _BREAKS or word.cue == "and":
            return False
        if word.cue in _VERBAL or "verb" in word.flags:
            return has_subject
        has_subject = has_subject or bool(word.keys)
    return False


def _is_post(word: Word, language: Language) -> bool:
    """Whether a word follows the phrase that hangs on it, as in Turkish, and "后" in Chinese."""
    if language == "zh":
        return word.cue in _POST["zh"] and word.text[-1] in _AFTER_ITS_PHRASE
    return language == "tr" and bool(word.kind(_POST["tr"]))


def _hang_back(words: Sequence[Word], found: list[Place], number: int, marker: str, phrase: int) -> None:
    """The words before a postposition: back to the last sign for a clause, one noun and what is joined to it else."""
    found[number] = found[number]._replace(marker=marker, phrase=phrase, is_condition=marker == "if")
    has_noun = bool(words[number].keys)
    for back in range(number - 1, -1, -1):
        word = words[back]
        if word.cue == "and" or word.cue == "、":
            has_noun = False
            continue
        if word.cue in _BREAKS or word.cue in _OPEN:
            return
        if marker in CLAUSAL:
            found[back] = found[back]._replace(marker=marker, phrase=phrase, is_condition=marker == "if")
        elif word.keys:
            if has_noun:
                return
            has_noun = True
            found[back] = found[back]._replace(marker=marker, phrase=phrase)


def _count_out(words: Sequence[Word], found: list[Place], language: Language) -> None:
    """Ties "some", "most" and "all" to the noun they count: the next one, in Turkish the one before "çoğu"."""
    for number, word in enumerate(words):
        if word.cue not in _QUANTITIES:
            continue
        follows = language == "tr" and word.text.startswith(
            ("cog", "bir kism", "bir kis", "bir bolum", "tamam", "buyuk")
        )
        order = range(number - 1, -1, -1) if follows else range(number + 1, len(words))
        for other in order:
            if words[other].cue in _BREAKS or words[other].cue in _QUANTITIES:
                break
            if words[other].keys:
                found[other] = found[other]._replace(quantity=word.cue)
                break
