"""Does the evidence carry a sentence? Judged by words alone: offline, with no model.

A sentence passes when it is a sentence of the evidence, or when every word of it that means something stands in one
sentence of the evidence and nothing speaks against it (see `rag.vetoes`). What words cannot judge does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from rag.alignment import align
from rag.claims import Claim, Reader
from rag.language import detect, fold, identify
from rag.split import sentences
from rag.terms import Terms, load_terms
from rag.types import Language, Span
from rag.vetoes import veto
from rag.wording import is_order

_MARKER = re.compile(r"\s*[\[【]\s*[0-9]{1,3}(?:\s*[,，;、-]\s*[0-9]{1,3})*\s*[\]】]")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?![\w*])")
_ENDS = re.compile(r"[\s.。!！]+$")
_SPACE = re.compile(r"\s+")
#: Where one sentence was made of two.
_JOINT = re.compile(
    r"\s*[;；]\s*|,\s+(?:and|but|while|whereas|et|mais|tandis que|alors que|ve|ama|ancak)\s+|[，,]\s*(?:而|但是|但)"
)
_JOINTS = 4
_LONGEST = 2_000  # characters of a sentence that is judged word by word
_KEPT = 20_000  # characters of evidence that is kept as it was read
_MANY = 40  # sentences of a text: beyond, only the nearest are read
_NEAREST = 12
_FAILED = 0.5  # what is left of its share to a sentence that something speaks against


@dataclass(frozen=True, slots=True)
class Check:
    """`support` is how well the evidence carries the sentence, 0 to 1; `reason` says in English why; `quotes` are the
    sentences of the evidence that carry it, as they stand there."""

    verdict: Literal["supported", "unsupported"]
    support: float
    reason: str
    quotes: tuple[str, ...] = ()


class _Read(NamedTuple):
    """A sentence of the evidence. `is_open`: it begins with "it", and nothing before says what that is."""

    text: str
    claim: Claim
    is_open: bool


class Checker:
    """Open it once and share it: it keeps what it read of the evidence. Read by many threads."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._reader = Reader(terms)
        self._kept = lru_cache(512)(self._read)

    def check(self, sentence: str, evidence: Sequence[str]) -> Check:
        """Whether one of the texts (sentences or passages, in any of the four languages) carries the sentence.

        Citation markers and format characters count for nothing. Of several sentences each must be carried. A text
        should begin with what its first "it" stands for. Time is linear in the evidence.
        """
        plain = _EMPHASIS.sub("", _MARKER.sub("", sentence)).strip()
        standing = {_bare(piece): piece for text in evidence for piece in (text, *_pieces(text, detect(text)))}
        if quote := standing.get(_bare(plain)):
            return Check("supported", 1.0, "stands in the evidence", (quote,))
        found = [self._one(piece, evidence, standing) for piece in _pieces(plain, detect(plain))]
        failed = [one for one in found if one.verdict == "unsupported"]
        if failed or not found:
            return failed[0] if failed else Check("unsupported", 0.0, "nothing is said")
        quotes = tuple(dict.fromkeys(quote for one in found for quote in one.quotes))
        return Check("supported", min(one.support for one in found), found[0].reason, quotes)

    def _one(self, sentence: str, evidence: Sequence[str], standing: dict[str, str]) -> Check:
        """One sentence: word for word, as a whole, or as the two that it was made of."""
        if quote := standing.get(_bare(sentence)):
            return Check("supported", 1.0, "stands in the evidence", (quote,))
        language = detect(sentence)
        if reason := self._beyond(sentence, language):
            return Check("unsupported", 0.0, reason)
        claim = self._reader.read(sentence, language)
        reads = [read for text in evidence for read in self._evidence(text, claim)]
        whole = _best(claim, reads)
        if whole.verdict == "supported":
            return whole
        return next(self._halves(sentence, language, reads), whole)

    def _beyond(self, sentence: str, language: Language) -> str | None:
        """Why a sentence is not judged, or None."""
        if len(sentence) > _LONGEST:
            return "cannot be judged by words: too long"
        if not identify(sentence, default=language).is_supported:
            return "cannot be judged by words: in a language that is not known"
        claim = self._reader.read(sentence, language)
        if not claim.content:
            return "cannot be judged by words: no word of it is known"
        if spoken := [unit.word.text for unit in claim.units if unit.has("person")]:
            return f"speaks to the reader: {', '.join(spoken)}"
        return "tells the reader what to do" if is_order(fold(sentence), language) else None

    def _halves(self, sentence: str, language: Language, reads: Sequence[_Read]) -> Iterator[Check]:
        """The sentence as two, each carried by itself and with its own subject; "it" in the second is the first's."""
        for joint in list(_JOINT.finditer(sentence))[:_JOINTS]:
            first = self._reader.read(sentence[: joint.start()], language)
            second = self._reader.read(sentence[joint.end() :], language)
            if second.is_open:
                second = second.about(first.topic)
            halves = [_best(half, reads, is_half=True) for half in (first, second) if len(half.content) > 1]
            if len(halves) == 2 and all(half.verdict == "supported" for half in halves):
                support = min(half.support for half in halves)
                yield Check("supported", support, "carried half by half", halves[0].quotes + halves[1].quotes)

    def _evidence(self, text: str, claim: Claim) -> tuple[_Read, ...]:
        if len(text) <= _KEPT:
            return self._kept(text)
        language = detect(text)
        pieces = list(_pieces(text, language))
        near = self._nearest(pieces, language, claim) if len(pieces) > _MANY else pieces
        return tuple(read for piece in near for read in self._read(piece))

    def _nearest(self, pieces: Sequence[str], language: Language, claim: Claim) -> list[str]:
        """The sentences that share most with a claim."""
        keys = {key for unit in claim.content for key in unit.word.keys}
        scores = [
            len({f"c:{match.concept}" for match in self._terms.find(piece, language)} & keys)
            + sum(fold(unit.word.text) in piece.lower() for unit in claim.content)
            for piece in pieces
        ]
        order = sorted(range(len(pieces)), key=lambda n: (-scores[n], n))
        return [pieces[n] for n in order[:_NEAREST] if len(pieces[n]) <= _LONGEST]

    def _read(self, text: str) -> tuple[_Read, ...]:
        """The sentences of a text; what "it" stands for is the subject of the sentence before."""
        language, reads, topic = detect(text), [], ()
        for piece in _pieces(text, language):
            claim = self._reader.read(piece, detect(piece, default=language))
            is_open = claim.is_open
            if is_open and topic:
                claim, is_open = claim.about(topic), False
            else:
                topic = claim.topic
            reads.append(_Read(piece, claim, is_open))
        return tuple(reads)


def _pieces(text: str, language: Language) -> Iterator[str]:
    return (text[span.start : span.end] for span in sentences(text, Span(0, len(text)), language))


def _bare(text: str) -> str:
    """A text without what copying changes: case, width, accents, white space, its last stop."""
    return _SPACE.sub("", _ENDS.sub("", fold(text)))


def _best(claim: Claim, reads: Sequence[_Read], is_half: bool = False) -> Check:
    """What the sentence of the evidence says that speaks least against a claim."""
    best = Check("unsupported", 0.0, "nothing in the evidence speaks of it")
    for read in reads:
        alignment = align(claim, read.claim)
        if not alignment.pairs or (is_half and (read.is_open or not alignment.is_subject_kept)):
            continue
        reason = veto(alignment)
        if reason is None:
            return Check("supported", round(alignment.share, 4), "every word is carried by one sentence", (read.text,))
        if (support := _FAILED * alignment.share) >= best.support:
            best = Check("unsupported", round(support, 4), reason)
    return best


def open_checker(terms: Terms | None = None) -> Checker:
    """Raises CorpusError when the vocabulary cannot be read."""
    return Checker(terms or load_terms())


@cache
def _shared() -> Checker:
    return open_checker()


def check(sentence: str, evidence: Sequence[str]) -> Check:
    """`Checker.check` with a checker that is opened at the first call and kept."""
    return _shared().check(sentence, evidence)
