"""Asks one question of one configuration and notes what came back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rag.corpus import corpus_digest
from rag.errors import SettingsError
from rag.evals.citing import holds
from rag.evals.observe import Observer
from rag.evals.questions import Question, load_questions
from rag.evals.record import Configuration, Record
from rag.evals.variants import OURS, VARIANTS, bold
from rag.pipeline import Assistant
from rag.prompts import load
from rag.settings import Settings
from rag.wire import answer_json

if TYPE_CHECKING:
    from rag.evals.judges import Judge

_PACKAGE = Path(__file__).parents[1]
#: What of the evaluation decides what is written down; figures and report are drawn anew each time.
_NOTED = ("bench", "observe", "variants", "citing", "judges")


@dataclass(frozen=True, slots=True)
class Cell:
    """One question of one set for one configuration."""

    set: str
    question: Question
    configuration: Configuration

    @property
    def key(self) -> tuple[str, str, str]:
        return self.set, self.question.key, self.configuration.fingerprint


class Bench:
    """An assistant, its variants, and what looks their answers over. Ask from any number of threads."""

    def __init__(self, assistant: Assistant, judge: Judge | None = None, variants: Iterable[str] = (OURS,)) -> None:
        parts = assistant.parts
        built = {name: VARIANTS[name].build(parts) for name in variants}
        self._assistants: Mapping[str, Assistant] = {name: Assistant(part) for name, part in built.items()}
        self._bold: Mapping[str, Assistant] = {name: Assistant(bold(part)) for name, part in built.items()}
        self._observer = Observer(parts.settings.corpus, parts.index.passages, parts.index.sources)
        self._judge = judge

    def answer(self, cell: Cell) -> Record:
        """Raises ModelError, PromptError."""
        question, how = cell.question, cell.configuration
        answer = self._assistants[how.variant].ask(
            question.text, question.history, prompt=how.prompt, engine=how.engine
        )
        chance = answer.guard.score if answer.guard else None
        would_cite = None
        if question.evidence and not answer.citations and chance is not None:
            would_cite = self._would_cite(cell)
        seen = self._observer.look(question, answer, would_cite)
        record = Record(cell.set, how, question, answer_json(answer, question.id), chance, seen)
        return self._judge.judged(record, answer) if self._judge else record

    def _would_cite(self, cell: Cell) -> bool:
        how, question = cell.configuration, cell.question
        # Abstention is decided on what the extractive answerer found, whichever engine writes.
        asked = self._bold[how.variant].ask(question.text, question.history, prompt=how.prompt, engine="extractive")
        return any(holds(citation.quote, question.evidence) for citation in asked.citations)


def configurations(
    settings: Settings, variants: Iterable[str], prompts: Iterable[str], engines: Iterable[str], judge: str | None
) -> tuple[Configuration, ...]:
    """Every combination, each with its fingerprint. Raises PromptError for a prompt that there is not."""
    templates = load(settings.prompts)
    corpus = [settings.fingerprint(), corpus_digest(settings.corpus)]
    common = [*corpus, settings.language, settings.passages, _code(), judge]
    made = []
    for variant in variants:
        for prompt in prompts:
            for engine in engines:
                model = [settings.model, settings.openai_base_url] if engine != "extractive" else []
                parts = [*common, *model, variant, engine, prompt, repr(templates.get(prompt))]
                digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
                made.append(Configuration(variant, prompt, engine, digest))
    return tuple(made)


def cells(sets: Mapping[str, tuple[Question, ...]], made: Iterable[Configuration]) -> tuple[Cell, ...]:
    asked = [(name, question) for name, questions in sets.items() for question in questions]
    return tuple(Cell(*one, how) for how in made for one in asked)


def question_sets(paths: Iterable[Path]) -> dict[str, tuple[Question, ...]]:
    """Question files by name. Raises SettingsError, also for two of one name: their results would be mixed up."""
    sets: dict[str, tuple[Question, ...]] = {}
    for path in paths:
        if path.stem in sets:
            raise SettingsError(f"two question files are called {path.stem}", hint="rename one of them")
        sets[path.stem] = load_questions(path)
    return sets


@cache
def _code() -> str:
    """SHA-256 of all code and data that answers are made of."""
    files = [*_PACKAGE.glob("*.py"), *(_PACKAGE / "data").rglob("*"), *(_PACKAGE / "evals" / f"{n}.py" for n in _NOTED)]
    digest = hashlib.sha256()
    for file in sorted(file for file in files if file.is_file()):
        digest.update(f"{file.relative_to(_PACKAGE).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
