"""The vocabulary files and their check.

`data/terms/*.tsv` holds one concept a line, `concept kind en fr zh tr`; names of a cell are parted by `|`, the first
is for display. `data/terms/exceptions.txt` lists what the rules would get wrong.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rag.errors import CorpusError
from rag.fold import HAN, fold
from rag.types import LANGUAGES, Language

FOLDER = Path(__file__).parent / "data" / "terms"
COLUMNS = ("concept", "kind", "en", "fr", "zh", "tr")
_SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_HAN = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True, slots=True)
class Concept:
    """`names` holds at least one name a language, the display name first; `folded` the same names folded."""

    id: str
    kind: str
    names: Mapping[Language, tuple[str, ...]]
    folded: Mapping[Language, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Exceptions:
    """`capitals`: abbreviations that are other words in lower case. `shared`: names (language, folded name) that
    several concepts may have. `short`: names (language, folded name) that may be one character long."""

    capitals: frozenset[str] = frozenset()
    shared: frozenset[tuple[str, str]] = frozenset()
    short: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a file: its cells as written, and folded."""

    file: str
    line: int
    cells: tuple[str, ...]
    folded_cells: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def names(self) -> dict[Language, tuple[str, ...]]:
        return _by_language(self.cells)

    @property
    def folded(self) -> dict[Language, tuple[str, ...]]:
        return _by_language(self.folded_cells)


def _by_language(cells: tuple[str, ...]) -> dict[Language, tuple[str, ...]]:
    return {
        language: tuple(filter(None, cell.split("|")))
        for language, cell in zip(COLUMNS[2:], cells[2:], strict=True)
        if language in LANGUAGES
    }


def read_rows(folder: Path = FOLDER) -> Iterator[Row]:
    """Every row of every file, files in order of name; lines count from 1. Raises CorpusError on a row or header
    of other columns."""
    for path in sorted(folder.glob("*.tsv")):
        text = path.read_text(encoding="utf-8")
        # Folding a file at once is several times faster than its names one by one, and keeps lines and tabs.
        lines = zip(text.splitlines(), fold(text).splitlines(), strict=True)
        for number, (line, folded) in enumerate(lines, start=1):
            cells = tuple(line.split("\t"))
            if len(cells) != len(COLUMNS) or (number == 1) != (cells == COLUMNS):
                fix = f"write {' '.join(COLUMNS)}, parted by tabs"
                raise CorpusError(f"{path.name}:{number}: not a row of the vocabulary", hint=fix)
            if number > 1:
                yield Row(path.name, number, cells, tuple(folded.split("\t")))


def read_concepts(folder: Path = FOLDER) -> dict[str, Concept]:
    """The concepts of `folder` by id."""
    return {row.cells[0]: Concept(row.cells[0], row.cells[1], row.names, row.folded) for row in read_rows(folder)}


def read_exceptions(folder: Path = FOLDER) -> Exceptions:
    """Lines of `exceptions.txt`: `capitals NAME`, `shared LANGUAGE NAME` or `short LANGUAGE NAME`."""
    path = folder / "exceptions.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    capitals = frozenset(rest for kind, rest in rows if kind == "capitals")
    pairs = {"shared": set[tuple[str, str]](), "short": set[tuple[str, str]]()}
    for kind, rest in rows:
        if kind in pairs:
            language, name = rest.split(None, 1)
            pairs[kind].add((language, fold(name)))
    return Exceptions(capitals, frozenset(pairs["shared"]), frozenset(pairs["short"]))


def check_terms(folder: Path = FOLDER) -> list[str]:
    """What is wrong with the files of `folder`, one line each, with file and line; an empty list when all is well."""
    rows, exceptions = list(read_rows(folder)), read_exceptions(folder)
    problems = [problem for row in rows for problem in _row_problems(row, exceptions)]
    return [*problems, *_twice(rows), *_shared(rows, exceptions)]


def _row_problems(row: Row, exceptions: Exceptions) -> Iterator[str]:
    if not _SLUG.fullmatch(row.cells[0]):
        yield f"{row}: concept {row.cells[0]!r} is not a slug"
    if not row.cells[1]:
        yield f"{row}: no kind"
    for language, names in row.names.items():
        if not names:
            yield f"{row}: no {language} name"
        folded = [fold(name) for name in names]
        for name in names:
            yield from (f"{row}: {language} {name!r} {what}" for what in _name_problems(name, language, exceptions))
        if len(set(names)) < len(names):
            yield f"{row}: a {language} name twice: {next(n for n in names if names.count(n) > 1)!r}"
        if language == "zh" and folded and not any(map(_HAN.search, folded)) and any(map(_LATIN_WORD.search, names)):
            yield f"{row}: zh {names[0]!r} is not Chinese"


def _name_problems(name: str, language: str, exceptions: Exceptions) -> Iterator[str]:
    folded = fold(name)
    if name != " ".join(name.split()):
        yield "has spaces to spare"
    if re.search(r"[()（）\[\];,，、]", name):
        yield "is more than a name"
    if language != "zh" and _HAN.search(name):
        yield "is Chinese"
    if language == "zh" and _HAN.search(name) and _LATIN_WORD.search(name):
        yield "is half Latin"
    if len(folded.replace(" ", "")) < 2 and (language, folded) not in exceptions.short:
        yield "is too short"


def _twice(rows: Iterable[Row]) -> Iterator[str]:
    first: dict[str, Row] = {}
    for row in rows:
        if (other := first.setdefault(row.cells[0], row)) is not row:
            yield f"{row}: concept {row.cells[0]} is in {other} already"


def _shared(rows: Iterable[Row], exceptions: Exceptions) -> Iterator[str]:
    owners: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        for language, names in row.names.items():
            for name in names:
                owners[language, fold(name)].setdefault(row.cells[0], row)
    for key, concepts in owners.items():
        if len(concepts) > 1 and key not in exceptions.shared:
            where = ", ".join(f"{concept} ({row})" for concept, row in concepts.items())
            yield f"{key[0]} {key[1]!r} names {len(concepts)} concepts: {where}"
