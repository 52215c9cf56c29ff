"""What kind of answer a question wants, in four languages: a figure with its unit, names of drugs."""

from __future__ import annotations

import pytest
from core_world import vocabulary

from rag.query import ASPECT, Query, understand
from rag.types import Language


def asked(question: str, language: Language) -> Query:
    return understand(question, language, vocabulary())


SHORT, LONG = "#noun_minute", "#noun_week"


@pytest.mark.parametrize(
    ("language", "question", "unit"),
    [
        ("en", "How many minutes does it take?", SHORT),
        ("en", "After how many weeks does it show?", LONG),
        ("fr", "Une séance dure combien de minutes ?", SHORT),
        ("fr", "Au bout de combien de semaines ?", LONG),
        ("zh", "一次要多少分钟?", SHORT),
        ("tr", "Bir seans kaç dakika sürer?", SHORT),
        ("tr", "Kaç hafta sonra belli olur?", LONG),
    ],
)
def test_a_number_of_something_wants_its_unit(language: Language, question: str, unit: str):
    found = asked(question, language)
    assert found.asks_number and unit in found.unit and not {SHORT, LONG} <= found.unit


@pytest.mark.parametrize("question", ["How long does it last?", "Is it given in weeks or in one go?"])
def test_without_a_number_of_something_there_is_no_unit(question: str):
    assert not asked(question, "en").unit


def names(question: str, language: Language) -> frozenset[str]:
    """The keys of what the names are asked of."""
    aspects = (term.keys for term in asked(question, language).terms if term.kind == ASPECT)
    return frozenset().union(*aspects)


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "Which immunotherapy drugs are given?"),
        ("en", "What drugs are used?"),
        ("fr", "Quels médicaments exactement ?"),
        ("fr", "Comment s'appellent les produits de chimio ?"),
        ("zh", "免疫治疗用哪些药?"),
        ("tr", "İmmünoterapide hangi ilaçlar var?"),
    ],
)
def test_which_drugs_wants_their_names(language: Language, question: str):
    wanted = names(question, language)
    assert "#cancer_drug" not in wanted and "#drug_medicine" not in wanted
    assert any(vocabulary().concepts[key[1:]].kind == "cancer_drug" for key in wanted)


@pytest.mark.parametrize(
    "question",
    [
        "What is the medicine supposed to do?",
        "Which treatment uses drugs to wake the immune system?",
        "Are drugs given before the operation?",
    ],
)
def test_a_question_on_drugs_wants_no_names(question: str):
    assert not names(question, "en")
