"""Words as search keys in four languages, and BM25 over them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.lexical import Bm25, tokens
from rag.terms import load_terms

vocabulary = cache(load_terms)

# Spellings of one thing: what is asked as one of them is found where another stands.
SAME = [
    ("en", "treating", "treated"),
    ("en", "tumours", "tumour"),
    ("en", "the patient's", "patients"),
    ("en", "PET-CT", "PET‑CT"),
    ("en", "PETCT", "pet-ct"),
    ("en", "HER-2", "her2"),
    ("en", "10mg", "10 mg"),
    ("en", "naïve", "NAIVE"),
    ("fr", "l'œsophage", "oesophages"),
    ("fr", "d’une chimiothérapie", "des chimiothérapies"),
    ("fr", "qu’elle soigne", "soigner"),
    ("fr", "chimio-radiothérapie", "chimioradiothérapie"),
    ("fr", "2,5 mg", "2.5 mg"),
    ("zh", "肿瘤稳定", "腫瘤穩定"),
    ("zh", "肿瘤稳定", "腫瘤穩(wěn)定"),
    ("zh", "ＰＤ－１抑制剂", "PD-1 抑制劑"),
    ("tr", "İLAÇ", "ilaçlar"),
    ("tr", "IŞIN", "ışın"),
    ("tr", "kanserinin", "kanserler"),
    ("tr", "PET'in", "pet"),
]
# What must not be taken for one another.
DIFFERENT = [
    ("en", "2.5 mg", "25 mg"),
    ("en", "grade 3, 5 patients", "3.5"),
    ("en", "10²", "102"),
    ("fr", "l'os", "l'eau"),
    ("zh", "稳定", "定稳"),
    ("tr", "ışın", "izin"),
]


@pytest.mark.parametrize(("language", "asked", "stands"), SAME)
def test_what_is_asked_is_found_in_every_spelling(language, asked, stands):
    assert set(tokens(asked, language)) & set(tokens(stands, language)) - {"mg"}


@pytest.mark.parametrize(("language", "asked", "stands"), DIFFERENT)
def test_what_differs_shares_no_key(language, asked, stands):
    assert not set(tokens(asked, language)) & set(tokens(stands, language)) - {"mg"}


def test_corrupted_traditional_characters_have_the_very_keys_of_simplified_ones():
    assert tokens("腫瘤穩(wěn)定", "zh") == tokens("肿瘤稳定", "zh") == ["肿瘤", "瘤稳", "稳定"]


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "what is it of the"), ("fr", "qu'est-ce que c'est, d'un"), ("tr", "bu ne için ve"), ("en", " …—!? ")],
)
def test_words_that_say_nothing_have_no_key(language, text):
    assert tokens(text, language) == []


def test_elision_leaves_no_letters_behind():
    assert tokens("L'opération d'un patient, aujourd’hui", "fr") == ["oper", "patient", "aujourd", "hui"]


def test_latin_words_inside_chinese_are_words():
    assert tokens("做CT检查", "zh") == ["做", "ct", "检查"]


def test_one_chinese_character_alone_is_a_key():
    assert tokens("肺", "zh") == ["肺"]


def test_compounds_are_found_by_their_parts_and_as_a_whole():
    assert set(tokens("anti-PD-1", "en")) >= {"anti", "pd", "antipd1"}
    assert set(tokens("5-FU", "en")) >= {"5", "fu", "5fu"}


def test_a_range_of_years_is_two_years():
    assert tokens("2020-2021", "en") == ["2020", "2021"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "oesophageal cancer"),
        ("fr", "cancer de l’œsophage"),
        ("zh", "食道癌"),
        ("zh", "食管癌"),
        ("tr", "yemek borusu kanseri"),
    ],
)
def test_a_concept_has_one_key_in_every_language(language, text):
    assert "#esophageal_cancer" in tokens(text, language, vocabulary())
    assert not any(key.startswith("#") for key in tokens(text, language))


@given(st.text(max_size=60), st.sampled_from(["en", "fr", "zh", "tr"]))
def test_any_text_has_keys_without_white_space(text, language):
    assert all(key and not any(char.isspace() for char in key) for key in tokens(text, language))


KEYS = st.sampled_from(["a", "b", "c", "dose", "肿瘤", "#cancer", "2.5"])
DOCUMENTS = st.lists(st.lists(KEYS, max_size=8), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(documents=DOCUMENTS, asked=st.lists(KEYS | st.just("nowhere"), max_size=6))
def test_what_is_loaded_scores_as_what_was_saved(documents, asked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bm25")
    built = Bm25.build(documents)
    built.save(folder)
    loaded = Bm25.load(folder)
    assert np.array_equal(built.scores(asked), loaded.scores(asked))
    assert loaded.scores(asked).shape == (len(documents),)
    assert [loaded.idf(key) for key in asked] == [built.idf(key) for key in asked]


@settings(max_examples=50, deadline=None)
@given(documents=DOCUMENTS, asked=st.lists(KEYS | st.just("nowhere"), unique=True, max_size=6))
def test_scores_and_shares_tell_who_holds_what(documents, asked):
    bm25 = Bm25.build(documents)
    shares = bm25.shares(asked)
    assert np.all((shares >= 0) & (shares <= 1 + 1e-6))
    holds = [bool(set(keys) & set(asked)) for keys in documents]
    assert (bm25.scores(asked) > 0).tolist() == holds == (shares > 0).tolist()
    for key in asked:
        assert sorted(bm25.holders(key).tolist()) == [n for n, keys in enumerate(documents) if key in keys]


def test_the_rarer_a_key_the_more_it_weighs():
    documents = [["common", "rare"], ["common", "middling"], ["common", "middling"], ["common"]]
    bm25 = Bm25.build(documents)
    n = len(documents)
    for key, df in (("common", 4), ("middling", 2), ("rare", 1), ("nowhere", 0)):
        assert len(bm25.holders(key)) == df
        assert bm25.idf(key) == pytest.approx(math.log(1 + (n - df + 0.5) / (df + 0.5)))
    assert bm25.idf("common") < bm25.idf("middling") < bm25.idf("rare") < bm25.idf("nowhere")
    assert bm25.scores(["rare"])[0] > bm25.scores(["middling"])[1]


def test_repetition_never_beats_another_word_of_the_question():
    bm25 = Bm25.build([["dose"] * 50, ["dose", "nausea"], ["nausea"], ["pain"]])
    assert np.argmax(bm25.scores(["dose", "nausea"])) == 1


def test_a_passage_that_holds_all_has_nearly_the_whole_share():
    bm25 = Bm25.build([["dose", "nausea", "dose", "nausea"], ["dose"], ["pain"]])
    assert bm25.shares(["dose", "nausea", "nowhere"])[0] > 0.8
    assert not bm25.shares(["nowhere"]).any()


def test_a_corpus_without_any_key_is_searched_in_vain():
    bm25 = Bm25.build([[], []])
    assert bm25.scores(["dose"]).tolist() == [0.0, 0.0]
    assert bm25.shares([]).tolist() == [0.0, 0.0]
