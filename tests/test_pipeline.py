"""From a question to an answer: what holds for every answer, and the ways a question can be odd."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from core_world import (
    ARM,
    PROMPTS,
    QUESTIONS,
    WHAT_IS,
    assert_holds,
    guard,
    nothing_hangs_in_the_air,
    over,
    seeds,
    spoken,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import ModelError, PromptError, SettingsError
from rag.evidence import Evidence, Evidences
from rag.extract import Chosen
from rag.language import detect
from rag.pipeline import Assistant
from rag.prompts import load
from rag.query import Query
from rag.reply import Asked
from rag.retrieve import Found
from rag.types import LANGUAGES, Answer, Language, Turn

TEMPLATES = load(PROMPTS).good
MANY = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
PAIRS = [(asked, told) for asked in LANGUAGES for told in LANGUAGES]


def in_all_styles() -> list[tuple[Answer, int]]:
    assistant = seeds()
    questions = [question for own in QUESTIONS.values() for question in own]
    return [(assistant.ask(q, prompt=t.name), t.sentences) for q in questions for t in TEMPLATES.values()]


def same(one: Answer, other: Answer) -> bool:
    return replace(one, timings_ms={}) == replace(other, timings_ms={})


def test_every_answer_over_the_seeds_holds():
    answers = in_all_styles()
    for answer, limit in answers:
        assert_holds(seeds(), answer, limit)
    assert {answer.outcome for answer, _ in answers} >= {"answered", "boundary", "not_in_corpus"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_in_another_language_holds(language: Language):
    for questions in QUESTIONS.values():
        for question in questions[:3]:
            answer = seeds().ask(question, language=language)
            assert answer.language == language
            assert_holds(seeds(), answer, 4)


WORDS = """
    chemotherapy radiotherapy mesothelioma metastases tumour stage 4 surgery pain why how can does the not 10 mg
    chimiothérapie métastases pourquoi peut-elle la radiothérapie 放疗 化疗 肿瘤 间皮瘤 吗 为什么 怎样
    kemoterapi metastaz neden tedavi radyoterapi nasıl ? ! [1] 😀 & <b>
"""


@MANY
@given(st.lists(st.sampled_from(WORDS.split()), max_size=9).map(" ".join))
def test_whatever_is_asked_the_answer_holds(question: str):
    assert_holds(seeds(), seeds().ask(question), 4)


ODD = st.text(max_size=60) | st.text(st.characters(categories=["Cs", "Cf", "Cc", "Zs", "So", "P"]), max_size=30)


@MANY
@given(ODD, st.lists(st.builds(Turn, st.sampled_from(["user", "assistant"]), ODD), max_size=4))
def test_no_text_makes_it_fall_over(question: str, history: list[Turn]):
    answer = seeds().ask(question, history)
    assert answer.question == question
    assert_holds(seeds(), answer, 4)


@pytest.mark.parametrize("question", ["", "  \n", "?", "?!。…", "😀😀", "\u200b", "\0", "🇫🇷", "....."])
def test_a_question_of_no_words_is_asked_for_again(question: str):
    answer = seeds().ask(question)
    assert answer.outcome == "about" and answer.guard and answer.guard.rule.startswith("input.")
    assert not answer.hits


@pytest.mark.parametrize(
    "question",
    ["Why?", "Is it so?", "And then what?", "it", "the the", "a b c", "Pourquoi ?", "et alors ?", "为什么?", "Neden?"],
)
def test_a_question_about_nothing_is_not_answered(question: str):
    answer = seeds().ask(question)
    assert answer.outcome not in ("answered", "boundary")
    assert not answer.citations


@pytest.mark.parametrize("text", ["mesothelioma treatment ", "zzz ", "癌", "?" * 50 + " "])
def test_a_message_of_a_megabyte_is_no_trouble(text: str):
    long = text * (1_000_000 // len(text))
    assert_holds(seeds(), seeds().ask(long), 4)
    assert_holds(seeds(), seeds().ask("Is it curable?", [Turn("user", long)] * 3), 4)
    assert len(seeds().search(long, 3).hits) <= 3


def test_the_styles_differ():
    question = QUESTIONS["en"][3]
    answers = {name: seeds().ask(question, prompt=name) for name in TEMPLATES}
    assert all(answer.prompt == name for name, answer in answers.items())
    assert len(answers["brief"].sentences) <= 2 < len(answers["clinician"].sentences)
    assert len({answer.text for answer in answers.values()}) == len(answers)


def test_the_clinician_gets_one_source_after_the_other():
    for question in QUESTIONS["en"]:
        answer = seeds().ask(question, prompt="clinician")
        sources = [citation.source for citation in answer.citations]
        blocks = [source for n, source in enumerate(sources) if not n or sources[n - 1] != source]
        assert len(blocks) == len(set(blocks))


def test_the_same_question_has_the_same_answer_also_in_eight_threads():
    questions = [question for own in QUESTIONS.values() for question in own[:3]]
    once = [seeds().ask(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(seeds().ask, questions * 4))
    assert all(same(one, other) for one, other in zip(once * 4, again, strict=True))


def test_search_finds_what_an_answer_is_made_from():
    question = QUESTIONS["en"][2]
    found, answer = seeds().search(question, 12), seeds().ask(question)
    assert found.hits == answer.hits and found.language == answer.language == "en"
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    assert len(seeds().search(question, 2).hits) == 2


# Follow-ups


@pytest.mark.parametrize(
    ("before", "question", "cites"),
    [
        ("Does chemotherapy help in mesothelioma?", "and surgery?", "Surgery is less commonly used"),
        ("La chimiothérapie détruit-elle les métastases ?", "pourquoi ?", "chimiothérapie"),
        ("放疗对间皮瘤有效吗?", "那化疗呢?", "Chemotherapy may be used"),
        ("Mezotelyomada kemoterapi işe yarar mı?", "peki ya cerrahi?", "Surgery is less commonly used"),
        ("How is stage 2 mesothelioma treated?", "sorry, I meant stage 4", "stage 4 mesothelioma"),
    ],
)
def test_a_follow_up_is_answered_about_what_was_talked_of(before: str, question: str, cites: str):
    answer = seeds().ask(question, [Turn("user", before), Turn("assistant", "...")])
    assert answer.outcome in ("answered", "boundary") and answer.question == question
    assert any(cites in citation.quote for citation in answer.citations)
    assert_holds(seeds(), answer, 4)


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "Who won the football match?", "法国首都是哪里?", "Quel est le prix du train ?"],
)
def test_a_question_about_something_else_is_not_answered_from_the_one_before(question: str):
    before = Turn("user", "Does chemotherapy help in mesothelioma?")
    assert seeds().ask(question, [before]).outcome == "not_in_corpus"


# What cannot be proved is withheld


class Tampering(Evidences):
    """Gives evidence of which the first sentence was changed on its way."""

    def of(self, query: Query, found: Found, limit: int, keep: float = 0.8) -> Evidence:
        evidence = super().of(query, found, limit, keep)
        first, *others = evidence.chosen
        forged = replace(
            first.sentence, text=first.sentence.text.replace("may", "will"), start=first.sentence.start + 1
        )
        return Evidence((Chosen(forged, 1.0), *others), evidence.coverage)


def with_evidences(assistant: Assistant, kind: type[Evidences]) -> Assistant:
    parts = assistant.parts
    honest = parts.evidences
    return Assistant(replace(parts, evidences=kind(parts.retriever, honest.searchable)))


def test_what_no_document_names_is_said_beside_what_they_do_say():
    answer = seeds().ask("Does immunotherapy help people with stage 4 mesothelioma and hyperthyroidism?")
    assert answer.outcome == "answered" and answer.citations
    assert "The documents do not mention “hyperthyroidism”" in answer.text
    whole = seeds().ask("Does immunotherapy help people with stage 4 mesothelioma?")
    assert "do not mention" not in whole.text


GAPS = [("en", "“gout”, “flu”"), ("fr", "« gout » et « flu »"), ("zh", "“gout”、“flu”"), ("tr", "“gout”, “flu”")]


@pytest.mark.parametrize(("language", "named"), GAPS)
def test_gaps_are_named_in_the_reader_s_language(language: Language, named: str):
    parts = seeds().parts
    asked = Asked("?", language, load(parts.settings.prompts).get("plain"))
    answer = seeds().ask("What is mesothelioma?")
    assert named in parts.reply.with_gaps(asked, answer, ("gout", " flu ")).text
    assert parts.reply.with_gaps(asked, answer, ()) == answer


def test_a_sentence_that_is_not_in_its_source_is_withheld_and_counted():
    question = QUESTIONS["en"][3]
    answer, honest = with_evidences(seeds(), Tampering).ask(question), seeds().ask(question)
    assert answer.withheld == 1 and len(answer.sentences) == len(honest.sentences) - 1
    assert [citation.number for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    assert honest.sentences[0].text not in answer.text


class OnlyForged(Tampering):
    def of(self, query: Query, found: Found, limit: int, keep: float = 0.8) -> Evidence:
        evidence = super().of(query, found, limit, keep)
        return Evidence(evidence.chosen[:1], evidence.coverage)


def test_an_answer_of_which_nothing_is_left_is_no_answer():
    answer = with_evidences(seeds(), OnlyForged).ask(QUESTIONS["en"][3])
    assert answer.outcome == "not_in_corpus" and answer.withheld == 1 and not answer.citations


# Corpora of one language, without translations


@pytest.fixture(scope="module")
def alone() -> dict[Language, Assistant]:
    return {language: over({"arm.txt": text}) for language, text in ARM.items()}


@pytest.mark.parametrize(("asked", "told"), PAIRS)
def test_a_corpus_of_one_language_answers_in_it_and_says_so(
    alone: dict[Language, Assistant], asked: Language, told: Language
):
    assistant = alone[told]
    answer = assistant.ask(WHAT_IS[asked])
    assert answer.outcome == "answered" and answer.language == asked
    assert_holds(assistant, answer, 4)
    assert all(s.verdict == "verbatim" for s in answer.sentences)
    assert all(c.language == told and c.translation is None for c in answer.citations)
    notice = assistant.parts.reply.notices.name(told, asked)
    assert (notice in answer.text) == (asked != told)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_limits_a_sentence_comes_with_it(alone: dict[Language, Assistant], language: Language):
    question = {
        "en": "What reduces the swelling?",
        "fr": "Comment réduire le gonflement du bras ?",
        "zh": "压力袖套可以减轻肿胀吗?",
        "tr": "Basınç kolluğu şişliği azaltır mı?",
    }[language]
    answer = alone[language].ask(question, prompt="brief")
    assert [sentence.text for sentence in answer.sentences][:1]
    starts = {sentence.start for sentence, _ in spoken(answer).values() if sentence.lead is not None}
    assert starts & {citation.start for citation in answer.citations}
    nothing_hangs_in_the_air(answer)


def test_offsets_are_code_points_of_the_file_as_it_is():
    text = f"\ufeff{ARM['en']}".replace("\n", "\r\n").replace("A compression", "𝒜 😀 [3] compression")
    assistant = over({"arm.txt": text})
    answer = assistant.ask("What reduces the swelling?")
    quote = "𝒜 😀 [3] compression sleeve reduces the swelling."
    cited = next(citation for citation in answer.citations if citation.quote == quote)
    assert text[cited.start : cited.end] == quote
    assert_holds(assistant, answer, 4)
    assert "(3) compression" in answer.text  # the source's own mark would pass for a citation


def test_a_corpus_of_one_sentence():
    assistant = over({"one.md": "A compression sleeve reduces the swelling of the arm."})
    answer = assistant.ask("What does a compression sleeve do?")
    assert [citation.quote for citation in answer.citations] == [
        "A compression sleeve reduces the swelling of the arm."
    ]
    assert assistant.ask("Who discovered radium?").outcome == "not_in_corpus"
    assert assistant.search("zzz", 5).hits == ()


def test_two_files_that_say_the_same_are_cited_once():
    other = ARM["en"].replace("Lymphoedema of the arm", "Swollen arms") + "\nThe nurse measures the arm every month.\n"
    assistant = over({"a.txt": ARM["en"], "b.txt": other})
    answer = assistant.ask("What reduces the swelling of the arm?", prompt="clinician")
    assert_holds(assistant, answer, 6)


# Odd calls


def test_a_wrong_word_in_the_call_is_an_error_that_names_the_right_ones():
    with pytest.raises(PromptError, match="brief"):
        seeds().ask("What is chemotherapy?", prompt="none")
    with pytest.raises(SettingsError, match="auto"):
        seeds().ask("What is chemotherapy?", language="de")
    with pytest.raises(SettingsError, match="extractive"):
        seeds().ask("What is chemotherapy?", engine="magic")
    with pytest.raises(ModelError, match="extractive"):
        seeds().ask("What is chemotherapy?", engine="model")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_of_the_guard_has_something_to_say(language: Language):
    notices, table = seeds().parts.reply.notices, guard().table
    rules = [f"about.{kind}" for kind in table.about]
    rules += [f"emergency.{signal.kind}" for signal in table.signals.values() if signal.group == "body"]
    rules += ["emergency.self_harm", "input.empty", "input.unreadable", "input.too_long", "declined.worry", "boundary"]
    for rule in rules:
        assert notices.say([rule, rule.split(".")[0]], language, documents="- x").strip()


def test_no_question_and_no_answer_is_in_the_logs(caplog):
    with caplog.at_level(logging.DEBUG, logger="rag"):
        answer = seeds().ask("Is stage 4 mesothelioma curable in Ankara?")
    assert answer.question not in caplog.text and "Ankara" not in caplog.text


def test_an_answer_is_in_the_language_of_the_question():
    for language, questions in QUESTIONS.items():
        for question in questions:
            answer = seeds().ask(question)
            assert answer.language == language
            assert detect(answer.text) == language
