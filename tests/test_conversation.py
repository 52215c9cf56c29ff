"""A question that leans on the turns before it is made whole; a question about something else is left alone."""

from __future__ import annotations

import pytest
from core_world import vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.conversation import understood
from rag.guard import Guard
from rag.hear import Hearing
from rag.query import Query, understand
from rag.types import LANGUAGES, Language, Turn


def whole(*said: str, language: Language = "en") -> str:
    """The last of these as understood, with an assistant's turn after each of the others."""
    *before, question = said
    history = [turn for text in before for turn in (Turn("user", text), Turn("assistant", "Surgery of the lung. [1]"))]
    return understood(question, history, language, vocabulary()).text


def concepts(text: str, language: Language) -> Query:
    return understand(text, language, vocabulary())


def about(text: str, language: Language) -> set[str]:
    return {key for term in concepts(text, language).terms for key in term.keys if key.startswith("#")}


FOLLOW_UPS: list[tuple[Language, str, str, set[str], set[str]]] = [
    # language, before, question, what it is about, what it is about no longer
    ("en", "Does chemotherapy help in mesothelioma?", "and surgery?", {"#mesothelioma", "#surgery"}, {"#chemotherapy"}),
    ("en", "Does chemotherapy help in mesothelioma?", "why?", {"#mesothelioma", "#chemotherapy"}, set()),
    ("en", "Does chemotherapy help in mesothelioma?", "how long?", {"#mesothelioma", "#chemotherapy"}, set()),
    ("en", "Does chemotherapy help in mesothelioma?", "does it hurt?", {"#mesothelioma", "#pain"}, set()),
    ("en", "How is stage 2 mesothelioma treated?", "I meant stage 4", {"#mesothelioma", "#stage_4"}, {"#stage_2"}),
    ("en", "Is it good in rectal cancer?", "no, I meant mesothelioma", {"#mesothelioma"}, {"#rectal_cancer"}),
    ("fr", "La chimiothérapie aide-t-elle dans le mésothéliome ?", "et la radiothérapie ?",
     {"#mesothelioma", "#radiotherapy"}, {"#chemotherapy"}),
    ("fr", "La chimiothérapie aide-t-elle dans le mésothéliome ?", "pourquoi ?", {"#mesothelioma", "#chemotherapy"},
     set()),
    ("fr", "Comment traiter le mésothéliome de stade 2 ?", "je voulais dire stade 4", {"#mesothelioma", "#stage_4"},
     {"#stage_2"}),
    ("zh", "放疗对间皮瘤有效吗?", "那化疗呢?", {"#mesothelioma", "#chemotherapy"}, {"#radiotherapy"}),
    ("zh", "放疗对间皮瘤有效吗?", "为什么?", {"#mesothelioma", "#radiotherapy"}, set()),
    ("zh", "二期间皮瘤怎么治疗?", "我是说四期", {"#mesothelioma", "#stage_4"}, {"#stage_2"}),
    ("tr", "Mezotelyomada kemoterapi işe yarar mı?", "peki ya cerrahi?", {"#mesothelioma", "#surgery"},
     {"#chemotherapy"}),
    ("en", "Is radiotherapy given for rectal cancer that has spread to the liver?", "sorry, I meant the oesophagus",
     {"#esophageal_cancer", "#radiotherapy", "#liver_metastasis"}, {"#rectal_cancer"}),
    ("fr", "La chimio marche-t-elle dans le cancer de la vessie ?", "et le pancréas ?",
     {"#pancreatic_cancer", "#chemotherapy"}, {"#bladder_cancer"}),
    ("zh", "食道癌跑到肝脏,放疗有帮助吗", "不是啦,我问的是直肠,不是食道", {"#rectal_cancer", "#radiotherapy"},
     {"#esophageal_cancer"}),
    ("tr", "İmmünoterapi yemek borusu kanserinde sağkalımı uzatır mı?", "pankreas diyecektim, yemek borusu değil",
     {"#pancreatic_cancer", "#immunotherapy"}, {"#esophageal_cancer"}),
    ("tr", "Mezotelyomada kemoterapi işe yarar mı?", "neden?", {"#mesothelioma", "#chemotherapy"}, set()),
    ("en", "Does chemotherapy help in cancer of the gullet?", "oh I typed the wrong illness, meant mesothelioma",
     {"#mesothelioma", "#chemotherapy"}, {"#esophageal_cancer", "#esophagus"}),
    ("en", "Does chemotherapy help in cancer of the gullet?", "I meant mesothelioma, not the gullet",
     {"#mesothelioma", "#chemotherapy"}, {"#esophageal_cancer", "#esophagus"}),
    ("zh", "放疗在食管癌里面怎么用？", "啊我说错了，是间皮瘤不是食管癌", {"#mesothelioma", "#radiotherapy"},
     {"#esophageal_cancer"}),
    ("tr", "yemek borusu kanserinde ışın verilir mi", "yemek borusu değil mezotelyoma demek istedim", {"#mesothelioma"},
     {"#esophageal_cancer", "#esophagus"}),
    ("zh", "间皮瘤四期能放疗吗", "跟啥有关系", {"#mesothelioma", "#radiotherapy"}, set()),
    ("zh", "间皮瘤四期能放疗吗", "好，這個先放一邊。化療對轉移有用嗎", {"#chemotherapy", "#metastasis"},
     {"#mesothelioma", "#radiotherapy"}),
    ("en", "Is stage 4 mesothelioma curable?", "leave that. different thing - what does chemo do to metastases?",
     {"#chemotherapy", "#metastasis"}, {"#mesothelioma"}),
]  # fmt: skip


@pytest.mark.parametrize(("language", "before", "question", "is_about", "no_longer"), FOLLOW_UPS)
def test_a_follow_up_takes_over_the_topic(
    language: Language, before: str, question: str, is_about: set[str], no_longer: set[str]
):
    found = about(whole(before, question, language=language), language)
    assert is_about <= found and not no_longer & found


NEW_TOPICS: list[tuple[Language, str, str]] = [
    ("en", "Does chemotherapy help in mesothelioma?", "Is radiotherapy used for rectal cancer?"),
    ("en", "Does chemotherapy help in mesothelioma?", "What is the capital of France?"),
    ("en", "Does chemotherapy help in mesothelioma?", "Who won the football match?"),
    ("en", "Does chemotherapy help in mesothelioma?", "Who is Napoleon?"),
    ("fr", "La chimiothérapie aide-t-elle ?", "Quels sont les traitements du mésothéliome ?"),
    ("fr", "La chimiothérapie aide-t-elle ?", "Quelle est la capitale de la France ?"),
    ("zh", "放疗对间皮瘤有效吗?", "直肠癌肝转移怎么治疗?"),
    ("zh", "放疗对间皮瘤有效吗?", "法国首都是哪里?"),
    ("tr", "Mezotelyomada kemoterapi işe yarar mı?", "Rektum kanserinde radyoterapi yapılır mı?"),
    ("tr", "Mezotelyomada kemoterapi işe yarar mı?", "Maçı kim kazandı?"),
]


@pytest.mark.parametrize(("language", "before", "question"), NEW_TOPICS)
def test_a_new_topic_drops_the_old_one(language: Language, before: str, question: str):
    assert whole(before, question, language=language) == question


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_question_stands_alone(language: Language):
    assert whole("and surgery?", language=language) == "and surgery?"


def test_a_topic_lasts_over_several_follow_ups():
    found = about(whole("Does chemotherapy help in mesothelioma?", "and surgery?", "and immunotherapy?", "why?"), "en")
    assert {"#mesothelioma", "#immunotherapy"} <= found and not {"#chemotherapy", "#surgery"} & found


def test_a_follow_up_may_be_in_another_language():
    assert "#mesothelioma" in about(
        whole("Does chemotherapy help in mesothelioma?", "et la chirurgie ?", language="fr"), "fr"
    )


def test_what_the_assistant_said_is_no_topic():
    history = [Turn("assistant", "Mesothelioma is treated with surgery. [1]")]
    assert understood("why?", history, "en", vocabulary()).text == "why?"


def test_blank_turns_are_passed_over():
    assert whole("Does chemotherapy help in mesothelioma?", "  ", "why?").startswith("Does chemotherapy")


def test_only_the_latest_questions_are_looked_at():
    said = ["Does chemotherapy help in mesothelioma?", *["why?"] * 10, "why?"]
    assert "mesothelioma" not in whole(*said)


def test_of_a_very_long_turn_the_start_and_the_end_are_read():
    long = f"Does chemotherapy help in mesothelioma? {'x' * 100_000}"
    assert len(whole(long, "why?")) < 10_000
    assert len(whole(f"{'x ' * 50_000} why?")) < 10_000


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.text(max_size=30) | st.sampled_from(["why?", "and surgery?", "Is chemo good?"]), min_size=1, max_size=6)
)
def test_any_conversation_can_be_read(said: list[str]):
    understood = whole(*said)
    assert bool(understood.strip()) or not said[-1].strip()
    assert len(understood) <= sum(map(len, said)) + 200
    assert whole(*said) == understood


ASPECTS: list[tuple[Language, str, str]] = [
    ("en", "How does radiotherapy work?", "does it hurt?"),
    ("fr", "Comment agit la radiothérapie ?", "ça fait mal ?"),
    ("zh", "放疗是怎么回事", "疼吗"),
    ("tr", "Radyoterapi nasıl etki eder?", "acıtır mı"),
]


@pytest.mark.parametrize(("language", "before", "question"), ASPECTS)
def test_a_pronoun_given_its_name_still_asks_for_the_aspect(language: Language, before: str, question: str):
    """No document says whether it hurts; that it eases pain is no answer."""
    history = [Turn("user", before), Turn("assistant", "It may. [1]")]
    query = Hearing(Guard.load(), vocabulary(), "auto").of(question, history, language).queries[0]
    assert any(term.kind == "aspect" and not term.carried for term in query.terms)


def test_what_the_last_answer_names_is_heard_beside_the_question_before():
    history = [Turn("user", "Does chemotherapy help?"), Turn("assistant", "It may, in mesothelioma. [1]")]
    assert understood("for whom?", history, "en", vocabulary()).echo == "for whom? (mesothelioma)"
    assert not understood("new question: what is a metastasis?", history, "en", vocabulary()).echo
