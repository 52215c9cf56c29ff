"""The values every other module speaks in: frozen, compared by content, standard library only.

Offsets are Unicode code points of the source decoded as UTF-8 from its bytes; `end` is exclusive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Language = Literal["en", "fr", "zh", "tr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr", "zh", "tr")
Outcome = Literal["answered", "boundary", "declined", "not_in_corpus", "emergency", "about"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "boundary", "declined", "not_in_corpus", "emergency", "about")
Verdict = Literal["verbatim", "translated", "supported"]
Kind = Literal["heading", "prose", "item", "note"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range [start, end) of code points in one text."""

    start: int
    end: int

    def cut(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the corpus, whole and unchanged; `name` is its path relative to the corpus, with slashes."""

    name: str
    text: str
    sha256: str
    language: Language
    title: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """The unit of evidence: `source.text[start:end] == text`.

    `lead` is the start of the sentence it cannot be read without (the line a list item belongs to, the
    sentence before "However, ..."), or None. A heading is kept for context and never quoted; a note is about the
    author, not about the subject.
    """

    source: str
    start: int
    end: int
    text: str
    kind: Kind = "prose"
    heading: str = ""
    lead: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of retrieval: a cut of its source, whole sentences of one section.

    `title` and `heading` are context for retrieval only; they are never quoted.
    """

    source: str
    start: int
    end: int
    text: str
    title: str
    heading: str
    language: Language
    sentences: tuple[Sentence, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.source}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a question. Ranks count from 1; None where that ranking did not find it."""

    passage: Passage
    score: float
    dense_rank: int | None = None
    lexical_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What an answerer proposes: a sentence and the evidence it says it rests on. Nothing is shown before
    `rag.cite` has checked it. `support` is how well the evidence carries the sentence, 0 to 1."""

    text: str
    evidence: tuple[Sentence, ...]
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class Citation:
    """Proof of a sentence: `quote` is exactly `source.text[start:end]`. `is_machine_made`: nobody has reviewed the
    translation yet."""

    number: int
    source: str
    title: str
    language: Language
    start: int
    end: int
    quote: str
    translation: str | None = None
    is_machine_made: bool = False


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    text: str
    citations: tuple[int, ...]
    verdict: Verdict
    support: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One line of a conversation's history."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the guard decided and by which rule; `reason` is for the operator, in English. `score` is the chance, 0 to
    1, that the documents hold an answer, where it was looked at."""

    rule: str
    reason: str
    outcome: Outcome | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reader gets. `text` carries markers `[n]` for `citations`; numbers run 1, 2, 3 in order of
    first appearance. `understood` is the question as it was read in the conversation, empty where that is `question`.
    `timings_ms` holds milliseconds for guard, retrieve, answer and total."""

    question: str
    language: Language
    outcome: Outcome
    engine: str
    prompt: str
    text: str
    sentences: tuple[AnswerSentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    withheld: int = 0
    guard: Decision | None = None
    understood: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)
