"""A text laid out for reading: its tokens, the names of concepts and the words of the frame that stand in it, and the
words it falls into. Chinese has no spaces: its words are found by what is known of them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rag.language import HAN, align
from rag.lemmas import lemma_keys
from rag.terms import Terms
from rag.types import Language
from rag.wording import cues, is_in, listed, openings, same_words

#: Places of tokens, the first and the one after the last.
Span = tuple[int, int]

_ENDING = r"(?<=\w)'[a-z]{1,6}(?!\w)|"  # "BT'si"
_ORDINAL = r"[0-9]+\.(?=\s+[a-z])|"  # "4. evre"
_TOKEN = re.compile(rf"[0-9]+(?:[.,][0-9]+)*|[{HAN}]|[^\W_{HAN}]+|°c(?!\w)|[%°±²³½¼¾]|[^\w\s]")
_TURKISH = re.compile(_ENDING + _ORDINAL + _TOKEN.pattern)
_HAN = re.compile(f"[{HAN}]")
_LONGEST_HAN = 6  # characters of a word in the lists
_JOINTS = frozenset("的之和与及")
_LISTED = ("filler", "light", "emphasis")
#: Cues that a name of a concept must not swallow: "cannot tolerate" is no name of tolerance.
_SWALLOWED = frozenset(
    [
        "negation",
        "without",
        "more",
        "less",
        "than",
        "before",
        "after",
        "all",
        "some",
        "most",
        "only",
        "over",
        "under",
        "if",
    ]
)


@dataclass(slots=True)
class Sheet:
    """`tokens` are places in the folded text, of which `folded[n]` is `written[at[n]]`; `concepts` and `cues` stand at
    places of tokens."""

    folded: str
    language: Language
    tokens: list[Span]
    written: str = ""
    at: Sequence[int] = ()
    concepts: dict[Span, list[str]] = field(default_factory=lambda: defaultdict(list))
    cues: dict[Span, list[str]] = field(default_factory=lambda: defaultdict(list))
    openings: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, language: Language, terms: Terms) -> Sheet:
        folded, at = align(text)
        sheet = cls(folded, language, _tokens(folded, language), text, at)
        for cue in cues(folded, language):
            sheet.cues[sheet.inside(cue.start, cue.end)].append(cue.kind)
        for kind, start, end in openings(folded, language):
            first, after = sheet.inside(start, end)
            sheet.openings |= dict.fromkeys(range(first, after), kind)
        hiding = [span for span, kinds in sheet.cues.items() if _SWALLOWED.intersection(kinds)]
        for match in terms.find(text, language, parts=True):
            span = sheet.inside(bisect_left(at, match.start), bisect_left(at, match.end))
            if _is_trusted(match.concept, terms.concepts[match.concept].kind, span, hiding):
                sheet.concepts[span].append(match.concept)
        return sheet

    def inside(self, start: int, end: int) -> Span:
        """The tokens that stand in a place of the folded text."""
        return bisect_left(self.tokens, (start, 0)), bisect_left(self.tokens, (end, 0))

    def text(self, span: Span) -> str:
        if span[0] >= span[1]:
            return ""
        text = self.folded[self.tokens[span[0]][0] : self.tokens[span[1] - 1][1]]
        return "".join(text.split()) if self.language == "zh" else " ".join(text.split())

    def lemmas(self, span: Span) -> tuple[str, ...]:
        """The folded dictionary forms of a single word."""
        if span[1] != span[0] + 1:
            return ()
        start, end = self.tokens[span[0]]
        return lemma_keys(self.written[self.at[start] : self.at[end - 1] + 1], self.language)

    def kinds(self, span: Span) -> list[str]:
        """The classes of the frame that a word is of; of a phrase those of its longest reading."""
        return list(dict.fromkeys(self.cues.get(span, ())))

    def wholes(self, span: Span) -> Iterator[str]:
        """The concepts of longer names that a place is part of."""
        for (first, after), concepts in self.concepts.items():
            if first <= span[0] and span[1] <= after and (first, after) != span:
                yield from concepts


def _tokens(folded: str, language: Language) -> list[Span]:
    pattern = _TURKISH if language == "tr" else _TOKEN
    return [match.span() for match in pattern.finditer(folded)]


def _is_trusted(concept: str, kind: str, span: Span, hiding: Collection[Span]) -> bool:
    """Whether a name says no more than its concept."""
    if span[0] >= span[1] or concept in listed("distrusted"):
        return False
    if kind in ("cancer", "pathogen", "anatomy") or concept in listed("swallowing"):
        return True
    return not any(span[0] <= first and after <= span[1] and (first, after) != span for first, after in hiding)


def words(sheet: Sheet) -> Iterator[Span]:
    """The words of a text in order: single tokens, phrases of the frame, and words of Chinese."""
    found = _han_words(sheet) if sheet.language == "zh" else _phrases(sheet)
    place = 0
    for span in sorted(found):
        yield from ((n, n + 1) for n in range(place, span[0]))
        yield span
        place = span[1]
    yield from ((n, n + 1) for n in range(place, len(sheet.tokens)))


def _phrases(sheet: Sheet) -> Iterable[Span]:
    """Frame words of several tokens, the longest first; not within a longer name of a thing."""
    taken: set[int] = set()
    for span in sorted(sheet.cues, key=lambda span: (span[0] - span[1], span)):
        if span[1] - span[0] > 1 and taken.isdisjoint(range(*span)):
            taken.update(range(*span))
            yield span


def _han_words(sheet: Sheet) -> Iterable[Span]:
    known = set(sheet.cues) | set(sheet.concepts) | set(_listed(sheet))
    joints = {n for n in range(len(sheet.tokens)) if sheet.text((n, n + 1)) in _JOINTS}
    for span in _cover(known, len(sheet.tokens)):
        yield from _parts(span, known, joints) or [span]


def _listed(sheet: Sheet) -> Iterator[Span]:
    same, count = same_words("zh"), len(sheet.tokens)
    for first in range(count):
        for after in range(first + 1, min(first + _LONGEST_HAN, count) + 1):
            word = sheet.text((first, after))
            if not _HAN.match(word[-1]):
                break
            if word in same or any(is_in(name, word, "zh") for name in _LISTED):
                yield first, after


def _cover(known: Collection[Span], count: int) -> Iterator[Span]:
    """Words that do not overlap, of which the squared lengths sum to most: long words win."""
    ends = defaultdict[int, list[int]](list)
    for first, after in known:
        ends[first].append(after)
    best, take = [0] * (count + 1), [0] * (count + 1)
    for place in range(count - 1, -1, -1):
        best[place], take[place] = best[place + 1], place + 1
        for after in ends.get(place, ()):
            if (score := (after - place) ** 2 + best[after]) >= best[place]:
                best[place], take[place] = score, after
    place = 0
    while place < count:
        if (place, take[place]) in known:
            yield place, take[place]
        place = take[place]


def _parts(span: Span, known: Collection[Span], joints: Collection[int]) -> list[Span]:
    """The words that a long one is made of, so that it is read alike wherever it is written apart; else none."""
    if span[1] - span[0] < 4:
        return []
    done: dict[int, list[Span]] = {span[1]: []}
    for first in range(span[1] - 1, span[0] - 1, -1):
        for after in range(span[1], first, -1):
            is_word = after > first + 1 or first in joints
            if is_word and (first, after) in known and (first, after) != span and after in done:
                done[first] = [(first, after), *done[after]]
                break
    return done.get(span[0], [])
