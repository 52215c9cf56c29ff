"""Under which words a passage and a sentence are found: their own, their translations', and their concepts.

Only for finding. What is quoted is always the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rag.language import repair
from rag.lexical import tokens
from rag.terms import Terms
from rag.translations import Translations
from rag.types import LANGUAGES, Language, Passage, Sentence

#: Kinds of things that are spoken of where they are part of a longer name.
_TOLD_IN_PART = frozenset({"anatomy", "cancer", "disease", "stage", "treatment", "test", "side_effect"})
_ENDS = ".!?:;…。！？：；"


def readable_in(language: Language) -> str:
    """The key that every passage holds that can be searched in a language: its own, or one it is translated into."""
    return f"@{language}"


@dataclass(frozen=True)
class Searchable:
    """`english` says that the embedding model knows English only, and so needs an English text of everything."""

    terms: Terms
    translations: Translations
    english: bool = True

    def context(self, passage: Passage) -> str:
        """ "title. heading. " without what the text begins with; in English where that is needed."""
        start = " ".join(passage.text[:400].split())
        parts = dict.fromkeys(" ".join(part.split()) for part in (passage.title, passage.heading))
        return "".join(_closed(part) for part in parts if part and not start.startswith(part.rstrip("…")))

    def embedding_text(self, passage: Passage) -> str:
        """What is embedded for a passage: context and text, in English for an English-only model."""
        if not self.english or passage.language == "en":
            return self.context(passage) + _mended(passage.text)
        parts = dict.fromkeys((passage.title, passage.heading))
        context = (_closed(self._english(passage.source, part, passage.language)) for part in parts if part)
        body = (self.sentence_text(s, passage.language) for s in passage.sentences if s.kind != "heading")
        return "".join(context) + " ".join(body)

    def sentence_text(self, sentence: Sentence, language: Language) -> str:
        """What is embedded for a sentence."""
        if not self.english or language == "en":
            return _mended(sentence.text)
        return self.translations.of(sentence, "en") or self.terms.gloss(_mended(sentence.text), language)

    def keys(self, passage: Passage) -> list[str]:
        """What a passage is found by in the lexical index; its context counts twice, as it says what it is about."""
        keys = tokens(f"{2 * self.context(passage)}{passage.text}", passage.language, self.terms)
        for sentence in passage.sentences:
            keys += self._translated(self.translations.all_of(sentence), passage.language)
        return [*keys, *(readable_in(language) for language in self._languages(passage))]

    def _languages(self, passage: Passage) -> Iterator[Language]:
        """Its own language and those that most of its sentences are translated into."""
        rows = [self.translations.all_of(sentence) for sentence in passage.sentences]
        counts = Counter(language for row in rows for language in row)
        return (language for language in LANGUAGES if language == passage.language or 2 * counts[language] > len(rows))

    def sentence_keys(self, sentence: Sentence, language: Language) -> frozenset[str]:
        """What a sentence covers of a question: words and concepts of its own and its translations."""
        return self._covered({language: sentence.text} | dict(self.translations.all_of(sentence)))

    def context_keys(self, passage: Passage) -> frozenset[str]:
        """What a passage's title and heading say that it is about."""
        rows = [self.translations.of_text(passage.source, part) for part in (passage.title, passage.heading)]
        own = {passage.language: f"{passage.title}. {passage.heading}"}
        return frozenset().union(*map(self._covered, [*rows, own]))

    def _covered(self, texts: Mapping[Language, str]) -> frozenset[str]:
        """Words and concepts of a text in its languages; of a name also what of medicine its parts name: who speaks of
        cancer of the esophagus speaks of the esophagus."""
        keys = {key for language, text in texts.items() for key in tokens(text, language)}
        for language, text in texts.items():
            keys |= {f"#{match.concept}" for match in self.terms.find(text, language)}
            parts = (match.concept for match in self.terms.find(text, language, parts=True))
            keys |= {f"#{part}" for part in parts if self.terms.concepts[part].kind in _TOLD_IN_PART}
        return frozenset(keys)

    def _english(self, source: str, text: str, language: Language) -> str:
        return self.translations.of_text(source, text).get("en") or self.terms.gloss(_mended(text), language)

    def _translated(self, rows: Mapping[str, str], language: Language) -> list[str]:
        others = (other for other in LANGUAGES if other != language and other in rows)
        return [key for other in others for key in tokens(rows[other], other, self.terms)]


def _mended(text: str) -> str:
    return repair(" ".join(text.split()))


def _closed(text: str) -> str:
    text = _mended(text)
    return f"{text} " if text[-1:] in _ENDS else f"{text}. "
