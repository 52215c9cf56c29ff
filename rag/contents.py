"""What is in a generation, and reading it: texts, passages, vectors and BM25, consistent with each other.

sources.jsonl, passages.jsonl     the documents whole, and where the passages and sentences stand in them
passages.*.vec, sentences.*.vec   their vectors, with `*.rows.npy` (absent without embeddings)
expansions*.vec                   likewise of the sentences' expansions, where there are any
chroma/                           the passages' vectors, searchable (absent with a Chroma server)
bm25/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np

from rag.corpus import Problem
from rag.dense import Collection, reader
from rag.errors import ModelError
from rag.expanded import Expanded, Near
from rag.lexical import Bm25
from rag.store import Damaged, Generation
from rag.types import Passage, Sentence, Source
from rag.vectors import Vectors

SOURCES, PASSAGES, SENTENCES, BM25 = "sources.jsonl", "passages", "sentences", "bm25"


@dataclass(frozen=True, slots=True)
class Info:
    """What an index holds. `dimension` is None without embeddings; `built` is UTC, ISO 8601; `warning` says why an
    index older than the corpus is served."""

    sources: int
    passages: int
    sentences: int
    model: str
    dimension: int | None
    built: str
    problems: tuple[Problem, ...] = ()
    warning: str | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Info:
        return cls(**{**data, "problems": tuple(Problem(**problem) for problem in data["problems"])})


class Index:
    """One generation, open for reading by many threads. Close it, or let it go."""

    def __init__(self, generation: Generation, url: str | None, warning: str | None = None) -> None:
        """Takes the generation over: it is released at `close`, or here when this raises.

        Raises Damaged; IndexMissing when the Chroma server is away.
        """
        with ExitStack() as resources:
            resources.callback(generation.release)
            path = generation.path
            self.manifest = generation.manifest
            self.info = Info.parse({**generation.manifest["info"], "warning": warning})
            self.sources: Mapping[str, Source] = {source.name: source for source in read_sources(path)}
            self._places = {name: place for place, name in enumerate(self.sources)}
            self.passages: tuple[Passage, ...] = tuple(read_passages(path, self.sources))
            self.bm25 = Bm25.load(path / BM25)
            self._offsets = np.cumsum([0, *(len(passage.sentences) for passage in self.passages)])
            dense = self.info.dimension is not None
            self.vectors = Vectors.load(path, PASSAGES) if dense else None
            self._sentences = Vectors.load(path, SENTENCES) if dense else None
            self.expanded = Expanded.load(path) if dense else None
            self._twins = twins(self.passages, self.vectors) if self.vectors else {}
            self.collection = self._connect(path, url, resources) if dense else None
            self._finalize = finalize(self, resources.pop_all().close)

    def _connect(self, path: Path, url: str | None, resources: ExitStack) -> Collection:
        collection = resources.enter_context(reader(path, url))
        # A folder's files were compared with the manifest; what stands on a server has to be asked for.
        if url and set(collection.ids()) != set(self._twins):
            raise Damaged("the collection on the Chroma server is not the one that was written")
        return collection

    def dense(self, vector: Sequence[float] | np.ndarray, k: int) -> list[tuple[int, float]]:
        """The `k` passages nearest to `vector` [dimension] as (number, cosine), best first; none without embeddings.

        Raises ModelError for a vector of another length, IndexMissing when Chroma fails.
        """
        if self.collection is None or k < 1:
            return []
        if len(vector) != self.info.dimension:
            found = f"the question's vector has {len(vector)} numbers, those of the index {self.info.dimension}"
            raise ModelError(found, hint="use the embedding model the index was built with")
        near = self.collection.nearest(vector, min(k, len(self._twins)))
        return [(number, cosine) for id, cosine in near for number in self._twins[id]][:k]

    def sentence_vectors(self, number: int) -> np.ndarray | None:
        """Unit vectors [n_sentences, dimension] of `passages[number].sentences`; None without embeddings."""
        if self._sentences is None:
            return None
        return self._sentences[self._offsets[number] : self._offsets[number + 1]]

    def near_expansions(self, number: int, native: np.ndarray, own: np.ndarray) -> list[Near | None]:
        """`Expanded.near` for the sentences of `passages[number]`."""
        start, end = int(self._offsets[number]), int(self._offsets[number + 1])
        return self.expanded.near(start, end, native, own) if self.expanded else [None] * (end - start)

    def near_gaps(self, name: str, native: np.ndarray, own: np.ndarray) -> Near | None:
        """`Expanded.near` for the known gaps of a document: its group stands behind those of all sentences."""
        group = int(self._offsets[-1]) + self._places[name]
        return self.expanded.near(group, group + 1, native, own)[0] if self.expanded else None

    def close(self) -> None:
        self._finalize()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def twins(passages: Sequence[Passage], vectors: Vectors) -> dict[str, list[int]]:
    """The numbers of passages that share a vector, by the id of the first: Chroma holds each vector once, since in
    its graph many equal points cut others off."""
    groups: dict[int, list[int]] = {}
    for number, row in enumerate(vectors.rows.tolist()):
        groups.setdefault(row, []).append(number)
    return {passages[numbers[0]].id: numbers for numbers in groups.values()}


def write_texts(folder: Path, sources: Iterable[Source], passages: Iterable[Passage]) -> None:
    """Only offsets are written of passages and sentences: their text is cut from the source again."""
    _write(folder / SOURCES, map(asdict, sources))
    rows = ([_row(passage), *map(_sentence_row, passage.sentences)] for passage in passages)
    _write(folder / f"{PASSAGES}.jsonl", rows)


def read_sources(folder: Path) -> Iterator[Source]:
    return (Source(**line) for line in _read(folder / SOURCES))


def read_passages(folder: Path, sources: Mapping[str, Source]) -> Iterator[Passage]:
    for (name, start, end, title, heading, language), *rows in _read(folder / f"{PASSAGES}.jsonl"):
        text = sources[name].text
        sentences = tuple(Sentence(name, a, b, text[a:b], kind, head, lead) for a, b, kind, head, lead in rows)
        yield Passage(name, start, end, text[start:end], title, heading, language, sentences)


def _row(passage: Passage) -> list[object]:
    return [passage.source, passage.start, passage.end, passage.title, passage.heading, passage.language]


def _sentence_row(sentence: Sentence) -> list[object]:
    return [sentence.start, sentence.end, sentence.kind, sentence.heading, sentence.lead]


def _write(file: Path, lines: Iterable[object]) -> None:
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def _read(file: Path) -> Iterator[Any]:
    with file.open("rb") as stream:
        yield from map(json.loads, stream)
