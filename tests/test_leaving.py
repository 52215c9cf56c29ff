"""Leaving and coming back in a real browser: what is deleted, and what is said of a question that was lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser import Server, Visit, browser, server, visit
from playwright.sync_api import expect

from rag.labels import labels_for

__all__ = ["browser", "server", "visit"]  # fixtures
Opened = Callable[..., Visit]
QUESTION = "What is the main goal of treatment for stage 4 mesothelioma?"


@pytest.mark.parametrize(("locale", "width"), [("en-US", 1280), ("tr-TR", 360)])
def test_a_conversation_is_deleted_by_a_button_that_says_so(
    server: Server, visit: Opened, locale: str, width: int
) -> None:
    reader, words = visit(locale=locale, width=width), labels_for(locale[:2]).words["spoken"]
    button = reader.page.get_by_role("button", name=words["delete"])
    expect(button).to_have_count(0)
    reader.ask(QUESTION)
    ended = _ended(server)
    button.click()
    reader.page.locator("#confirm").click()
    reader.ready()
    expect(button).to_have_count(0)
    expect(reader.page.locator("#spoken")).to_have_text(words["deleted"])
    reader.ask(QUESTION)
    while _ended(server) == ended:  # the test's own limit of time ends it
        reader.page.wait_for_timeout(50)
    assert not reader.scrolls_sideways


def _ended(server: Server) -> int:
    return server.log.read_text(encoding="utf-8").count("a conversation has ended")


def test_a_question_that_nobody_answers_is_spoken_of(visit: Opened) -> None:
    reader = visit()
    lost = reader.page.locator("#lost")
    reader.ask(QUESTION)
    expect(lost).to_be_hidden()
    # As after a restart of the server that had the question: it stands there, and no answer is on its way.
    reader.page.locator('[data-step-type="assistant_message"]').evaluate("node => node.remove()")
    expect(lost).to_have_text(labels_for("en").words["spoken"]["lost"])
    expect(lost).to_be_visible(timeout=20_000)
