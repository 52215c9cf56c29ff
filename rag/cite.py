"""The only place that makes a Citation: a sentence is shown with proof or not at all.

For the extractive answerer the proof is identity: the sentence shown is the source's own (mended of stray
pinyin and entities), or a reading translation that is tied to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

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


@dataclass(slots=True)
class _Numbering:
    sources: Mapping[str, Source]
    citations: dict[tuple[str, int, int], Citation] = field(default_factory=dict)

    def cite(self, sentence: Sentence, language: Language, translation: str | None) -> Citation:
        key = (sentence.source, sentence.start, sentence.end)
        if key not in self.citations:
            source = self.sources[sentence.source]
            number, quote = len(self.citations) + 1, source.text[sentence.start : sentence.end]
            self.citations[key] = Citation(number, source.name, source.title, language, *key[1:], quote, translation)
        return self.citations[key]


def cite(
    drafts: Iterable[Draft],
    sources: Mapping[str, Source],
    translate: Translate,
    answer_language: Language,
    language_of: Callable[[Sentence], Language],
) -> Cited:
    """Drafts as cited sentences. A draft that its evidence does not prove word for word, or whose evidence is not a
    cut of its source, is withheld."""
    numbering, sentences, withheld = _Numbering(sources), [], 0
    for draft in drafts:
        proof = _prove(draft, sources, translate, answer_language)
        if proof is None:
            withheld += 1
            continue
        verdict, evidence = proof
        translation = translate(evidence, answer_language) if language_of(evidence) != answer_language else None
        citation = numbering.cite(evidence, language_of(evidence), translation)
        sentences.append(AnswerSentence(draft.text, (citation.number,), verdict, round(min(draft.support, 1.0), 4)))
    return Cited(tuple(sentences), tuple(numbering.citations.values()), withheld)


def _prove(
    draft: Draft, sources: Mapping[str, Source], translate: Translate, language: Language
) -> tuple[Verdict, Sentence] | None:
    for evidence in draft.evidence:
        if not _may_be_quoted(evidence, sources):
            continue
        if draft.text == shown(evidence):
            return "verbatim", evidence
        if draft.text == translate(evidence, language):
            return "translated", evidence
    return None


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
