"""A question as it is searched for: slips mended, stories cut to their question, terms that an answer must cover."""

from __future__ import annotations

import pytest
from core_world import vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.coverage import NAME_KINDS
from rag.language import fold
from rag.query import ASPECT, FORM_KINDS, TOPIC_KINDS, Query, focus, mend, understand
from rag.tables import read_table
from rag.types import LANGUAGES, Language

SLIPS = [
    ("en", "What is chemoterapy?", "What is chemotherapy?"),
    ("en", "radiotherpay", "radiotherapy"),
    ("en", "mesotheliomaa", "mesothelioma"),
    ("tr", "kemoterapy", "kemoterapi"),
]
RIGHT = [
    ("en", "Does chemo help against mets?"),
    ("en", "I love Paris and chemistry."),
    ("fr", "La chimiothérapie guérit-elle ?"),
    ("tr", "Evre 4 mezotelyoma nedir?"),
    ("zh", "化疗有用吗?"),
]


def read(text: str, language: Language = "en") -> Query:
    return understand(text, language, vocabulary())


def kinds(query: Query) -> dict[str, str]:
    return {term.surface: term.kind for term in query.terms}


@pytest.mark.parametrize(("language", "typed", "meant"), SLIPS)
def test_a_misspelt_term_is_mended(language: Language, typed: str, meant: str):
    assert mend(typed, language, vocabulary()) == meant


@pytest.mark.parametrize(("language", "text"), RIGHT)
def test_what_is_spelt_right_stays(language: Language, text: str):
    assert mend(text, language, vocabulary()) == text


def test_one_concept_in_four_languages_is_one_key():
    asked = {"en": "esophageal cancer", "fr": "cancer de l'œsophage", "zh": "食管癌", "tr": "özofagus kanseri"}
    keys = [{key for key in read(text, language).keys if key.startswith("#")} for language, text in asked.items()]
    assert set.intersection(*keys)
    assert "#" + "".join(sorted(read("食管癌", "zh").terms[0].keys)).split("#")[1] in read("食道癌", "zh").keys


def test_the_gloss_of_another_language_is_english():
    assert "radiotherapy" in read("La radiothérapie fait-elle mal ?", "fr").gloss
    assert "radiotherapy" in read("放疗痛吗?", "zh").gloss
    assert understand("放疗痛吗?", "zh", vocabulary(), english=False).gloss == "放疗痛吗?"
    assert read("Does it hurt?").gloss == "Does it hurt?"


def test_terms_are_what_the_question_is_about():
    found = kinds(read("Is radiotherapy painful for breast cancer in 2023 at Zorbax?"))
    assert found["radiotherapy"] == "treatment" and found["breast cancer"] == "cancer"
    assert found["2023"] == "number" and found["Zorbax"] == "name"
    assert not {"is", "for", "in", "at"} & {surface.lower() for surface in found}


@pytest.mark.parametrize(
    ("language", "text"), [("en", "What is it?"), ("fr", "Et alors ?"), ("zh", "为什么?"), ("tr", "Neden?"), ("en", "")]
)
def test_a_question_about_nothing_has_no_terms(language: Language, text: str):
    assert read(text, language).terms == ()


def test_what_is_asked_for_inside_a_question_phrase_is_a_term():
    assert any("side_effect" in " ".join(term.keys) for term in read("What are the side effects?").terms)


FIGURES = [
    ("en", "How long does radiotherapy last?"),
    ("en", "What percentage of patients survive?"),
    ("fr", "Combien de temps dure la radiothérapie ?"),
    ("fr", "À quelle fréquence faut-il un scanner ?"),
    ("zh", "放疗持续多久?"),
    ("zh", "生存率是多少?"),
    ("tr", "Radyoterapi kaç gün sürer?"),
    ("tr", "Kaç hasta iyileşir?"),
]
NO_FIGURES = [("en", "What is radiotherapy?"), ("fr", "Pourquoi ?"), ("zh", "放疗痛吗?"), ("tr", "Radyoterapi nedir?")]


@pytest.mark.parametrize(("language", "text"), FIGURES)
def test_some_questions_only_a_figure_answers(language: Language, text: str):
    assert read(text, language).asks_number


@pytest.mark.parametrize(("language", "text"), NO_FIGURES)
def test_others_need_none(language: Language, text: str):
    assert not read(text, language).asks_number


STORY = (
    "My father is 71 years old and he was diagnosed with mesothelioma in March after a long winter of coughing. He "
    "worked in a shipyard for thirty years. He has lost some weight and sleeps badly. We live far from the hospital. "
    "{} Thank you so much for reading all of this."
)


def test_of_a_story_the_question_is_searched_and_its_subject():
    asked = focus(STORY.format("Does immunotherapy help?"), "en", vocabulary())
    assert asked == "mesothelioma Does immunotherapy help?"
    assert focus(STORY.format("I wonder about immunotherapy."), "en", vocabulary()).endswith("about immunotherapy.")


def test_a_story_in_chinese_counts_characters():
    told = "我父亲今年七十一岁，三月份确诊了间皮瘤。他在造船厂工作了三十年，最近瘦了很多，晚上也睡不好。"
    story = f"{told}我们住得离医院很远，家里人都很担心。免疫治疗有用吗？谢谢大家看完这么长的一段话。"
    assert focus(story, "zh", vocabulary()) == "间皮瘤 免疫治疗有用吗？"


SHORT = [
    ("en", "I have a cold. What is mesothelioma? Thanks.", "What is mesothelioma?"),
    ("en", "It is about mesothelioma. Does chemotherapy help?", "mesothelioma Does chemotherapy help?"),
    ("en", "I read about mesothelioma. Can it be better?", "I read about mesothelioma. Can it be better?"),
    ("tr", "Bu işe yarar mı? Mezotelyoma için soruyorum.", "Bu işe yarar mı? Mezotelyoma için soruyorum."),
]


@pytest.mark.parametrize(("language", "text", "searched"), SHORT)
def test_of_a_short_message_its_question_is_searched_where_that_names_its_topic(
    language: Language, text: str, searched: str
):
    assert focus(text, language, vocabulary()) == searched


def test_aspects_are_what_is_asked_about_a_thing():
    for language, text in (("en", "What causes rectal cancer?"), ("fr", "Qu'est-ce qui cause le cancer du rectum ?")):
        found = [term for term in read(text, language).terms if term.kind == ASPECT]
        assert len(found) == 1 and "#noun_cause" in found[0].keys


def test_a_name_knows_its_parts():
    (term,) = [term for term in read("膀胱癌", "zh").terms if term.kind == "cancer"]
    assert {"#bladder"} in term.parts and {"#cancer"} in term.parts


def test_words_that_people_use_are_no_slips():
    assert mend("nouveautés", "fr", vocabulary()) == "nouveautés" and mend("swears", "en", vocabulary()) == "swears"


def test_a_long_message_without_anything_to_find_is_kept_in_part():
    assert focus("lorem ipsum dolor sit amet " * 40, "en", vocabulary()).strip()


def test_no_kind_is_both_form_and_topic():
    assert not FORM_KINDS & set(TOPIC_KINDS) and len(set(TOPIC_KINDS)) == len(TOPIC_KINDS)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80), st.sampled_from(LANGUAGES))
def test_any_text_can_be_read(text: str, language: Language):
    query = read(text, language)
    assert all(term.keys and term.surface and all(term.keys) for term in query.terms)
    assert len({term.keys for term in query.terms}) == len(query.terms)
    assert query == read(text, language)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["chemotherapy", "metastases", "surgery", "mesothelioma"]), min_size=1, unique=True))
def test_the_order_and_case_of_terms_do_not_matter(words: list[str]):
    one, other = read(" ".join(words)), read(" ".join(reversed(words)).upper())
    assert set(one.keys) == set(other.keys)
    assert {frozenset(t.keys) for t in one.terms} == {frozenset(t.keys) for t in other.terms}
    assert {fold(t.surface) for t in one.terms} == {fold(t.surface) for t in other.terms}


def test_what_may_stand_for_a_term_is_its_kin_and_the_vocabularys_own():
    rings = read_table("kin.yaml")["rings"]
    assert all(len(ring) >= 2 and set(ring) <= set(vocabulary().concepts) for ring in rings)
    (term,) = [t for t in read("Can it be destroyed?").terms if t.kind == "verb"]
    assert "#verb_eradicate" in term.kin and not term.kin & term.keys


def test_no_ring_joins_what_has_a_name_of_its_own():
    named = NAME_KINDS - {"drug_class"} | {"anatomy"}
    kinds = {vocabulary().concepts[concept].kind for ring in read_table("kin.yaml")["rings"] for concept in ring}
    assert not kinds & named
