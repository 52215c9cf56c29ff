"""Vectors of texts in a file: each is kept with the SHA-256 of its text, so that a text is embedded once.

A file `<kind>.<number type>.<dimension>.vec` holds records {key: SHA-256 of the text, vector: unit length, check:
BLAKE2b of both}. Since every record proves itself, those of any earlier file can be used again: of the generation
before, of a damaged one, of a build that was killed half-way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path

import numpy as np

from rag.errors import ModelError

Embed = Callable[[list[str]], np.ndarray]
Texts = Callable[[], Iterable[str]]
_WINDOW, _BATCH = 4096, 256
_KEY = np.dtype("S32")


class DimensionChanged(ModelError):  # an event, not a fault
    """The model gives vectors of another length than those that were kept."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector per text: `records[rows[i]]`; texts that are equal share a row."""

    records: np.ndarray
    rows: np.ndarray

    @classmethod
    def load(cls, folder: Path, kind: str) -> Vectors:
        (file,) = _files(folder, kind)
        # still mapped from the file, but without what each slice of a `memmap` costs
        return cls(np.asarray(_open(file)), np.load(_rows_file(folder, kind)))

    @property
    def dimension(self) -> int:
        return int(self.records.dtype["vector"].shape[0])

    def __getitem__(self, which: int | slice | np.ndarray) -> np.ndarray:
        """Unit vectors [n, dimension], or one [dimension]; float32."""
        return np.asarray(self.records[self.rows[which]]["vector"], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Kept:
    """Sound records of an earlier file: `records[which]`."""

    records: np.ndarray
    which: np.ndarray

    def parts(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self.which), _WINDOW):
            yield self.records[self.which[start : start + _WINDOW]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a vector file will hold: a key per text, records that are kept, and which texts are to be embedded."""

    folder: Path
    kind: str
    number: str
    texts: Texts
    keys: np.ndarray
    kept: tuple[Kept, ...]
    missing: np.ndarray

    @classmethod
    def make(cls, folder: Path, kind: str, number: str, texts: Texts, donors: Iterable[Path]) -> Plan:
        """`number` is the type of a vector's numbers, `f4` or `f2`; `texts` gives the same texts at every call."""
        keys = np.array([hashlib.sha256(text.encode()).digest() for text in texts()], dtype=_KEY)
        wanted, first = np.unique(keys, return_index=True)
        kept: list[Kept] = []
        for file in (file for donor in donors for file in _files(donor, kind)):
            found = _sound(_open(file), wanted)
            if len(found.which) and (not kept or kept[0].records.dtype == found.records.dtype):
                kept.append(found)
                absent = np.isin(wanted, found.records["key"][found.which], invert=True)
                wanted, first = wanted[absent], first[absent]
        missing = np.zeros(len(keys), dtype=bool)
        missing[first] = True
        return cls(folder, kind, number, texts, keys, tuple(kept), missing)

    def keep(self) -> None:
        """Copies the records that are kept into the file; after this the donors may go."""
        for kept in self.kept:
            for part in kept.parts():
                self._append(part)

    def run(self, embed: Embed, done: Callable[[int], None]) -> None:
        """Embeds what is missing and completes the file; `done` is told how many texts were embedded just now.

        Raises ModelError, OSError.
        """
        dtype = self.kept[0].records.dtype if self.kept else None
        for texts in _batches(compress(self.texts(), self.missing)):
            part = _records(texts, embed(texts), self.number)
            if part.dtype != (dtype := dtype or part.dtype):
                raise DimensionChanged("the embedding model gives other vectors than before", hint="index again")
            self._append(part)
            done(len(texts))
        keys = _open(_files(self.folder, self.kind)[0])["key"]
        order = np.argsort(keys)
        np.save(_rows_file(self.folder, self.kind), order[np.searchsorted(keys, self.keys, sorter=order)])

    def _append(self, part: np.ndarray) -> None:
        (dimension,) = part.dtype["vector"].shape
        # Not through a memory map: on a full disk that ends the process instead of raising.
        with (self.folder / f"{self.kind}.{self.number}.{dimension}.vec").open("ab") as file:
            file.write(part.tobytes())


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts of about the same length together, so that a model pads little."""
    stream = iter(texts)
    while window := sorted(islice(stream, _WINDOW), key=len):
        yield from (window[start : start + _BATCH] for start in range(0, len(window), _BATCH))


def _record(number: str, dimension: int) -> np.dtype:
    return np.dtype([("key", _KEY), ("vector", number, (dimension,)), ("check", "u8")])


def _records(texts: list[str], vectors: np.ndarray, number: str) -> np.ndarray:
    records = np.zeros(len(texts), dtype=_record(number, vectors.shape[1]))
    records["key"] = [hashlib.sha256(text.encode()).digest() for text in texts]
    records["vector"] = vectors
    records["check"] = _checks(records)
    return records


def _checks(records: np.ndarray) -> np.ndarray:
    body = np.ascontiguousarray(records).view(np.uint8).reshape(len(records), -1)[:, :-8]
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in body)
    return np.frombuffer(digests, dtype="u8")


def _sound(records: np.ndarray, wanted: np.ndarray) -> Kept:
    """The first record of each wanted key whose check holds."""
    which = np.flatnonzero(np.isin(records["key"], wanted))
    sound = [part[_checks(records[part]) == records["check"][part]] for part in _cut(which)]
    which = np.concatenate([which[:0], *sound])
    _, first = np.unique(records["key"][which], return_index=True)
    return Kept(records, which[np.sort(first)])


def _cut(which: np.ndarray) -> list[np.ndarray]:
    return [which[start : start + _WINDOW] for start in range(0, len(which), _WINDOW)]


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}.f?.*.vec"))


def _rows_file(folder: Path, kind: str) -> Path:
    return folder / f"{kind}.rows.npy"


def _open(file: Path) -> np.ndarray:
    """Its whole records; what a killed writer left of the last one is cut off."""
    _, number, dimension, _ = file.name.split(".")
    dtype = _record(number, int(dimension))
    count = file.stat().st_size // dtype.itemsize
    return np.memmap(file, dtype=dtype, mode="r", shape=(count,)) if count else np.zeros(0, dtype=dtype)
