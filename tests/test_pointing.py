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
    ("en", "what's the second one for?", "what's Immunotherapy for?"),
    ("en", "can the first be done at home", "can Chemotherapy be done at home"),
    ("fr", "les deuxièmes, ça comprend quoi", "Chimiothérapie, ça comprend quoi"),
]
PLAIN: list[tuple[Language, str]] = [
    ("en", "What is a second opinion?"),
    ("en", "What happens in the last weeks of life?"),
    ("en", "First of all, what is immunotherapy?"),
    ("en", "Is it a first-line treatment?"),
    ("en", "and the fifth?"),  # there are three
    ("en", "what happens after the first treatment"),
    ("en", "and the other one?"),  # no question before says which is not meant
    ("fr", "les premiers symptômes, c'est quoi"),
    ("fr", "la dernière fois, vous parliez de chimio"),
    ("fr", "un deuxième avis, à quoi ça sert ?"),
    ("zh", "第一次化疗什么时候做"),
    ("zh", "最后一次放疗之后呢"),
    ("tr", "son evrede ne yapılır"),
    ("tr", "ilk kez duyuyorum, immünoterapi nedir"),
]


@pytest.mark.parametrize(("language", "message", "whole"), POINTING)
def test_an_ordinal_gives_way_to_the_name_it_points_at(language: Language, message: str, whole: str):
    assert pointed(message, [Turn("assistant", LISTS[language])], language, vocabulary()) == whole


@pytest.mark.parametrize(("language", "message"), PLAIN)
def test_what_points_at_nothing_is_left_alone(language: Language, message: str):
    assert pointed(message, [Turn("assistant", LISTS[language])], language, vocabulary()) == message


def test_the_name_is_given_in_the_language_of_the_message():
    assert pointed("and the second?", [Turn("assistant", LISTS["fr"])], "en", vocabulary()) == "and chemotherapy?"


def test_one_thing_is_no_list():
    assert (
        pointed("and the last?", [Turn("assistant", "Surgery: it is rare. [1]")], "en", vocabulary()) == "and the last?"
    )


def test_what_is_pointed_at_takes_over_the_topic_of_the_question_before():
    history = [Turn("user", "How is stage 4 mesothelioma treated?"), Turn("assistant", LISTS["en"])]
    text = understood("what is the last one for?", history, "en", vocabulary()).text
    assert text == "what is Clinical Trials for? (stage 4, mesothelioma)"


OTHERS: list[tuple[Language, str, str, str]] = [
    ("en", "what does chemotherapy do?", "and the other two?", "and Immunotherapy and Clinical Trials?"),
    ("fr", "à quoi sert la chimio ?", "et les autres ?", "et Soins palliatifs et Chirurgie ?"),
    ("zh", "化疗有什么用", "另外两种呢", "免疫治疗和手术呢"),
    ("tr", "kemoterapi ne işe yarar", "diğerleri peki", "İmmünoterapi ve Cerrahi peki"),
]


@pytest.mark.parametrize(("language", "asked", "message", "whole"), OTHERS)
def test_the_others_are_what_the_last_question_did_not_name(language: Language, asked: str, message: str, whole: str):
    listed, answered = Turn("assistant", LISTS[language]), Turn("assistant", "It may slow it. [1]")
    assert pointed(message, [listed, Turn("user", asked), answered], language, vocabulary()) == whole


def test_a_list_of_an_earlier_answer_is_pointed_into():
    history = [Turn("assistant", LISTS["en"]), Turn("user", "thanks"), Turn("assistant", "You are welcome.")]
    assert pointed("and the third?", history, "en", vocabulary()) == "and Clinical Trials?"


def test_treatments_stand_in_the_order_of_their_first_mention():
    said = Turn("assistant", "Chemotherapy or surgery may help, and chemotherapy is often first. [1]")
    assert pointed("and the second one?", [said], "en", vocabulary()) == "and surgery?"


@given(st.sampled_from(LANGUAGES), st.text(max_size=60), st.text(max_size=80))
def test_any_message_can_be_looked_at(language: Language, message: str, said: str):
    assert isinstance(pointed(message, [Turn("assistant", said)], language, vocabulary()), str)
