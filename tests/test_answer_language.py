"""An answer is in one language, and says so where a part of it is in another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from core_world import ARM, WHAT_IS, over, seeds

from rag.labels import labels_of
from rag.language import identify, is_traditional, to_simplified, to_traditional
from rag.notices import load_notices
from rag.types import LANGUAGES, Answer, Language
from rag.view import markdown, panels, pieces

QUESTIONS = [json.loads(line) for line in Path("tests/questions/dev.jsonl").read_text(encoding="utf-8").splitlines()]
MARK = re.compile(r"\[\d+\]")
WORD = re.compile(r"[^\W\d_]{2,}")
#: Bare names ("Citewell", "112 (Europe)") are in no language.
_WORDS_THAT_TELL = 4
FOREIGN: list[tuple[str, Language]] = [
    ("Was ist Mesotheliom?", "en"),
    ("¿La quimioterapia destruye las metástasis?", "fr"),
    ("Cos'è il mesotelioma?", "fr"),
    ("Что такое химиотерапия?", "en"),
    ("ما هو العلاج الكيميائي؟", "en"),
    ("化学療法とは何ですか", "zh"),
    ("కీమోథెరపీ అంటే ఏమిటి?", "en"),
]


@cache
def asked(language: Language) -> tuple[Answer, ...]:
    return tuple(seeds().ask(q["question"]) for q in QUESTIONS if q["lang"] == language)


def said_to_be_in(answer: Answer) -> set[Language]:
    """The languages that the answer says it quotes."""
    notices = load_notices()
    told = {
        code: notices.say(["quoted"], answer.language, source_language=notices.name(code, answer.language))
        for code in LANGUAGES
    }
    text = to_simplified(answer.text) if answer.language == "zh" else answer.text
    return {code for code, notice in told.items() if notice in text}


def parts_in_another_language(answer: Answer) -> Iterator[str]:
    """What a reader would stumble over: a part of the text that is neither in the answer's language nor announced."""
    allowed = {answer.language} | said_to_be_in(answer)
    for piece in pieces(answer):
        tells = len(WORD.findall(piece.text)) >= _WORDS_THAT_TELL or answer.language == "zh"
        if tells and identify(MARK.sub("", piece.text), answer.language).language not in allowed:
            yield piece.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_answer_mixes_languages_without_saying_so(language):
    answers = asked(language)
    assert {answer.language for answer in answers} == {language}
    assert len({answer.outcome for answer in answers}) >= 4
    assert not [text for answer in answers for text in parts_in_another_language(answer)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_citation_of_another_language_has_its_translation(language):
    for answer in asked(language):
        foreign = [c for c in answer.citations if c.language != language]
        assert all(c.translation and identify(c.translation, language).language == language for c in foreign)
        shown = markdown(answer, labels_of(answer))
        for number in (s.citations[0] for s in answer.sentences if s.verdict == "translated"):
            original = labels_of(answer).name_of(answer.citations[number - 1].language)
            lines = [line for line in shown.split("\n") if f"[{number}]" in line and original in line]
            assert len(lines) >= 2  # the remark that it is translated, and the list of sources


@pytest.mark.parametrize("told", LANGUAGES)
@pytest.mark.parametrize("own", LANGUAGES)
def test_what_nobody_has_translated_is_said_to_be_in_its_language(own, told):
    answer = over({"arm.txt": ARM[own]}).ask(WHAT_IS[own], language=told)
    assert answer.sentences
    assert said_to_be_in(answer) == ({own} - {told})
    assert not list(parts_in_another_language(answer))


def test_a_traditional_question_gets_traditional_characters_everywhere():
    answers = [seeds().ask(to_traditional(q["question"])) for q in QUESTIONS if q["lang"] == "zh"]
    traditional = [answer for answer in answers if is_traditional(answer.question)]
    assert len(traditional) > 0.8 * len(answers)
    for answer in traditional:
        labels = labels_of(answer)
        assert labels.tag == "zh-Hant"
        verbatim = {s.text for s in answer.sentences if s.verdict == "verbatim"}  # the source's own characters
        own = [piece.text for piece in pieces(answer) if piece.text not in verbatim]
        panel = [value for p in panels(answer, seeds().sources, labels) for key, value in p.items() if key in OURS]
        assert [text for text in (*own, *panel) if to_traditional(text) != text] == []


#: What a panel shows that is not the document's.
OURS = {"heading", "citedLabel", "translation", "translationLabel", "language", "whole", "newTab"}


# -- a fifth language ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("question", "nearest"), FOREIGN)
def test_a_question_in_a_fifth_language_is_told_so_in_english_and_in_the_nearest_of_ours(question, nearest):
    answer, notices = seeds().ask(question), load_notices()
    assert answer.language == nearest
    assert answer.hits  # retrieval has tried
    for place, reader in enumerate(dict.fromkeys(("en", nearest))):
        name = notices.name(nearest, reader)
        notice = notices.say(["foreign"], reader, answer_language=name)
        notice = to_traditional(notice) if reader == "zh" and is_traditional(question) else notice
        assert answer.text.split("\n\n")[place] == notice


def test_an_answer_is_still_found_where_words_are_shared():
    answer = seeds().ask("Was ist Mesotheliom?")
    assert answer.outcome == "answered"
    assert any("Mesothelioma is a rare" in citation.quote for citation in answer.citations)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_in_ours_is_told_nothing_of_it(language):
    notices = load_notices()
    told = notices.say(["foreign"], "en", answer_language=notices.name(language, "en"))
    assert not [answer for answer in asked(language) if told in answer.text]


def test_an_answer_language_that_was_asked_for_needs_no_explanation():
    answer = seeds().ask("Was ist Mesotheliom?", language="tr")
    assert answer.language == "tr"
    assert not list(parts_in_another_language(answer))


def test_nothing_stands_before_a_call_for_help():
    for language, question in (
        ("es", "me estoy desangrando, call 911 help i can't breathe"),
        ("en", "I can't breathe"),
    ):
        answer = seeds().ask(question)
        assert answer.outcome != "emergency" or "so I answer" not in answer.text, language


@pytest.mark.parametrize(
    ("question", "title"),
    [("你有哪些资料？", "放疗后为什么肿瘤还在"), ("你有哪些資料？", "放療後為什麼腫瘤還在")],
)
def test_the_list_of_documents_is_in_the_readers_characters(question, title):
    answer = seeds().ask(question)
    assert answer.outcome == "about"
    assert title in answer.text
