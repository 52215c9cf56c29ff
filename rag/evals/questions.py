"""Questions for evaluation: what is asked, and what a good answer must do. One JSON object a line, any corpus."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args

from rag.errors import SettingsError
from rag.language import detect
from rag.types import LANGUAGES, Language, Outcome, Turn
from rag.wire import question_of

_OUTCOMES = frozenset(get_args(Outcome))
_HINT = 'write {"id", "lang", "question", "history", "outcome", "sources", "evidence", "tags"} on each line'
_LISTS = ("outcome", "sources", "evidence", "tags")


@dataclass(frozen=True, slots=True)
class Question:
    """`outcomes` are the accepted ones, the expected one first; of `sources` and of `evidence` any must be cited.
    What is empty (`language`: None) is not judged."""

    id: str
    text: str
    language: Language | None = None
    history: tuple[Turn, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    sources: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: object, number: int = 0) -> Question:
        """From a line's object; `number` is its id where it has none. Raises SettingsError."""
        text, history = question_of(data)
        assert isinstance(data, Mapping)
        lists = {name: _texts(data, name) for name in _LISTS}
        unknown = [outcome for outcome in lists["outcome"] if outcome not in _OUTCOMES]
        language = data.get("lang")
        if unknown or language not in (None, *LANGUAGES):
            what = f"outcome {unknown[0]!r}" if unknown else f"lang {language!r}"
            raise SettingsError(f"{what} is unknown", hint=f"use {', '.join([*LANGUAGES, *sorted(_OUTCOMES)])}")
        expected = (lists["outcome"], lists["sources"], lists["evidence"], lists["tags"])
        return cls(str(data.get("id", number)), text, language, history, *expected)  # type: ignore[arg-type]

    def as_json(self) -> dict[str, Any]:
        history = [{"role": turn.role, "content": turn.content} for turn in self.history]
        told = {"id": self.id, "lang": self.language, "question": self.text, "history": history}
        lists = (self.outcomes, self.sources, self.evidence, self.tags)
        return {**told, **{name: list(values) for name, values in zip(_LISTS, lists, strict=True)}}

    @property
    def key(self) -> str:
        """16 hex digits that change with anything asked or expected."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def expected(self) -> Outcome | None:
        return self.outcomes[0] if self.outcomes else None

    @property
    def pairs(self) -> tuple[str, ...]:
        """`asked-held` for each language that evidence is held in: tr-fr. From the tags, else from the evidence."""
        tagged = [tag for tag in self.tags if len(tag) == 5 and {tag[:2], tag[3:]} <= set(LANGUAGES) and tag[2] == "-"]
        held = dict.fromkeys(detect(evidence) for evidence in self.evidence) if self.language and not tagged else ()
        return tuple(tagged or (f"{self.language}-{language}" for language in held))

    @property
    def is_own(self) -> bool:
        """Whether the texts hold the answer in the language asked."""
        return any(pair[:2] == pair[3:] for pair in self.pairs)


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = data.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
        raise SettingsError(f"{name} is no list of texts", hint=_HINT)
    return tuple(values)


def load_questions(path: Path) -> tuple[Question, ...]:
    """Every question of a JSON-lines file. Raises SettingsError that names the file and the line."""
    return tuple(lines_of(path, lambda line, number: Question.parse(json.loads(line), number), _HINT))


class _Named(Protocol):
    @property
    def id(self) -> str: ...


_Line = TypeVar("_Line", bound=_Named)


def lines_of(path: Path, parse: Callable[[str, int], _Line], hint: str) -> list[_Line]:
    """What `parse` makes of each line that is not empty and its number. Raises SettingsError, also where there is none
    and where two have one id."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint="name a JSON-lines file") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8", hint="save it as UTF-8") from error
    found = [_line(path, number, line, parse, hint) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise SettingsError(f"{path} is empty", hint=hint)
    twice = next((id for id, count in Counter(one.id for one in found).items() if count > 1), None)
    if twice is not None:
        raise SettingsError(f"{path} has the id {twice!r} twice", hint="give each line an id of its own")
    return found


def _line(path: Path, number: int, line: str, parse: Callable[[str, int], _Line], hint: str) -> _Line:
    try:
        return parse(line, number)
    except SettingsError as error:
        raise SettingsError(f"{path}, line {number}: {error.message}", hint=error.hint) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}, line {number}: no JSON", hint=hint) from error
