"""Dictionary forms of inflected words."""

from __future__ import annotations

import pytest

from rag.lemmas import lemma_keys
from rag.terms import Terms, load_terms


@pytest.fixture(scope="module")
def terms() -> Terms:
    return load_terms()


@pytest.mark.parametrize(
    ("language", "word", "form"),
    [
        ("tr", "büyümemesi", "buyumek"),
        ("tr", "Sıçramaması", "sicramak"),
        ("tr", "çağırıyorlar", "cagirmak"),
        ("fr", "tournent", "tourner"),
        ("fr", "finisse", "finir"),
        ("en", "eradicated", "eradicate"),
        ("en", "Taught", "teach"),
    ],
)
def test_a_form_is_traced_to_its_dictionary_form(language, word, form):
    assert form in lemma_keys(word, language)


@pytest.mark.parametrize(("language", "word"), [("zh", "化疗"), ("en", "3.5"), ("en", "zqxv"), ("fr", "chimio")])
def test_what_has_no_other_form_stands_for_itself(language, word):
    assert lemma_keys(word, language) == ()


@pytest.mark.parametrize(
    ("language", "text", "concept"),
    [
        ("tr", "tümörün büyümemesi", "verb_grow"),
        ("tr", "hastaları çağırıyorlar", "verb_invite"),
        ("fr", "les cellules qui tourneraient", "verb_turn"),
    ],
)
def test_a_concept_is_found_in_a_form_that_no_name_lists(terms, language, text, concept):
    assert concept in {match.concept for match in terms.find(text, language)}


def test_an_inflected_word_is_no_slip_of_another(terms):
    assert terms.near("büyümemesi", "tr") is None
