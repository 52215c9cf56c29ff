"""Questions for the care team: drawn from what was asked and cited, in the reader's words, and never advice."""

from __future__ import annotations

import re

import pytest
from core_world import seeds, vocabulary

from rag.careteam import Questions, Spoken
from rag.labels import labels_for
from rag.language import is_traditional
from rag.types import LANGUAGES
from rag.view import markdown

QUESTIONS = Questions.load(vocabulary())
PERSONAL = {
    "en": "My father has stage 4 mesothelioma. Should he have chemotherapy?",
    "fr": "Mon père a un mésothéliome de stade 4. Doit-il faire la chimiothérapie ?",
    "zh": "我爸爸是四期间皮瘤，他应该做化疗吗？",
    "tr": "Babam 4. evre mezotelyoma hastası. Kemoterapi almalı mı?",
}
TRADITIONAL = "我爸爸是四期間皮瘤，他應該做化療嗎？"


def topics_of(kind: str, question: str, cited: str = "", count: int = 3) -> list[str]:
    picked = QUESTIONS.pick(kind, Spoken(question, "en"), [Spoken(cited, "en")], "en", count)
    names = {text: topic for topic, text in QUESTIONS.texts["en"].items() if "{name}" not in text}
    return [names.get(text, text) for text in picked]


def test_the_data_names_what_the_vocabulary_knows_and_every_topic_has_a_question_in_every_language():
    kinds = {concept.kind for concept in vocabulary().concepts.values()}
    assert QUESTIONS.concepts.keys() <= vocabulary().concepts.keys()
    assert QUESTIONS.kinds.keys() <= kinds
    topics = {*QUESTIONS.ranks, *QUESTIONS.asked.values(), *QUESTIONS.always}
    for language in LANGUAGES:
        assert set(QUESTIONS.texts[language]) == topics, language
        named = {topic for topic, text in QUESTIONS.texts[language].items() if "{name}" in text}
        assert named == set(QUESTIONS.kinds.values()) - {"side_effects"}, language


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_of_them_asks(language):
    for topic, text in QUESTIONS.texts[language].items():
        assert text.rstrip().endswith(("?", "？")), topic
    assert len(set(QUESTIONS.texts[language].values())) == len(QUESTIONS.texts[language])


def test_what_is_asked_about_and_cited_comes_first_and_what_nobody_cited_last():
    picked = topics_of("choice", "Surgery or chemotherapy?", "Chemotherapy relieves pain.")
    assert picked == ["chemotherapy", "pain", "surgery"]


def test_of_two_topics_the_more_specific_comes_first():
    assert topics_of("advice", "", "Palliative radiotherapy. Treatment goals. A clinical trial.")[:2] == [
        "palliative_radiotherapy",
        "trial",
    ]


def test_what_a_personal_question_asks_for_is_asked_of_the_team():
    assert topics_of("prognosis", "How long?")[0] == "prognosis"
    assert topics_of("trust", "Is the doctor wrong?")[0] == "second_opinion"


def test_a_thing_without_a_question_of_its_own_is_named():
    assert "“gemcitabine”" in topics_of("advice", "", "Gemcitabine.")[0]
    (french, *_) = QUESTIONS.pick("advice", Spoken("", "en"), [Spoken("Gemcitabine.", "en")], "fr")
    assert vocabulary().names(vocabulary().find("Gemcitabine", "en")[0].concept, "fr")[0] in french


def test_where_there_is_no_topic_the_general_ones_are_asked_and_none_twice():
    assert topics_of("advice", "Hm?") == list(QUESTIONS.always)
    for kind in (*QUESTIONS.asked, "advice"):
        picked = topics_of(kind, "Treatment options, prognosis, dose, goal of treatment?", "Prognosis. Survival.", 9)
        assert len(set(picked)) == len(picked)


@pytest.mark.parametrize(("language", "question"), [*PERSONAL.items(), ("zh", TRADITIONAL)])
def test_a_boundary_answer_ends_with_up_to_three_of_them_as_a_list(language, question):
    answer = seeds().ask(question)
    assert (answer.outcome, answer.language) == ("boundary", language)
    before, *items = re.split(r"\n- ", answer.text)
    assert 1 <= len(items) <= 3 and len(set(items)) == len(items)
    assert all(item.endswith(("?", "？")) and "\n" not in item for item in items)
    assert before.index(answer.sentences[-1].text) < len(before)
    assert is_traditional(" ".join(items)) == is_traditional(question)
    for layout in ("prose", "list", "quotes", "by_source"):
        page = markdown(answer, labels_for(language), layout=layout)
        assert all(f"\n- {item}" in page.replace("\\", "") for item in items)


def test_other_answers_have_none():
    answer = seeds().ask("What is the main goal of treatment for stage 4 mesothelioma?")
    assert answer.outcome == "answered"
    assert not set(QUESTIONS.texts["en"].values()) & {line.removeprefix("- ") for line in answer.text.splitlines()}
