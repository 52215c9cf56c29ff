"""The one place that talks to Chroma: the vectors of one generation, in its folder or on a server.

Chroma writes into its files when it opens them, even to read, and refuses a folder it may not write. So readers
open a private copy: what was sealed stays as it was sealed, processes do not meet in one database, and a
read-only store serves.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from rag.errors import IndexMissing, SettingsError
from rag.store import Damaged, files_in, hold_lock

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

FOLDER = "chroma"
_COPY = "citewell-"
_TIMEOUT = 30.0  # seconds; Chroma's own client would wait for ever
_BATCH_BYTES = 8 << 20  # of vectors; its server refuses requests over 40 MB and numbers grow when sent
# sync_threshold: every batch goes to disk at once; what stays in the log would be indexed again at every start.
_HNSW = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 400}
_SYNC = {"sync_threshold": 2, "batch_size": 2}


class Collection:
    """Vectors with their ids; safe for concurrent reads."""

    def __init__(self, client: ClientAPI, collection: Any, where: str) -> None:
        self._client, self._collection, self._where = client, collection, where

    @property
    def chroma(self) -> Any:
        """Chroma's own collection, for other libraries' readers."""
        return self._collection

    def add(self, ids: Sequence[str], sources: Sequence[str], vectors: np.ndarray) -> None:
        """Vectors [n, dimension], few enough for `batch`. Raises IndexMissing."""
        with _failures(self._where):
            metadatas = [{"source": source} for source in sources]
            self._collection.add(ids=list(ids), embeddings=vectors, metadatas=metadatas)

    def batch(self, dimension: int) -> int:
        """How many vectors may be added at once."""
        return max(1, min(int(self._client.get_max_batch_size()), _BATCH_BYTES // (4 * dimension)))

    def nearest(self, vector: Sequence[float] | np.ndarray, k: int) -> list[tuple[str, float]]:
        """The `k` nearest ids with their cosine, best first. Raises IndexMissing when Chroma fails."""
        query = np.asarray(vector, dtype=np.float32)[None]
        with _failures(self._where):
            found = self._collection.query(query_embeddings=query, n_results=k, include=["distances"])
        return [(id, 1.0 - distance) for id, distance in zip(found["ids"][0], found["distances"][0], strict=True)]

    def ids(self) -> list[str]:
        """Every id, asked for in pages and in no order."""
        with _failures(self._where):
            page = int(self._client.get_max_batch_size())
            pages = range(0, self._collection.count(), page)
            return [i for start in pages for i in self._collection.get(include=[], limit=page, offset=start)["ids"]]


def preload() -> None:
    """Imports Chroma, which takes seconds."""
    import chromadb  # noqa: F401


@contextmanager
def writer(generation: Path, url: str | None) -> Iterator[Collection]:
    """A new, empty collection for a generation; closed, and so written out, at the end."""
    where = _place(url, generation)
    with ExitStack() as stack, _failures(where):
        client = stack.enter_context(_client(url, generation / FOLDER))
        configuration: Any = {"hnsw": _HNSW if url else {**_HNSW, **_SYNC}}
        name = _name(generation.name, url)
        collection = client.create_collection(name, embedding_function=None, configuration=configuration)
        yield Collection(client, collection, where)


@contextmanager
def reader(generation: Path, url: str | None) -> Iterator[Collection]:
    """The collection of a generation. Raises IndexMissing when it is not there."""
    from chromadb.errors import NotFoundError

    where = _place(url, generation)
    with ExitStack() as stack:
        with _failures(where):
            folder = Path() if url else stack.enter_context(_private_copy(generation / FOLDER))
            client = stack.enter_context(_client(url, folder))
            try:
                collection = client.get_collection(_name(generation.name, url), embedding_function=None)
            except NotFoundError as error:
                raise Damaged(f"{where} has no collection {_name(generation.name, url)}") from error
        yield Collection(client, collection, where)


def drop(name: str, url: str | None) -> None:
    """Removes a generation's collection from the server, if it has one there. Raises IndexMissing."""
    if url is None:
        return
    from chromadb.errors import NotFoundError

    with _failures(_place(url, Path())), _client(url, Path()) as client, suppress(NotFoundError):
        client.delete_collection(_name(name, url))


def _name(generation: str, url: str | None) -> str:
    return f"citewell-{generation}" if url else "passages"


def _place(url: str | None, generation: Path) -> str:
    return f"the Chroma server at {url}" if url else str(generation / FOLDER)


@contextmanager
def _failures(where: str) -> Iterator[None]:
    """Whatever Chroma or its transport raises as an error of ours."""
    from chromadb.errors import ChromaError
    from httpx import HTTPError

    try:
        yield
    except (ChromaError, HTTPError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "see that it has room; `rag index` builds the index again"
        raise IndexMissing(f"{where} failed: {what[:200]}", hint=hint) from error


@contextmanager
def _client(url: str | None, folder: Path) -> Iterator[ClientAPI]:
    import chromadb
    from chromadb.config import Settings

    # Without _env_file=None it would read a `.env` of whatever folder we stand in.
    settings = Settings(anonymized_telemetry=False, _env_file=None)  # type: ignore[call-arg]
    client = _server(url, settings) if url else chromadb.PersistentClient(str(folder.resolve()), settings)
    try:
        yield client
    finally:
        client.close()  # type: ignore[attr-defined]


def _server(url: str, settings: Any) -> ClientAPI:
    import chromadb
    import httpx

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.username:
        raise SettingsError("CHROMA_URL is no server's address", hint="write it as http://127.0.0.1:8000")
    hint = "start it with `chroma run --host 127.0.0.1 --port 8000`, or unset CHROMA_URL to use the folder"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 8000)
    try:
        # Chroma's client would wait for ever for a server that takes the connection and says nothing.
        httpx.get(f"{parts.scheme}://{host}:{port}/api/v2/heartbeat", timeout=_TIMEOUT).raise_for_status()
        client = chromadb.HttpClient(host, port, ssl=parts.scheme == "https", settings=settings)
    except (httpx.HTTPError, ValueError) as error:
        raise IndexMissing(f"the Chroma server at {url} does not answer: {error}", hint=hint) from error
    client._server._session.timeout = _TIMEOUT  # type: ignore[attr-defined]
    return client


@contextmanager
def _private_copy(folder: Path) -> Iterator[Path]:
    """A copy of `folder` of this process's own, gone at the end; copies of processes that were killed go too."""
    _sweep_copies()
    with ExitStack() as stack:
        try:
            home = Path(tempfile.mkdtemp(prefix=_COPY))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            hold = os.open(home / "new", os.O_CREAT | os.O_RDWR)
            stack.callback(os.close, hold)
            fcntl.flock(hold, fcntl.LOCK_EX)
            (home / "new").rename(home / "lock")  # under this name nobody ever sees it unlocked while we live
            for name in files_in(folder):
                (home / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, home / "copy" / name)
        except OSError as error:
            hint = "make room there, or name another temporary folder with TMPDIR"
            raise IndexMissing(f"cannot copy the index to open it: {error.strerror or error}", hint=hint) from error
        yield home / "copy"


def _sweep_copies() -> None:
    for lock in Path(tempfile.gettempdir()).glob(f"{_COPY}*/lock"):
        hold = hold_lock(lock, fcntl.LOCK_EX)
        if hold is not None:
            shutil.rmtree(lock.parent, ignore_errors=True)
            os.close(hold)
