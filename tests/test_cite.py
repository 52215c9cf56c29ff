"""A sentence is shown with proof or not at all."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rag.cite import Cited, cite, renumbered, shown, unmarked
from rag.types import AnswerSentence, Draft, Language, Sentence, Source

TEXT = "\ufeffIt may help &amp; it may not.\r\nSome 😀 patients  recover.\r\n放療穩(wěn)定病情。 As shown before [3]."
SOURCES = {"a.txt": Source("a.txt", TEXT, "0" * 64, "en", "Title")}


def sentence(quote: str, source: str = "a.txt") -> Sentence:
    start = TEXT.index(quote)
    return Sentence(source, start, start + len(quote), quote)


HELP, SOME, ZH, MARKED = map(
    sentence,
    ["It may help &amp; it may not.", "Some 😀 patients  recover.", "放療穩(wěn)定病情。", "As shown before [3]."],
)
FRENCH = {HELP.start: "Cela peut aider ou non.", ZH.start: "La radiothérapie stabilise [2]."}


def translate(found: Sentence, language: Language) -> str | None:
    text = FRENCH.get(found.start) if language == "fr" else None
    return unmarked(text) if text else None


def prove(*drafts: Draft, language: Language = "en") -> Cited:
    return cite(drafts, SOURCES, translate, language, lambda s: "zh" if s.start == ZH.start else "en")


def own(*sentences: Sentence) -> list[Draft]:
    return [Draft(shown(one), (one,)) for one in sentences]


def test_what_is_shown_is_mended_and_nothing_else():
    assert shown(HELP) == "It may help & it may not."
    assert shown(SOME) == "Some 😀 patients recover."
    assert shown(ZH) == "放療穩定病情。"
    assert shown(MARKED) == "As shown before (3)."


@given(st.text(st.sampled_from("[]()0123456789 ,-–a"), max_size=20))
def test_no_text_of_a_source_looks_like_a_citation(text: str):
    assert not re.search(r"\[\d+\]", unmarked(text))
    assert re.sub(r"[\[\]()]", "", unmarked(text)) == re.sub(r"[\[\]()]", "", text)


def test_a_citation_is_the_source_exactly():
    cited = prove(*own(SOME, HELP))
    assert [c.number for c in cited.citations] == [1, 2]
    for citation in cited.citations:
        assert citation.quote == TEXT[citation.start : citation.end]
    assert [s.citations for s in cited.sentences] == [(1,), (2,)]
    assert {s.verdict for s in cited.sentences} == {"verbatim"}
    assert cited.withheld == 0


def test_a_sentence_cited_twice_keeps_its_number():
    cited = prove(*own(HELP, SOME, HELP))
    assert [s.citations for s in cited.sentences] == [(1,), (2,), (1,)]
    assert len(cited.citations) == 2


def test_a_translation_is_shown_with_the_original_behind_it():
    french = Draft("Cela peut aider ou non.", (HELP,))
    cited = prove(french, language="fr")
    assert cited.sentences[0].verdict == "translated"
    assert cited.citations[0].quote == HELP.text and cited.citations[0].translation == french.text
    assert prove(french, language="tr").withheld == 1  # a translation into another language proves nothing


def test_the_citation_of_a_quote_in_another_language_carries_its_translation():
    cited = prove(*own(ZH), language="fr")
    assert cited.sentences[0].verdict == "verbatim"
    assert cited.citations[0].translation == "La radiothérapie stabilise (2)."
    assert prove(*own(ZH), language="zh").citations[0].translation is None


TAMPERED = {
    "a word more": Draft("It may help & it may not. Surely.", (HELP,)),
    "a word other": Draft("It will help & it may not.", (HELP,)),
    "half of it": Draft("It may help", (HELP,)),
    "the quote of another": Draft(shown(SOME), (HELP,)),
    "no evidence": Draft(shown(HELP), ()),
    "evidence moved": Draft(shown(HELP), (replace(HELP, start=HELP.start + 1, end=HELP.end + 1),)),
    "evidence changed": Draft("It will help.", (replace(HELP, text="It will help."),)),
    "evidence of no file": Draft(shown(HELP), (replace(HELP, source="b.txt"),)),
    "evidence beyond the end": Draft("x", (replace(HELP, start=10_000, end=10_001, text="x"),)),
    "evidence from behind": Draft("before", (replace(HELP, start=-11, end=-5, text="before"),)),
    "a heading": Draft(shown(HELP), (replace(HELP, kind="heading"),)),
    "an empty sentence": Draft("", (replace(HELP, end=HELP.start, text=""),)),
    "a script changed": Draft("放疗稳定病情。", (ZH,)),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_the_evidence_does_not_prove_is_withheld_and_counted(name: str):
    cited = prove(*own(SOME), TAMPERED[name], *own(HELP))
    assert cited.withheld == 1
    assert [s.text for s in cited.sentences] == [shown(SOME), shown(HELP)]
    assert [c.number for c in cited.citations] == [1, 2]


def test_of_several_pieces_of_evidence_one_that_proves_is_enough():
    cited = prove(Draft(shown(HELP), (SOME, replace(HELP, text="forged"), HELP)))
    assert [c.start for c in cited.citations] == [HELP.start] and cited.withheld == 0


@given(st.text(max_size=40), st.integers(-3, len(TEXT) + 3), st.integers(-3, len(TEXT) + 3))
def test_no_draft_is_shown_that_is_not_in_the_source(text: str, start: int, end: int):
    evidence = Sentence("a.txt", start, end, TEXT[start:end])
    for draft in (Draft(text, (evidence,)), Draft(shown(evidence), (evidence,))):
        for citation in prove(draft).citations:
            assert 0 <= citation.start < citation.end <= len(TEXT)
            assert citation.quote == TEXT[citation.start : citation.end] and draft.text == shown(evidence)


@given(st.lists(st.sampled_from([HELP, SOME, ZH, MARKED]), min_size=1, max_size=8), st.data())
def test_renumbered_keeps_what_each_sentence_cites(sentences: list[Sentence], data: st.DataObject):
    cited = prove(*own(*sentences))
    keep = data.draw(st.lists(st.integers(0, len(sentences) - 1), unique=True))
    assume(keep)
    fewer = renumbered(cited, keep)
    assert [c.number for c in fewer.citations] == list(range(1, len(fewer.citations) + 1))
    assert list(dict.fromkeys(n for s in fewer.sentences for n in s.citations)) == [c.number for c in fewer.citations]
    starts = {c.number: c.start for c in fewer.citations}
    assert [starts[s.citations[0]] for s in fewer.sentences] == [sentences[n].start for n in keep]
    assert fewer.withheld == cited.withheld


def test_renumbered_to_nothing_is_nothing():
    cited = Cited((AnswerSentence("x", (1,), "verbatim", 1.0),), prove(*own(HELP)).citations, 2)
    assert renumbered(cited, []) == Cited(withheld=2)
