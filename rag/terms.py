"""Medical and everyday concepts with their names in four languages, found in text by these names.

Names are compared folded, token by token: words of Latin scripts with their common endings, single Han characters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.frequency import is_another_word
from rag.inflect import accented, accents_agree
from rag.language import HAN, align, detect, fold, stopwords
from rag.lemmas import lemma_keys
from rag.lexicon import Found, Lexicon, Name, Tokens
from rag.types import Language
from rag.vocabulary import FOLDER, Concept, Exceptions, check_terms, read_concepts, read_exceptions

__all__ = ["Concept", "Match", "Terms", "check_terms", "load_terms"]

_HAN = re.compile(f"[{HAN}]")
_KEPT = re.compile(rf"[^\W_{HAN}]+(?:[-./%][^\W_{HAN}]+)*%?")
#: Texts up to this long without any capital are typed quickly: "mr nedir" may mean MR.
_TYPED_QUICKLY = 200


#: A phrase of asking or telling must be clearly longer than the name it cuts apart: 副作用|是什么, not 副|作用是什么.
_TELLING_KINDS, _TELLING_WORTH = frozenset({"question", "conversation", "phrase", "verb"}), 0.7


#: What everything is named with: a text on the treatment of cancer does not speak of heat therapy for cancer.
_GENERIC = frozenset({"treatment", "cancer", "tumor", "cancer_cell", "med_disease", "drug_medicine", "adj_new"})


@dataclass(frozen=True, slots=True)
class Match:
    """`text[start:end]` names a concept."""

    concept: str
    start: int
    end: int


class Terms:
    """All concepts, to be found in any of the four languages. Made by `load_terms`, read by many threads; the
    lexicon of a language is built at its first use."""

    def __init__(self, concepts: Mapping[str, Concept], exceptions: Exceptions) -> None:
        self.concepts = concepts
        self.exceptions = exceptions
        self._lexicons: dict[Language, Lexicon] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        self._cancers: dict[str, str] = {}

    def names(self, concept: str, language: Language) -> tuple[str, ...]:
        """The names of a concept, display name first; none when there is no such concept."""
        known = self.concepts.get(concept)
        return known.names[language] if known else ()

    def find(
        self, text: str, language: Language | None = None, *, parts: bool = False, slips: bool = False
    ) -> tuple[Match, ...]:
        """The concepts named in `text`, in order of their place: of names that overlap the ones that together
        are longest, with `parts` all of them. `slips` mends misspelt words first. `language` is detected when
        it is not given. Time is linear in the text.
        """
        folded, at = align(text)
        language = language or detect(text)
        tokens = Tokens.of(folded)
        if slips:
            tokens = tokens._replace(words=[self.near(word, language) or word for word in tokens.words])
        ends = (max(at[end], at[end - 1] + 1) for end in tokens.ends)
        written = (text[at[start] : end] for start, end in zip(tokens.starts, ends, strict=True))
        lemmas = [lemma_keys(word, language) for word in written]
        found: Found = {}
        for spoken in (language, *_others(language, folded)):
            self._lexicon(spoken).look_up(tokens, folded, found, lemmas if spoken == language else ())

        def span(place: tuple[int, int]) -> tuple[int, int]:
            end = tokens.ends[place[1] - 1]
            return at[tokens.starts[place[0]]], max(at[end], at[end - 1] + 1)

        manner = _manner(text)
        for place, names in tuple(found.items()):
            if any(name.needs_capitals or name.written for name in names):
                found[place] = [name for name in names if _counts(name, text, span(place), manner, language)]
        if parts:
            places = sorted(found, key=lambda place: (place[0], -place[1]))
        else:
            places = _longest(found, self._worth, len(tokens.words))
        return tuple(
            Match(concept, *span(place))
            for place in places
            for concept in dict.fromkeys(name.concept for name in found[place])
        )

    def parts(self, concept: str) -> tuple[str, ...]:
        """The concepts that a concept's English name is put together from ("bladder cancer": bladder, cancer); none
        where its words are not all names, or it is one name alone."""
        if concept not in self._parts:
            ways = (self._split(concept, name) for name in self.names(concept, "en"))
            self._parts[concept] = next((way for way in ways if len(way) > 1), ())
        return self._parts[concept]

    def cancer_of(self, organ: str) -> str | None:
        """The cancer that goes by an organ's name ("rectum": rectal cancer); None where there is none."""
        if not self._cancers:
            cancers = (concept for concept in self.concepts.values() if concept.kind == "cancer")
            named = {
                parts[0]: one.id for one in cancers if len(parts := self.parts(one.id)) == 2 and parts[1] == "cancer"
            }
            self._cancers = named
        return self._cancers.get(organ)

    def _split(self, concept: str, name: str) -> tuple[str, ...]:
        found = [m for m in self.find(name, "en", parts=True) if m.end - m.start < len(name)]
        taken = {position for match in found for position in range(match.start, match.end)}
        rest = "".join(" " if position in taken else char for position, char in enumerate(name))
        if any(fold(word) not in stopwords("en") for word in rest.split()):
            return ()
        longest = [m for m in found if not any(o.start <= m.start and m.end <= o.end and o != m for o in found)]
        parts = tuple(dict.fromkeys(m.concept for m in longest if m.concept != concept))
        return parts if set(parts) - _GENERIC else ()

    def _worth(self, name: Name) -> float:
        return _TELLING_WORTH if self.concepts[name.concept].kind in _TELLING_KINDS else 1.0

    def _lexicon(self, language: Language) -> Lexicon:
        if language not in self._lexicons:
            self._lexicons[language] = Lexicon.build(self.concepts.values(), language, self.exceptions.capitals)
        return self._lexicons[language]

    def near(self, word: str, language: Language, known: Collection[str] = ()) -> str | None:
        """The folded word of our names that `word` is a slip of: one edit in words of 5 letters or more, two from
        10 letters on; else None. Words that are ours or in `known` (folded) are never slips."""
        folded = fold(word)
        return None if folded in known else self._lexicon(language).near(folded, lemma_keys(word, language))

    def gloss(self, text: str, language: Language) -> str:
        """`text` in English words for a model that knows English only: display names of what it names, in order,
        and its unknown Latin words and numbers; function words are left out. English stays as it is."""
        if language == "en":
            return text
        words: list[str] = []
        done, ignored = 0, stopwords(language)
        for match in self.find(text, language, slips=True):
            if fold(text[match.start : match.end]) in ignored and self.concepts[match.concept].kind != "question":
                continue
            if match.start >= done:
                words += _unknown(text[done : match.start], language)
                words.append(self.names(match.concept, "en")[0])
                done = match.end
        return " ".join([*words, *_unknown(text[done:], language)])


def load_terms(folder: Path = FOLDER) -> Terms:
    """All concepts of the `.tsv` files in `folder`. Raises CorpusError that names the file and line."""
    return Terms(read_concepts(folder), read_exceptions(folder))


def _others(language: Language, folded: str) -> Iterable[Language]:
    """Chinese for any Han; English for the Latin words in Chinese."""
    if language == "zh":
        return ("en",)
    return ("zh",) if _HAN.search(folded) else ()


def _counts(name: Name, text: str, span: tuple[int, int], manner: str, language: Language) -> bool:
    """A word with other accents is another word. An abbreviation that may be another word counts in capitals only;
    a rare one also in a question typed without any capitals, a common word not even in capitals where all is."""
    surface = text[span[0] : span[1]]
    if name.written and not _is_spelt(surface, name.written, language):
        return False
    if not name.needs_capitals:
        return True
    if name.proper:
        return surface[:1].isupper()
    if surface.removesuffix("s").isupper():
        return not (name.is_word and manner == "shouted")
    return not name.is_word and manner == "typed quickly"


def _is_spelt(surface: str, name: str, language: Language) -> bool:
    """Whether each word of a text is that of the name by its accents, or for want of any."""
    pairs = list(zip(surface.split(), name.split(), strict=False))
    if not surface.isascii():
        return all(accents_agree(word, own) for word, own in pairs)
    return not any(is_another_word(word.lower(), accented(word, own), language) for word, own in pairs)


def _manner(text: str) -> str:
    if text.isupper() and len(text.split()) > 2:
        return "shouted"
    return "typed quickly" if len(text) <= _TYPED_QUICKLY and text == text.lower() else "written"


def _longest(found: Found, worth: Callable[[Name], float], count: int) -> list[tuple[int, int]]:
    """Of overlapping places those whose squared lengths, in tokens, times their worth, sum to most: long names win
    over short ones on either side ("traitement du | cancer de l'œsophage")."""
    ends = defaultdict[int, list[tuple[int, float]]](list)
    for (i, j), names in found.items():
        if names:
            ends[i].append((j, (j - i) ** 2 * max(map(worth, names))))
    best, take = [0.0] * (count + 1), [0] * (count + 1)
    for i in range(count - 1, -1, -1):
        best[i] = best[i + 1]
        for j, score in ends.get(i, ()):
            if score + best[j] >= best[i]:
                best[i], take[i] = score + best[j], j
    chosen, i = [], 0
    while i < count:
        if take[i]:
            chosen.append((i, take[i]))
        i = take[i] or i + 1
    return chosen


def _unknown(text: str, language: Language) -> Iterator[str]:
    """Latin words and numbers of `text` that are no function words, nor the parts of words that are ("peut-elle")."""
    ignored = stopwords(language)
    for word in _KEPT.findall(text):
        parts = word.split("-")
        kept = [part for part in parts if len(part) > 1 and fold(part) not in ignored]
        if kept and len(word) > 1:
            yield word if any(any(map(str.isdecimal, part)) for part in parts) else "-".join(kept)
