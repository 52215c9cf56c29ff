"""Sentences with exact offsets, and passages packed from them.

LlamaIndex's splitter cuts after "Dr." and "e.g." and works on rewritten text; a sentence is our unit of
evidence, so it is cut here, on the source itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from rag.language import fold
from rag.tables import read_table
from rag.types import Language, Span

# A run of full stops, question and exclamation marks with the quotes and brackets that close after it.
_STOP = re.compile(r"(?:[.!?…]+|[。！？｡]+[.]?)(?:[\"'”’」』)）\]]|[ \u00a0\u202f]?»)*")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3000-\u303f\uff00-\uffef“”‘’「」『』]")
_OPENERS, _CLOSERS = "“「『《«（(", "”」』》»）)"
_LAST_WORD = re.compile(r"[^\s(\"“«]+$")
_INITIAL = re.compile(r"[^\W\d_]")


@cache
def _abbreviations(language: Language) -> frozenset[str]:
    return frozenset(read_table("abbreviations.yaml")[language])


@cache
def _openings() -> Mapping[tuple[str, Language], re.Pattern[str]]:
    data = read_table("connectives.yaml")
    return {
        (kind, language): re.compile("(?:" + "|".join(words) + (")" if language == "zh" else r")\b"))
        for kind, by_language in data.items()
        for language, words in by_language.items()
    }


def connective(text: str, language: Language) -> str | None:
    """`contrast` or `refers` when the sentence cannot be read without the one before it, else None."""
    opening = fold(text[:60]).lstrip("\"'“”«»「『( ")
    if _openings()["alone", language].match(opening):
        return None
    return next((k for k in ("contrast", "refers") if _openings()[k, language].match(opening)), None)


def is_aside(text: str, language: Language) -> bool:
    """Whether a sentence asks, or speaks of the article it stands in, and so is no answer by itself."""
    asks = text.rstrip("\"'”’»」』) ").endswith(("?", "？"))
    return asks or bool(_openings()["aside", language].match(fold(text[:60])))


def sentences(text: str, span: Span, language: Language) -> Iterator[Span]:
    """The sentences of one paragraph in order, without the white space around them; together they hold all its text."""
    depths = _quote_depths(text, span)
    start = span.start
    for stop in _STOP.finditer(text, span.start, span.end):
        if stop.end() < span.end and not _ends_sentence(text, start, stop, span.end, language):
            continue
        if depths and depths.get(stop.start(), 0) and not _closes(stop, depths):
            continue
        if re.search(r"\w", text[start : stop.end()]):
            yield _trim(text, start, stop.end())
            start = stop.end()
    if start < span.end and re.search(r"\w", text[start : span.end]):
        yield _trim(text, start, span.end)


def _trim(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return Span(start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip()))


def _quote_depths(text: str, span: Span) -> dict[int, int]:
    """How deep in quotes or brackets each full stop stands; empty where they do not balance."""
    depth, depths = 0, {}
    for position in range(span.start, span.end):
        char = text[position]
        if char in _OPENERS:
            depth += 1
        elif char in _CLOSERS:
            depth -= 1
            if depth < 0:
                return {}
        elif char in ".!?…。！？｡":
            depths[position] = depth
    return depths if depth == 0 else {}


def _closes(stop: re.Match[str], depths: Mapping[int, int]) -> bool:
    """The stop's own closing quotes lead out of every quote it stands in."""
    return sum(char in _CLOSERS for char in stop.group()) >= depths[stop.start()]


def _ends_sentence(text: str, start: int, stop: re.Match[str], end: int, language: Language) -> bool:
    after = text[stop.end() : end].lstrip()
    if stop.group()[0] in "。！？｡":
        return not after[:1] or after[0] not in "，、；：,;:)）"
    gap = text[stop.end()].isspace()
    if not gap:
        # "3.5", "cancer.gov", "e.g.," go on; Chinese text often has an ASCII question mark and no space.
        return stop.group()[0] in "!?" and bool(_CJK.match(after))
    if after[:1].islower() or after[:1] in ",;:)":
        return False
    return stop.group()[0] != "." or not _is_abbreviation(text[start : stop.start()], language)


def _is_abbreviation(before: str, language: Language) -> bool:
    word = _LAST_WORD.search(before)
    if not word:
        return False
    last = word.group().lower()
    single = len(last) == 1 and bool(_INITIAL.match(last)) and word.group().isupper() and language != "zh"
    ordinal = last.isdigit() and (language == "tr" or len(before.strip()) == len(last))
    known = any(
        before.lower().endswith(a) and not before.lower()[: -len(a)][-1:].isalpha() for a in _dotted(last, language)
    )
    return single or ordinal or known


def _dotted(last: str, language: Language) -> Iterator[str]:
    """Abbreviations that may end in this word: "e.g" ends in itself, "p. ex" in "ex"."""
    return (a for a in _abbreviations(language) if a.split()[-1] == last)


def pack(
    sizes: Sequence[int], hangs: Sequence[bool] = (), target: int = 160, low: int = 120, high: int = 200
) -> list[Span]:
    """Groups of consecutive sentences of about `target` tokens: none over `high` unless one sentence is, and
    none under `low` unless the whole is, where sentence borders allow. A cut before a sentence that `hangs` on
    the one before is put off while another will do. `Span`s index `sizes`.

    Least squares over all cuts (as in optimal line breaking, Knuth and Plass 1981) instead of filling up
    greedily, which leaves a stub at the end of every section.
    """
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(sizes) + 1):
        options, total = [], 0
        for start in range(end - 1, -1, -1):
            total += sizes[start]
            if total > high and start < end - 1:
                break
            penalty = (total - target) ** 2 + (10 * (low - total) ** 2 if total < low else 0)
            penalty += target**2 if start and hangs and hangs[start] else 0
            options.append((best[start][0] + penalty, start))
        best.append(min(options))
    cuts, end = [], len(sizes)
    while end:
        start = best[end][1]
        cuts.append(Span(start, end))
        end = start
    return cuts[::-1]
