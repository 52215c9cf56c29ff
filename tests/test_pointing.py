"""An ordinal points at what the last answer listed; what only looks like one is left alone."""

from __future__ import annotations

import pytest
from core_world import vocabulary
from hypothesis import given
from hypothesis import strategies as st

from rag.conversation import understood
from rag.pointing import pointed
from rag.types import LANGUAGES, Language, Turn

LISTS: dict[Language, str] = {
    "en": "Chemotherapy: it may slow it. [1] Immunotherapy: some may. [2] Clinical Trials: they test it. [3]",
    "fr": "Soins palliatifs : ils soulagent. [1] Chimiothérapie : elle freine. [2] Chirurgie : rarement. [3]",
    "zh": "化疗可以减缓疾病。[1] 免疫治疗和手术也是选择。[2]",
    "tr": "Kemoterapi: yavaşlatır. [1] İmmünoterapi: bazı hastalarda. [2] Cerrahi: nadiren. [3]",
}
POINTING: list[tuple[Language, str, str]] = [
    ("en", "and the third?", "and Clinical Trials?"),
    ("en", "tell me about the last of those", "tell me about Clinical Trials"),
    ("en", "Is the second one painful?", "Is Immunotherapy painful?"),
    ("en", "the 2nd you mentioned, what is it good for?", "Immunotherapy, what is it good for?"),
    ("fr", "le 3e là, c'est quoi", "Chirurgie, c'est quoi"),
    ("fr", "et la deuxième, elle sert à quoi ?", "et Chimiothérapie, elle sert à quoi ?"),
    ("zh", "第二种是什么", "免疫治疗是什么"),
    ("zh", "最后那种有用吗", "手术有用吗"),
    ("tr", "ikincisi ne işe yarar", "İmmünoterapi ne işe yarar"),
    ("tr", "sonuncusu için soruyorum", "Cerrahi için soruyorum"),
]
PLAIN: list[tuple[Language, str]] = [
    ("en", "What is a second opinion?"),
    ("en", "What happens in the last weeks of life?"),
    ("en", "First of all, what is immunotherapy?"),
    ("en", "Is it a first-line treatment?"),
    ("en", "and the fifth?"),  # there are three
    ("fr", "la dernière fois, vous parliez de chimio"),
    ("fr", "un deuxième avis, à quoi ça sert ?"),
    ("zh", "第一次化疗什么时候做"),
    ("zh", "最后一次放疗之后呢"),
    ("tr", "son evrede ne yapılır"),
    ("tr", "ilk kez duyuyorum, immünoterapi nedir"),
]


@pytest.mark.parametrize(("language", "message", "whole"), POINTING)
def test_an_ordinal_gives_way_to_the_name_it_points_at(language: Language, message: str, whole: str):
    assert pointed(message, LISTS[language], language, vocabulary()) == whole


@pytest.mark.parametrize(("language", "message"), PLAIN)
def test_what_points_at_nothing_is_left_alone(language: Language, message: str):
    assert pointed(message, LISTS[language], language, vocabulary()) == message


def test_the_name_is_given_in_the_language_of_the_message():
    assert pointed("and the second?", LISTS["fr"], "en", vocabulary()) == "and chemotherapy?"


def test_one_thing_is_no_list():
    assert pointed("and the last?", "Surgery: it is rare. [1]", "en", vocabulary()) == "and the last?"


def test_what_is_pointed_at_takes_over_the_topic_of_the_question_before():
    history = [Turn("user", "How is stage 4 mesothelioma treated?"), Turn("assistant", LISTS["en"])]
    text = understood("what is the last one for?", history, "en", vocabulary()).text
    assert text == "what is Clinical Trials for? (stage 4, mesothelioma)"


@given(st.sampled_from(LANGUAGES), st.text(max_size=60), st.text(max_size=80))
def test_any_message_can_be_looked_at(language: Language, message: str, said: str):
    assert isinstance(pointed(message, said, language, vocabulary()), str)
