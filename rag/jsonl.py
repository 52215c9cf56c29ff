"""A file of JSON objects, a line each, answered line by line: what cannot be answered becomes an error object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from rag.errors import RagError, SettingsError

MAX_LINE = 4 * 1024 * 1024  # bytes of one line
_HINT = "write a JSON object on each line, in UTF-8"
Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def answer_lines(source: Path, target: Path, begin: Callable[[], Answer]) -> None:
    """Writes what `begin()` answers, with its id, to each object of `source`, in order and before the next is read; "-"
    is standard input or output. `begin` is called once both are open. Where a line is no object, or cannot be answered,
    an error object takes its place: {"id", "error": {"line", "message"}}. An object without an id gets the number of
    its line. Errors of ours other than SettingsError concern all lines and end the run."""
    if target.is_file() and source.exists() and target.samefile(source):
        raise SettingsError(f"{target} is the input as well", hint="name another file for the output")
    with _open(source) as file, create(target) as out:
        answer = begin()
        for number, line in _lines(file):
            id: Any = number
            try:
                data = _object(line)
                id = _id(data, number)
                result = {"id": id, **answer(data)} | {"id": id}
            except RagError as error:
                if not isinstance(error, SettingsError):
                    raise
                result = {"id": id, "error": {"line": number, "message": str(error)}}
            except Exception as error:  # one line must not take the others down; the text may hold a question
                result = {"id": id, "error": {"line": number, "message": f"failed: {type(error).__name__}"}}
            write(out, result)


def write(out: IO[str], value: Mapping[str, Any]) -> None:
    """One line, at once."""
    out.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    out.flush()


def create(path: Path) -> IO[str]:
    """A stream of text for JSON: half a surrogate pair is written as the escape that JSON has for it."""
    form: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"}
    try:
        return open(1, "w", closefd=False, **form) if str(path) == "-" else path.open("w", **form)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", hint="name another file, or -") from error


def _open(path: Path) -> IO[bytes]:
    try:
        return open(0, "rb", closefd=False) if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint="name a JSON-lines file, or -") from error


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The number, from 1, and the bytes of each line that holds something; of one that is too long the beginning."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE + 1)
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            yield number, line


def _object(line: bytes) -> Mapping[str, Any]:
    if len(line) > MAX_LINE:
        raise SettingsError(f"the line is longer than {MAX_LINE:,} bytes", hint=_HINT)
    try:
        data = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        what = "UTF-8" if isinstance(error, UnicodeDecodeError) else "JSON"
        raise SettingsError(f"the line is no {what}", hint=_HINT) from error
    if not isinstance(data, dict):
        raise SettingsError("the line is no JSON object", hint=_HINT)
    return data


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if abs(value) != float("inf") else _refuse(text)


def _id(data: Mapping[str, Any], default: int) -> str | int | float | None:
    id = data.get("id", default)
    if isinstance(id, bool) or not isinstance(id, str | int | float | None):
        raise SettingsError("id is off", hint="give a text, a number, null or none at all")
    return id
