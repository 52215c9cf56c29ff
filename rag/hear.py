"""What a message asks for, before anything is retrieved: its language, what the guard decides, which question is meant
where the message is a wish ("in French, please") or leans on the turns before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.conversation import Reading, shortened, understood
from rag.errors import SettingsError
from rag.guard import Guard
from rag.language import detect, identify
from rag.query import Query, leaning, understand
from rag.reread import keeping
from rag.settings import LANGUAGE_CHOICES
from rag.terms import Terms
from rag.topics import without
from rag.types import Decision, Language, Turn
from rag.wishes import NO_WISH, Wish, Wishes, wanted

_STORY = "personal.story"  # tells and asks nothing: in a conversation as often a correction


_WHOLE = 400  # characters of a reading up to which all of it is searched for
#: Groups of the guard's signals: of somebody, of people in general, of either.
_SOMEBODY = ("who.", "case.", "role.")
_GENERAL = ("frame.general",)
_PERSONAL = (*_SOMEBODY, "ask.")
_ADVICE = ("ask.advice", "ask.choice")
_ASKING = ("ask.",)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The language a question is in (the nearest of ours), the one its answer is in, and whether the question is in
    none of ours: `is_unknown` whatever language is wanted, `is_foreign` where the answer should have been in it."""

    question: Language
    answer: Language
    is_foreign: bool
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """`queries` are the readings of the question, the likeliest first; `understood` is that reading as text, empty
    where it is the message as it was typed. `before` is the question that a personal one goes on from."""

    spoken: Spoken
    decision: Decision | None
    wish: Wish
    queries: tuple[Query, ...] = ()
    understood: str = ""
    before: Query | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """`language` is that of the answers or "auto"; `english`, that the embedding model knows English only."""

    guard: Guard
    terms: Terms
    language: str
    english: bool = True

    def of(self, message: str, history: Sequence[Turn], language: str | None) -> Heard:
        """Danger and small talk are decided on the message as it is; whether a question is a personal one, on the
        question as understood. Raises SettingsError for an unknown language."""
        with keeping():
            spoken = self.spoken(message, history, language)
            decision = self.guard.before(message, spoken.question, history)
            if decision and decision.outcome == "emergency":
                return Heard(spoken, decision, NO_WISH)
            if wish := Wishes(self.guard).of(message, decision, spoken.question, history):
                return self._wished(wish, spoken)
            return self._asked(message, history, spoken, decision)

    def query(self, question: str, history: Sequence[Turn], language: str | None = None) -> Query:
        """The likeliest reading of a question."""
        spoken, text = self.spoken(question, history, language).question, shortened(question)
        return next(self._readings(text, understood(text, history, spoken, self.terms), spoken))

    def spoken(self, question: str, history: Sequence[Turn], language: str | None) -> Spoken:
        """A question of which nothing tells the language ("PET?") is in that of the one before it."""
        wanted: Any = language or self.language
        if wanted not in LANGUAGE_CHOICES:
            raise SettingsError(f"language is {wanted!r}", hint=f"use one of {', '.join(LANGUAGE_CHOICES)}")
        is_auto = wanted == "auto"
        default: Language = "en" if is_auto else wanted
        before = [turn.content for turn in history if turn.role == "user" and turn.content.strip()]
        known = identify(question, detect(before[-1], default) if before else default)
        is_unknown = not known.is_supported
        return Spoken(known.nearest, known.nearest if is_auto else wanted, is_auto and is_unknown, is_unknown)

    def read_in_english(self, heard: Heard, text: str, history: Sequence[Turn]) -> Heard:
        """A question in none of our languages, put into English by a model: searched for first. The guard reads it for
        caution only, because it cannot read the question: it may see danger or a personal question in it, and takes
        back nothing that was decided."""
        queries = (self.query(text, (), "en"), *heard.queries)
        seen = self.guard.before(text, "en", history)
        is_danger = seen is not None and seen.outcome == "emergency"
        is_personal = seen is not None and seen.outcome == "boundary" and heard.decision is None
        decision = seen if is_danger or is_personal else heard.decision
        return replace(heard, queries=queries, understood=text, decision=decision)

    def _asked(self, question: str, history: Sequence[Turn], spoken: Spoken, decision: Decision | None) -> Heard:
        talk = [turn for turn in history if turn.role != "user" or not wanted(turn.content)]
        reading = understood(question, talk, spoken.question, self.terms)
        if (
            decision
            and decision.outcome == "about"
            and not self._is_meant(question, reading, spoken.question, decision)
        ):
            return Heard(spoken, decision, NO_WISH)
        decision = self._judged(question, reading, spoken.question, history, decision)
        queries = tuple(self._readings(question, reading, spoken.question))
        before = self._query(reading.before, detect(reading.before, spoken.question)) if reading.before else None
        whole = reading.text if reading.text != question else ""
        return Heard(spoken, decision, NO_WISH, queries, whole, before if decision else None)

    def _wished(self, wish: Wish, spoken: Spoken) -> Heard:
        """The last question again, in another way; where there is none, what the guard says of the wish."""
        answer = wish.language or spoken.answer
        if not wish.question:
            return Heard(replace(spoken, answer=answer, is_foreign=False), wish.decision, wish)
        asked = Spoken(self.spoken(wish.question, wish.history, None).question, answer, False)
        decision = self.guard.before(wish.question, asked.question, wish.history)
        heard = self._asked(wish.question, wish.history, asked, decision)
        return replace(heard, wish=wish, understood=heard.understood or wish.question)

    def _judged(
        self, question: str, reading: Reading, language: Language, history: Sequence[Turn], decision: Decision | None
    ) -> Decision | None:
        """Whether a fragment is a personal question shows in the question that it stands for. A message that speaks of
        somebody is judged alone as well: what was said before takes nothing from it. One that asks for information in
        so many words, or of people in general, is no personal question for what was said before it."""
        if not history or (reading.is_glued and not decision):
            return decision
        said = without(question, "mistakes", language)  # "my mistake": of nobody's illness
        alone = self.guard.before(said, language)
        is_own = alone and alone.outcome == "boundary" and alone.rule != _STORY
        is_own = is_own and self._signs(said, language, _SOMEBODY)
        if is_own and (not reading.is_replaced or self._signs(said, language, _ADVICE)):
            return alone
        is_corrected = said != question and reading.before and not self._signs(said, language, _ASKING)
        if is_corrected and not self._was_personal(history, language):
            return None
        if reading.is_replaced:
            earlier = (turn.content for turn in history if turn.role == "user")
            whole = self.guard.before(reading.text, language, history)
            is_somebodys = any(self._signs(text, language, _SOMEBODY) for text in (reading.text, *earlier))
            return whole if whole and whole.outcome == "boundary" and is_somebodys else None
        if not alone and (self._signs(question, language, _GENERAL) or not self._signs(question, language, _PERSONAL)):
            return None
        if reading.text == question:
            return decision
        whole = self.guard.before(reading.text, language, history)
        return whole if whole is None or whole.outcome == "boundary" else decision

    def _was_personal(self, history: Sequence[Turn], language: Language) -> bool:
        """Whether the question before was a personal one."""
        last = max(n for n, turn in enumerate(history) if turn.role == "user")
        was = self.guard.before(history[last].content, language, history[:last])
        return was is not None and was.outcome == "boundary"

    def _signs(self, text: str, language: Language, names: tuple[str, ...]) -> bool:
        """Whether the guard sees one of these groups of signals in it."""
        return any(name.startswith(names) for part in self.guard.read(text, language).parts for name in part.seen)

    def _is_meant(self, question: str, reading: Reading, language: Language, decision: Decision) -> bool:
        """Whether "how does it work?" asks about the treatment that was spoken of and not about the assistant."""
        if decision.rule != "about.abilities" or reading.is_glued or reading.text == question:
            return False
        whole = self.guard.before(reading.text, language)
        return whole is None or whole.outcome != "about"

    def _readings(self, question: str, reading: Reading, language: Language) -> Iterator[Query]:
        typed = self._query(question, language)
        now = self._query(reading.asked, language) if reading.asked else typed
        echo = self._leaning(reading.echo, now, typed, reading) if reading.echo else None
        for text in (reading.text, *reading.others):
            if text == question:
                yield typed
                continue
            yield replace(self._leaning(text, now, typed, reading), echo=echo)

    def _leaning(self, text: str, now: Query, typed: Query, reading: Reading) -> Query:
        whole = self._query(text, now.language, whole=len(text) <= _WHOLE)
        return leaning(whole, now, typed, is_replaced=reading.is_replaced)

    def _query(self, text: str, language: Language, *, whole: bool = False) -> Query:
        return understand(text, language, self.terms, english=self.english, whole=whole)
