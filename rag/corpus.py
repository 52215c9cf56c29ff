"""A folder of .txt and .md files as sources and passages; what cannot be used is named, the rest is served."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from rag.clean import Block, keep, opens_note
from rag.errors import CorpusError
from rag.language import detect, fold, repair
from rag.orders import is_order, lines_of, may_hold
from rag.split import connective, pack, sentences
from rag.tokens import tokens
from rag.types import Language, Passage, Sentence, Source, Span

SUFFIXES = (".txt", ".md")
BESIDE = ("translations", "expansions")  # folders of what travels with the documents
MAX_BYTES = 16 * 1024 * 1024
_LONGEST_SENTENCE = 2_000  # characters; a longer run is no sentence anyone can read as a quote
_TITLE = 110
_ASIDE = re.compile(r"[(（\[][^()（）\[\]]{1,14}[)）\]]")  # "(Li Jing)", "[3]": a byline or a reference, no sentence
# Headings that say nothing about what a page is about, folded.
_GENERIC = re.compile(
    "abstract|summary|introduction|overview|contents|key points|background|conclusion|conclusions|description|"
    "resume|sommaire|points cles|ozet|giris|genel bakis|摘要|概述|简介|引言|前言|目录|要点"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is left out, or used with a reservation."""

    name: str
    message: str
    served: bool = False


@dataclass(frozen=True, slots=True)
class Corpus:
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()


def load_corpus(folder: Path) -> Corpus:
    """Every usable file below `folder`, sorted by name. Raises CorpusError when there is none."""
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder", hint="name a folder of .txt or .md files with --corpus")
    sources, problems, seen = [], [], dict[str, str]()
    for path in sorted(_files(folder)):
        name = path.relative_to(folder).as_posix()
        source, problem = _load(path, name, folder)
        if source and source.sha256 in seen:
            source, problem = None, Problem(name, f"has the same content as {seen[source.sha256]}; left out")
        if source:
            seen[source.sha256] = name
            sources.append(source)
        problems += [problem] if problem else []
    if not sources:
        found = "; ".join(f"{p.name} {p.message}" for p in problems[:3]) or "it holds none"
        raise CorpusError(f"no document in {folder} can be used: {found}", hint="put UTF-8 .txt or .md files there")
    return Corpus(tuple(sources), tuple(problems))


def corpus_digest(folder: Path) -> str:
    """SHA-256 over names and contents: two folders with one digest hold the same documents, translations and
    expansions."""
    digest = hashlib.sha256()
    for path in sorted([*_files(folder), *(path for name in BESIDE for path in (folder / name).glob("*.jsonl"))]):
        if _inside(path, folder) and path.is_file():
            line = f"{path.relative_to(folder).as_posix()}\0{_content_digest(path)}\n"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _content_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return str(error.strerror)


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in BESIDE]
        yield from (Path(root, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith("."))


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _load(path: Path, name: str, folder: Path) -> tuple[Source | None, Problem | None]:
    shown = name.encode(errors="backslashreplace").decode()
    if shown != name:
        return None, Problem(shown, "has a name that is not UTF-8; rename it; left out")
    if not _inside(path, folder):
        return None, Problem(name, "is a link that points outside the folder; left out")
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
        text = data.decode("utf-8")
    except OSError as error:
        return None, Problem(name, f"cannot be read: {error.strerror}; left out")
    except UnicodeDecodeError as error:
        return None, Problem(name, f"is not UTF-8 (byte {error.start}); save it as UTF-8; left out")
    if size > MAX_BYTES:
        return None, Problem(name, f"has {size:,} bytes, more than {MAX_BYTES:,}; split it; left out")
    if "\0" in text:
        return None, Problem(name, "holds NUL bytes, so it is no text; left out")
    if not text.strip("\ufeff \t\r\n"):
        return None, Problem(name, "is empty; left out")
    return _source(name, text, hashlib.sha256(data).hexdigest())


def _source(name: str, text: str, sha256: str) -> tuple[Source | None, Problem | None]:
    blocks = keep(text)
    prose = [block for block in blocks if block.kind != "heading"]
    if not prose:
        return None, Problem(name, "holds no sentence, only headings, menus or numbers; left out")
    language = detect(" ".join(text[b.start : b.end] for b in prose[:40])[:4000])
    source = Source(name, text, sha256, language, "")
    return replace(source, title=_title(source, blocks)), _flagged(source, blocks)


def _title(source: Source, blocks: tuple[Block, ...]) -> str:
    """The first heading if it opens the page and says something, else the beginning of the first sentence."""
    for block in blocks:
        text = repair(" ".join(source.text[block.start : block.end].split())).strip("[]# *")
        if block.kind == "heading" and _GENERIC.fullmatch(fold(text).strip(" :.")):
            continue
        if is_order(text, source.language):
            continue
        return text if len(text) <= _TITLE else text[:_TITLE].rsplit(" ", 1)[0].rstrip(" ,;:(") + "…"
    return source.name


def _flagged(source: Source, blocks: tuple[Block, ...]) -> Problem | None:
    lines = lines_of(source.text, _orders(source, blocks))
    shown = ", ".join(map(str, lines[:5])) + (" and more" if len(lines) > 5 else "")
    told = f"gives orders to its reader in line {shown}, not information; these sentences are never used"
    return Problem(source.name, told, served=True) if lines else None


def _orders(source: Source, blocks: tuple[Block, ...]) -> Iterator[int]:
    """Where the sentences and headings start that are orders."""
    for block in blocks:
        if not may_hold(source.text[block.start : block.end]):
            continue
        language = _language(source, block)
        spans = [block] if block.kind == "heading" else _bounded(source.text, block, language)
        yield from (span.start for span in spans if is_order(source.text[span.start : span.end], language))


def passages_of(source: Source) -> tuple[Passage, ...]:
    """The passages of a source in reading order: consecutive kept sentences of one section each."""
    units = list(_units(source))
    sections = (list(section) for _, section in groupby(units, key=lambda unit: unit[0]))
    return tuple(p for section in sections for p in _passages(source, [sentence for _, sentence in section]))


def _units(source: Source) -> Iterator[tuple[int, Sentence]]:
    """Every heading and sentence with the number of its section; a new language begins a new section."""
    section, heading, last_kind, language = 0, "", "heading", None
    blocks = keep(source.text)
    left_out: set[int | None] = {*_orders(source, blocks)}
    is_note = False
    previous: Sentence | None = None
    list_lead: Sentence | None = None
    for block in blocks:
        if block.kind == "heading" and block.start in left_out:
            section, heading, previous, list_lead = section + 1, "", None, None
        elif block.kind == "heading":
            section += last_kind != "heading"
            heading = " ".join(source.text[block.start : block.end].split())
            is_note = opens_note(heading) or (is_note and last_kind == "heading")
            previous = list_lead = None
            yield (
                section,
                Sentence(source.name, block.start, block.end, source.text[block.start : block.end], "heading"),
            )
        else:
            spoken = _language(source, block)
            if language not in (None, spoken):
                section, previous, list_lead = section + 1, None, None
            language = spoken
            if block.kind == "prose":
                list_lead = None
            for sentence in _cut(source, block, heading, spoken, previous, list_lead):
                if sentence.start in left_out or sentence.lead in left_out:  # what hangs on an order goes with it
                    left_out.add(sentence.start)
                    section, previous = section + 1, None
                    continue
                yield section, replace(sentence, kind="note") if is_note else sentence
                previous = sentence
            if block.kind == "prose" and previous and previous.text.rstrip().endswith((":", "：")):
                list_lead = previous
        last_kind = block.kind


def _cut(
    source: Source,
    block: Block,
    heading: str,
    language: Language,
    previous: Sentence | None,
    list_lead: Sentence | None,
) -> Iterator[Sentence]:
    """The sentences of one line, each with the one it hangs on."""
    first: Sentence | None = None
    for span in _bounded(source.text, block, language):
        text = span.cut(source.text)
        if _ASIDE.fullmatch(text):
            continue
        hangs = connective(text, language) is not None
        if block.kind == "item":
            lead = previous if first and hangs else first or list_lead
        else:
            lead = previous if hangs else None
        sentence = Sentence(source.name, span.start, span.end, text, block.kind, heading, lead and lead.start)
        yield sentence
        previous, first = sentence, first or sentence


def _bounded(text: str, block: Block, language: Language) -> Iterator[Span]:
    for span in sentences(text, Span(block.start, block.end), language):
        for start in range(span.start, span.end, _LONGEST_SENTENCE):
            yield Span(start, min(start + _LONGEST_SENTENCE, span.end))


def _language(source: Source, block: Block) -> Language:
    return detect(source.text[block.start : min(block.end, block.start + 500)], default=source.language)


def _passages(source: Source, units: list[Sentence]) -> Iterator[Passage]:
    for group in pack([tokens(unit.text) for unit in units], [unit.lead is not None for unit in units]):
        members = units[group.start : group.end]
        body = [unit for unit in members if unit.kind != "heading"]
        if not body:
            continue
        start, end = members[0].start, members[-1].end
        text = source.text[start:end]
        language = detect(" ".join(unit.text for unit in body)[:1000], default=source.language)
        yield Passage(source.name, start, end, text, source.title, body[0].heading, language, tuple(members))
