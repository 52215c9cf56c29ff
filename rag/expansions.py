"""Expansions that travel with a corpus, in `<corpus>/expansions/<source>.jsonl`: what each sentence says in plain words
and questions that it answers, and the known gaps of a document, questions near to it that it leaves open.

{"source", "start", "end", "sha256": as in `rag/translations.py`, "en": [...], "fr": [...], "zh": [...], "tr": [...]}
{"source", "sha256": the same of the whole text, "gaps": {"en": [...], "fr": [...], "zh": [...], "tr": [...]}}
They are only searched, and nothing is quoted from them: document expansion by query prediction (Nogueira et al. 2019,
"doc2query"), and unanswerable questions to know an answer by (Rajpurkar et al. 2018, SQuAD 2.0). Each is tied to its
text by file, offsets and hash; what no longer fits is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag.translations import key_of, sentence_hash
from rag.types import LANGUAGES, Language, Sentence, Source

Lines = Mapping[Language, tuple[str, ...]]
Place = tuple[str, int, int, str] | tuple[str, str]  # a sentence's key, or a document's name and hash


@dataclass(frozen=True)
class Expansions:
    """`broken` names the lines of the files that are no rows."""

    rows: Mapping[Place, Lines] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def of(self, sentence: Sentence) -> Lines:
        """The lines of exactly this sentence by language."""
        return self.rows.get(key_of(sentence), {})

    def gaps_of(self, source: Source) -> Lines:
        """The known gaps of exactly this document by language."""
        return self.rows.get((source.name, sentence_hash(source.text)), {})


def load_expansions(corpus: Path) -> Expansions:
    """The expansions of a corpus; a broken line is named and left out, rows of one sentence are joined."""
    rows: dict[Place, dict[Language, tuple[str, ...]]] = {}
    broken: list[str] = []
    for path in sorted((corpus / "expansions").glob("*.jsonl")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            row = _row(line)
            if row is None:
                broken.append(f"{path.name}, line {number}")
                continue
            key, lines = row
            known = rows.setdefault(key, {})
            for language, some in lines.items():
                known[language] = known.get(language, ()) + some
    return Expansions(rows, tuple(broken))


def _row(line: str) -> tuple[Place, Lines] | None:
    try:
        data = json.loads(line)
        name, digest = str(data["source"]), str(data["sha256"])
        if "gaps" in data:
            return (name, digest), _lines(data["gaps"])
        return (name, int(data["start"]), int(data["end"]), digest), _lines(data)
    except (ValueError, KeyError, TypeError):
        return None


def _lines(data: Mapping[str, Any]) -> Lines:
    return {language: _texts(data[language]) for language in LANGUAGES if language in data}


def _texts(found: object) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise TypeError("not a list of texts")
    return tuple(text for text in found if text.strip())
