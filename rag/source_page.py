"""The whole original document as one HTML page without scripts, with the cited span marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import pairwise

from rag.excerpt import kept_runs, title_of
from rag.labels import Labels
from rag.types import Source, Span

#: Nothing but our own style sheet and logo may load; nothing may run.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_OFFSET = re.compile(r"[0-9]{1,12}")


def span_of(source: Source, start: str | None, end: str | None) -> Span | None:
    """The span that an address names; None where it names none. ValueError where it lies outside the document."""
    if start is None and end is None:
        return None
    if not (start and end and _OFFSET.fullmatch(start) and _OFFSET.fullmatch(end)):
        raise ValueError("the offsets are no whole numbers")
    span = Span(int(start), int(end))
    if not 0 <= span.start < span.end <= len(source.text):
        raise ValueError("the offsets lie outside the document")
    return span


def document(source: Source, span: Span | None, labels: Labels, root: str = "") -> str:
    """The page of one source: every character of its text, in order, escaped."""
    say = labels.say
    title = title_of(source)
    facts = f"{escape(source.name)} · {escape(labels.name_of(source.language))}"
    jump = f'<p><a class="jump" href="#cited">{escape(say("source.jump"))}</a></p>' if span else ""
    note = escape(say("source.note" if span else "source.note_plain"))
    head = f'<h1 lang="{source.language}">{escape(title)}</h1><p class="facts">{facts}</p>'
    text = "".join(_text(source, span))
    main = f'{head}<p class="note">{note}</p>{jump}<div class="text" lang="{source.language}">{text}</div>'
    return _page(title, main, labels, root)


def missing(labels: Labels, root: str = "") -> str:
    """What stands where there is no such document, passage or page."""
    title = labels.say("source.missing_title")
    return _page(
        title, f'<h1>{escape(title)}</h1><p class="note">{escape(labels.say("source.missing"))}</p>', labels, root
    )


def _text(source: Source, span: Span | None) -> Iterator[str]:
    """The text cut at every border of kept text and of the cited span, each part in the element it belongs to."""
    size = len(source.text)
    kept = kept_runs(source)
    borders = {0, size, *(x for run in kept for x in (run.start, run.end)), *((span.start, span.end) if span else ())}
    for start, end in pairwise(sorted(borders)):
        part = escape(source.text[start:end], quote=False)
        inside = any(run.start <= start < run.end for run in kept)
        if span and span.start <= start < span.end:
            anchor = ' id="cited" tabindex="-1"' if start == span.start else ""
            yield f"<mark{anchor}>{part}</mark>"
        else:
            yield part if inside else f'<span class="furniture">{part}</span>'


def _page(title: str, main: str, labels: Labels, root: str) -> str:
    brand = escape(labels.say("source.back"))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f"<title>{escape(title)} · {brand}</title>"
        f'<link rel="icon" href="{root}/favicon"><link rel="stylesheet" href="{root}/public/source.css">'
    )
    logo = f'<img src="{root}/public/mark.svg" alt="" width="28" height="28">'
    body = f'<header><a href="{root}/">{logo}{brand}</a></header><main>{main}</main>'
    return f'<!doctype html><html lang="{labels.tag}"><head>{head}</head><body>{body}</body></html>'
