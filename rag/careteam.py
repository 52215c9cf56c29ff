"""Questions to take to the care team, drawn from what was asked and what was cited. They ask, they never advise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.tables import read_table
from rag.terms import Terms
from rag.types import LANGUAGES, Language


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text and the language it is in."""

    text: str
    language: Language


@dataclass(frozen=True, slots=True)
class Questions:
    """`texts` are the questions by language and topic. Topics are numbered in the order of `ranks`, the most specific
    first; `concepts` and `kinds` of the vocabulary lead to them. `asked` is the topic of a kind of personal question,
    `always` are those to ask in any case."""

    terms: Terms
    texts: Mapping[Language, Mapping[str, str]]
    ranks: Mapping[str, int]
    concepts: Mapping[str, str]
    kinds: Mapping[str, str]
    asked: Mapping[str, str]
    always: Sequence[str]

    @classmethod
    def load(cls, terms: Terms) -> Questions:
        data = read_table("questions.yaml")
        topics: Mapping[str, Mapping[str, Sequence[str]]] = data["topics"]
        concepts, kinds = (
            {entry: topic for topic, seen in topics.items() for entry in seen.get(what, ())}
            for what in ("concepts", "kinds")
        )
        ranks = {topic: rank for rank, topic in enumerate(topics)}
        texts = {language: read_table(language, "questions.yaml") for language in LANGUAGES}
        return cls(terms, texts, ranks, concepts, kinds, data["asked"], data["always"])

    def pick(
        self, kind: str, question: Spoken, cited: Sequence[Spoken], language: Language, count: int = 3
    ) -> tuple[str, ...]:
        """At most `count` questions in `language`, each of another topic: what was asked (`kind` is the personal
        question's), then what was asked about and cited, what was cited, what was only asked about."""
        found = [*self._of(kind), *self._topics(question, cited), *((topic, "") for topic in self.always)]
        first = dict(reversed(found))
        topics = list(dict.fromkeys(topic for topic, _ in found))[:count]
        return tuple(self._text(topic, first[topic], language) for topic in topics)

    def _of(self, kind: str) -> Iterator[tuple[str, str]]:
        if kind in self.asked:
            yield self.asked[kind], ""

    def _topics(self, question: Spoken, cited: Iterable[Spoken]) -> Iterator[tuple[str, str]]:
        """Topics with a concept of each, the best to ask about first."""
        asked, told = self._concepts([question]), self._concepts(cited)
        topic = {concept: self._topic(concept) for concept in (*asked, *told)}
        wanted, held = ({topic[concept] for concept in some} for some in (asked, told))
        known = [concept for concept in topic if topic[concept]]
        # What was only asked about comes last: the documents that are cited do not speak of it.
        worth = {one: (one in held) + (one in held and one in wanted) for one in topic.values()}
        order = sorted(known, key=lambda c: (-worth[topic[c]], self.ranks[topic[c]], -asked[c], -told[c], c))
        return ((topic[concept], concept) for concept in order)

    def _topic(self, concept: str) -> str:
        return self.concepts.get(concept) or self.kinds.get(self.terms.concepts[concept].kind, "")

    def _concepts(self, texts: Iterable[Spoken]) -> Counter[str]:
        return Counter(match.concept for one in texts for match in self.terms.find(one.text, one.language))

    def _text(self, topic: str, concept: str, language: Language) -> str:
        names = self.terms.names(concept, language)
        return self.texts[language][topic].format_map({"name": names[0] if names else ""})
