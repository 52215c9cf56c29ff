"""Between what a model writes and what a reader sees: each sentence is proved, replaced by the source's own, or
withheld. Pure, and one sentence at a time, so that nothing has to be taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rag.cite import Cited, Citer, Refused, shown
from rag.context import Context, Place, lists, place, reports
from rag.language import detect, fold, identify, to_traditional
from rag.split import connective
from rag.types import AnswerSentence, Citation, Draft, Hit, Sentence
from rag.written import Writing, Written, without_thoughts

if TYPE_CHECKING:
    from collections.abc import Generator

_CITED = 8  # sources that one sentence may name; more is a marker on everything
_READ = 12  # sentences that are looked at beyond three for each that an answer may have


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages that a model is about to be asked with; `understood` as in an Answer."""

    hits: tuple[Hit, ...]
    understood: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A sentence for the reader, with the citations that it is the first to use. `reason` says why the model's own
    sentence is not the one that is shown; empty where it is, or where the source's stands beside it."""

    sentence: AnswerSentence
    citations: tuple[Citation, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A sentence of the model that nobody sees, and why, in English, for the operator."""

    reason: str


Event = Retrieved | Shown | Withheld


@dataclass(frozen=True, slots=True)
class Question:
    """What the gate has to know of an answer: the numbered sentences that the model was given, the places of those on
    the question, how many sentences are wanted, and the script of Chinese. Where it `is_foreign`, in none of our
    languages, sentences may be in another, and the source's own that stands for one is as good an answer."""

    numbered: Sequence[Sentence]
    on_question: Set[Place]
    limit: int
    traditional: bool = False
    is_foreign: bool = False


@dataclass(slots=True)
class Gate:
    """`verified`, `replaced` and `withheld` count sentences of the model."""

    citer: Citer
    context: Context
    question: Question
    verified: int = 0
    replaced: int = 0
    withheld: int = 0
    _read: int = 0
    _held: Written | None = None
    _last: Place | None = None
    _texts: set[str] = field(default_factory=set)
    _places: set[Place] = field(default_factory=set)
    _lists: set[Place] = field(default_factory=set)
    _owed: list[Sentence] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """As many sentences as are wanted, or so many read that no more will come of it."""
        enough = len(self.citer.cited().sentences) >= self.question.limit
        return enough or self._read >= 3 * self.question.limit + _READ

    @property
    def is_enough(self) -> bool:
        """Whether what was shown is an answer of the model: some of its sentences, one on the question, and no more
        lost than shown."""
        cited = {(citation.source, citation.start) for citation in self.citer.cited().citations}
        is_on = not self.question.on_question or bool(cited & self.question.on_question)
        kept = self.verified + self.replaced
        return (kept if self.question.is_foreign else self.verified) > 0 and is_on and self.withheld <= kept

    @property
    def is_silent(self) -> bool:
        """Whether the model has not written a sentence."""
        return not self._read

    @property
    def failed(self) -> int:
        """Sentences of the model that failed, those that were replaced included."""
        return self.withheld + self.replaced

    def cited(self) -> Cited:
        """What was shown."""
        return self.citer.cited(self.failed)

    def judge(self, written: Written) -> Iterator[Event]:
        """What a reader sees instead of a sentence that a model wrote: it, the source's own, or nothing."""
        self._read += 1
        written, held = self._joined(written)
        if held:
            yield self._withhold("cites nothing")
        text, numbered = self._in_script(written.text), self.question.numbered
        self._held = None if written.ids else written
        if not written.ids or fold(text) in self._texts:
            return
        cited = [numbered[n - 1] for n in written.ids if 1 <= n <= len(numbered)]
        yield from self._pay(cited)
        if len(cited) < len(written.ids):
            yield self._withhold("cites a source that there is not")
            return
        if isinstance(made := self._prove(text, cited), Refused):
            yield from self._replace(cited, made.reason)
        else:
            self.verified += 1
            yield from made

    def close(self) -> Iterator[Event]:
        """What is still open: a sentence that nothing was cited for, and what has to be read after the last one."""
        if self._held:
            yield self._withhold("cites nothing")
        yield from self._pay(())

    def _joined(self, written: Written) -> tuple[Written, bool]:
        """A sentence, and whether one before it is left over. What the source writes as one may have stops inside, so
        may an abbreviation of a language that is not ours, and models cite it once, at its end."""
        held, self._held = self._held, None
        if held is None:
            return written, False
        whole = Written(f"{held.text} {written.text}", written.ids)
        numbered = self.question.numbered
        cited = [numbered[n - 1] for n in written.ids if 1 <= n <= len(numbered)]
        is_one = self._is_foreign(whole.text) or self._source_of(self._in_script(whole.text), cited)
        return (whole, False) if is_one else (written, True)

    def _in_script(self, text: str) -> str:
        return to_traditional(text) if self.question.traditional and not self._is_foreign(text) else text

    def _is_foreign(self, text: str) -> bool:
        return self.question.is_foreign and not identify(text, default=self.citer.language).is_supported

    def _source_of(self, text: str, cited: Sequence[Sentence]) -> Sentence | None:
        """The one of these that a text is, word for word."""
        return next((one for one in cited if _bare(text) in (_bare(shown(one)), _bare(self._words(one)))), None)

    def _prove(self, text: str, cited: Sequence[Sentence]) -> Refused | list[Event]:
        language = self.citer.language
        if len(cited) > _CITED:
            return Refused("cites everything")
        if detect(text, default=language) != language and not self._is_foreign(text):
            return Refused("is in another language")
        if own := self._source_of(text, cited):
            return self._own(own) or Refused("cannot be read alone")
        if connective(text, language) == "refers":
            return Refused("leans on the sentence before it")
        evidence = [one for one in cited if (one.kind != "item" or one.lead is None) and not reports(shown(one))]
        if not evidence:
            return Refused("rewords an item of a list, or what its source only reports")
        leads = [lead for one in evidence if (lead := self.context.lead(one)) and lead not in evidence]
        made = self._add(text, (*evidence, *leads))
        return made if isinstance(made, Refused) else [made]

    def _add(self, text: str, evidence: tuple[Sentence, ...]) -> Shown | Refused:
        known = {citation.number for citation in self.citer.cited().citations}
        made = self.citer.add(Draft(text, evidence))
        if isinstance(made, Refused):
            return made
        citations = self.citer.citations(made)
        places = [(citation.source, citation.start) for citation in citations]
        self._texts.add(fold(text))
        self._places.update(places)
        self._lists |= lists(evidence)
        self._last = places[-1]
        self._owed += [one for at in places for one in self.context.after.get(at, ())]
        return Shown(made, tuple(citation for citation in citations if citation.number not in known))

    def _own(self, sentence: Sentence, *, anywhere: bool = False) -> list[Event]:
        """The source's own sentence after those it cannot be read without; nothing where that cannot be shown, because
        they were shown elsewhere, unless it may stand `anywhere`."""
        chain = self.context.chain(sentence)
        if len(chain) > 1 and self._last == place(chain[-2]):
            chain = chain[-1:]
        elif any(place(one) in self._places for one in chain[:-1]):
            chain = [one for one in chain if place(one) not in self._places] if anywhere else []
        made = [self._add(self._words(one), (one,)) for one in chain]
        return [one for one in made if isinstance(one, Shown)]

    def _words(self, sentence: Sentence) -> str:
        return self.citer.translate(sentence, self.citer.language) or shown(sentence)

    def _replace(self, cited: Sequence[Sentence], reason: str) -> Iterator[Event]:
        fitting = (one for one in cited if place(one) in self.question.on_question - self._places)
        events = next(filter(None, map(self._own, fitting)), None)
        if events is None:
            yield self._withhold(reason)
            return
        self.replaced += 1
        yield from (replace(event, reason=reason) for event in events if isinstance(event, Shown))

    def _withhold(self, reason: str) -> Withheld:
        self.withheld += 1
        return Withheld(reason)

    def _pay(self, cited: Sequence[Sentence]) -> Iterator[Event]:
        """What has to be read after the sentence before, unless the model goes on with that itself: of a list with any
        item of it."""
        owed, self._owed = self._owed, []
        begun = self._lists | lists(cited)
        for one in owed:
            if one not in cited and place(one) not in self._places and lists([one]).isdisjoint(begun):
                yield from self._own(one, anywhere=True)


def _bare(text: str) -> str:
    """A text without what copying changes."""
    return "".join(fold(text).split()).rstrip(".。!！")


def passed(pieces: Generator[str], writing: Writing, gate: Gate) -> Iterator[Event]:
    """What readers see of a model's pieces, as they come. The pieces are closed when enough is shown, and when this
    is. Raises what they raise; then what was shown still stands proved, but is no answer."""
    with closing(pieces):
        for piece in without_thoughts(pieces):
            for written in writing.feed(piece):
                yield from gate.judge(written)
                if gate.is_done:
                    yield from gate.close()
                    return
        for written in writing.close():
            if not gate.is_done:
                yield from gate.judge(written)
        yield from gate.close()
