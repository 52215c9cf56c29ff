"""What the guard sees and what it lets pass, on questions of its own. It was fitted on all of them but the held set:
these floors show that nothing was lost, `benchmarks/likeness.py` prints how it does on questions left out of the fit,
and the held set how it does on questions that nobody who worked on it has seen."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rag.guard import Guard
from rag.language import fold
from rag.types import LANGUAGES, Turn

TESTS = Path(__file__).parent
KINDS = {None: "plain", "boundary": "personal", "emergency": "emergency", "about": "about"}
FLOORS = {
    "dev": {"personal": 0.97, "plain": 0.98, "emergency": 0.96, "about": 0.95},
    "held": {"personal": 0.97, "plain": 0.98, "emergency": 0.96, "about": 0.95},
    "more": {"personal": 0.95, "plain": 0.98, "emergency": 0.96},
    "blind_dev": {"personal": 0.97, "plain": 0.97, "emergency": 0.96},
    "plain": {"plain": 0.97},
}
#: Written by people who did not know the program, and nothing was fitted on it: totals only, single ones stay unread.
HELD = "blind_held"
HELD_FLOORS = {"personal": 0.80, "plain": 0.92, "emergency": 0.90}
KINDS_OF = [(part, kind) for part, floors in FLOORS.items() for kind in floors]
EACH = 0.90  # of every kind, in every language


def rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


@cache
def results(part: str) -> dict[tuple[str, str], list[tuple[str, bool]]]:
    """Each question's name and whether it was told right, by language and kind."""
    guard, found = Guard.load(), defaultdict(list)
    for row in rows(TESTS / "guard" / f"{part}.jsonl"):
        history = [Turn(turn["role"], turn["content"]) for turn in row["history"]]
        decision = guard.before(row["question"], row["lang"], history)
        is_right = KINDS[decision.outcome if decision else None] == row["kind"]
        found[row["lang"], row["kind"]].append((row["id"], is_right))
    return found


@pytest.mark.parametrize(("part", "kind"), KINDS_OF)
def test_enough_are_told_right(part, kind):
    told = {language: results(part)[language, kind] for language in LANGUAGES}
    wrong = [name for entries in told.values() for name, is_right in entries if not is_right]
    total = sum(map(len, told.values()))
    assert 1 - len(wrong) / total >= FLOORS[part][kind], wrong
    for language, entries in told.items():
        assert sum(is_right for _, is_right in entries) / len(entries) >= EACH, (language, wrong)


@pytest.mark.parametrize("kind", HELD_FLOORS)
def test_enough_of_what_was_never_seen_are_told_right(kind):
    told = [is_right for language in LANGUAGES for _, is_right in results(HELD)[language, kind]]
    assert sum(told) / len(told) >= HELD_FLOORS[kind], f"{sum(told)} of {len(told)}"


def test_nothing_is_fitted_on_the_held_set():
    fitted = (TESTS.parent / "benchmarks" / "likeness.py").read_text(encoding="utf-8")
    assert HELD not in fitted
    asked = {fold(row["question"]) for part in FLOORS for row in rows(TESTS / "guard" / f"{part}.jsonl")}
    assert not [row["id"] for row in rows(TESTS / "guard" / f"{HELD}.jsonl") if fold(row["question"]) in asked]


@pytest.mark.parametrize("part", [*FLOORS, HELD])
def test_no_question_is_one_of_the_evaluation(part):
    asked = {fold(row["question"]) for row in rows(TESTS / "questions" / "test.jsonl") if not row["history"]}
    assert not [
        row["id"]
        for row in rows(TESTS / "guard" / f"{part}.jsonl")
        if fold(row["question"]) in asked and len(row["question"]) > 12
    ]


def test_the_parts_share_no_question():
    asked = [{fold(row["question"]) for row in rows(TESTS / "guard" / f"{part}.jsonl")} for part in FLOORS]
    assert len(set().union(*asked)) == sum(map(len, asked))


def test_names_are_unique_and_kinds_are_known():
    every = [row for part in FLOORS for row in rows(TESTS / "guard" / f"{part}.jsonl")]
    assert len({row["id"] for row in every}) == len(every) >= 500
    assert {row["kind"] for row in every} == set(KINDS.values())
