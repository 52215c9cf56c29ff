"""What was read of a conversation's texts: read once, as right as the first time, and kept by nobody else."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.reread import Readings, keeping, read_once, reading


class Word(str):
    """A text that can be looked for after it should be gone."""


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def read(calls: list[str]):
    @read_once
    def length(text: str, *, twice: bool = False) -> int:
        calls.append(text)
        return len(text) * (1 + twice)

    return length


def test_a_text_is_read_once_for_its_conversation(read, calls):
    readings = Readings()
    for _ in range(3):
        with keeping(readings):
            assert (read("ab"), read("ab"), read("ab", twice=True)) == (2, 2, 4)
    assert calls == ["ab", "ab"]


def test_outside_of_a_conversation_nothing_is_kept(read, calls):
    assert read("ab") == read("ab") == 2
    assert calls == ["ab", "ab"]


def test_conversations_know_nothing_of_each_other(read, calls):
    for _ in range(2):
        with keeping(Readings()):
            read("ab")
    assert calls == ["ab", "ab"]


def test_inside_a_conversation_its_readings_are_gone_on_with(read, calls):
    with keeping(Readings()), keeping():
        read("ab")
        with keeping():
            read("ab")
    assert calls == ["ab"]


def test_what_is_made_step_by_step_reads_for_its_conversation_and_leaves_nothing_behind(read, calls):
    readings = Readings()
    for _ in range(2):
        assert list(reading(readings, (read(text) for text in ("a", "bb")))) == [1, 2]
    assert calls == ["a", "bb"]
    read("a")
    assert calls == ["a", "bb", "a"]


def test_what_fails_is_tried_again():
    @read_once
    def fails(left: tuple[int, ...], tries: list[int] = []) -> int:  # noqa: B006
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("once")
        return len(tries)

    with keeping(Readings()):
        with pytest.raises(ValueError, match="once"):
            fails(())
        assert fails(()) == fails(()) == 2


def test_the_texts_go_with_the_conversation():
    @read_once
    def same(text: Word) -> Word:
        return text

    readings, word = Readings(), Word("my mother")
    with keeping(readings):
        same(word)
    gone = weakref.ref(word)
    del word
    assert gone() is not None
    del readings
    gc.collect()
    assert gone() is None


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 10))
def test_the_latest_are_kept_and_no_more(numbers: list[int], most: int):
    readings, read = Readings(most), []

    def square(number: int) -> int:
        read.append(number)
        return number**2

    kept: list[int] = []  # the latest last
    for number in numbers:
        before = len(read)
        assert readings.of(number, lambda number=number: square(number)) == number**2
        assert (len(read) == before) == (number in kept)
        kept = [*(one for one in kept if one != number), number][-most:]
