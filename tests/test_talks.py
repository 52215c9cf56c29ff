"""Whole conversations as worried patients would hold them, through the pipeline over the shipped documents, and single
follow-ups that were written before the code (`tests/conversations/`).

A message that is not answered as it should be yet keeps its expectation and names the reason (`xfail`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rag.pipeline import Assistant, open_assistant
from rag.settings import Settings
from rag.types import LANGUAGES, Answer, Turn

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "conversations"
TALKS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    talk["id"]: (language, talk["turns"])
    for language in LANGUAGES
    for talk in yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
}
#: All conversations are held before the first test: a slow machine needs more than the usual time for that.
pytestmark = pytest.mark.timeout(900)
#: Of follow-ups by writers who had not seen the program so many at least: nothing was tuned on `held`, `fourth_held`.
FLOORS = {"held": 14, "blind_dev": 64, "second_dev": 66, "third_dev": 66, "fourth_dev": 60, "fifth_dev": 54}
FLOORS |= {"sixth_dev": 44, "fourth_held": 52}


@pytest.fixture(scope="module")
def assistant() -> Iterator[Assistant]:
    assistant = open_assistant(Settings(corpus=ROOT / "seeds", store=Path(os.environ["SEEDS_STORE"])))
    yield assistant
    assistant.index.close()


@pytest.fixture(scope="module")
def answers(assistant: Assistant) -> dict[str, list[Answer]]:
    """Every conversation held to its end, each message after what was really answered to those before."""
    return {name: held(assistant, [turn["say"] for turn in turns]) for name, (_, turns) in TALKS.items()}


def held(assistant: Assistant, said: list[str]) -> list[Answer]:
    history: list[Turn] = []
    found = []
    for text in said:
        found.append(assistant.ask(text, history))
        history += [Turn("user", text), Turn("assistant", found[-1].text)]
    return found


def turns() -> Iterator[Any]:
    for name, (language, messages) in TALKS.items():
        for place, turn in enumerate(messages):
            marks = [pytest.mark.xfail(strict=True, reason=turn["xfail"])] if "xfail" in turn else []
            yield pytest.param(name, place, language, turn, id=f"{name}.{place + 1}", marks=marks)


@pytest.mark.parametrize(("name", "place", "language", "turn"), turns())
def test_each_message_gets_what_one_hopes_for(
    name: str, place: int, language: str, turn: dict[str, Any], answers: dict[str, list[Answer]], assistant: Assistant
):
    answer = answers[name][place]
    assert answer.outcome in turn["outcome"]
    assert answer.language == turn.get("language", language)
    assert cites(answer, turn.get("evidence", ()))
    assert set(turn.get("understood", ())) <= concepts(answer, assistant)


def cites(answer: Answer, evidence: list[str]) -> bool:
    """Whether any of the evidence stands in a quote, white space folded; where nothing is cited there is none."""
    if not evidence or answer.outcome not in ("answered", "boundary"):
        return True
    quotes = [" ".join(citation.quote.split()) for citation in answer.citations]
    return any(" ".join(text.split()) in quote for text in evidence for quote in quotes)


def concepts(answer: Answer, assistant: Assistant) -> set[str]:
    text, terms = answer.understood or answer.question, assistant.parts.terms
    return {match.concept for spoken in LANGUAGES for match in terms.find(text, spoken, parts=True, slips=True)}


def test_there_are_five_conversations_of_four_messages_in_each_language():
    for language in LANGUAGES:
        mine = [turns for spoken, turns in TALKS.values() if spoken == language]
        assert len(mine) >= 5 and all(len(turns) >= 4 for turns in mine)


def follow_ups(name: str) -> list[dict[str, Any]]:
    lines = (FOLDER / f"followups_{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", FLOORS)
def test_so_many_follow_ups_are_right(assistant: Assistant, name: str):
    good = 0
    for line in follow_ups(name):
        answer = assistant.ask(line["question"], [Turn(turn["role"], turn["content"]) for turn in line["history"]])
        right = answer.outcome in line["outcome"] and answer.language == line["lang"]
        good += right and cites(answer, line["evidence"])
    assert good >= FLOORS[name]


GENERAL = [
    ("my husband has stage 4 mesothelioma, will immunotherapy save him?", "and in general, has it been shown to work?"),
    ("dois-je prendre de la chimio pour mes métastases ?", "et en général, à quoi sert la chimio ?"),
    ("我是间皮瘤四期，我该不该做化疗？", "那一般来说化疗有什么作用？"),
    ("babam dördüncü evre mezotelyoma, kemoterapi almalı mı?", "genel olarak kemoterapi ne işe yarar?"),
]


@pytest.mark.parametrize(("personal", "general"), GENERAL)
def test_information_after_a_personal_question_is_information(assistant: Assistant, personal: str, general: str):
    first, then = held(assistant, [personal, general])
    assert (first.outcome in ("boundary", "declined"), then.outcome) == (True, "answered")


@pytest.mark.parametrize(
    ("informed", "personal"),
    [
        ("does chemotherapy prolong life in mesothelioma?", "so should my dad, 79, go through with his?"),
        ("la chimiothérapie détruit-elle les métastases ?", "du coup j'arrête la mienne ? elle m'épuise"),
    ],
)
def test_a_personal_question_after_information_gets_what_was_found_there(
    assistant: Assistant, informed: str, personal: str
):
    *_, answer = held(assistant, [informed, personal])
    assert answer.outcome == "boundary" and answer.citations


QUESTION = "What is chemotherapy used for in stage 4 mesothelioma?"


def test_an_answer_is_said_again_in_another_language(assistant: Assistant):
    first, again = held(assistant, [QUESTION, "say it in French"])
    assert (again.language, again.question) == ("fr", "say it in French") and again.understood == QUESTION
    assert [c.quote for c in again.citations] == [c.quote for c in first.citations]


@pytest.mark.parametrize("wish", ["shorter", "plus court", "简短一点", "daha kısa"])
def test_an_answer_is_shortened(assistant: Assistant, wish: str):
    first, again = held(assistant, [QUESTION, wish])
    assert 0 < len(again.sentences) < len(first.sentences)
    assert {c.quote for c in again.citations} <= {c.quote for c in first.citations}


@pytest.mark.parametrize("wish", ["show me the original", "cite la source", "看原文", "aslını göster"])
def test_the_original_is_in_the_words_of_the_documents(assistant: Assistant, wish: str):
    said = ["放疗后多久才能看到效果？", "tell me in English", wish]
    *_, original = held(assistant, said)
    assert original.citations and all(sentence.verdict == "verbatim" for sentence in original.sentences)


def test_more_is_something_else_until_there_is_no_more(assistant: Assistant):
    found = held(assistant, [QUESTION, *["tell me more"] * 12])
    quotes = [c.quote for answer in found for c in answer.citations]
    assert len(quotes) == len(set(quotes)) > len(found[0].citations)
    assert found[-1].outcome == "about" and found[-1].guard and found[-1].guard.rule == "about.no_more"


@pytest.mark.parametrize("wish", ["say it in French", "en français s'il te plaît", "用法语说", "Fransızca söyle"])
def test_a_wish_without_an_answer_before_it_is_small_talk(assistant: Assistant, wish: str):
    answer = assistant.ask(wish)
    assert (answer.outcome, answer.language) == ("about", "fr") and not answer.citations
