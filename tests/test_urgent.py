"""An emergency is answered before the documents are open, and when they cannot be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from browser import ROOT, Server, Visit, browser, started, visit
from playwright.sync_api import expect

from rag.desk import Desk
from rag.settings import Settings
from rag.types import Turn

__all__ = ["browser", "visit"]  # fixtures

DANGER = {
    "en": "My husband can't breathe and his lips are blue",
    "fr": "Ma mère vomit du sang et elle ne répond plus",
    "zh": "我爸突然喘不上气，嘴唇发紫",
    "tr": "Babam nefes alamıyor, dudakları morardı",
}
PLAIN = "Can palliative radiotherapy control bleeding?"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """One whose documents are not there."""
    folder = tmp_path_factory.mktemp("desk")
    return Desk(Settings(corpus=folder / "none", store=folder / "store", embedding="none"))


@pytest.mark.parametrize("language", DANGER)
def test_danger_is_answered_without_documents_in_the_language_of_the_message(desk: Desk, language: str) -> None:
    answer = desk.urgent(DANGER[language])
    assert answer is not None
    assert (answer.outcome, answer.language) == ("emergency", language)
    assert desk.sources() is None


def test_traditional_characters_are_answered_in_them(desk: Desk) -> None:
    answer = desk.urgent("我爸突然喘不過氣，嘴唇發紫")
    assert answer is not None and "請" in answer.text and "请" not in answer.text


def test_what_is_no_danger_waits_for_the_documents(desk: Desk) -> None:
    assert desk.urgent(PLAIN) is None
    assert desk.urgent("PET?", [Turn("user", "Qu'est-ce que la radiothérapie ?")]) is None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The application over a folder without documents."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "seeds").mkdir()
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    with started(folder, folder / "seeds", folder / "prompts", index="failed") as server:
        yield server


def test_the_page_answers_danger_when_the_documents_cannot_be_opened(visit, server: Server) -> None:
    reader: Visit = visit()
    reader.ask(DANGER["en"])
    answer = reader.page.locator('[data-step-type="assistant_message"]').last
    expect(answer).to_contain_text("Please get help now")
    expect(answer).to_contain_text("112")
