"""The only place that makes a Citation: a sentence is shown with proof or not at all.

For the extractive answerer the proof is identity: the sentence shown is the source's own (mended of stray
pinyin and entities), or a reading translation that is tied to it. For a model's sentence a judge names the sentences of
the sources that carry it, and these are cited, whatever the model cited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from rag.language import repair
from rag.types import AnswerSentence, Citation, Draft, Language, Sentence, Source, Verdict

_MARK = re.compile(r"\[([0-9]+(?:[\s,;–-]+[0-9]+)*)\]")
#: (sentence, language) -> its reading translation into that language, or None.
Translate = Callable[[Sentence, Language], str | None]


def shown(sentence: Sentence) -> str:
    """A source sentence as a reader sees it: mended, white space folded; wording and script unchanged."""
    return unmarked(" ".join(repair(sentence.text).split()))


def unmarked(text: str) -> str:
    """`text` with its own reference marks in round brackets: "[3]" would pass for one of our citations."""
    return _MARK.sub(r"(\1)", text)


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer's checked sentences, its citations numbered 1, 2, 3 in order of first appearance, and how
    many drafts were withheld because nothing proved them."""

    sentences: tuple[AnswerSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    withheld: int = 0


class Judgement(Protocol):
    """`quotes` are the sentences of the evidence that carry a sentence, as they stand there."""

    @property
    def verdict(self) -> str: ...

    @property
    def support(self) -> float: ...

    @property
    def reason(self) -> str: ...

    @property
    def quotes(self) -> tuple[str, ...]: ...


class Judge(Protocol):
    """Whether texts carry a sentence: "supported" or not."""

    def __call__(self, sentence: str, evidence: Sequence[str], /) -> Judgement: ...


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a sentence is not shown, in English, for the operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Proof:
    verdict: Verdict
    evidence: tuple[Sentence, ...]
    support: float


@dataclass(slots=True)
class Citer:
    """Proves drafts one by one, and numbers what they cite 1, 2, 3 in order of first appearance.

    Without a `judge` only the sources' own words are proof. It is asked with `readings` of the evidence: its sentences
    as they can be understood alone, in whatever language.
    """

    sources: Mapping[str, Source]
    translate: Translate
    language: Language
    language_of: Callable[[Sentence], Language]
    judge: Judge | None = None
    readings: Callable[[Sentence], Sequence[str]] | None = None
    _sentences: list[AnswerSentence] = field(default_factory=list)
    _citations: dict[tuple[str, int, int], Citation] = field(default_factory=dict)

    def add(self, draft: Draft) -> AnswerSentence | Refused:
        proof = self._prove(draft)
        if isinstance(proof, Refused):
            return proof
        numbers = tuple(dict.fromkeys(self._cite(evidence).number for evidence in proof.evidence))
        made = AnswerSentence(draft.text, numbers, proof.verdict, round(min(proof.support, 1.0), 4))
        self._sentences.append(made)
        return made

    def cited(self, withheld: int = 0) -> Cited:
        """All that was added so far."""
        return Cited(tuple(self._sentences), tuple(self._citations.values()), withheld)

    def citations(self, sentence: AnswerSentence) -> tuple[Citation, ...]:
        return tuple(c for c in self._citations.values() if c.number in sentence.citations)

    def _cite(self, sentence: Sentence) -> Citation:
        key = (sentence.source, sentence.start, sentence.end)
        if key not in self._citations:
            source, language = self.sources[sentence.source], self.language_of(sentence)
            translation = self.translate(sentence, self.language) if language != self.language else None
            number, quote = len(self._citations) + 1, source.text[sentence.start : sentence.end]
            self._citations[key] = Citation(number, source.name, source.title, language, *key[1:], quote, translation)
        return self._citations[key]

    def _prove(self, draft: Draft) -> _Proof | Refused:
        quotable = [evidence for evidence in draft.evidence if _may_be_quoted(evidence, self.sources)]
        for evidence in quotable:
            if draft.text == shown(evidence):
                return _Proof("verbatim", (evidence,), draft.support)
            if draft.text == self.translate(evidence, self.language):
                return _Proof("translated", (evidence,), draft.support)
        if self.judge is None or not quotable:
            return Refused("not the words of what it cites")
        read = self.readings or self._texts
        found = self.judge(draft.text, list(dict.fromkeys(text for one in quotable for text in read(one))))
        if found.verdict != "supported":
            return Refused(found.reason)
        carrying = tuple(one for one in quotable if self._carries(one, found.quotes))
        return _Proof("supported", carrying, found.support) if carrying else Refused("no sentence is named as proof")

    def _carries(self, sentence: Sentence, quotes: Iterable[str]) -> bool:
        texts = [text for one in self._texts(sentence) if (text := " ".join(one.split()))]
        found = [text for quote in quotes if (text := " ".join(quote.split()))]
        return any(text in quote or quote in text for quote in found for text in texts)

    def _texts(self, sentence: Sentence) -> list[str]:
        """A sentence as it is shown, in its own language and in that of the answer."""
        translation = self.translate(sentence, self.language)
        return [shown(sentence), *([translation] if translation else [])]


def cite(
    drafts: Iterable[Draft],
    sources: Mapping[str, Source],
    translate: Translate,
    answer_language: Language,
    language_of: Callable[[Sentence], Language],
) -> Cited:
    """Drafts as cited sentences. A draft that its evidence does not prove word for word, or whose evidence is not a
    cut of its source, is withheld."""
    citer = Citer(sources, translate, answer_language, language_of)
    withheld = sum(isinstance(citer.add(draft), Refused) for draft in drafts)
    return citer.cited(withheld)


def _may_be_quoted(evidence: Sentence, sources: Mapping[str, Source]) -> bool:
    """Whether it is a cut of its source that says something, and no heading."""
    text = sources[evidence.source].text if evidence.source in sources else ""
    inside = 0 <= evidence.start < evidence.end <= len(text)
    is_cut = inside and text[evidence.start : evidence.end] == evidence.text
    return is_cut and evidence.kind != "heading" and not evidence.text.isspace()


def renumbered(cited: Cited, keep: Iterable[int]) -> Cited:
    """`cited` reduced to the sentences at the indices `keep`, its citations numbered anew."""
    sentences = [cited.sentences[index] for index in keep]
    order = list(dict.fromkeys(number for s in sentences for number in s.citations))
    number = {old: new for new, old in enumerate(order, 1)}
    by_number = {citation.number: citation for citation in cited.citations}
    citations = tuple(replace(by_number[old], number=new) for old, new in number.items())
    renamed = tuple(replace(s, citations=tuple(number[n] for n in s.citations)) for s in sentences)
    return Cited(renamed, citations, cited.withheld)
