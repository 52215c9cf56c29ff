"""Generations of an index on disk: each is built beside the one that serves, sealed by a manifest, and switched
to by a pointer. What is sealed never changes again.

    <folder>/build.lock                     held while building
    <folder>/current.json                   the pointer: a generation's name and the SHA-256 of its manifest
    <folder>/generations/<name>/...         the files, and manifest.json with size and SHA-256 of each
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import IndexMissing

if TYPE_CHECKING:
    from filelock import FileLock

MANIFEST, POINTER, LOCK, GENERATIONS = "manifest.json", "current.json", "build.lock", "generations"
log = logging.getLogger(__name__)


class Damaged(IndexMissing):
    """A generation is not what its manifest says; it must not be served."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="run `rag index` to build it again")


@dataclass(frozen=True, slots=True)
class Generation:
    """A sealed generation, verified, and kept from the sweep until `release`."""

    path: Path
    manifest: Mapping[str, Any]
    hold: int

    def release(self) -> None:
        os.close(self.hold)


class Store:
    """The generations of one corpus with one set of settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generations = folder / GENERATIONS

    def current(self) -> Generation | None:
        """The generation that serves, None when there is none yet. Raises Damaged."""
        while pointer := self._pointer():
            path = self.generations / pointer["generation"]
            hold = hold_lock(path / MANIFEST, fcntl.LOCK_SH)
            if hold is not None:
                try:
                    return Generation(path, verified(path, pointer["manifest"]), hold)
                except BaseException:
                    os.close(hold)
                    raise
            # A generation is swept only after the pointer has left it: look where the pointer went.
            if self._pointer() == pointer:
                raise Damaged(f"{path} has no {MANIFEST}")
        return None

    def _pointer(self) -> Mapping[str, str] | None:
        try:
            pointer = json.loads((self.folder / POINTER).read_bytes())
            return {key: _plain_name(pointer[key]) for key in ("generation", "manifest")}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"{self.folder / POINTER} cannot be read") from error

    @contextmanager
    def building(self, *, wait: bool) -> Iterator[bool]:
        """Holds the builder's lock. False when another process holds it and `wait` is False.

        Raises IndexMissing when the store cannot be written.
        """
        lock = self._lock(wait)
        try:
            yield lock is not None
        finally:
            if lock:
                lock.release()

    def _lock(self, wait: bool) -> FileLock | None:
        from filelock import FileLock, Timeout

        with writing(self.folder):
            self.generations.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if not wait:
                    return None
                log.warning("Another process is building the index in %s; waiting for it.", self.folder)
                lock.acquire(poll_interval=0.2)
            return lock

    def begin(self) -> Path:
        path = self.generations / secrets.token_hex(8)
        path.mkdir()
        return path

    def publish(self, path: Path, manifest: str) -> None:
        """Switches the pointer to a sealed generation: readers see the old one or the new one, nothing between."""
        pointer = json.dumps({"generation": path.name, "manifest": manifest})
        _write_durably(self.folder / POINTER, pointer.encode())

    def all(self) -> list[Path]:
        """Every generation, whole or not, newest first."""
        found = [path for path in self.generations.glob("*") if path.is_dir()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)

    def leftovers(self) -> list[Path]:
        """Every generation that the pointer does not name."""
        try:
            pointer = self._pointer()
        except Damaged:
            pointer = None
        return [path for path in self.all() if not pointer or path.name != pointer["generation"]]

    def sweep(self, drop: Callable[[str], None], keep: Path | None = None) -> None:
        """Removes what no pointer names and no living reader holds, `keep` excepted; call it with the builder's lock.

        A reader holds a shared flock on the manifest of what it reads. The kernel lets go of it when the reader
        ends, however it ends, so nothing stays behind that must be told from a living reader by guessing. `drop`
        removes what a generation owns elsewhere, by its name; a generation whose `drop` fails is left for later.
        """
        for path in self.leftovers():
            hold = hold_lock(path / MANIFEST, fcntl.LOCK_EX)
            if path == keep or (hold is None and (path / MANIFEST).exists()):
                continue
            with suppress(OSError, IndexMissing):
                drop(path.name)
                shutil.rmtree(path)
            if hold is not None:
                os.close(hold)


def _plain_name(name: str) -> str:
    if not name.isalnum():
        raise ValueError(name)
    return name


def hold_lock(file: Path, how: int) -> int | None:
    """A descriptor with a lock on a file that is still in its place, or None."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except OSError:  # somebody else has it, or locks do not work here: it is not ours
        pass
    os.close(descriptor)
    return None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A disk that is full or read-only as an error of ours."""
    try:
        yield
    except OSError as error:
        hint = "free some space or make the folder writable, or name another one with --store"
        raise IndexMissing(f"cannot write the index in {folder}: {error.strerror or error}", hint=hint) from error


def seal(path: Path, facts: Mapping[str, Any]) -> str:
    """Makes a finished generation durable and writes its manifest; gives the manifest's SHA-256."""
    files = {name: _described(path / name, durable=True) for name in files_in(path)}
    data = json.dumps({**facts, "files": files}, indent=1).encode()
    for folder in {(path / name).parent for name in files}:
        _sync(folder)
    _write_durably(path / MANIFEST, data)
    _sync(path.parent)
    return hashlib.sha256(data).hexdigest()


def verified(path: Path, manifest: str) -> Mapping[str, Any]:
    """The manifest, when it and every file it names are what was sealed. Raises Damaged."""
    try:
        data = (path / MANIFEST).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest:
            raise Damaged(f"{path / MANIFEST} was changed")
        facts: Mapping[str, Any] = json.loads(data)
        files = facts["files"]
        for name, told in files.items():
            if (path / name).stat().st_size != told["bytes"]:
                raise Damaged(f"{path / name} has another size than it was written with")
        with ThreadPoolExecutor(4) as pool:  # hashing lets go of the interpreter's lock
            for name, found in zip(files, pool.map(_described, [path / name for name in files]), strict=True):
                if found != files[name]:
                    raise Damaged(f"{path / name} was changed")
    except OSError as error:
        raise Damaged(f"{error.filename or path} cannot be read: {error.strerror}") from error
    return facts


def files_in(path: Path) -> list[str]:
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def _described(file: Path, durable: bool = False) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if durable:
            os.fsync(stream.fileno())
        return {"sha256": digest, "bytes": stream.tell()}


def _write_durably(file: Path, data: bytes) -> None:
    draft = file.with_suffix(".draft")
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
