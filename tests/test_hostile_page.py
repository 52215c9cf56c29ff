"""Every hostile string at once in the real page and a real Chromium: as a question, as a model's sentence while it
streams, as a document's title, name, sentence and translation. Nothing is fetched, nothing runs, all of it is text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import ROOT, Server, Visit, browser, started, visit
from playwright.sync_api import Page, expect
from test_hostile import STRINGS, plain

__all__ = ["browser", "visit"]  # fixtures
Opened = Callable[..., Visit]
ANSWER = '[data-step-type="assistant_message"] .message-content'
#: Everything an answer is made of; each link of it is a chip, which has no address.
_TAGS = re.compile("DIV|SPAN|P|UL|OL|LI|STRONG|EM|HR|BLOCKQUOTE|A|H[1-3]|BR|BUTTON|SVG|PATH")
#: What fetches, runs or takes a reader away.
LOUD = ":is(img, script, iframe, form, style, link, video, object, embed, base, meta, image, use, math, a[href^=http])"
_QUESTION = 3_900  # characters that one question may hold, a few left


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    with started(folder, ROOT / "seeds", ROOT / "prompts", app="tests/hostile_app.py") as server:
        yield server


@pytest.fixture
def reader(visit: Opened) -> Iterator[Visit]:
    """A reader in whose page nothing may run and no dialog open, whatever stands there."""
    reader, dialogs = visit(), []
    reader.context.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield reader
    assert dialogs == []
    assert [page.evaluate("window.hacked === undefined") for page in reader.context.pages].count(False) == 0


def text_of(page: Page, selector: str) -> str:
    return plain(" ".join(page.locator(selector).all_text_contents()))


def batches() -> list[str]:
    """The strings as few questions."""
    done = [""]
    for text in STRINGS:
        done = [*done, text] if len(done[-1]) + len(text) > _QUESTION else [*done[:-1], f"{done[-1]} {text}"]
    return done


def test_answers_and_documents(reader: Visit) -> None:
    page = reader.page
    reader.ask("anything")
    whole = text_of(page, ANSWER)
    assert [text for text in STRINGS if plain(text) not in whole] == []
    tags = page.evaluate(f"[...document.querySelectorAll(`{ANSWER} *`)].map((one) => one.tagName.toUpperCase())")
    assert [tag for tag in tags if not _TAGS.fullmatch(tag)] == []
    assert page.locator(f"{ANSWER} {LOUD}").count() == page.locator(f"{ANSWER} a[href^=http]").count() == 0
    page.locator('[data-step-type="tool"]').get_by_role("button").first.click()
    step = page.locator('[data-step-type="tool"] .message-content')
    expect(step).to_contain_text("relevance")
    assert page.locator(f'[data-step-type="tool"] .message-content {LOUD}').count() == 0


def test_the_source_panels(reader: Visit) -> None:
    """In cited words and translation of each, and mended in its title; and the whole document in a tab of its own."""
    reader.ask("anything")
    page, panels = reader.page, ""
    heading = page.locator(".citation-heading").first
    for number in range(1, math.ceil(len(STRINGS) / 14) + 1):
        reader.page.locator(ANSWER).last.get_by_text(f"[{number}]", exact=True).first.click()
        expect(heading).to_contain_text(str(number))
        panels += plain(page.locator(".citation").text_content() or "")
        assert page.locator(f".citation {LOUD}").count() == 0
    assert [text for text in STRINGS if panels.count(plain(text)) < 2] == []
    links = page.locator(".citation a")
    assert links.count() == 1 and (links.get_attribute("href") or "").startswith("/sources/")
    with reader.context.expect_page() as opened:
        links.click()
    document = opened.value
    expect(document.locator("mark#cited")).to_be_visible()
    assert document.locator(f"main {LOUD}").count() == 0


def test_questions(reader: Visit) -> None:
    page = reader.page
    for question in batches():
        reader.ask(question)
    asked = text_of(page, '[data-step-type="user_message"] .message-content')
    single = [text for text in STRINGS if "\r" not in text]
    assert [text for text in single if plain(text) not in asked] == []
    assert page.locator(f'[data-step-type="user_message"] .message-content {LOUD}').count() == 0


def test_the_log_holds_none_of_it(server: Server, reader: Visit) -> None:
    reader.ask("window.hacked=1 \x1b[31mred")
    log = Path(server.log).read_text(encoding="utf-8")
    assert "hacked" not in log and "Traceback" not in log
