"""The page as it is, over documents and a model that say nothing but the strings of `hostile.jsonl`.

Only what answers is put in place of the assistant; rendering, handlers, door and page are the application's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import rag.pipeline  # noqa: E402
from rag.gate import Event, Retrieved, Shown  # noqa: E402
from rag.pipeline import Assistant  # noqa: E402
from rag.types import Answer, AnswerSentence, Citation, Hit, Passage, Source  # noqa: E402

HOSTILE = [json.loads(line)["text"] for line in (ROOT / "tests" / "hostile.jsonl").read_text("ascii").splitlines()]
#: The page takes seconds for dozens of chips, so a document holds many strings, each on a line of its own.
TEXTS = ["\n".join(HOSTILE[start : start + 14]) for start in range(0, len(HOSTILE), 14)]


def sources() -> dict[str, Source]:
    """Documents that hold the strings as body, as title and at the start of the name."""
    named = ((f"{number:03} {text[:80]}.txt", text) for number, text in enumerate(TEXTS, 1))
    return {name: Source(name, text, "", "en", text) for name, text in named}


def cited(number: int, source: Source) -> Citation:
    size = len(source.text)
    return Citation(number, source.name, source.title, "en", 0, size, source.text, translation=source.text)


class Hostile(Assistant):
    """Streams every string as a model's sentence, then answers with every string as a document's."""

    def __init__(self) -> None:
        self._sources = sources()

    @property
    def sources(self) -> Mapping[str, Source]:
        return self._sources

    def stream(self, question: str, *_: object, **__: object) -> Iterator[Event | Answer]:
        """The question stands in the step as well, as what it was taken for."""
        documents = self._sources.values()
        passages = (Passage(s.name, 0, len(s.text), s.text, s.title, s.title, "en") for s in documents)
        hits = tuple(Hit(passage, 0.5, 1, 1) for passage in passages)
        citations = tuple(cited(number, source) for number, source in enumerate(documents, 1))
        sentences = tuple(AnswerSentence(c.quote, (c.number,), "translated", 1.0) for c in citations)
        yield Retrieved(hits, question)
        for sentence, citation in zip(sentences, citations, strict=True):
            yield Shown(sentence, (citation,))
        text = "\n".join(f"{sentence.text} [{sentence.citations[0]}]" for sentence in sentences)
        yield Answer(question, "en", "answered", "model", "plain", text, sentences, citations, hits)


def opened(*_: Any, **__: Any) -> Assistant:
    return Hostile()


rag.pipeline.open_assistant = opened  # type: ignore[assignment]

import app as app  # noqa: E402 - chainlit wants the handlers that this import sets
