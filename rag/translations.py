"""Reading translations that travel with a corpus: `<corpus>/translations/<source>.jsonl`, a sentence a line.

{"source", "start", "end", "sha256": first 16 hex digits of the sentence's SHA-256, "en", "fr", "zh", "tr", "reviewed",
 "drafted": [languages that a machine wrote]}
Each is tied to its sentence by file, offsets and hash: a changed source makes its translations stale, and what is
stale is never shown. Until somebody sets `reviewed` to true, those in `drafted` (all, where there is no such list)
are machine-made, and are shown with that said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from rag.language import repair
from rag.types import LANGUAGES, Citation, Language, Sentence, Source

Key = tuple[str, int, int, str]


def sentence_hash(text: str) -> str:
    """16 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def key_of(sentence: Sentence) -> Key:
    return sentence.source, sentence.start, sentence.end, sentence_hash(sentence.text)


Titles = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Translations:
    """`drafted` names the languages of a row that a machine wrote and nobody has reviewed."""

    rows: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    drafted: Mapping[Key, frozenset[str]] = field(default_factory=dict)

    def of(self, sentence: Sentence, language: Language) -> str | None:
        """The sentence in `language`, or None where there is no translation of exactly this text."""
        return self.rows.get(key_of(sentence), {}).get(language)

    def marked(self, citations: Iterable[Citation], language: Language) -> tuple[Citation, ...]:
        """The citations of an answer in `language`, those whose translation nobody has reviewed marked as such."""
        return tuple(replace(c, is_machine_made=True) if self._is_drafted(c, language) else c for c in citations)

    def _is_drafted(self, cited: Citation, language: Language) -> bool:
        key = (cited.source, cited.start, cited.end, sentence_hash(cited.quote))
        return cited.translation is not None and language in self.drafted.get(key, ())

    def of_text(self, source: str, text: str) -> Mapping[str, str]:
        """Every translation of a text that stands somewhere in `source`, a heading for example."""
        return self._by_text.get((source, sentence_hash(text)), {})

    @cached_property
    def _by_text(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        return {(source, digest): row for (source, _, _, digest), row in self.rows.items()}

    def all_of(self, sentence: Sentence) -> Mapping[str, str]:
        """Every translation of the sentence by language."""
        return self.rows.get(key_of(sentence), {})


def titles_of(sources: Iterable[Source], sentences: Iterable[Sentence], translations: Translations) -> Titles:
    """The title of each source by language, as far as it stands as a heading and is translated."""
    own = {source.name: {source.language: source.title} for source in sources}
    for sentence in sentences:
        if sentence.kind == "heading" and _plain(sentence.text) in own[sentence.source].values():
            rows = translations.all_of(sentence).items()
            own[sentence.source] |= {language: _plain(text) for language, text in rows}
    return own


def _plain(heading: str) -> str:
    return repair(" ".join(heading.split())).strip("[]［］# *")


def load_translations(corpus: Path) -> Translations:
    """The translations of a corpus; a broken line is named and left out. Rows of one sentence are joined, the later
    one's words before the earlier one's."""
    rows: dict[Key, dict[str, str]] = {}
    drafted: dict[Key, frozenset[str]] = {}
    broken: list[str] = []
    for path in sorted((corpus / "translations").glob("*.jsonl")):
        for number, line in _lines(path):
            row = row_of(line)
            if row is None:
                broken.append(f"{path.name}, line {number}")
                continue
            key, texts, machine = row
            rows[key] = rows.get(key, {}) | texts
            drafted[key] = (drafted.get(key, frozenset()) - texts.keys()) | machine
    return Translations(rows, tuple(broken), {key: languages for key, languages in drafted.items() if languages})


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def row_of(line: str) -> tuple[Key, dict[str, str], frozenset[str]] | None:
    """The key, the texts by language, and the languages a machine wrote; None for a line that is no row."""
    try:
        data = json.loads(line)
        key = (str(data["source"]), int(data["start"]), int(data["end"]), str(data["sha256"]))
        texts = {language: data[language] for language in _present(data)}
    except (ValueError, KeyError, TypeError):
        return None
    drafted = data.get("drafted", list(texts))
    named = {str(language) for language in drafted} if isinstance(drafted, list) else set(texts)
    return key, texts, frozenset(() if data.get("reviewed") is True else named & texts.keys())


def _present(data: Mapping[str, object]) -> Iterable[str]:
    return (language for language in LANGUAGES if isinstance(value := data.get(language), str) and value.strip())
