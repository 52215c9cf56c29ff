"""What the assistant says itself tells nobody what to do about a treatment and reads at school grade 8; every other
sentence of an answer is a cited one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from core_world import ROOT, seeds, vocabulary

from rag.careteam import Questions
from rag.evals.readability import rare_characters, reading_level, reads_at_grade_8
from rag.language import to_simplified, to_traditional
from rag.notices import load_notices
from rag.types import LANGUAGES, Answer, Language, Turn
from rag.view import pieces

_TREATMENTS = {"treatment", "cancer_drug", "drug", "drug_class", "procedure"}
#: Telling somebody that they should, whatever the treatment is called.
_SHOULD: dict[str, str] = {
    "en": r"\b(?:(?:you|he|she|they|patients?|father|mother|one) (?:really |also )?"
    r"(?:should|must|ought to|need to|needs to|have to|has to|had better)|"
    r"(?:I|we) (?:advise|recommend|suggest)|it is (?:best|better) to)\b"
    r"(?! (?:call|ask|talk|tell|contact|go|get help|speak))",
    "fr": r"\b(?:vous devez|vous devriez|tu dois|tu devrais|(?:il|elle|on|le patient) (?:doit|devrait)|"
    r"il faut|il vaut mieux|je (?:vous )?(?:conseille|recommande|suggère))\b(?! (?:appeler|demander|parler|contacter))",
    "zh": r"(?:您|你|他|她|患者|病人)(?:就|还|也)?(?:应该|应当|必须|最好|需要|不应|不该|"
    r"不要|别)(?!拨打|联系|询问|告诉)|建议(?:您|你|他|她)",
    "tr": r"(?:m[ae]l[ıi](?:s[ıi]n[ıi]z|s[ıi]n|y[ıi]z|d[ıi]r|lar)?\b|(?:m[ae]n[ıi]z|m[ae]s[ıi]) (?:gerek|lazım|şart)|"
    r"(?:öneririm|tavsiye ederim))",
}
#: Telling somebody to, in a sentence that names a treatment.
_DO: dict[str, str] = {
    "en": r"(?:^|[.:;,!]\s*|\b(?:please|and|or|then|so|do not|don't|just)\s+)(?:take|stop|start|begin|"
    r"refuse|reject|accept|skip|continue|choose|try|avoid|have|get|undergo|pause|increase|reduce|"
    r"double|quit|decline|agree|demand|drop|throw)\b",
    "fr": r"\b(?:prenez|arrêtez|refusez|acceptez|commencez|suivez|faites|continuez|choisissez|"
    r"évitez|essayez|augmentez|réduisez|diminuez|interrompez|cessez|jetez|exigez|optez)\b",
    "zh": r"(?:请|要|先|快|立即|马上|别|不要|就)"
    r"(?:您|你)?(?:去|再|先)?(?:服用|吃|用|停|拒绝|接受|开始|选择|继续|换|减|加|做|试)",
    "tr": r"\b(?:alın|bırakın|kesin|durdurun|reddedin|kabul edin|başlayın|devam edin|seçin|olun|yaptırın|azaltın|"
    r"artırın|atın|deneyin|isteyin|almayın|bırakmayın|olmayın|kullanın)(?:ız)?\b",
}
ORDERS = {
    "en": (
        "You should take the chemotherapy.",
        "Stop the chemo.",
        "Please refuse surgery.",
        "I recommend radiotherapy.",
    ),
    "fr": (
        "Vous devriez refuser.",
        "Arrêtez la chimiothérapie.",
        "Il faut faire une opération.",
        "Je conseille les rayons.",
    ),
    "zh": ("您应该做化疗。", "请停化疗。", "不要做手术。", "建议您放疗。"),
    "tr": ("Kemoterapi almalısınız.", "Kemoterapiyi bırakın.", "Ameliyat olun.", "Işın tedavisi almanız gerekir."),
}
HELP = {
    "en": ("Please talk to the care team about chemotherapy.", "Call your local emergency number now."),
    "fr": ("Parlez de la chimiothérapie avec l'équipe soignante.", "Appelez le numéro d'urgence."),
    "zh": ("请和医疗团队商量化疗。", "请拨打当地急救电话。"),
    "tr": ("Kemoterapiyi sağlık ekibiyle konuşun.", "Acil yardım numarasını arayın."),
}


def tells_what_to_do(text: str, language: Language) -> list[str]:
    """The sentences that are orders or advice about a treatment; one that asks is none."""
    sentences = [part.strip() for part in re.findall(r"[^.!?。！？\n]+[.!?。！？]*", text)]
    return [one for one in sentences if not one.endswith(("?", "？")) and _is_order(one, language)]


def _is_order(sentence: str, language: Language) -> bool:
    if re.search(_SHOULD[language], sentence, re.IGNORECASE):
        return True
    return bool(re.search(_DO[language], sentence, re.IGNORECASE)) and _names_treatment(sentence, language)


def _names_treatment(text: str, language: Language) -> bool:
    return any(vocabulary().concepts[m.concept].kind in _TREATMENTS for m in vocabulary().find(text, language))


def _leaves(data: Any, name: str = "") -> Iterator[tuple[str, str]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    if isinstance(data, str):
        yield name, data
    for key, value in items:
        yield from _leaves(value, f"{name}.{key}")


@cache
def own_texts(language: Language) -> dict[str, dict[str, str]]:
    """Everything the assistant says itself, by group and name. What the page proposes to ask are the reader's words."""
    page = yaml.safe_load((ROOT / "rag" / "data" / language / "page.yaml").read_text(encoding="utf-8"))
    del page["starters"]
    questions = dict(Questions.load(vocabulary()).texts[language])
    return {"notices": dict(load_notices().texts[language]), "page": dict(_leaves(page)), "questions": questions}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_detector_tells_orders_from_help(language: Language):
    assert all(tells_what_to_do(order, language) for order in ORDERS[language])
    assert not [line for line in HELP[language] if tells_what_to_do(line, language)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_ours_tells_anybody_what_to_do_about_a_treatment(language: Language):
    for group, texts in own_texts(language).items():
        assert not {name: found for name, text in texts.items() if (found := tells_what_to_do(text, language))}, group


_LONG = {"en": 20, "fr": 20, "tr": 20, "zh": 40}  # words, in Chinese characters, from which a text is measured alone


def _plain(text: str) -> str:
    return re.sub(r"\{\w+\}", "", text)


def _size(text: str, language: Language) -> int:
    return sum("\u3400" <= char <= "\u9fff" for char in text) if language == "zh" else len(text.split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_assistant_says_reads_at_grade_8(language: Language):
    for group, texts in own_texts(language).items():
        long = {name: text for name, text in texts.items() if _size(_plain(text), language) >= _LONG[language]}
        hard = {
            n: reading_level(_plain(t), language) for n, t in long.items() if not reads_at_grade_8(_plain(t), language)
        }
        assert not hard, group
        short = "\n".join(_plain(text) for name, text in texts.items() if name not in long)
        assert reads_at_grade_8(short, language), (group, reading_level(short, language), rare_characters(short))


def test_a_hard_text_does_not_pass_for_one_of_grade_8():
    hard: dict[Language, str] = {
        "en": "Individualised multidisciplinary deliberation necessitates consideration of contraindications.",
        "fr": "L'individualisation thérapeutique nécessite une concertation pluridisciplinaire approfondie.",
        "tr": "Bireyselleştirilmiş değerlendirmelerin multidisipliner konseylerce gerçekleştirilmesi gerekmektedir.",
        "zh": "个体化综合治疗方案的制定必须以多学科协作诊疗模式下对患者全身状况和病灶特征的系统评估为前提。",
    }
    assert not [language for language, text in hard.items() if reads_at_grade_8(text, language)]
    assert rare_characters("谵妄") == "谵"


# -- whole answers ---------------------------------------------------------------------------------------------------

_HOLE = "\ufffc"


@cache
def own_lines(language: Language) -> tuple[frozenset[str], re.Pattern[str]]:
    """The lines an answer may have of ours: those said as they are, and those with a value of the reader's in them."""
    notices, titles = load_notices(), seeds().parts.reply.titles
    holes = dict.fromkeys(("missing", "things", "source_language", "answer_language"), _HOLE)
    said = [notices.say((key,), language, documents="", **holes) for key in notices.texts[language]]
    said += [f"- {text.replace('{name}', _HOLE)}" for text in Questions.load(vocabulary()).texts[language].values()]
    lines = {line.strip() for text in said for line in text.splitlines() if line.strip()}
    lines |= {f"- {title}" for by_language in titles.values() for title in by_language.values()}
    lines |= {f"- {source.title}" for source in seeds().sources.values()}
    if language == "zh":
        simplified = {to_simplified(line) for line in lines}
        lines |= simplified | {to_traditional(line) for line in lines | simplified}
    filled = "|".join(re.escape(line).replace(re.escape(_HOLE), ".+") for line in lines if _HOLE in line)
    return frozenset(line for line in lines if _HOLE not in line), re.compile(filled)


def of_ours(answer: Answer) -> list[str]:
    return [piece.text for piece in pieces(answer) if piece.sentence is None]


def is_ours(line: str, language: Language) -> bool:
    fixed, filled = own_lines(language)
    return line in fixed or bool(filled.fullmatch(line))


def asked() -> Iterator[dict[str, Any]]:
    for name in ("dev", "lay"):
        lines = (ROOT / "tests" / "questions" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        yield from map(json.loads, filter(str.strip, lines))


@pytest.mark.timeout(600)
def test_in_every_answer_each_sentence_is_cited_or_ours_and_ours_are_no_orders():
    outcomes = set()
    for row in asked():
        history = [Turn(turn["role"], turn["content"]) for turn in row.get("history", [])]
        answer = seeds().ask(row["question"], history)
        outcomes.add(answer.outcome)
        assert all(sentence.citations for sentence in answer.sentences), row["id"]
        for line in of_ours(answer):
            known = is_ours(line, answer.language) or is_ours(line, "en")  # a foreign question is met in English too
            assert known, (row["id"], line)
            assert not tells_what_to_do(line, answer.language), (row["id"], line)
    assert outcomes == {"answered", "boundary", "declined", "not_in_corpus", "emergency", "about"}


def test_a_line_of_neither_kind_would_be_seen():
    answer = seeds().ask("What is the main goal of treatment for stage 4 mesothelioma?")
    assert answer.outcome == "answered" and not [line for line in of_ours(answer) if not is_ours(line, "en")]
    assert not is_ours("You should have chemotherapy.", "en")
