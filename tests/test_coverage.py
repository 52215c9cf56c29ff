"""Do the sentences found answer the question? Every sign moves the chance the way it should."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.coverage import Nearest, Signals, Spoken, Weighed, assess, chance, is_held, share_covered, weigh
from rag.query import ASPECT, SUBJECT_KINDS, Query, Term

CEILING = 5.0
IDF = {"common": 0.1, "rare": 3.0, "#cancer": 0.2, "unknown": CEILING}


def term(key: str, kind: str = "noun") -> Term:
    return Term(key, frozenset({key}), kind)


CANCER = term("#cancer", "cancer")


def weighed(*terms: Term) -> tuple[Weighed, ...]:
    return weigh(Query("", "en", (), "", terms), lambda key: IDF.get(key, CEILING), CEILING)


def test_a_rare_term_weighs_more_than_a_common_one():
    common, rare = weighed(term("common"), term("rare"))
    assert rare.weight > common.weight and not rare.unknown and not common.unknown


def test_a_verb_weighs_less_than_a_thing_as_rare():
    thing, verb = weighed(term("rare"), term("rare", "verb"))
    assert thing.weight > verb.weight


def test_a_topic_counts_even_where_every_page_names_it():
    topic, other = weighed(term("#cancer", "cancer"), term("common"))
    assert topic.weight >= 1.0 > other.weight


def test_a_term_that_no_document_holds_is_unknown():
    assert weighed(term("unknown"))[0].unknown and weighed(term("never seen"))[0].unknown


def test_a_term_of_several_keys_is_as_rare_as_its_commonest():
    (one,) = weighed(Term("x", frozenset({"common", "unknown"}), "noun"))
    assert one.weight == weighed(term("common"))[0].weight and not one.unknown


def test_the_disease_may_stand_in_the_title_alone_and_a_drug_may_not():
    (cancer,), (drug,) = weighed(term("#cancer", "cancer")), weighed(term("#drug", "drug"))
    assert "cancer" in SUBJECT_KINDS and "drug" not in SUBJECT_KINDS
    assert is_held(cancer, set(), {"#cancer"}) and is_held(cancer, {"#cancer"}, set())
    assert is_held(drug, {"#drug"}, set()) and not is_held(drug, set(), {"#drug"})


def spoken(*keys: str, title: str = "") -> Spoken:
    return Spoken(frozenset(keys), frozenset({title}))


def test_a_name_is_held_where_all_its_parts_are():
    bladder = Term("bladder cancer", frozenset({"#bladder_cancer"}), "cancer", (frozenset({"#bladder"}), CANCER.keys))
    (asked,) = weighed(bladder)
    assert is_held(asked, {"#bladder", "#cancer"}, set()) and is_held(asked, {"#bladder"}, {"#cancer"})
    assert not is_held(asked, {"#cancer"}, set()) and not is_held(asked, {"#bladder"}, set())


def test_an_everyday_word_that_is_missing_tells_less_than_a_rare_one():
    everyday, rare = weighed(*(Term(word, frozenset({word}), "adverb") for word in ("exactly", "inextricably")))
    assert everyday.weight < rare.weight


def test_a_word_of_two_meanings_tells_less():
    sure, unsure = weighed(term("#cancer", "cancer"), replace(term("#cancer", "cancer"), sure=False))
    assert unsure.weight < sure.weight


def near(cosine: float) -> Nearest:
    return Nearest(cosine, cosine, cosine, cosine, 0.5, 0.5)


def test_a_question_about_nothing_has_no_chance():
    found = assess((), [spoken("common")], near(1.0), no_figure=False)
    assert found.score == 0 and found.missing == ()


def test_what_no_sentence_holds_is_named():
    asked = weighed(term("common"), term("rare"), term("unknown"))
    found = assess(asked, [spoken("rare"), spoken("common")], near(0.5), no_figure=False)
    assert found.missing == ("unknown",)
    assert "chance of an answer" in found.reason and f"{found.score:.2f}" in found.reason


def test_two_things_in_two_sentences_are_less_than_both_in_one():
    asked = weighed(term("rare"), term("#cancer", "cancer"))
    apart = assess(asked, [spoken("rare"), spoken("#cancer")], near(0.5), no_figure=False)
    together = assess(asked, [spoken("rare", "#cancer")], near(0.5), no_figure=False)
    assert apart.score < together.score and apart.missing == together.missing == ()


@pytest.mark.parametrize(
    ("lacking", "sign"),
    [
        (Term("causes", frozenset({"#cause"}), ASPECT), "no_aspect"),
        (Term("Lyon", frozenset({"lyon"}), "city"), "no_name"),
        (Term("hyperthermia", frozenset({"#hyperthermia"}), "treatment"), "no_means"),
    ],
)
def test_what_a_question_turns_on_has_a_sign_of_its_own(lacking: Term, sign: str):
    asked = weighed(CANCER, lacking)
    both = (spoken("#cancer"), spoken("#cancer", *lacking.keys))
    silent, told = (assess(asked, [one], near(0.6), no_figure=False) for one in both)
    assert getattr(silent.signals, sign) == 1 and silent.score < told.score
    if sign == "no_aspect":
        assert told.signals.no_aspect == 0


def test_cosines_that_were_not_calibrated_are_left_out():
    asked = weighed(CANCER)
    without = assess(asked, [spoken("#cancer")], None, no_figure=False)
    assert 0 < without.signals.passage < 1
    assert assess(asked, [spoken("#cancer")], near(0.1), no_figure=False).score < without.score


SHARES = st.floats(0, 1)
SWITCH = st.sampled_from([0.0, 1.0])
SIGNALS = st.builds(Signals, *[SHARES] * 3, *[SWITCH] * 4, *[SHARES] * 7)


@given(SIGNALS)
def test_a_chance_is_a_probability(signals: Signals):
    assert 0 < chance(signals) < 1


@pytest.mark.parametrize("sign", [field.name for field in fields(Signals)])
@given(signals=SIGNALS, other=SHARES)
def test_more_of_a_sign_moves_the_chance_one_way(sign: str, signals: Signals, other: float):
    low, high = sorted([getattr(signals, sign), other])
    less, more = chance(replace(signals, **{sign: low})), chance(replace(signals, **{sign: high}))
    assert less <= more if sign in ("held", "passage", "sentences", "expanded", "native") else less >= more


KEYS = ("common", "rare", "#cancer", "unknown")
TERMS = st.lists(
    st.builds(term, st.sampled_from(KEYS), st.sampled_from(["noun", "verb", "cancer", "drug"])), min_size=1
)
HELD = st.frozensets(st.sampled_from(KEYS))


@given(TERMS, HELD, HELD)
def test_holding_more_never_covers_less(terms: list[Term], held: frozenset[str], more: frozenset[str]):
    asked = weighed(*terms)
    assert 0 <= share_covered(asked, held) <= share_covered(asked, held | more) <= 1 + 1e-9
    assert share_covered(asked, held) <= share_covered(asked, held, more) + 1e-9
    assert share_covered(asked, frozenset(KEYS)) == pytest.approx(1)


@given(TERMS, HELD, HELD, SHARES)
def test_a_better_sentence_never_lowers_the_score(
    terms: list[Term], held: frozenset[str], more: frozenset[str], cosine: float
):
    asked = weighed(*terms)
    one = assess(asked, [spoken(*held)], near(cosine), no_figure=False)
    other = assess(asked, [spoken(*held, *more)], near(cosine), no_figure=False)
    assert one.score <= other.score + 1e-9 and set(other.missing) <= set(one.missing)
    assert assess(asked, [spoken(*held)], near(cosine), no_figure=True).score <= one.score


def test_a_negative_cosine_counts_as_none():
    asked = weighed(term("rare"))
    below, none = Nearest(-0.4, -0.1, -0.2, -0.3, 0.5, 0.5), Nearest(0.0, 0.0, 0.0, 0.0, 0.5, 0.5)
    assert assess(asked, [], below, no_figure=False) == assess(asked, [], none, no_figure=False)


def test_what_was_named_before_weighs_less_and_is_held_by_what_stands_around():
    new = Term("pain", frozenset({"#pain"}), "symptom")
    old = Term("metastases", frozenset({"#metastasis"}), "stage", carried=True)
    before = Term("chemotherapy", frozenset({"#chemotherapy"}), "treatment", carried=True)
    query = Query("", "en", (), "", (new, old, before))
    pain, metastases, chemotherapy = weigh(query, lambda _: 5.0, 9.0)
    assert pain.weight > metastases.weight > 0
    assert is_held(metastases, set(), set(), {"#metastasis"}) and not is_held(pain, set(), set(), {"#pain"})
    assert not is_held(chemotherapy, set(), set(), {"#chemotherapy"})
