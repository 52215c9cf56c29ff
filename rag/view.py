"""An Answer as Markdown. Pure: it knows nothing of the page around it.

Everything that comes from a document, a question or a model goes through `escape`; only our own words and the
chips `[n]`, which the page turns into buttons for the source panel, are Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.escape import escape
from rag.excerpt import link, panel, title_of
from rag.labels import Labels
from rag.language import repair
from rag.types import Answer, AnswerSentence, Citation, Hit, Source

__all__ = ["escape", "link", "markdown", "panel", "panels", "passages", "sources_text", "trouble", "welcome"]

_EXCERPT = 160  # characters of a passage in the list of what was found
_MARKS = re.compile(r"(?:\s*\[\d+\])+")
_MARK = re.compile(r"\[(\d+)\]")
_BULLETS = ("- ", "• ")
_MADE = ", machine translation, not reviewed"


def markdown(answer: Answer, labels: Labels, *, layout: str = "prose", show_original: bool = False) -> str:
    """The answer with a chip for each citation and, below a rule, in which language it was found and where.

    `layout` is a template's: prose, list, quotes or by_source. `labels` are in the reader's language.
    """
    page = _Page(answer, labels, show_original or layout == "quotes")
    body = _LAYOUTS.get(layout, _prose)(page, list(pieces(answer)))
    foot = [*_remarks(page), *([] if layout == "by_source" else _source_list(page))]
    return "\n\n".join([*body, *(["---", *foot] if foot else [])])


def passages(hits: Sequence[Hit], labels: Labels) -> str:
    """The passages found, best first, each with its score, its ranks, its language and how it begins, as a Markdown
    list."""
    return "\n".join(_hit(number, hit, labels) for number, hit in enumerate(hits, 1))


def welcome(title: str, description: str, labels: Labels) -> str:
    """The welcome text, after a paragraph of its own on the answer style: the list of styles shows only that one."""
    style = escape(labels.say("welcome.style", title=title, description=description))
    emergency = f"**{labels.say('welcome.emergency')}**"
    return "\n\n".join([style, f"# {labels.say('welcome.title')}", labels.say("welcome.text"), emergency])


def trouble(key: str, labels: Labels, **values: object) -> str:
    """Why there is no answer now, and where help is: nobody has looked at the question yet."""
    return f"{labels.say(key, **values)}\n\n**{labels.say('welcome.emergency')}**"


def sources_text(answer: Answer) -> str:
    """The sources for a terminal, one citation a line; empty where there is none."""
    return "".join(
        f"[{c.number}] {c.source}:{c.start}-{c.end}  {title_of(c)} ({c.language}){_MADE if c.is_machine_made else ''}\n"
        for c in answer.citations
    )


def panels(answer: Answer, sources: Mapping[str, Source], labels: Labels, root: str = "") -> list[dict[str, str]]:
    """For each citation what its panel shows: the three strings, whose words they are, and our words around them."""
    return [_panel(citation, sources, labels, root) for citation in answer.citations]


def sentence(one: AnswerSentence) -> str:
    """A sentence of an answer that is still being written."""
    return f"{escape(one.text)} {_chips(one.citations)} "


def _panel(citation: Citation, sources: Mapping[str, Source], labels: Labels, root: str) -> dict[str, str]:
    before, cited, after = panel(citation, sources)
    says = labels.say
    return {
        "number": str(citation.number),
        "heading": says("panel.heading", number=citation.number),
        "title": title_of(citation),
        "file": citation.source,
        "language": labels.name_of(citation.language),
        "lang": citation.language,
        "before": before,
        "cited": cited,
        "after": after,
        "citedLabel": says("panel.cited"),
        "translation": citation.translation or "",
        "translationLabel": says("panel.machine_translation" if citation.is_machine_made else "panel.translation"),
        "readerLang": labels.tag,
        "link": link(citation, root),
        "whole": says("panel.whole"),
        "newTab": says("panel.new_tab"),
    }


@dataclass(frozen=True, slots=True)
class Piece:
    """A cited sentence, or (where `sentence` is None) a line of ours that stands between sentences."""

    text: str
    sentence: AnswerSentence | None = None


def pieces(answer: Answer) -> Iterator[Piece]:
    """The answer's text in order, cut into its sentences and what is between them, markers taken off."""
    at = 0
    for sentence in answer.sentences:
        found = answer.text.find(sentence.text, at)
        if found >= 0:
            yield from _lines(answer.text[at:found])
            at = found + len(sentence.text)
        yield Piece(sentence.text, sentence)
        marks = _MARKS.match(answer.text, at)
        at = marks.end() if marks else at
    yield from _lines(answer.text[at:])


def _lines(text: str) -> Iterator[Piece]:
    yield from (Piece(line.strip()) for line in text.splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class _Page:
    answer: Answer
    labels: Labels
    show_original: bool

    def citations(self, sentence: AnswerSentence) -> list[Citation]:
        return [c for c in self.answer.citations if c.number in sentence.citations]

    def cited(self, sentence: AnswerSentence) -> str:
        return f"{escape(sentence.text)} {_chips(sentence.citations)}".rstrip()

    def originals(self, sentence: AnswerSentence) -> list[str]:
        """The original words as block quotes, where the template wants them and the sentence does not repeat them."""
        different = [c for c in self.citations(sentence) if c.quote.split() != sentence.text.split()]
        return [f"> {self._original(c)}" for c in different] if self.show_original else []

    def _original(self, citation: Citation) -> str:
        if citation.language == self.answer.language:
            return escape(citation.quote)
        language = self.labels.name_of(citation.language)
        return f"{escape(citation.quote)} *({self.labels.say('answer.original', language=language)})*"

    def ours(self, line: str) -> str:
        """A line of ours, in which a known marker is a chip and a dash begins an item of a list."""
        known = {str(c.number) for c in self.answer.citations}
        bullet = line.startswith(_BULLETS)
        parts = _MARK.split(line[2:] if bullet else line)  # text and number by turns
        done = [f"[{p}]" if n % 2 and p in known else escape(f"[{p}]" if n % 2 else p) for n, p in enumerate(parts)]
        text = " ".join(part for part in done if part)
        strong = self.answer.outcome == "emergency" and not bullet
        return f"- {text}" if bullet else f"**{text}**" if strong else text


def _chips(numbers: Iterable[int]) -> str:
    return " ".join(f"[{n}]" for n in numbers)


def _prose(page: _Page, parts: Sequence[Piece]) -> list[str]:
    """Sentences that follow one another make a paragraph."""
    blocks: list[str] = []
    for n, part in enumerate(parts):
        if part.sentence and n and parts[n - 1].sentence:
            blocks[-1] += f" {page.cited(part.sentence)}"
        else:
            blocks.append(page.cited(part.sentence) if part.sentence else page.ours(part.text))
    return blocks + [original for part in parts if part.sentence for original in page.originals(part.sentence)]


def _list(page: _Page, parts: Sequence[Piece]) -> list[str]:
    return [block for p in parts for block in (_item(page, p.sentence) if p.sentence else [page.ours(p.text)])]


def _item(page: _Page, sentence: AnswerSentence) -> list[str]:
    return [f"- {page.cited(sentence)}", *(f"  {original}" for original in page.originals(sentence))]


def _quotes(page: _Page, parts: Sequence[Piece]) -> list[str]:
    """The sentence, then the words it rests on; where they are the same, the quote alone."""
    blocks: list[str] = []
    for part in parts:
        if part.sentence is None:
            blocks.append(page.ours(part.text))
        elif originals := page.originals(part.sentence):
            blocks += [page.cited(part.sentence), *originals]
        else:
            blocks.append(f"> {page.cited(part.sentence)}")
    return blocks


def _by_source(page: _Page, parts: Sequence[Piece]) -> list[str]:
    """A heading for each file, in the order they are cited; lines of ours stay before or after all of them."""
    first = next((n for n, part in enumerate(parts) if part.sentence), len(parts))
    groups: dict[str, list[str]] = {}
    for sentence in (part.sentence for part in parts if part.sentence):
        heading = next((_file(page, c) for c in page.citations(sentence)), "")
        groups.setdefault(heading, []).extend(_item(page, sentence))
    blocks = [block for heading, items in groups.items() for block in (heading, *items) if block]
    before = [page.ours(part.text) for part in parts[:first]]
    return before + blocks + [page.ours(part.text) for part in parts[first:] if part.sentence is None]


_LAYOUTS: Mapping[str, Callable[[_Page, Sequence[Piece]], list[str]]] = {
    "prose": _prose,
    "list": _list,
    "quotes": _quotes,
    "by_source": _by_source,
}


def _file(page: _Page, citation: Citation) -> str:
    """A document with the language of what is cited of it: both, where an abstract of it is in another one."""
    title, name = f"**{escape(title_of(citation))}**", f"*{escape(citation.source)}*"
    spoken = [page.labels.name_of(c.language) for c in page.answer.citations if c.source == citation.source]
    return page.labels.say("answer.file", title=title, file=name, language=", ".join(dict.fromkeys(spoken)))


def _source_list(page: _Page) -> list[str]:
    by_file: dict[str, list[Citation]] = {}
    for citation in page.answer.citations:
        by_file.setdefault(citation.source, []).append(citation)
    lines = [f"- {_chips(c.number for c in cs)} {_file(page, cs[0])}" for cs in by_file.values()]
    return [f"**{page.labels.say('answer.sources')}**", "\n".join(lines)] if lines else []


def _remarks(page: _Page) -> list[str]:
    """What is a translation, whose, and from which language; how much was left out. (Quotes in another language than
    the answer's are announced in its text.)"""
    found: dict[tuple[str, str], list[int]] = {}
    for sentence in page.answer.sentences:
        for citation in page.citations(sentence) if sentence.verdict == "translated" else ():
            key = "answer.machine_translated" if citation.is_machine_made else "answer.translated"
            found.setdefault((key, page.labels.name_of(citation.language)), []).append(citation.number)
    says = page.labels.say
    lines = [says(key, numbers=_chips(dict.fromkeys(ns)), language=name) for (key, name), ns in found.items()]
    lines += [says("answer.written")] if page.answer.engine == "model" else []
    return lines + ([says("answer.withheld", count=page.answer.withheld)] if page.answer.withheld else [])


def _hit(number: int, hit: Hit, labels: Labels) -> str:
    ranks = (("step.meaning", hit.dense_rank), ("step.words", hit.lexical_rank))
    facts = [labels.say("step.hit", score=f"{hit.score:.2f}")]
    facts += [labels.say(key, rank=rank) for key, rank in ranks if rank is not None]
    text, language = repair(hit.passage.text), labels.name_of(hit.passage.language)
    start = escape(text[:_EXCERPT]) + (" …" if len(text) > _EXCERPT else "")
    return f"{number}. **{', '.join(facts)}** · *{escape(hit.passage.source)}* · {language}\n\n   {start}\n"
