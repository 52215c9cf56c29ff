"""Drafts of missing translations: what a model proposes, checked, and written as machine-made.

A file is written whole after each sentence, so that a failure loses nothing; what is there is kept, and the next call
goes on where the last one ended. A row that only lost its place because its document was edited above it is moved.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from rag.corpus import load_corpus
from rag.errors import ModelError
from rag.language import to_simplified
from rag.remote import Patience
from rag.settings import Settings
from rag.translation_check import Finding, Report, lines, report, spoken_in, suspicious
from rag.translation_model import Translator, Wanted
from rag.translations import Key, key_of, load_translations, row_of, sentence_hash
from rag.types import LANGUAGES, Language, Sentence, Source

#: How often a model may try one sentence: what it gets wrong twice is for a person.
PROPOSALS = 2
_LONGEST_NAME = 200  # bytes; file systems take 255, and the suffixes need some
Propose = Callable[[Wanted], str]


@dataclass(slots=True)
class Sheet:
    """The rows of one document and the file they are written to; lines that are no rows stay as they are."""

    path: Path
    rows: list[dict[str, Any] | str]

    @classmethod
    def of(cls, corpus: Path, source: str) -> Sheet:
        path = corpus / "translations" / f"{_file_name(source)}.jsonl"
        text = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
        kept = [line for line in text.split("\n") if line.strip()]
        return cls(path, [json.loads(line) if row_of(line) else line for line in kept])

    def row(self, sentence: Sentence) -> dict[str, Any]:
        """The sentence's own row; a new one where there is none."""
        key = key_of(sentence)
        for row in self._whole():
            if _key(row) == key:
                return row
        row = dict(zip(("source", "start", "end", "sha256"), key, strict=True))
        self.rows.append(row)
        return row

    def stale(self, current: frozenset[Key], digest: str) -> dict[str, Any] | None:
        """A row of the same text whose place is gone."""
        return next((r for r in self._whole() if _key(r)[3] == digest and _key(r) not in current), None)

    def superseded(self, current: frozenset[Key], start: int) -> list[dict[str, Any]]:
        """Rows of an earlier wording of what stands there now."""
        return [row for row in self._whole() if _key(row)[1] == start and _key(row) not in current]

    def drop(self, row: Mapping[str, Any]) -> None:
        self.rows = [other for other in self.rows if other is not row]

    def write(self) -> None:
        """All of it or nothing; rows in the order of their document."""
        self.rows.sort(key=lambda row: (0, 0) if isinstance(row, str) else (1, _key(row)[1]))
        texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in self.rows]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="surrogateescape", dir=self.path.parent, suffix=".part", delete=False
        ) as file:
            file.write("".join(f"{text}\n" for text in texts))
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        Path(file.name).replace(self.path)

    def _whole(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if not isinstance(row, str)]


@dataclass(slots=True)
class Tally:
    """What a call has done: translations drafted, rows moved to their new place, sentences left out."""

    drafted: int = 0
    moved: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        return f"{self.drafted} drafted, {self.moved} moved with their sentence, {self.left_out} left out"


def examine(settings: Settings, say: Callable[[str], object], *, fill: bool = False) -> Report:
    """Says, a line at a time, what is translated; with `fill` what is missing is drafted before. Raises CorpusError,
    and ModelError when the endpoint fails or there is none: what was drafted until then is kept."""
    if fill:
        drafts(settings, say)
    found = report(settings.corpus)
    for line in lines(found):
        say(line)
    return found


def drafts(settings: Settings, say: Callable[[str], object], patience: Patience | None = None) -> Tally:
    """Drafts what is missing and says what was left out. Raises as `examine`."""
    tally = Tally()

    @cache
    def propose() -> Propose:  # nothing missing asks for no endpoint
        return Translator.open(settings, patience).propose

    try:
        for finding in fill(settings.corpus, lambda wanted: propose()(wanted), tally):
            place = f"{finding.source} {finding.start}-{finding.end} {finding.language}"
            say(f"left out: {place}: {'; '.join(finding.reasons)}")
    except ModelError as error:
        if not (tally.drafted or tally.moved):
            raise
        hint = f"{error.hint}; kept so far: {tally.drafted} drafted, call again to go on"
        raise ModelError(error.message, hint=hint) from error
    say(str(tally))
    return tally


def fill(corpus: Path, propose: Propose, tally: Tally) -> Iterator[Finding]:
    """Writes a draft for each translation that is missing; yields those that stay suspicious and so were left out."""
    translations = load_translations(corpus)
    for source in load_corpus(corpus).sources:
        spoken = spoken_in(source)
        current = frozenset(key_of(sentence) for sentence in spoken)
        sheet = Sheet.of(corpus, source.name)
        before = ""
        for sentence, own in spoken.items():
            there = translations.all_of(sentence)
            missing = [language for language in LANGUAGES if language not in (own, *there)]
            if missing:
                asked = Wanted(sentence, own, own, _context(source, sentence, before))
                yield from _complete(sheet, current, asked, missing, propose, tally)
            before = sentence.text


def _complete(
    sheet: Sheet, current: frozenset[Key], asked: Wanted, missing: list[Language], propose: Propose, tally: Tally
) -> Iterator[Finding]:
    """One sentence: what a moved row already says, then drafts, written even when the model fails half way."""
    sentence = asked.sentence
    if moved := sheet.stale(current, sentence_hash(sentence.text)):
        _move(moved, sheet.row(sentence), missing)
        sheet.drop(moved)
        tally.moved += 1
    added = 0
    try:
        for language in [language for language in missing if language not in sheet.row(sentence)]:
            text, reasons = _draft(replace(asked, language=language), propose)
            if reasons:
                tally.left_out += 1
                yield Finding(sentence.source, sentence.start, sentence.end, language, reasons)
            else:
                _add(sheet.row(sentence), language, text)
                added += 1
    finally:
        tally.drafted += added
        row = sheet.row(sentence)
        if all(language in row for language in missing):
            for old in sheet.superseded(current, sentence.start):
                sheet.drop(old)
        if not any(language in row for language in LANGUAGES):
            sheet.drop(row)
        if added or moved:
            sheet.write()


def _draft(wanted: Wanted, propose: Propose) -> tuple[str, tuple[str, ...]]:
    """The model's translation, and why it cannot be used; it is told that, and may try again."""
    text = ""
    reasons: tuple[str, ...] = ()
    for _ in range(PROPOSALS):
        text = propose(replace(wanted, reasons=reasons))
        text = to_simplified(text) if wanted.language == "zh" else text
        seen = suspicious(wanted.sentence, wanted.language, text, wanted.own) if text else ["it said nothing whole"]
        reasons = tuple(seen)
        if not reasons:
            break
    return text, reasons


def _add(row: dict[str, Any], language: Language, text: str) -> None:
    """Machine-made, as it must be known to be even in a row whose other languages a person has reviewed."""
    drafted = set(_machine(row)) | {language}
    row |= {language: text, "reviewed": False, "drafted": [code for code in LANGUAGES if code in drafted]}


def _move(old: Mapping[str, Any], row: dict[str, Any], missing: list[Language]) -> None:
    """What a row says of the same text, and whether a person has seen it."""
    found = [language for language in missing if isinstance(old.get(language), str)]
    drafted = set(_machine(row)) | (set(_machine(old)) & set(found))
    row |= {language: old[language] for language in found}
    marks = {"reviewed": False, "drafted": [code for code in LANGUAGES if code in drafted]} if drafted else {}
    row |= marks or {"reviewed": True}


def _machine(row: Mapping[str, Any]) -> frozenset[str]:
    known = row_of(json.dumps(row))
    return known[2] if known else frozenset()


def _key(row: Mapping[str, Any]) -> Key:
    return str(row["source"]), int(row["start"]), int(row["end"]), str(row["sha256"])


def _context(source: Source, sentence: Sentence, before: str) -> str:
    parts = dict.fromkeys((source.title, sentence.heading, before))
    return "\n".join(" ".join(part.split()) for part in parts if part and part != sentence.text)


def _file_name(source: str) -> str:
    """One file for each document, also for those in folders."""
    name = source.replace("%", "%25").replace("/", "%2F")
    return name if len(name.encode()) <= _LONGEST_NAME else sha256(source.encode()).hexdigest()
