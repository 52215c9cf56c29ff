"""What only the corpus can tell of an answer. Read from the files themselves, not from the index that answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

from rag.errors import CorpusError
from rag.evals.citing import folded, holds
from rag.evals.questions import Question
from rag.evals.record import Seen
from rag.excerpt import panel
from rag.language import repair
from rag.types import Answer, AnswerSentence, Citation, Passage, Source


class Observer:
    """Looks answers over. Read by many threads."""

    def __init__(self, corpus: Path, passages: Sequence[Passage], sources: Mapping[str, Source]) -> None:
        self._corpus, self._sources = corpus.resolve(), sources
        self._passages = [folded(passage.text) for passage in passages]
        self._text = lru_cache(maxsize=256)(self._read)
        self._held = cache(self._count)

    def look(self, question: Question, answer: Answer, would_cite: bool | None) -> Seen:
        citations = answer.citations
        by_number = {citation.number: citation for citation in citations}
        return Seen(
            hits=tuple(holds(hit.passage.text, question.evidence) for hit in answer.hits),
            held=self._held(question.evidence),
            exact=tuple(self.is_exact(citation) for citation in citations),
            proven=tuple(self._is_proven(sentence, by_number) for sentence in answer.sentences),
            contexts=tuple(panel(citation, self._sources) for citation in citations),
            would_cite=would_cite,
        )

    def is_exact(self, citation: Citation) -> bool:
        """Whether the quote is what stands in the file, decoded from its bytes, at these offsets."""
        text = self._text(citation.source)
        return bool(citation.quote) and text[citation.start : citation.end] == citation.quote

    def _is_proven(self, sentence: AnswerSentence, by_number: Mapping[int, Citation]) -> bool | None:
        """A quoted sentence is its quote, mended; a translated one the translation of its quote. What a model has
        written is judged elsewhere."""
        cited = [by_number.get(number) for number in sentence.citations]
        if not cited or any(citation is None or not self.is_exact(citation) for citation in cited):
            return False
        if sentence.verdict == "supported":
            return None
        texts = (c.translation if sentence.verdict == "translated" else repair(c.quote) for c in cited if c)
        return any(text is not None and text.split() == sentence.text.split() for text in texts)

    def _count(self, evidence: tuple[str, ...]) -> int:
        wanted = [folded(text) for text in evidence]
        return sum(any(text in passage for text in wanted) for passage in self._passages)

    def _read(self, name: str) -> str:
        """Empty where the corpus has no such file: then nothing is exact."""
        path = (self._corpus / name).resolve()
        if not path.is_relative_to(self._corpus) or not path.is_file():
            return ""
        try:
            return path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorpusError(f"{name} cannot be read any more", hint="put the file back and run it again") from error
