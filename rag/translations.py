"""Reading translations that travel with a corpus: `<corpus>/translations/<source>.jsonl`, a sentence a line.

{"source", "start", "end", "sha256": first 16 hex digits of the sentence's SHA-256, "en", "fr", "zh", "tr", "reviewed"}
Each is tied to its sentence by file, offsets and hash: a changed source makes its translations stale, and what is
stale is never shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rag.language import repair
from rag.types import LANGUAGES, Language, Sentence, Source

Key = tuple[str, int, int, str]


def sentence_hash(text: str) -> str:
    """16 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


Titles = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Translations:
    rows: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def of(self, sentence: Sentence, language: Language) -> str | None:
        """The sentence in `language`, or None where there is no translation of exactly this text."""
        key = (sentence.source, sentence.start, sentence.end, sentence_hash(sentence.text))
        return self.rows.get(key, {}).get(language)

    def of_text(self, source: str, text: str) -> Mapping[str, str]:
        """Every translation of a text that stands somewhere in `source`, a heading for example."""
        return self._by_text.get((source, sentence_hash(text)), {})

    @cached_property
    def _by_text(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        return {(source, digest): row for (source, _, _, digest), row in self.rows.items()}

    def all_of(self, sentence: Sentence) -> Mapping[str, str]:
        """Every translation of the sentence by language."""
        key = (sentence.source, sentence.start, sentence.end, sentence_hash(sentence.text))
        return self.rows.get(key, {})


def titles_of(sources: Iterable[Source], sentences: Iterable[Sentence], translations: Translations) -> Titles:
    """The title of each source by language, as far as it stands as a heading and is translated."""
    own = {source.name: {source.language: source.title} for source in sources}
    for sentence in sentences:
        if sentence.kind == "heading" and _plain(sentence.text) in own[sentence.source].values():
            own[sentence.source] |= translations.all_of(sentence)
    return own


def _plain(heading: str) -> str:
    return repair(" ".join(heading.split())).strip("[]# *")


def load_translations(corpus: Path) -> Translations:
    """The translations of a corpus; a broken line is named and left out."""
    rows: dict[Key, dict[str, str]] = {}
    broken: list[str] = []
    for path in sorted((corpus / "translations").glob("*.jsonl")):
        for number, line in _lines(path):
            row = _row(line)
            if row is None:
                broken.append(f"{path.name}, line {number}")
            else:
                rows[row[0]] = row[1]
    return Translations(rows, tuple(broken))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _row(line: str) -> tuple[Key, dict[str, str]] | None:
    try:
        data = json.loads(line)
        key = (str(data["source"]), int(data["start"]), int(data["end"]), str(data["sha256"]))
        return key, {language: data[language] for language in _present(data)}
    except (ValueError, KeyError, TypeError):
        return None


def _present(data: Mapping[str, object]) -> Iterable[str]:
    return (language for language in LANGUAGES if isinstance(value := data.get(language), str) and value.strip())
