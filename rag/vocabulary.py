"""The vocabulary files and their check.

`data/terms/*.tsv` holds one concept a line, `concept kind en fr zh tr`; names of a cell are parted by `|`, the first
is for display. `data/terms/exceptions.txt` lists what the rules would get wrong. A name of several concepts is
found as all of them: nouns share names with verbs ("swelling"), languages cut the world differently.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from rag.errors import CorpusError
from rag.fold import HAN, fold
from rag.types import LANGUAGES, Language

FOLDER = Path(__file__).parent / "data" / "terms"
#: The order of files; the first concept of a name is the one it is glossed with. Files that are not named come last.
ORDER = (
    "cancers", "stages", "treatments", "side_effects", "symptoms", "tests", "anatomy", "drugs", "care",
    "infection", "general_medical", "everyday", "everyday_nouns", "verbs", "adjectives", "adverbs",
)  # fmt: skip
#: Words of everyday life share names freely, with each other and with those of medicine.
EVERYDAY = frozenset(f"{name}.tsv" for name in ("adjectives", "adverbs", "everyday", "everyday_nouns", "verbs"))
COLUMNS = ("concept", "kind", "en", "fr", "zh", "tr")
_SLUG = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_HAN = re.compile(f"[{HAN}]")
_LATIN_WORD = re.compile(r"(?<![A-Za-z])[a-z]{4,}")


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
    several concepts of medicine may have. `short`: names (language, folded name) that may be one character long.
    `same`: a concept by the id of another that takes its names."""

    capitals: frozenset[str] = frozenset()
    shared: frozenset[tuple[str, str]] = frozenset()
    short: frozenset[tuple[str, str]] = frozenset()
    same: Mapping[str, str] = field(default_factory=dict)


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
    """Every row of every file, in the order of `ORDER`; lines count from 1. Raises CorpusError on a row or header
    of other columns."""
    places = {name: place for place, name in enumerate(ORDER)}
    for path in sorted(folder.glob("*.tsv"), key=lambda path: (places.get(path.stem, len(ORDER)), path.name)):
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
    """The concepts of `folder` by id, those that are the same as one."""
    same = read_exceptions(folder).same
    groups: dict[str, list[Row]] = {}
    rows = {row.cells[0]: row for row in read_rows(folder)}
    for name in sorted(rows, key=lambda name: name in same):
        groups.setdefault(same.get(name, name), []).append(rows[name])
    return {name: _merged(name, groups[name]) for name in dict.fromkeys(same.get(name, name) for name in rows)}


def _merged(name: str, rows: list[Row]) -> Concept:
    names, folded = [row.names for row in rows], [row.folded for row in rows]
    if len(rows) == 1:
        return Concept(name, rows[0].cells[1], names[0], folded[0])
    pairs = {language: dict(zip(_all(names, language), _all(folded, language), strict=True)) for language in LANGUAGES}
    return Concept(
        name,
        rows[0].cells[1],
        {language: tuple(pair) for language, pair in pairs.items()},
        {language: tuple(pair.values()) for language, pair in pairs.items()},
    )


def _all(cells: Iterable[Mapping[Language, tuple[str, ...]]], language: Language) -> list[str]:
    return [name for cell in cells for name in cell[language]]


def read_exceptions(folder: Path = FOLDER) -> Exceptions:
    """Lines of `exceptions.txt`: `capitals NAME`, `shared LANGUAGE NAME`, `short LANGUAGE NAME` or `same ID ID`."""
    path = folder / "exceptions.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = defaultdict[str, list[list[str]]](list)
    for kind, *rest in (line.split(None, 2) for line in lines if line.strip() and not line.startswith("#")):
        found[kind].append(rest)
    return Exceptions(
        capitals=frozenset(" ".join(rest) for rest in found["capitals"]),
        shared=frozenset((language, fold(name)) for language, name in found["shared"]),
        short=frozenset((language, fold(name)) for language, name in found["short"]),
        same={other: kept for kept, other in found["same"]},
    )


def check_terms(folder: Path = FOLDER) -> list[str]:
    """What is wrong with the files of `folder`, one line each, with file and line; an empty list when all is well."""
    rows, exceptions = list(read_rows(folder)), read_exceptions(folder)
    problems = [problem for row in rows for problem in _row_problems(row, exceptions)]
    return [
        *problems,
        *_twice(rows),
        *_shared(rows, exceptions),
        *_alike(rows, exceptions),
        *_unknown(rows, exceptions),
    ]


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
    """Names that two concepts of medicine have."""
    owners: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.file not in EVERYDAY:
            for language, names in row.folded.items():
                for name in names:
                    owners[language, name].setdefault(exceptions.same.get(row.cells[0], row.cells[0]), row)
    for key, concepts in owners.items():
        if len(concepts) > 1 and key not in exceptions.shared:
            where = ", ".join(f"{concept} ({row})" for concept, row in concepts.items())
            yield f"{key[0]} {key[1]!r} names {len(concepts)} concepts: {where}"


def _alike(rows: Iterable[Row], exceptions: Exceptions) -> Iterator[str]:
    """Concepts with one display name in three languages or more: most likely one concept."""
    shown: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for language, names in row.folded.items():
            shown[language, names[0] if names else ""].add(exceptions.same.get(row.cells[0], row.cells[0]))
    pairs = Counter(pair for concepts in shown.values() for pair in combinations(sorted(concepts), 2))
    for (one, other), count in pairs.items():
        if count > 2:
            yield f"{one} and {other} are displayed alike in {count} languages: are they the same?"


def _unknown(rows: Iterable[Row], exceptions: Exceptions) -> Iterator[str]:
    concepts = {row.cells[0] for row in rows}
    for other, kept in exceptions.same.items():
        for name in (kept, other):
            if name not in concepts or kept in exceptions.same:
                yield f"exceptions.txt: same {kept} {other}: {name} is no concept to merge"
