"""The text a reader gets, put together: cited sentences, and what the assistant itself says around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.careteam import Questions, Spoken
from rag.cite import Cited, renumbered
from rag.guard import Guard
from rag.language import identify, is_traditional, to_simplified, to_traditional
from rag.notices import Notices, load_notices
from rag.prompts import Template
from rag.terms import Terms
from rag.translations import Titles
from rag.types import Answer, AnswerSentence, Decision, Hit, Language, Outcome, Source, Turn

_READ = 2000  # characters of a question that show its script
_THINGS, _THING = 3, 60  # so many things that no document names are named, cut to so many characters
_TITLES = 12  # documents named when none of them answers
_TOGETHER = {"prose": " ", "list": "\n", "quotes": "\n", "by_source": "\n"}


def _is_traditional_wanted(question: str, language: Language) -> bool:
    return language == "zh" and is_traditional(question[:_READ])


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, the language its answer is in, and the template that shapes the answer. `is_foreign`: the question is
    in none of our languages; `original`: the documents' own words are wanted, not their translation."""

    question: str
    language: Language
    template: Template
    is_foreign: bool = False
    original: bool = False

    @property
    def traditional(self) -> bool:
        """Whether the reader writes traditional Chinese and so gets it."""
        return _is_traditional_wanted(self.question, self.language)


@dataclass(frozen=True, slots=True)
class Reply:
    """Composes answers. What the assistant says comes from `notices` and `questions`; what documents say it only joins.
    `titles` are those of the documents, by language where they are translated."""

    notices: Notices
    questions: Questions
    titles: Titles

    @classmethod
    def load(cls, titles: Titles, terms: Terms) -> Reply:
        return cls(load_notices(), Questions.load(terms), titles)

    def cited(self, asked: Asked, outcome: Outcome, decision: Decision, cited: Cited, hits: Sequence[Hit]) -> Answer:
        """`answered` or `boundary`: the cited sentences, in what language they are, and for a personal question where
        the documents' knowledge ends."""
        cited = _arranged(cited, asked.template.layout)
        parts = [_body(cited.sentences, asked), *self._foreign(cited, asked)]
        parts += [self._say(asked, "boundary")] if outcome == "boundary" else []
        notice = "foreign_model" if any(map(_is_foreign, cited.sentences)) else "foreign"
        answer = _answer(asked, outcome, decision, self._opened(asked, *parts, notice=notice))
        found = {"sentences": cited.sentences, "citations": cited.citations, "withheld": cited.withheld}
        return replace(answer, hits=tuple(hits), **found)

    def refused(
        self, asked: Asked, outcome: Outcome, decision: Decision, hits: Sequence[Hit], sources: Mapping[str, Source]
    ) -> Answer:
        """`not_in_corpus` or `declined`: no medical content; what the documents do cover, or whom to ask."""
        rule = f"{outcome}.{decision.rule.split('.')[-1]}"
        text = self._opened(asked, self._say(asked, rule, outcome, documents=self._titles(sources, asked)))
        return replace(_answer(asked, outcome, decision, text), hits=tuple(hits))

    def guarded(self, asked: Asked, decision: Decision, sources: Mapping[str, Source]) -> Answer:
        """`emergency` or `about`: decided without looking into the documents."""
        outcome = decision.outcome or "about"
        text = self._say(asked, decision.rule, outcome, documents=self._titles(sources, asked))
        # Nothing stands before a call for help.
        return _answer(asked, outcome, decision, text if outcome == "emergency" else self._opened(asked, text))

    def with_gaps(self, asked: Asked, answer: Answer, things: Sequence[str]) -> Answer:
        """The answer, and after it the things of the question that no document names, where there are some."""
        between = "”、“" if asked.language == "zh" else " » et « " if asked.language == "fr" else "”, “"
        named = between.join(" ".join(thing.split())[:_THING] for thing in things[:_THINGS])
        return (
            replace(answer, text=f"{answer.text}\n\n{self._say(asked, 'unheard', things=named)}") if named else answer
        )

    def with_questions(self, asked: Asked, answer: Answer, question: Spoken) -> Answer:
        """A `boundary` answer, and after it what to ask the care team; any other as it is. `question` is that as
        understood."""
        if answer.outcome != "boundary":
            return answer
        kind = answer.guard.rule.split(".")[-1] if answer.guard else ""
        cited = [Spoken(citation.quote, citation.language) for citation in answer.citations]
        picked = self.questions.pick(kind, question, cited, asked.language)
        items = [f"- {to_traditional(one) if asked.traditional else one}" for one in picked]
        return replace(answer, text="\n".join([f"{answer.text}\n\n{self._say(asked, 'questions')}", *items]))

    def noted(self, asked: Asked, answer: Answer, notice: str) -> Answer:
        """The answer after a line of ours, where there is one to say."""
        return replace(answer, text=f"{self._say(asked, notice)}\n\n{answer.text}") if notice else answer

    def _opened(self, asked: Asked, *parts: str, notice: str = "foreign") -> str:
        """The parts; to a question in a language not ours, first that it is not, in English and in the answer's."""
        languages: tuple[Language, ...] = ("en", asked.language) if asked.is_foreign else ()
        names = {reader: self.notices.name(asked.language, reader) for reader in languages}
        opening = [self.notices.say((notice,), reader, answer_language=name) for reader, name in names.items()]
        return "\n\n".join([*(to_traditional(text) if asked.traditional else text for text in opening), *parts])

    def _foreign(self, cited: Cited, asked: Asked) -> Iterator[str]:
        """One line for each language that is quoted as it is, because nobody has translated it."""
        shown = {n for s in cited.sentences if s.verdict == "verbatim" for n in s.citations}
        languages = (c.language for c in cited.citations if c.number in shown and c.language != asked.language)
        for language in dict.fromkeys(languages):
            name = self.notices.name(language, asked.language)
            yield self._say(asked, "verbatim" if asked.original else "quoted", source_language=name)

    def _titles(self, sources: Mapping[str, Source], asked: Asked) -> str:
        titles = [self.titles.get(name, {}).get(asked.language) or source.title for name, source in sources.items()]
        if asked.language == "zh" and not asked.traditional:
            titles = [to_simplified(title) for title in titles]
        return "\n".join(f"- {title}" for title in titles[:_TITLES]) + ("\n- …" if len(titles) > _TITLES else "")

    def _say(self, asked: Asked, *keys: str, **values: str) -> str:
        """The first of `keys` that there is a notice for."""
        text = self.notices.say(keys, asked.language, **values)
        return to_traditional(text) if asked.traditional else text


def urgent(
    guard: Guard, notices: Notices, question: str, language: Language, history: Sequence[Turn] = ()
) -> Answer | None:
    """What to say to a message that tells of danger, None for any other. Needs neither index nor model nor documents,
    so that it can be called before they are open; `language` is the question's, one of ours."""
    decision = guard.before(question, language, history)
    if not decision or decision.outcome != "emergency":
        return None
    text = notices.say((decision.rule, "emergency"), language)
    shown = to_traditional(text) if _is_traditional_wanted(question, language) else text
    return Answer(question, language, "emergency", "extractive", "", shown, guard=decision)


def _answer(asked: Asked, outcome: Outcome, decision: Decision, text: str) -> Answer:
    name = asked.template.name
    return Answer(asked.question, asked.language, outcome, "extractive", name, text, guard=decision)


def _is_foreign(sentence: AnswerSentence) -> bool:
    """Whether a model wrote it in none of our languages."""
    return sentence.verdict == "supported" and not identify(sentence.text).is_supported


def _arranged(cited: Cited, layout: str) -> Cited:
    """Grouped by source for clinicians, as chosen for everybody else."""
    if layout != "by_source":
        return cited
    source = {citation.number: citation.source for citation in cited.citations}
    names = list(dict.fromkeys(source[s.citations[0]] for s in cited.sentences))
    places = [names.index(source[s.citations[0]]) for s in cited.sentences]
    return renumbered(cited, sorted(range(len(places)), key=places.__getitem__))


def _body(sentences: Sequence[AnswerSentence], asked: Asked) -> str:
    between = _TOGETHER[asked.template.layout]
    return between.join(f"{s.text} {' '.join(f'[{n}]' for n in s.citations)}" for s in sentences)
