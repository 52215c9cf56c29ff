"""A small corpus, a store for it, and an embedding model that is quick and counts what it embeds."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import Field

from rag.index import Index, open_index, store_of
from rag.lexical import tokens
from rag.settings import Settings
from rag.terms import load_terms

#: The vocabulary, read once for many builds; handed to `rag.index` in place of its own reader.
vocabulary = cache(load_terms)
DIMENSION = 32
TOPICS = {
    "lanolin": "Lanolin cream is rubbed on dry skin twice a day during radiotherapy.",
    "quinoa": "Quinoa porridge is easy to swallow for people with a sore throat.",
    "walking": "Walking for thirty minutes a day eases tiredness after chemotherapy.",
    "mistletoe": "Mistletoe extracts have not been shown to make tumours smaller.",
    "sperm": "Sperm can be frozen before treatment that may harm fertility.",
    "lymphoedema": "Lymphoedema is a swelling of the arm when lymph cannot drain away.",
}
_MORE = (
    "The nurse on the ward explains this to every patient.",
    "Nobody should change a treatment without asking the team first.",
    "A diary of the {topic} helps to remember what was tried and when.",
)


class Words(BaseEmbedding):
    """The sum of a fixed random vector for each word. `calls` holds every text embedded as a passage or sentence."""

    calls: list[str] = Field(default_factory=list)
    dimension: int = DIMENSION
    fail_after: int | None = None

    def _get_text_embedding(self, text: str) -> list[float]:
        if self.fail_after is not None and len(self.calls) >= self.fail_after:
            raise ConnectionError("the endpoint went away")
        self.calls.append(text)
        return self._get_query_embedding(text)

    def _get_query_embedding(self, query: str) -> list[float]:
        words = query.lower().replace(".", " ").split()
        return np.sum([_word(word, self.dimension) for word in words or ["?"]], axis=0).tolist()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


class Mute(Words):
    """Must not be asked: what it would embed is there already."""

    def _get_text_embedding(self, text: str) -> list[float]:
        raise AssertionError(f"embedded again: {text}")


@cache
def _word(word: str, dimension: int) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=dimension)


def document(topic: str, said: str) -> str:
    more = " ".join(line.format(topic=topic) for line in _MORE)
    return f"About {topic}\n\n{said} {more}\n\nQuestions about {topic}\n\nAsk the team about {topic} at any time.\n"


@dataclass(frozen=True)
class World:
    """A corpus folder and the settings that index it."""

    settings: Settings

    @property
    def corpus(self) -> Path:
        return self.settings.corpus

    @property
    def folder(self) -> Path:
        return store_of(self.settings).folder

    def put(self, topic: str, said: str) -> None:
        (self.corpus / f"{topic}.txt").write_text(document(topic, said), encoding="utf-8")

    @contextmanager
    def open(self, embedder: BaseEmbedding | None = None) -> Iterator[Index]:
        with open_index(self.settings, embedder=embedder or Mute()) as index:
            yield index

    def copy(self, home: Path) -> World:
        """The same corpus and a store that holds its index, somewhere else."""
        copied = replace(self.settings, corpus=home / "corpus", store=home / "store")
        shutil.copytree(self.corpus, copied.corpus)
        shutil.copytree(self.folder, store_of(copied).folder)
        return World(copied)


def new_world(home: Path, **settings: object) -> World:
    """A corpus with nothing indexed yet."""
    (home / "corpus").mkdir(parents=True)
    world = World(Settings(corpus=home / "corpus", store=home / "store", **settings))  # type: ignore[arg-type]
    for topic, said in TOPICS.items():
        world.put(topic, said)
    return world


def tree(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def assert_answers(index: Index, topics: dict[str, str] = TOPICS) -> None:
    """The index holds exactly these documents and finds each by meaning and by words."""
    assert {name: source.text for name, source in index.sources.items()} == {
        f"{topic}.txt": document(topic, said) for topic, said in topics.items()
    }
    assert {passage.source for passage in index.passages} == set(index.sources)
    for topic, said in topics.items():
        if index.info.dimension:
            vector = Words().get_query_embedding(document(topic, said).partition("Questions")[0])
            assert said in index.passages[index.dense(vector, 1)[0][0]].text
        best = int(np.argmax(index.bm25.scores(tokens(said, "en"))))
        assert said in index.passages[best].text
