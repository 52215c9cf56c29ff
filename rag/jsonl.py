"""A file of JSON objects, a line each, answered line by line: what cannot be read becomes an error object in its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from rag.errors import SettingsError

MAX_LINE = 4 * 1024 * 1024  # bytes of one line


def answer_lines(source: Path, target: Path, answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Writes `answer(object)` with its id for each object of `source`, in order, each before the next is read; "-" is
    standard input or output. Where a line is no object, or `answer` raises SettingsError, an error object takes its
    place: {"id", "error": {"line", "message"}}. Other errors end the run."""
    with _open(source) as lines, _create(target) as out:
        for number, line in enumerate(_lines(lines), 1):
            id: Any = number
            try:
                data = _object(line)
                id = data.get("id", number)
                result = {"id": id, **answer(data)}
            except SettingsError as error:
                result = {"id": id, "error": {"line": number, "message": str(error)}}
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
            out.flush()


def _object(line: bytes) -> Mapping[str, Any]:
    hint = 'write a JSON object like {"id": 1, "question": "..."} on each line, in UTF-8'
    if len(line) >= MAX_LINE:
        raise SettingsError(f"the line is longer than {MAX_LINE:,} bytes", hint=hint)
    try:
        data = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SettingsError("the line is no JSON", hint=hint) from error
    if not isinstance(data, dict):
        raise SettingsError("the line is no JSON object", hint=hint)
    return data


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines that hold something; of one that is too long the beginning."""
    while line := file.readline(MAX_LINE):
        rest = line
        while len(rest) == MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE)
        if line.strip():
            yield line


def _open(path: Path) -> IO[bytes]:
    try:
        return open(0, "rb", closefd=False) if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint="name a JSON-lines file, or -") from error


def _create(path: Path) -> IO[str]:
    try:
        return open(1, "w", encoding="utf-8", closefd=False) if str(path) == "-" else path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", hint="name another file, or -") from error
