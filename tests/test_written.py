"""Sentences and markers out of what models really write, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.types import LANGUAGES, Language
from rag.written import Writing, without_thoughts

KNOWN = 9


def read(text: str, language: Language = "en", known: int = KNOWN) -> list[tuple[str, tuple[int, ...]]]:
    writing = Writing(language, known)
    return [(one.text, one.ids) for one in (*writing.feed(text), *writing.close())]


#: The same two sentences in each language, and where their markers may stand.
PAIRS: dict[Language, tuple[str, str]] = {
    "en": ("Dr. Gray gave approx. 5.5 mg, e.g. in the U.S. at 3.30", "It was enough"),
    "fr": ("Le Dr. Roux a donné env. 5,5 mg, p. ex. chez M. Blanc", "C'était assez"),
    "zh": ("张医生给了5.5毫克（约0.5%）", "这就够了"),
    "tr": ("Dr. Ak 5,5 mg verdi, örn. 4. evre vb. durumlarda", "Bu yetti"),
}
STOP = {"en": ".", "fr": ".", "zh": "。", "tr": "."}
FORMS = {
    "before the stop": "{one} [1]{stop} {two} [2]{stop}",
    "before the stop, no space": "{one}[1]{stop} {two}[2]{stop}",
    "after the stop": "{one}{stop} [1] {two}{stop} [2]",
    "after the stop, no space": "{one}{stop}[1] {two}{stop}[2]",
    "no space at all": "{one}{stop}[1]{two}{stop}[2]",
    "wide": "{one}【1】{stop} {two}【2】{stop}",
    "wide after the stop": "{one}{stop}【1】 {two}{stop}【2】",
    "with a dagger": "{one}【1†source】{stop} {two}【2†source】{stop}",
    "wide digits": "{one}［１］{stop} {two}［２］{stop}",
    "round": "{one} (1){stop} {two} (2){stop}",
    "round after the stop": "{one}{stop} (1) {two}{stop} (2)",
    "a list": "- {one} [1]\n- {two} [2]\n",
    "a list with stops": "• {one}{stop} [1]\n• {two}{stop} [2]",
    "leading": "[1] {one}{stop} [2] {two}{stop}",
    "leading lines": "[1] {one}{stop}\n[2] {two}{stop}\n",
    "bold": "**{one}**{stop} [1] {two} [2]{stop}",
    "named": "{one} [Source 1]{stop} {two} [S2]{stop}",
    "footnotes": "{one} [^1]{stop} {two} [^2]{stop}",
    "no last stop": "{one}{stop} [1] {two} [2]",
    "blank lines": "\n\n{one} [1]{stop}\n\n\n{two} [2]{stop}\n\n",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS)
def test_markers_are_found_where_models_put_them(form: str, language: Language):
    one, two = PAIRS[language]
    found = read(FORMS[form].format(one=one, two=two, stop=STOP[language]), language)
    assert [(text.rstrip(".。"), ids) for text, ids in found] == [(one, (1,)), (two, (2,))]


@pytest.mark.parametrize(
    ("marks", "ids"),
    [
        ("[1, 2]", (1, 2)),
        ("[1,2]", (1, 2)),
        ("[1][2]", (1, 2)),
        ("[1] [2]", (1, 2)),
        ("[1; 2、3]", (1, 2, 3)),
        ("[1 and 2]", (1, 2)),
        ("[1-3]", (1, 2, 3)),
        ("[1–3, 5]", (1, 2, 3, 5)),
        ("[2, 2][2]", (2,)),
        ("[0]", (0,)),
        ("[12]", (12,)),
        ("[8-12]", (8, 9, 12)),
        ("[3-1]", (3, 0)),
        ("[1-9999]", (*range(1, 10), 9999)),
    ],
)
@pytest.mark.parametrize("form", ["It helps {}.", "It helps. {}", "It helps.{}\nMore"])
def test_every_number_of_a_marker_counts_the_unknown_ones_too(marks: str, ids: tuple[int, ...], form: str):
    assert read(form.format(marks))[0] == ("It helps.", ids)


@pytest.mark.parametrize(
    "text",
    [
        "It takes [5 mg] a day.",
        "It was so in (2019).",
        "Stage (4) is meant, not stage (3) here.",
        "The range [a-z] is meant.",
        "It is [sic] so.",
        "It costs 3.5 (or 2.1) euros.",
        "See figure [-1].",
    ],
)
def test_what_is_no_marker_stays(text: str):
    assert read(text, known=2) == [(text, ())]


def test_a_marker_before_the_stop_ends_a_sentence_with_its_last_letter():
    writing = Writing("en", KNOWN)
    assert not list(writing.feed("It helps a lot [1]"))
    assert [one.text for one in writing.feed(".")] == ["It helps a lot."]


def test_a_marker_of_a_sentence_that_is_complete_is_not_given_to_the_next():
    assert read("It helps [1]. [2] It hurts [3].") == [("It helps.", (1,)), ("It hurts.", (3,))]


def test_what_has_no_marker_is_a_sentence_too():
    assert read("Sure! Here it is: It helps. [1] Ask away.") == [
        ("Sure!", ()), ("Here it is: It helps.", (1,)), ("Ask away.", ()),
    ]  # fmt: skip


def test_an_answer_that_ends_in_a_marker_half_written_loses_only_that():
    assert read("It helps [1]. It hurts [2") == [("It helps.", (1,)), ("It hurts", ())]


def test_what_cannot_be_seen_is_thrown_away():
    assert read("It\u200b he\u202elps\ue000\x00 [1].") == [("It helps.", (1,))]


def test_a_sentence_without_end_is_cut():
    found = read("word " * 2000)
    assert len(found) > 1 and all(len(text) <= 1500 for text, _ in found)


PARTS = st.sampled_from(
    ["It helps", " a lot", ".", "。", "! ", "[1]", "[2, 3]", "【4】", "(1)", " ", "\n", "Dr.", "3.5", "化疗", "[", "]"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=30).map("".join), st.lists(st.integers(1, 9), max_size=40), st.sampled_from(LANGUAGES))
def test_how_the_text_is_cut_changes_nothing(text: str, cuts: list[int], language: Language):
    writing, found, rest = Writing(language, KNOWN), [], text
    for cut in cuts:
        found += writing.feed(rest[:cut])
        rest = rest[cut:]
    found += [*writing.feed(rest), *writing.close()]
    assert [(one.text, one.ids) for one in found] == read(text, language)


@given(st.lists(PARTS, max_size=30).map("".join), st.sampled_from(LANGUAGES))
def test_no_word_is_lost_and_no_marker_shown(text: str, language: Language):
    found = " ".join(one for one, _ in read(text, language))
    assert not any(mark in found for mark in ("[1]", "[2, 3]", "【4】", "\ue000"))
    assert "".join(c for c in found if c.isalpha()) == "".join(c for c in text if c.isalpha())


@given(st.text(max_size=60), st.sampled_from(LANGUAGES))
def test_any_text_is_read(text: str, language: Language):
    assert all(one and ids == tuple(dict.fromkeys(ids)) for one, ids in read(text, language))


THOUGHT = "<think>Is it so? It helps [1].</think>\n"


@given(st.lists(st.integers(1, 6), max_size=20))
def test_thoughts_are_no_answer(cuts: list[int]):
    pieces, rest = [], f"{THOUGHT}It is so."
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert "".join(without_thoughts([*pieces, rest])).strip() == "It is so."


@pytest.mark.parametrize("text", ["", "It is so.", "<b", "a <think> b", "<thinking>no"])
def test_what_is_no_thought_stays(text: str):
    assert "".join(without_thoughts(list(text))) == text


def test_thoughts_without_end_are_no_answer():
    assert "".join(without_thoughts(["<think>", "and so on"])) == ""
