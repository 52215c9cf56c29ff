"""Hostile strings in questions, documents and a model's answers, without a browser: what reaches the page is text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from core_world import PROMPTS, over
from markdown_it import MarkdownIt

from rag.escape import escape
from rag.labels import labels_for, labels_of
from rag.source_page import document
from rag.types import Source
from rag.view import markdown, panels, passages, sentence

ROWS = [json.loads(line) for line in (Path(__file__).parent / "hostile.jsonl").read_text("ascii").splitlines()]
STRINGS = [row["text"] for row in ROWS]
IDS = [f"{number}-{row['kind']}" for number, row in enumerate(ROWS, 1)]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
#: What our own words, lists, rules and chips are made of; nothing of it fetches, links or runs.
OURS = {"paragraph", "bullet_list", "ordered_list", "list_item", "strong", "em", "hr", "blockquote", "heading"}
_UNSEEN = re.compile("[\u2060\x00-\x08\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
LABELS = labels_for("en")


def plain(text: str) -> str:
    """White space folded, controls that nobody sees gone."""
    return " ".join(_UNSEEN.sub("", text).split())


def shown(written: str) -> str:
    """The text of a Markdown that is made of our own kinds alone."""
    tokens = MARKDOWN.parse(written)
    kinds = {re.sub("_(open|close)$", "", token.type) for token in tokens} - {"inline"}
    inside = [token for block in tokens for token in block.children or []]
    kinds |= {re.sub("_(open|close)$", "", token.type) for token in inside} - {"text", "text_special", "softbreak"}
    assert kinds <= OURS, (kinds - OURS, written)
    return plain("".join(token.content or " " for token in inside))


def test_there_are_enough_of_them() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 80


@pytest.mark.parametrize("text", STRINGS, ids=IDS)
def test_alone_and_amid_our_own_words_it_is_one_paragraph_of_text(text: str) -> None:
    for before, after in (("", ""), ("- ", ""), ("**", "**"), ("1. ", " [1]")):
        written = before + escape(text) + after
        assert plain(text) in shown(written) or not plain(text), written


@pytest.mark.parametrize("text", STRINGS, ids=IDS)
def test_what_the_page_adds_to_markdown_finds_nothing_in_it(text: str) -> None:
    """Bare addresses, formulas, directives, footnotes, chips and the cursor are read by the page's own plugins."""
    done = escape(text)
    bare = done.replace("\\\\", "  ")  # pairs of backslashes are text
    assert not re.search(r"(?<!\\)(?:[$`|~<]|\[\^?\w|:[a-z])", bare), done
    assert not re.search(r"(?i)//[-.\w]|www\.|@[-\w]", done), done
    assert "\u200b" not in done and "\n" not in done and "\r" not in done and "\0" not in done


def _document(text: str) -> bytes:
    lines = (
        f"Lymphoedema guide {text}",
        f"Lymphoedema of the arm {text}",
        f"A compression sleeve reduces lymphoedema of the arm {text} in most people.",
        "Lymphoedema of the arm may follow the removal of lymph nodes.",
    )
    return "\n\n".join(lines).encode()


class Page(HTMLParser):
    """Elements and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


_PAGE_TAGS = frozenset({"html", "head", "meta", "title", "link", "body", "header"}) | frozenset(
    {"a", "img", "main", "h1", "p", "div", "span", "mark"}
)


@pytest.mark.parametrize("text", STRINGS, ids=IDS)
def test_the_source_page_is_escaped_whole(text: str) -> None:
    source = Source(f"{text}.txt", text, "", "en", text)
    page = Page(document(source, None, LABELS))
    assert {tag for tag, _ in page.tags} <= _PAGE_TAGS
    assert all(not name.startswith("on") for _, names in page.tags for name in names)
    assert all((names.get(a) or "/").startswith(("/", "#")) for _, names in page.tags for a in ("href", "src"))
    assert not [tag for tag, names in page.tags if (names.get("href") or "").startswith("//")]
    assert text in page.text


def test_a_document_and_a_question_full_of_them_are_answered_with_text_alone() -> None:
    """Through the real pipeline: in title, heading, sentence and question at once."""
    assert PROMPTS.is_dir()
    places = {f"{number}.txt": _document(text) for number, text in enumerate(STRINGS, 1)}
    assistant = over(places)
    cited: set[str] = set()
    for number, text in list(enumerate(STRINGS, 1))[::3]:
        answer = assistant.ask(f"Does a compression sleeve reduce lymphoedema of the arm? {text}", language="en")
        for layout in ("prose", "list", "quotes", "by_source"):
            shown(markdown(answer, labels_of(answer), layout=layout, show_original=True))
        for one in answer.sentences:
            assert plain(one.text) in shown(sentence(one))
        shown(passages(answer.hits, LABELS))
        for citation, panel in zip(answer.citations, panels(answer, assistant.sources, LABELS), strict=True):
            assert citation.quote == panel["cited"]
            assert panel["link"].startswith("/sources/") and not re.search(r"[\s<>\"']", panel["link"]), number
        cited |= {c.source for c in answer.citations}
    assert len(cited) > len(STRINGS) / 10
