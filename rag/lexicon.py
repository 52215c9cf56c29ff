"""The names of the vocabulary in one language, ready to be looked up in text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

from rag.inflect import KEYS, STEM, turkish_forms
from rag.language import HAN, stopwords
from rag.types import Language
from rag.vocabulary import Concept

TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_HAN = re.compile(f"[{HAN}]")
_MIXED = re.compile(r"[a-z][0-9]|[0-9][a-z]")
_PARTS = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9]+")
_JOINERS = " -/'·\t\r\n"
_INFINITIVE = ("mak", "mek")  # of Turkish verbs
#: The shortest words in which one typing slip is mended, and two.
_ONE_SLIP, _TWO_SLIPS = 5, 10


class Name(NamedTuple):
    """That a concept goes by a name. `needs_capitals`: only where it is written so; `is_word`: its lower case is
    another word; `proper`: a capital at its beginning will do. `written`: the name with its accents, where another
    accent would make another word."""

    concept: str
    needs_capitals: bool
    is_word: bool
    proper: bool
    written: str


class Tokens(NamedTuple):
    """The words of a folded text and where each begins and ends."""

    words: list[str]
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, folded: str) -> Tokens:
        spans = [match.span() for match in TOKEN.finditer(folded)]
        return cls(TOKEN.findall(folded), [start for start, _ in spans], [end for _, end in spans])


#: Names by the number of their first token and of the token after their last.
Found = dict[tuple[int, int], list[Name]]


class Lexicon(NamedTuple):
    """Names by the keys of their tokens, joined with spaces, and what longer keys begin with."""

    keys_of: Callable[[str], tuple[str, ...]]
    names: Mapping[str, list[Name]]
    beginnings: Collection[str]
    known: Collection[str]  # every folded word of a name, and the function words
    by_letter: Mapping[str, list[str]]  # known words that a slip may be meant for, by first letter

    @classmethod
    def build(cls, concepts: Iterable[Concept], language: Language, capitals: Collection[str]) -> Lexicon:
        names, beginnings, known = defaultdict[str, list[Name]](list), set[str](), set(stopwords(language))
        stem = cache(STEM[language])
        for concept in concepts:
            for name, folded in zip(concept.names[language], concept.folded[language], strict=True):
                entry = Name(concept.id, *_capitals(name, capitals), _written(name, concept.kind, language))
                for words in _spellings(folded, language):
                    known.update(words)
                    keys = [stem(word) for word in words]
                    beginnings.update(" ".join(keys[:n]) for n in range(1, len(keys)))
                    there = names[" ".join(keys)]
                    if entry not in there:
                        there.append(entry)
        return cls(KEYS[language], dict(names), beginnings, known, _by_letter(known))

    def look_up(self, tokens: Tokens, folded: str, found: Found, lemmas: Sequence[tuple[str, ...]] = ()) -> None:
        """Adds the names that stand in `tokens` to `found`; `lemmas` are what else each token may stand under. Time is
        linear in the number of tokens."""
        words, names, beginnings = tokens.words, self.names, self.beginnings
        keyed = [self._keys(word, more) for word, more in zip_longest(words, lemmas, fillvalue=())]
        single: dict[tuple[str, ...], tuple[list[Name], list[str]]] = {}
        for i, keys in enumerate(keyed):
            here = single.get(keys)
            if here is None:
                # The longest known word: "hastane" is no form of "hasta", nor "acile" of "acı".
                here = next((names[k] for k in keys if k in names), []), [k for k in keys if k in beginnings]
                single[keys] = here
            if here[0]:
                found[i, i + 1] = [*found.get((i, i + 1), ()), *here[0]]
            begun, j = here[1], i + 1
            while begun and j < len(words) and _joined(folded[tokens.ends[j - 1] : tokens.starts[j]], words[j - 1]):
                longer = [f"{key} {more}" for key in begun for more in keyed[j]]
                j += 1
                if ended := next((names[key] for key in longer if key in names), None):
                    found[i, j] = [*found.get((i, j), ()), *ended]
                begun = [key for key in longer if key in beginnings]

    def _keys(self, word: str, lemmas: tuple[str, ...]) -> tuple[str, ...]:
        """What a word may stand under, the likeliest first: as it is, a verb under its infinitive."""
        itself, *bases = self.keys_of(word)
        is_verb = bool(lemmas) and lemmas[0].endswith(_INFINITIVE)
        return (itself, *lemmas, *bases) if is_verb else (itself, *bases, *lemmas)

    def near(self, word: str, lemmas: Sequence[str] = ()) -> str | None:
        """The known word that the folded `word`, unknown itself, is one edit away from, two from 10 letters on."""
        if len(word) < _ONE_SLIP or not word.isalpha() or _HAN.search(word):
            return None
        if any(key in self.known or key in self.names for key in (word, *self.keys_of(word), *lemmas)):
            return None
        return _nearest(word, self.by_letter.get(word[0], ()))  # the first letter is seldom wrong


def _capitals(name: str, capitals: Collection[str]) -> tuple[bool, bool, bool]:
    is_word = name in capitals
    needed = is_word or (len(name) <= 2 and name.isalpha() and name.isupper() and name.isascii())
    return needed, is_word, is_word and not name.isupper()


def _written(name: str, kind: str, language: Language) -> str:
    """A name of words alone in lower case, in the languages whose accents tell words apart; else nothing. A French verb
    is the same with its participle (aide, aidé)."""
    if language not in ("fr", "tr") or (kind, language) == ("verb", "fr") or not name.replace(" ", "").isalpha():
        return ""
    return name.replace("İ", "i").replace("I", "ı").lower() if language == "tr" else name.lower()


def _spellings(name: str, language: Language) -> Iterator[tuple[str, ...]]:
    """The token sequences a folded name may be written as: "her2" also "her 2", "pd-l1" also "pdl1"."""
    variants: dict[tuple[str, ...], None] = {tuple(TOKEN.findall(name)): None}
    if "-" in name:
        variants[tuple(TOKEN.findall(name.replace("-", "")))] = None
    if _MIXED.search(name):
        variants |= {tuple(part for word in words for part in _PARTS.findall(word)): None for words in variants}
    for words in variants:
        yield words
        if language == "tr":
            yield from turkish_forms(words)


def _joined(gap: str, before: str) -> bool:
    """Whether two tokens with `gap` between them may belong to one name: nothing but a joiner, a line's end, or
    the point of an ordinal, a version or an initial ("4. evre", "18.2", "H. pylori")."""
    if gap in ("", " "):
        return True
    bare = gap.strip(_JOINERS)
    pointed = bare == "." and (before[-1].isdecimal() or len(before) == 1)
    return len(gap) <= 3 and gap.count("\n") < 2 and (not bare or pointed)


def _by_letter(words: Iterable[str]) -> dict[str, list[str]]:
    groups = defaultdict[str, list[str]](list)
    for word in sorted(words):
        if len(word) >= _ONE_SLIP - 1 and word.isalpha() and not _HAN.search(word):
            groups[word[0]].append(word)
    return dict(groups)


def _nearest(word: str, choices: Collection[str]) -> str | None:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    allowed = 2 if len(word) >= _TWO_SLIPS else 1
    near = process.extract(word, choices, scorer=OSA.distance, score_cutoff=allowed, limit=5)
    return min(near, key=lambda hit: (hit[1], abs(len(hit[0]) - len(word)), hit[0]))[0] if near else None
