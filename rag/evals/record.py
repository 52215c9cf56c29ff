"""What was asked, what came back and what was seen beside it: one line of results.jsonl."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rag.errors import SettingsError
from rag.evals.questions import Question
from rag.evals.score import Score

NAME = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who answered: a variant of the assistant, a prompt template, an engine. `fingerprint` changes with anything
    that could change an answer: corpus, template, settings, code."""

    variant: str
    prompt: str
    engine: str
    fingerprint: str = ""

    @property
    def label(self) -> str:
        return " · ".join((self.variant, self.prompt, self.engine))


@dataclass(frozen=True, slots=True)
class Seen:
    """What only the corpus can tell. For each passage found, best first, which evidence it holds (by number); how many
    passages of the corpus hold any; for each citation, whether its quote stands in the file at its offsets, and
    what stands around it (before, cited, after); for each sentence, whether it is what its citations say, or None
    where that needs a judge; whether the evidence would have been cited had the assistant not abstained."""

    hits: tuple[tuple[int, ...], ...] = ()
    held: int = 0
    exact: tuple[bool, ...] = ()
    proven: tuple[bool | None, ...] = ()
    contexts: tuple[tuple[str, str, str], ...] = ()
    would_cite: bool | None = None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Seen:
        hits, contexts = (tuple(map(tuple, data[name])) for name in ("hits", "contexts"))
        return cls(hits, data["held"], tuple(data["exact"]), tuple(data["proven"]), contexts, data["would_cite"])


@dataclass(frozen=True, slots=True)
class Record:
    """`set` is the question file's name, `answer` the answer in the command's JSON form, `chance` that of holding an
    answer, on which the assistant decided, `judged` what a model said of the answer."""

    set: str
    configuration: Configuration
    question: Question
    answer: Mapping[str, Any]
    chance: float | None = None
    seen: Seen = Seen()
    judged: Mapping[str, Score] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.set, self.question.key, self.configuration.fingerprint

    @property
    def place(self) -> tuple[str, str, str]:
        """What a newer record with other code or expectations takes the place of."""
        return self.set, self.configuration.label, self.question.id

    @property
    def outcome(self) -> str:
        return str(self.answer["outcome"])

    @property
    def citations(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.answer["citations"]
        return found

    @property
    def sentences(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.answer["sentences"]
        return found

    def as_json(self) -> str:
        judged = {name: asdict(score) for name, score in self.judged.items()}
        parts = {"set": self.set, "configuration": asdict(self.configuration), "question": self.question.as_json()}
        rest = {"answer": self.answer, "chance": self.chance, "seen": asdict(self.seen), "judged": judged}
        return json.dumps(parts | rest, ensure_ascii=False)

    @classmethod
    def parse(cls, line: str) -> Record:
        """Raises ValueError, KeyError, TypeError or SettingsError for what is no record."""
        data = json.loads(line)
        judged = {name: Score(**score) for name, score in data["judged"].items()}
        asked = Configuration(**data["configuration"]), Question.parse(data["question"])
        return cls(data["set"], *asked, data["answer"], data["chance"], Seen.parse(data["seen"]), judged)


def read_records(path: Path) -> Iterator[Record]:
    """The records of a results file, or of the one in a folder. What an interrupt has torn is left out.

    Raises SettingsError when there is no such file.
    """
    file = path / NAME if path.is_dir() else path
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        hint = "name a folder that `rag eval` wrote"
        raise SettingsError(f"{file} cannot be read: {error.strerror}", hint=hint) from error
    for line in lines:
        try:
            yield Record.parse(line)
        except (ValueError, KeyError, TypeError, AttributeError, SettingsError):
            continue


def latest(records: Iterable[Record]) -> dict[tuple[str, str, str], Record]:
    """The last record of each place."""
    return {record.place: record for record in records}


class Results:
    """The results file of a folder: appended to while asking, put in order at the end."""

    def __init__(self, folder: Path) -> None:
        """Creates the folder. Raises SettingsError where that cannot be."""
        self._file = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab+") as stream:
                stream.seek(max(0, stream.tell() - 1))
                if stream.read(1) not in (b"", b"\n"):  # an interrupt tore the last line
                    stream.write(b"\n")
        except OSError as error:
            raise SettingsError(f"{folder} cannot be written: {error.strerror}", hint="name another --out") from error

    def read(self) -> dict[tuple[str, str, str], Record]:
        return {record.key: record for record in read_records(self._file)}

    def append(self, record: Record) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(record.as_json() + "\n")

    def finish(self, records: Sequence[Record]) -> None:
        """Leaves `records`, in their order, after the newest ones of other places."""
        mine = {record.place for record in records}
        kept = [record for place, record in latest(read_records(self._file)).items() if place not in mine]
        new = self._file.with_suffix(".new")
        lines = (record.as_json() for record in (*sorted(kept, key=lambda r: r.place), *records))
        new.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        os.replace(new, self._file)  # noqa: PTH105 - both are paths of ours, and the name says that it is atomic
