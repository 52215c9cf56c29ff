"""A cited span in its surroundings: where it stands in its source, and what to show around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote as percent

from rag.clean import keep
from rag.language import repair
from rag.types import Citation, Source, Span

#: How far the panel looks to either side of a cited span, in characters.
REACH = 420

_BORDER = re.compile(r"[\n\r]+\s*|(?<=[.!?…])\s+|(?<=[。！？；])\s*")

#: The label of a list's next item, which would stand there alone.
_LABEL = re.compile(r"[\n\r]\s*(?:[0-9]{1,3}[.)、]|[-•*·])\s*\Z")


def title_of(cited: Citation | Source) -> str:
    """A document's title as a reader sees it, mended; its file name where it has none."""
    name = cited.source if isinstance(cited, Citation) else cited.name
    return repair(cited.title) or name


def link(citation: Citation, root: str = "") -> str:
    """The address of the whole document with this citation marked."""
    return f"{root}/sources/{percent(citation.source)}?start={citation.start}&end={citation.end}#cited"


def panel(citation: Citation, sources: Mapping[str, Source]) -> tuple[str, str, str]:
    """What stands before, in and after the cited span: three neighbouring cuts of the source, unchanged.

    About REACH characters to either side, from and to a border of a sentence or paragraph where there is one, and
    never across page furniture. A source that is gone or has changed gives the quote alone.
    """
    source = sources.get(citation.source)
    if source is None or source.text[citation.start : citation.end] != citation.quote:
        return "", citation.quote, ""
    run = surroundings(source, Span(citation.start, citation.end))
    before = source.text[max(run.start, citation.start - REACH) : citation.start]
    after = source.text[citation.end : min(run.end, citation.end + REACH)]
    if run.start < citation.start - REACH and (border := _BORDER.search(before)):
        before = before[border.end() :]
    if run.end > citation.end + REACH and (borders := list(_BORDER.finditer(after))):
        after = _LABEL.sub("", after[: borders[-1].start()])
    return before, citation.quote, after


def surroundings(source: Source, span: Span) -> Span:
    """The span, and around it the stretch of kept lines that no whole line of furniture interrupts."""
    touching = [run for run in kept_runs(source) if run.start < span.end and span.start < run.end]
    return Span(min([span.start, *(r.start for r in touching)]), max([span.end, *(r.end for r in touching)]))


@lru_cache(maxsize=256)
def kept_runs(source: Source) -> tuple[Span, ...]:
    """Neighbouring kept lines joined: a gap of white space and a list marker joins, a whole line between parts."""
    runs: list[Span] = []
    for block in keep(source.text):
        between = source.text[runs[-1].end : block.start].split("\n")[1:-1] if runs else [" x"]
        if any(line.strip() for line in between):
            runs.append(Span(block.start, block.end))
        else:
            runs[-1] = Span(runs[-1].start, block.end)
    return tuple(runs)
