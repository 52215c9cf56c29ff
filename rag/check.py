"""Does the evidence carry a sentence? Judged by words alone: offline, with no model.

A sentence passes when it is a sentence of the evidence, or when every word of it that means something stands in one
sentence of the evidence and nothing speaks against it (see `rag.vetoes`). What words cannot judge does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from rag.alignment import Context, align
from rag.claims import Claim, Reader, claimed
from rag.clauses import breaks_off, clauses, halves
from rag.language import detect, fold, identify
from rag.phrases import Word
from rag.split import sentences
from rag.terms import Terms, load_terms
from rag.types import Language, Span
from rag.vetoes import UNJUDGED, veto
from rag.wording import is_order

_MARKER = re.compile(r"\s*[\[【]\s*[0-9]{1,3}(?:\s*[,，;、-]\s*[0-9]{1,3})*\s*[\]】]")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?![\w*])")
_ENDS = re.compile(r"[\s.。!！]+$")
_SPACE = re.compile(r"\s+")
_LONGEST = 2_000  # characters of a sentence that is judged word by word
_TEXTS = 2_000  # texts of evidence that are kept as they were read
_KEPT = 20_000  # characters of a text that is kept as it was read
_MANY = 40  # sentences of a text: beyond, only the nearest are read
_NEAREST = 12
_FAILED = 0.5  # what is left of a share that something speaks against


class Cut(NamedTuple):
    """Where a sentence stands in the evidence: `evidence[text][start:end]`."""

    text: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Check:
    """`support` is how well the evidence carries the sentence, 0 to 1; `reason` says in English why; `quotes` are the
    sentences of the evidence that carry it, as they stand there, and `cuts` say where."""

    verdict: Literal["supported", "unsupported"]
    support: float
    reason: str
    quotes: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()

    @property
    def supported(self) -> bool:
        return self.verdict == "supported"


#: A second opinion on (sentence, sentence of the evidence): whether the one is carried by the other.
Judge = Callable[[str, str], bool]


class _Read(NamedTuple):
    """A sentence of the evidence. `is_open`: it begins with "it", and nothing before says what that is."""

    text: str
    span: Span
    claim: Claim
    is_open: bool
    context: Context
    number: int = 0

    @property
    def cut(self) -> Cut:
        return Cut(self.number, self.span.start, self.span.end)


class Checker:
    """Open it once and share it: it keeps what it read of the evidence. Read by many threads.

    `judge` is asked where nothing but words that the vocabulary does not know speaks against a sentence; it never
    overrules a veto."""

    def __init__(self, terms: Terms, judge: Judge | None = None) -> None:
        self._terms, self._judge = terms, judge
        self._reader = Reader(terms)
        self._kept = lru_cache(_TEXTS)(self._read)
        self._standing = lru_cache(_TEXTS)(_standing)

    def check(self, sentence: str, evidence: Sequence[str]) -> Check:
        """Whether one of the texts (sentences or passages, in any of the four languages) carries the sentence.

        Citation markers and format characters count for nothing. Of several sentences each must be carried. A text
        should begin with what its first "it" stands for. Time is linear in the evidence.
        """
        plain = _EMPHASIS.sub("", _MARKER.sub("", sentence)).strip()
        if found := self._verbatim(plain, evidence):
            return found
        checks = [self._one(span.cut(plain), evidence) for span in sentences(plain, Span(0, len(plain)), detect(plain))]
        failed = [one for one in checks if not one.supported]
        if not checks:
            return Check("unsupported", 0.0, "nothing is said")
        return failed[0] if failed else _joined(checks, checks[0].reason)

    def read(self, text: str) -> None:
        """Reads a text of evidence ahead of the sentences that it will be held against."""
        if len(text) <= _KEPT:
            self._standing(text)
            self._kept(text)

    def _verbatim(self, sentence: str, evidence: Sequence[str]) -> Check | None:
        bare = _bare(sentence)
        for number, text in enumerate(evidence):
            places = self._standing(text) if len(text) <= _KEPT else _standing(text)
            if bare and (span := places.get(bare)):
                cut = Cut(number, span.start, span.end)
                return Check("supported", 1.0, "stands in the evidence", (span.cut(text),), (cut,))
        return None

    def _one(self, sentence: str, evidence: Sequence[str]) -> Check:
        """One sentence: word for word, as a whole, or as the two that it was made of."""
        if found := self._verbatim(sentence, evidence):
            return found
        language = detect(sentence)
        words = self._reader.words(sentence[: _LONGEST + 1], language)
        claim = claimed([word for _, word in words], language)
        if reason := self._beyond(sentence, language, claim):
            return Check("unsupported", 0.0, reason)
        reads = [read._replace(number=n) for n, text in enumerate(evidence) for read in self._evidence(text, claim)]
        whole = _best(claim, reads)
        found = whole if whole.supported else next(_by_halves(halves(sentence, words, language), reads), whole)
        if self._judge and found.reason.startswith(UNJUDGED) and self._judge(sentence, found.quotes[0]):
            return Check("supported", found.support, "judged by the second opinion", found.quotes, found.cuts)
        return found if found.supported else Check("unsupported", found.support, found.reason)

    def _beyond(self, sentence: str, language: Language, claim: Claim) -> str | None:
        """Why a sentence is not judged, or None."""
        if len(sentence) > _LONGEST:
            return "cannot be judged by words: too long"
        if not identify(sentence, default=language).is_supported:
            return "cannot be judged by words: in a language that is not known"
        if not claim.content:
            return "cannot be judged by words: no word of it is known"
        if breaks_off(claim):
            return "breaks off in the middle"
        if spoken := [unit.word.text for unit in claim.units if unit.has("person")]:
            return f"speaks to the reader: {', '.join(spoken)}"
        return "tells the reader what to do" if is_order(fold(sentence), language) else None

    def _evidence(self, text: str, claim: Claim) -> tuple[_Read, ...]:
        if len(text) <= _KEPT:
            return self._kept(text)
        language = detect(text)
        pieces = list(sentences(text, Span(0, len(text)), language))
        near = self._nearest(text, pieces, language, claim) if len(pieces) > _MANY else pieces
        reads = ((read, piece.start) for piece in near for read in self._read(piece.cut(text)))
        return tuple(read._replace(span=Span(read.span.start + at, read.span.end + at)) for read, at in reads)

    def _nearest(self, text: str, pieces: Sequence[Span], language: Language, claim: Claim) -> list[Span]:
        """The sentences that share most with a claim."""
        keys = {key for unit in claim.content for key in unit.word.keys}
        words = [fold(unit.word.text) for unit in claim.content]
        scores = [
            len({f"c:{match.concept}" for match in self._terms.find(piece, language)} & keys)
            + sum(word in piece.lower() for word in words)
            for piece in (span.cut(text) for span in pieces)
        ]
        nearest = sorted(range(len(pieces)), key=lambda n: (-scores[n], n))[:_NEAREST]
        return [pieces[n] for n in nearest if pieces[n].end - pieces[n].start <= _LONGEST]

    def _read(self, text: str) -> tuple[_Read, ...]:
        """The sentences of a text; what "it" stands for is the subject of the sentence before."""
        topic: tuple[Word, ...] = ()
        language, reads, scope = detect(text), [], frozenset[str]()
        for span in sentences(text, Span(0, len(text)), language):
            piece = span.cut(text)
            claim = self._reader.read(piece, detect(piece, default=language))
            context = Context(frozenset(key for word in topic for key in word.keys), scope)
            scope, is_open = scope | claim.scope, claim.is_open
            if is_open and topic:
                claim, is_open = claim.about(topic), False
            else:
                topic = claim.topic or topic
            reads.append(_Read(piece, span, claim, is_open, context))
            reads += [_Read(piece, span, clause, is_open, context) for clause in clauses(claim) if not is_open]
        return tuple(reads)


def _bare(text: str) -> str:
    """A text without what copying changes: case, width, accents, white space, its last stop."""
    return _SPACE.sub("", _ENDS.sub("", fold(text)))


def _standing(text: str) -> Mapping[str, Span]:
    """Where each sentence of a text stands, and the text as a whole, by its bare words."""
    spans = (Span(0, len(text)), *sentences(text, Span(0, len(text)), detect(text)))
    return {_bare(span.cut(text)): span for span in spans}


def _joined(checks: Sequence[Check], reason: str) -> Check:
    """Several checks that passed, as one."""
    quotes = {cut: quote for one in checks for cut, quote in zip(one.cuts, one.quotes, strict=True)}
    return Check("supported", min(one.support for one in checks), reason, tuple(quotes.values()), tuple(quotes))


def _by_halves(pairs: Iterator[tuple[Claim, Claim]], reads: Sequence[_Read]) -> Iterator[Check]:
    """A sentence as the two that it was made of, each carried by itself."""
    for pair in pairs:
        halves = [_best(half, reads, is_half=True) for half in pair]
        if all(half.supported for half in halves):
            yield _joined(halves, "carried half by half")


def _best(claim: Claim, reads: Sequence[_Read], is_half: bool = False) -> Check:
    """What the sentence of the evidence says that speaks least against a claim."""
    best = Check("unsupported", 0.0, "nothing in the evidence speaks of it")
    for read in reads:
        alignment = align(claim, read.claim, read.context)
        if not alignment.pairs or (is_half and (read.is_open or not alignment.is_subject_kept)):
            continue
        reason = veto(alignment)
        if reason is None:
            share = round(alignment.share, 4)
            return Check("supported", share, "every word is carried by one sentence", (read.text,), (read.cut,))
        if (support := _FAILED * alignment.share) >= best.support:
            best = Check("unsupported", round(support, 4), reason, (read.text,), (read.cut,))
    return best


def open_checker(terms: Terms | None = None, judge: Judge | None = None) -> Checker:
    """Raises CorpusError when the vocabulary cannot be read."""
    return Checker(terms or load_terms(), judge)


_shared = cache(open_checker)


def check(sentence: str, evidence: Sequence[str]) -> Check:
    """`Checker.check`; the checker is opened at the first call and kept."""
    return _shared().check(sentence, evidence)
