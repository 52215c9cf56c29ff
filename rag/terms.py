"""Medical and everyday concepts with their names in four languages, found in text by these names.

Names are compared folded, token by token: words of Latin scripts with their common endings, single Han characters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rag.inflect import STEM, turkish_bases, turkish_forms
from rag.language import HAN, align, detect, fold, stopwords
from rag.types import LANGUAGES, Language
from rag.vocabulary import FOLDER, Concept, Exceptions, read_concepts, read_exceptions

TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_HAN = re.compile(f"[{HAN}]")
_KEPT = re.compile(rf"[^\W_{HAN}]+(?:[-./%][^\W_{HAN}]+)*%?")
_MIXED = re.compile(r"[a-z]+[0-9]+|[0-9]+[a-z]+")
#: Key in a trie under which the names that end there stand; no token is empty.
_END = ""
_JOINERS = " -/'·\t\r\n"
#: The shortest words in which one typing slip is mended, and two.
_ONE_SLIP, _TWO_SLIPS = 5, 8
#: Texts up to this long without any capital are typed quickly: "mr nedir" may mean MR.
_TYPED_QUICKLY = 200

Trie = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Match:
    """`text[start:end]` names a concept."""

    concept: str
    start: int
    end: int


class _Name(NamedTuple):
    concept: str
    needs_capitals: bool
    is_word: bool


class _Token(NamedTuple):
    word: str
    start: int
    end: int


class Terms:
    """All concepts and the tries to find them by; made by `load_terms`, read by many threads."""

    def __init__(self, concepts: Mapping[str, Concept], exceptions: Exceptions) -> None:
        self.concepts = concepts
        self.exceptions = exceptions
        self._tries: dict[Language, Trie] = {language: {} for language in LANGUAGES}
        self._known = {language: set(stopwords(language)) for language in LANGUAGES}
        for concept in concepts.values():
            for language, names in concept.names.items():
                for name in names:
                    self._add(language, concept.id, name)
        self._slips = {language: _by_first_letter(words) for language, words in self._known.items()}

    def _add(self, language: Language, concept: str, name: str) -> None:
        entry = _Name(concept, *self._capitals(name))
        for words in _spellings(fold(name), language):
            self._known[language].update(words)
            node = self._tries[language]
            for word in words:
                node = node.setdefault(STEM[language](word), {})
            names = node.setdefault(_END, [])
            if entry not in names:
                names.append(entry)

    def _capitals(self, name: str) -> tuple[bool, bool]:
        is_word = name in self.exceptions.capitals
        return is_word or (len(name) <= 2 and name.isalpha() and name.isupper() and name.isascii()), is_word

    def names(self, concept: str, language: Language) -> tuple[str, ...]:
        """The names of a concept, display name first; none when there is no such concept."""
        known = self.concepts.get(concept)
        return known.names[language] if known else ()

    def find(
        self, text: str, language: Language | None = None, *, parts: bool = False, slips: bool = False
    ) -> tuple[Match, ...]:
        """The concepts named in `text`, in order, the longest name at each place; with `parts` also the names
        inside and across longer ones. `slips` mends misspelt words first. Time is linear in the text.
        """
        folded, at = align(text)
        language = language or detect(text)
        tokens = [_Token(m[0], m.start(), m.end()) for m in TOKEN.finditer(folded)]
        if slips:
            tokens = [self._mended(token, language) for token in tokens]
        tries, manner = self._chosen(language, folded), _manner(text)
        found: list[Match] = []
        i = 0
        while i < len(tokens):
            ends = self._names_at(tokens, i, folded, tries)
            for j in sorted(ends, reverse=True):
                start, end = at[tokens[i].start], max(at[tokens[j - 1].end], at[tokens[j - 1].end - 1] + 1)
                concepts = dict.fromkeys(n.concept for n in ends[j] if _counts(n, text[start:end], manner))
                found += (Match(concept, start, end) for concept in concepts)
                if concepts and not parts:
                    i = j - 1
                    break
            i += 1
        return tuple(found)

    def _chosen(self, language: Language, folded: str) -> list[tuple[Language, Trie]]:
        """The tries to look in: of the text's language; Chinese for any Han, English for Latin words in Chinese."""
        others: list[Language] = ["en"] if language == "zh" else ["zh"] if _HAN.search(folded) else []
        return [(name, self._tries[name]) for name in (language, *others)]

    def _names_at(
        self, tokens: Sequence[_Token], i: int, folded: str, tries: Sequence[tuple[Language, Trie]]
    ) -> dict[int, list[_Name]]:
        """Names that begin with token `i`, by the number of the token after their last one."""
        ends: dict[int, list[_Name]] = defaultdict(list)
        for language, trie in tries:
            nodes, j = [trie], i
            while nodes and j < len(tokens) and (j == i or _joined(folded, tokens[j - 1], tokens[j])):
                keys = _keys(tokens[j].word, language)
                nodes = [node[key] for node in nodes for key in keys if key in node]
                j += 1
                for node in nodes:
                    if _END in node:
                        ends[j] += node[_END]
        return ends

    def _mended(self, token: _Token, language: Language) -> _Token:
        return token._replace(word=self.near(token.word, language) or token.word)

    def near(self, word: str, language: Language, known: Collection[str] = ()) -> str | None:
        """The folded word of our names that `word` is a slip of: one edit, two from 8 letters on; else None.
        Words that are ours or in `known` (folded) are never slips."""
        word = fold(word)
        ours = self._known[language]
        if len(word) < _ONE_SLIP or not word.isalpha() or word in known or _HAN.search(word):
            return None
        if any(key in ours for key in (word, *_keys(word, language))) or word.rstrip("sx") in ours:
            return None
        return _nearest(word, self._slips[language])

    def gloss(self, text: str, language: Language) -> str:
        """`text` in English words for a model that knows English only: display names of what it names, in order,
        and its unknown Latin words and numbers; function words are left out. English stays as it is."""
        if language == "en":
            return text
        words: list[str] = []
        done = 0
        for match in self.find(text, language, slips=True):
            if match.start < done:
                continue
            words += self._unknown(text[done : match.start], language)
            words.append(self.names(match.concept, "en")[0])
            done = match.end
        return " ".join([*words, *self._unknown(text[done:], language)])

    def _unknown(self, text: str, language: Language) -> Iterator[str]:
        ignored = stopwords(language)
        return (m[0] for m in _KEPT.finditer(text) if len(m[0]) > 1 and fold(m[0]) not in ignored)


def _keys(word: str, language: Language) -> tuple[str, ...]:
    return turkish_bases(word) if language == "tr" else (STEM[language](word),)


def _joined(folded: str, left: _Token, right: _Token) -> bool:
    """Whether two tokens may belong to one name: nothing between them but a joiner or a line's end."""
    gap = folded[left.end : right.start]
    return not gap or (len(gap) <= 3 and not gap.strip(_JOINERS) and gap.count("\n") < 2)


def _counts(name: _Name, written: str, manner: str) -> bool:
    """An abbreviation that may be another word counts in capitals only; a rare one also in a question typed
    without any capitals, a common word not even in capitals where all is in capitals."""
    if not name.needs_capitals:
        return True
    if written.removesuffix("s").isupper():
        return not (name.is_word and manner == "shouted")
    return not name.is_word and manner == "typed quickly"


def _manner(text: str) -> str:
    if text.isupper() and len(text.split()) > 2:
        return "shouted"
    return "typed quickly" if len(text) <= _TYPED_QUICKLY and text == text.lower() else "written"


def _spellings(name: str, language: Language) -> Iterator[tuple[str, ...]]:
    """The token sequences a folded name may be written as: "her2" also "her 2", "pd-l1" also "pdl1"."""
    for spelling in dict.fromkeys((name, name.replace("-", ""))):
        words = tuple(TOKEN.findall(spelling))
        apart = tuple(part for word in words for part in _apart(word))
        for variant in dict.fromkeys((words, apart)):
            yield from turkish_forms(variant) if language == "tr" else (variant,)


def _apart(word: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", word) if _MIXED.fullmatch(word) else [word]


def _by_first_letter(words: Collection[str]) -> dict[str, list[str]]:
    groups = defaultdict[str, list[str]](list)
    for word in sorted(words):
        if len(word) >= _ONE_SLIP - 1 and word.isalpha() and not _HAN.search(word):
            groups[word[0]].append(word)
    return groups


def _nearest(word: str, groups: Mapping[str, list[str]]) -> str | None:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    allowed = 2 if len(word) >= _TWO_SLIPS else 1
    choices = groups.get(word[0], [])  # the first letter is the one that is seldom wrong
    near = process.extract(word, choices, scorer=OSA.distance, score_cutoff=allowed, limit=5)
    return min(near, key=lambda hit: (hit[1], abs(len(hit[0]) - len(word)), hit[0]))[0] if near else None


def load_terms(folder: Path = FOLDER) -> Terms:
    """All concepts of the `.tsv` files in `folder`. Raises CorpusError that names the file and line."""
    return Terms(read_concepts(folder), read_exceptions(folder))
