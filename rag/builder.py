"""Writes a generation, and checks it from a fresh process before anybody is served from it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.contents import BM25, PASSAGES, SENTENCES, Index, Info, twins, write_texts
from rag.corpus import Corpus, passages_of
from rag.dense import preload, writer
from rag.embed import embed
from rag.errors import CorpusError, ModelError, RagError
from rag.expanded import NATIVE, OWN, texts, write_cuts
from rag.expansions import Expansions
from rag.lexical import Bm25
from rag.multilingual import load_multilingual
from rag.searchable import Searchable
from rag.store import MANIFEST, Damaged, Generation, hold_lock, verified
from rag.types import Language, Passage, Sentence
from rag.vectors import Embed, Plan, Texts, Vectors

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

Progress = Callable[[int, int], None]
#: Gives the folders whose vectors may be used again; they may go when the block ends.
Donors = Callable[[], AbstractContextManager[Sequence[Path]]]
_SAMPLE = 200  # passages that a new index must find by their own vector
_UNFOUND = 50  # one in so many may be missed by a larger index: a graph of neighbours is approximate
_SAME = 0.999  # cosine of a vector with itself, as float32 and through Chroma


@dataclass(frozen=True, slots=True)
class Material:
    """What a generation is made of: documents, the words they are found by, the model that embeds them, and the
    expansions of their sentences."""

    corpus: Corpus
    searchable: Searchable
    embedder: BaseEmbedding | None
    expansions: Expansions


def write_generation(
    folder: Path, material: Material, donors: Donors, url: str | None, progress: Progress | None
) -> dict[str, Any]:
    """Writes all files of a generation; gives what its manifest says of them. Raises RagError, OSError."""
    corpus, embedder = material.corpus, material.embedder
    passages = _passages(corpus)
    write_texts(folder, corpus.sources, passages)
    canary = _write_bm25(folder, passages, material.searchable)
    dimension = None
    if embedder is not None:
        vectors = _write_vectors(folder, passages, material, donors, progress or (lambda done, total: None))
        canary["dense"] = _write_chroma(folder, passages, vectors, url)
        dimension = vectors.dimension
    info = Info(
        sources=len(corpus.sources),
        passages=len(passages),
        sentences=sum(len(passage.sentences) for passage in passages),
        model=embedder.model_name if embedder else "",
        dimension=dimension,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        problems=corpus.problems,
    )
    return {"info": asdict(info), "ids": _digest(passage.id for passage in passages), "canary": canary}


def _passages(corpus: Corpus) -> list[Passage]:
    """All passages in order of source and place, each a cut of its source."""
    passages: list[Passage] = []
    for source in sorted(corpus.sources, key=lambda source: source.name):
        for passage in sorted(passages_of(source), key=lambda passage: passage.start):
            cuts: tuple[Passage | Sentence, ...] = (passage, *passage.sentences)
            if any(source.text[cut.start : cut.end] != cut.text for cut in cuts):
                raise CorpusError(f"{source.name}: {passage.id} is no cut of it", hint="leave this file out, report it")
            passages.append(passage)
    if not passages:
        raise CorpusError("the documents hold no passage", hint="put documents with sentences into the folder")
    return passages


def _write_bm25(folder: Path, passages: Sequence[Passage], searchable: Searchable) -> dict[str, Any]:
    # Interned: a hundred thousand passages share their words.
    keys = [[sys.intern(key) for key in searchable.keys(passage)] for passage in passages]
    bm25 = Bm25.build(keys)
    bm25.save(folder / BM25)
    middle = len(passages) // 2
    return {"number": middle, "keys": keys[middle], "bm25": _best(bm25, keys[middle])}


def _best(bm25: Bm25, keys: Sequence[str]) -> list[float]:
    scores = bm25.scores(keys)
    return [int(scores.argmax()), float(scores.max())]


def _write_vectors(
    folder: Path, passages: Sequence[Passage], material: Material, donors: Donors, progress: Progress
) -> Vectors:
    found, embedder = material.searchable, material.embedder
    assert embedder is not None
    own = partial(_embed, embedder)
    parts: list[tuple[str, str, Texts, Embed]] = [
        (PASSAGES, "f4", lambda: map(found.embedding_text, passages), own),
        (SENTENCES, "f2", lambda: (found.sentence_text(s, p.language) for p in passages for s in p.sentences), own),
    ]
    language: Language | None = "en" if found.english else None
    groups = [material.expansions.of(sentence) for passage in passages for sentence in passage.sentences]
    groups += [material.expansions.gaps_of(source) for source in material.corpus.sources]
    if any(texts(groups, language)):
        write_cuts(folder, groups, language)
        parts.append((NATIVE, "f2", lambda: texts(groups), _native))
        parts.append((OWN, "f2", lambda: texts(groups, language), own))
    with donors() as folders:
        plans = [(Plan.make(folder, kind, number, make, folders), model) for kind, number, make, model in parts]
        for plan, _ in plans:
            plan.keep()
    done, total = 0, sum(int(plan.missing.sum()) for plan, _ in plans)

    def more(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    for plan, model in plans:
        plan.run(model, more)
    return Vectors.load(folder, PASSAGES)


def _native(texts: list[str]) -> np.ndarray:
    return load_multilingual().encode(texts)


def _embed(embedder: BaseEmbedding, texts: list[str]) -> np.ndarray:
    """Unit vectors [n, dimension]. Raises ModelError, whatever the model's own library raises."""
    try:
        return embed(embedder, texts)
    except RagError:
        raise
    except Exception as error:
        hint = "see RAG_EMBEDDING, OPENAI_BASE_URL and OPENAI_API_KEY; RAG_EMBEDDING=none does without"
        raise ModelError(f"the embedding model failed: {type(error).__name__}", hint=hint) from error


def _write_chroma(folder: Path, passages: Sequence[Passage], vectors: Vectors, url: str | None) -> list[list[Any]]:
    groups = twins(passages, vectors)
    ids = list(groups)
    numbers = np.array([group[0] for group in groups.values()])
    with writer(folder, url) as collection:
        step = collection.batch(vectors.dimension)
        for start in range(0, len(ids), step):
            some = numbers[start : start + step]
            names = [passages[number].source for number in some]
            collection.add(ids[start : start + step], names, vectors[some])
        return [list(hit) for hit in collection.nearest(vectors[len(passages) // 2], min(len(ids), 10))]


def _digest(ids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


Verify = Callable[[Path, str], None]


@contextmanager
def verifier(url: str | None, *, dense: bool) -> Iterator[Verify]:
    """A fresh process that opens a generation and asks it what was written: what the process that wrote an index
    finds in it comes from its own memory, not from the disk. It starts at once, since to import takes longer than to
    verify, and ends with us. What it is told is a generation and its manifest's SHA-256; it raises Damaged.
    """
    command = [sys.executable, "-m", "rag.builder", *(["dense"] if dense else [])]
    pipe, root = subprocess.PIPE, Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdin=pipe, stderr=pipe, encoding="utf-8") as process:  # noqa: S603 - ours

        def verify(generation: Path, manifest: str) -> None:
            told = json.dumps({"generation": str(generation.resolve()), "manifest": manifest, "url": url})
            _, said = process.communicate(told)
            if process.returncode:
                lines = said.splitlines() or [f"the process that checks it ended with {process.returncode}"]
                raise Damaged(f"the new index does not hold: {lines[-1]}")

        try:
            yield verify
        finally:
            process.kill()


def _main() -> None:
    if "dense" in sys.argv:
        preload()
    told = json.loads(sys.stdin.read() or "null")
    if told is None:  # the build ended before it
        return
    path = Path(told["generation"])
    hold = hold_lock(path / MANIFEST, fcntl.LOCK_SH)
    if hold is None:
        raise Damaged(f"{path} is gone")
    with Index(Generation(path, verified(path, told["manifest"]), hold), told["url"]) as index:
        check(index)


def check(index: Index) -> None:
    """Whether an open index answers as the one that was written. Raises Damaged."""
    canary, passages = index.manifest["canary"], index.passages
    if len(passages) != index.info.passages or _digest(p.id for p in passages) != index.manifest["ids"]:
        raise Damaged("the index has other passages than were written")
    if not np.allclose(_best(index.bm25, canary["keys"]), canary["bm25"], rtol=1e-4):
        raise Damaged("BM25 finds other passages than when it was written")
    if index.collection is None or index.vectors is None:
        return
    if set(index.collection.ids()) != set(twins(passages, index.vectors)):
        raise Damaged("Chroma holds other passages than were written")
    near = index.collection.nearest(index.vectors[canary["number"]], len(canary["dense"]))
    cosines, told = ([cosine for _, cosine in hits] for hits in (near, canary["dense"]))
    if len(cosines) != len(told) or not np.allclose(cosines, told, atol=1e-3):
        raise Damaged("Chroma finds other passages than when it was written")
    _check_reachable(index, index.vectors)


def _check_reachable(index: Index, vectors: Vectors) -> None:
    sample = np.unique(np.linspace(0, len(index.passages) - 1, _SAMPLE).astype(int))
    best = (index.dense(vectors[int(number)], 1) for number in sample)
    unfound = sum(not hits or hits[0][1] < _SAME for hits in best)
    if unfound > len(sample) // _UNFOUND:
        raise Damaged(f"{unfound} of {len(sample)} passages are not found by their own vector")


if __name__ == "__main__":
    try:
        _main()
    except RagError as failure:
        sys.exit(str(failure))
