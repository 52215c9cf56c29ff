"""How common a word is, and where the words of Chinese begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.frequency import is_common, segment, specificity
from rag.types import LANGUAGES, Language

COMMON = [
    ("en", "house"),
    ("en", "HOUSE"),
    ("fr", "été"),
    ("fr", "ete"),
    ("zh", "医院"),
    ("zh", "醫院"),
    ("tr", "İstanbul"),
]


@pytest.mark.parametrize(("language", "word"), COMMON)
def test_words_that_people_use_are_known_however_they_are_written(language: Language, word: str):
    assert is_common(word, language)


@pytest.mark.parametrize(("language", "word"), [("en", "mesotheliom"), ("fr", "chimiotérapi"), ("tr", "kemotrapi")])
def test_slips_are_not(language: Language, word: str):
    assert not is_common(word, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rarer_the_more_specific(language: Language):
    everywhere = {"en": "the", "fr": "de", "zh": "的", "tr": "ve"}[language]
    assert specificity(everywhere, language) < 0.2 < specificity("zorbaxine", language) == 1
    assert specificity("", language) == 0


def test_a_phrase_is_as_specific_as_its_rarest_word():
    assert specificity("look after", "en") == max(specificity("look", "en"), specificity("after", "en"))
    assert specificity("zorbax of the day", "en") == 1


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("期间可以洗澡", ["期间", "可以", "洗澡"]),
        ("他去医院看病人", ["他", "去", "医院", "看", "病人"]),
        ("片子", ["片子"]),
        ("", []),
    ],
)
def test_words_of_chinese(run: str, words: list[str]):
    assert list(segment(run)) == words


@given(st.text(alphabet="的是不了人我在有他这肿瘤癌治疗㐀龥", max_size=60))
def test_cutting_keeps_every_character(run: str):
    assert "".join(segment(run)) == run
