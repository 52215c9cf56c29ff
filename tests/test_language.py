"""One spelling to match by, what is shown, and which language a text is in."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.corpus import load_corpus, passages_of
from rag.language import (
    align,
    detect,
    fold,
    identify,
    is_traditional,
    repair,
    stopwords,
    to_simplified,
    to_traditional,
)
from rag.types import LANGUAGES

SEEDS = Path("seeds")

# -- fold and repair ----------------------------------------------------------------------------------------------

FOLDED = [
    ("Œsophage", "oesophage"),
    ("L’ÉTAT de santé", "l'etat de sante"),
    ("İZMİR ısırık IŞIN ışın", "izmir isirik isin isin"),
    ("ＰＥＴ－ＣＴ１２", "pet-ct12"),
    ("PET‑CT and PET–CT", "pet-ct and pet-ct"),
    ("醫(yī)院", "医院"),
    ("腫瘤穩(wěn)定", "肿瘤稳定"),
    ("穩（wěn）定", "稳定"),
    ("放療後", "放疗后"),
    ("著名 接著", "着名 接着"),
    ("睪丸", "睾丸"),
    ("Keytruda® (pembrolizumab)", "keytruda (pembrolizumab)"),
    ("5&nbsp;mg &lt; 10&nbsp;mg", "5 mg < 10 mg"),
    ("R&amp;amp;D", "r d"),
    ("Ⅳ期", "iv期"),
    ("can\u00adcer tu\u200bmor", "cancer tumor"),
    ("e\u0301tat", "etat"),
    ("ß Straße", "ss strasse"),
]


@pytest.mark.parametrize(("text", "folded"), FOLDED)
def test_spellings_fold_to_one(text, folded):
    assert fold(text) == folded


NUMBERS = [("10² mg", "10² mg"), ("2½ g", "2½ g"), ("①②", "①②"), ("10\u200b0 mg", "100 mg"), ("３．５", "3.5")]


@pytest.mark.parametrize(("text", "folded"), NUMBERS)
def test_folding_changes_no_number(text, folded):
    assert fold(text) == folded


def test_raised_and_lowered_digits_of_units_and_formulas_are_digits():
    assert fold("85 mg/m², SpO₂, 2 cm³") == "85 mg/m2, spo2, 2 cm3"


REPAIRED = [
    ("漯河市第二人民醫(yī)院", "漯河市第二人民醫院"),
    ("結(jié)束了&nbsp;嗎", "結束了\xa0嗎"),
    ("治療（zhìliáo）", "治療（zhìliáo）"),  # two syllables explain a word; one alone is an accident
    ("癌(CT)與(a)項", "癌(CT)與(a)項"),
    ("Le café (fermé) est là", "Le café (fermé) est là"),
    ("AT&T; R&D", "AT&T; R&D"),
]


@pytest.mark.parametrize(("text", "shown"), REPAIRED)
def test_repair_mends_accidents_and_nothing_else(text, shown):
    assert repair(text) == shown


@settings(deadline=None)
@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["&", "amp;", "lt;", "#38;", "#x26", ";", "＆", "醫", "(yī)", "（", "m", "²", "₂", "3"]))
)
def test_folding_twice_is_folding_once_where_pieces_make_new_ones(pieces):
    text = "".join(pieces)
    assert fold(fold(text)) == fold(text)


def test_no_character_needs_folding_twice():
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000 and chr(code) not in "\r\n"]
    once = fold("\n".join(characters))
    assert fold(once) == once


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("aé œİ²½…&;lt(yī醫穩院)\u00ad\u0301™")))
def test_every_folded_character_knows_where_it_comes_from(text):
    folded, at = align(text)
    assert folded == fold(text)
    assert len(at) == len(folded) + 1
    assert at[-1] == len(text)
    assert all(a <= b for a, b in pairwise(at))


def test_a_folded_span_leads_back_to_the_text():
    text = "L’œsophage, puis 漯河醫(yī)院。"
    folded, at = align(text)
    start = folded.index("医院")
    assert text[at[start] : at[start + 2]] == "醫(yī)院"
    start = folded.index("oesophage")
    assert text[at[start] : at[start + len("oesophage")]] == "œsophage"


# -- traditional and simplified -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "traditional"),
    [
        ("放療後為什麼腫瘤還在?", True),
        ("放疗后为什么肿瘤还在?", False),
        ("肺癌", False),
        ("chemo", False),
        ("", False),
        ("漯河市第二人民醫(yī)院科普", True),
    ],
)
def test_traditional_is_told_from_simplified(text, traditional):
    assert is_traditional(text) is traditional


def test_scripts_convert_both_ways():
    assert to_traditional("化疗后为什么头发会掉") == "化療後為什麼頭髮會掉"
    assert to_traditional("研究进展，并为患者提供参考；两科合并为一科") == "研究進展，並為患者提供參考；兩科合併為一科"
    assert to_simplified("化療後為什麼頭髮會掉") == "化疗后为什么头发会掉"


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("放療後為什麼腫瘤還在醫院皇后干里")))
def test_traditional_text_is_left_alone(text):
    if is_traditional(text):
        assert to_traditional(text) == text


# -- which language -----------------------------------------------------------------------------------------------

QUESTIONS = {
    "en": """chemo?
Is surgery possible?
what is radiotherapy
PET-CT results
What does 放疗 mean?
What is the meaning of 非小细胞肺癌
is keytruda better than opdivo
MRI vs CT
mesothelioma
pain
was radiation useful
im on chemo
die from cancer?
µg or mg?
Waldenström's disease
survival rate stage 4
lung cancer in Türkiye
my dad has café-au-lait spots
side effects""",
    "fr": """chimio?
traitement du cancer de l oesophage
Est-ce que la chimio détruit les métastases ?
c'est quoi un cancer du poumon
effets secondaires
IRM ou scanner ?
le PET-CT montre quoi
quelle est la duree du traitement
chimio et rayons
radiotherapie palliative
metastases au foie
soins palliatifs
J’ai mal
pronostic ?
ganglions gonfles
métastases
tu es là ?
Il a 90 ans
la chimio marche ?""",
    "tr": """kemoterapi nedir
PET-CT ne gösterir
kanser tedavisi nasil olur
radyoterapi
ışın tedavisi yan etkileri
metastaz
bulantı
babam iyileşir mi
kemo
tedavi ne kadar surer
karacigere sicrama
4. evre mezotelyoma
agri
tümör küçülür mü
MR mi BT mi
kas ağrısı
kemoterapi
o ne demek
BT nedir""",
    "zh": """放疗
化療後吐怎麼辦
PET-CT是什么
Keytruda和Opdivo哪個好
腫瘤穩(wěn)定
EGFR 突变
肺癌晚期能活多久？
什么是 non-small cell lung cancer
5-FU 副作用
奥希替尼 osimertinib 多少钱
IMRT與VMAT的區別
Pembrolizumab plus chemotherapy 有效吗""",
}


@pytest.mark.parametrize(("language", "text"), [(code, q) for code, qs in QUESTIONS.items() for q in qs.split("\n")])
def test_the_language_of_a_short_question(language, text):
    found = identify(text)
    assert (found.language, found.nearest, found.is_supported) == (language, language, True)


FOREIGN = [
    ("de", "en", "Welche Nebenwirkungen hat die Strahlentherapie?"),
    ("de", "en", "Was ist Chemotherapie"),
    ("es", "fr", "¿Qué es la quimioterapia?"),
    ("es", "fr", "cuales son los efectos secundarios de la radioterapia"),
    ("it", "fr", "quali sono gli effetti collaterali"),
    ("pt", "fr", "O que é quimioterapia?"),
    ("nl", "en", "Wat zijn de bijwerkingen van bestraling?"),
    ("ja", "zh", "化学療法の副作用は何ですか"),
    ("ja", "zh", "検査"),
    ("ko", "en", "폐암 치료 방법"),
    ("ar", "en", "ما هو العلاج الكيميائي"),
    ("ru", "en", "Что такое химиотерапия? PET-CT"),
    ("az", "tr", "xərçəng müalicəsi necə aparılır"),
    # Words that are ours as well ("was", "la", "co") are outnumbered.
    ("de", "en", "Was ist Mesotheliom?"),
    ("de", "en", "Bestrahlung oder Chemo?"),
    ("de", "en", "Nebenwirkungen Cisplatin"),
    ("es", "fr", "que es la radioterapia"),
    ("es", "fr", "quimioterapia"),
    ("pt", "fr", "quais são os efeitos da quimio"),
    ("it", "fr", "Cos'è il mesotelioma?"),
    ("ro", "fr", "Ce este chimioterapia?"),
    ("hu", "en", "Mi az a kemoterápia?"),
    ("cs", "en", "Co je chemoterapie?"),
    ("lt", "en", "Kas yra chemoterapija?"),
    ("nb", "en", "Hva er mesoteliom?"),
    ("sw", "en", "Chemotherapy ni nini?"),
    ("tl", "en", "Ano ang chemotherapy?"),
    ("sq", "en", "Çfarë është kimioterapia?"),
    # Scripts that nobody here reads
    ("und", "en", "కీమోథెరపీ అంటే ఏమిటి?"),
    ("und", "en", "ਕੀਮੋਥੈਰੇਪੀ ਕੀ ਹੈ?"),
    ("und", "en", "ኬሞቴራፒ ምንድን ነው?"),
]


@pytest.mark.parametrize(("language", "nearest", "text"), FOREIGN)
def test_a_fifth_language_is_named_with_its_nearest(language, nearest, text):
    found = identify(text)
    assert (found.language, found.nearest, found.is_supported) == (language, nearest, False)
    assert detect(text) == nearest


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_question_of_ours_is_taken_for_a_fifth_language(lang):
    asked = [json.loads(line) for line in Path("tests/questions/dev.jsonl").read_text(encoding="utf-8").splitlines()]
    own = [question["question"] for question in asked if question["lang"] == lang]
    assert len(own) > 50
    assert not [text for text in own if identify(text).language != lang]


@pytest.mark.parametrize("text", ["", "   ", "123", "10 mg?", "😀", "\ud800", "???"])
@pytest.mark.parametrize("default", LANGUAGES)
def test_where_nothing_tells_the_default_holds(text, default):
    assert detect(text, default) == default


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("000_aecb67d1b0e255d5.txt", "en"),
        ("001_ca93e252f62a3cf5.txt", "en"),  # with Turkish furniture on both ends
        ("002_530def9b474ec8e8.txt", "en"),  # with a Chinese abstract
        ("003_6eb9180543203b31.txt", "fr"),
        ("004_64f107cd487ece8a.txt", "zh"),
    ],
)
def test_the_language_of_a_document(name, language):
    assert detect((SEEDS / name).read_text(encoding="utf-8")) == language


def test_a_document_of_two_languages_has_passages_of_both():
    (source,) = (s for s in load_corpus(SEEDS).sources if s.name.startswith("002_"))
    assert {detect(passage.text) for passage in passages_of(source)} == {"en", "zh"}


def test_long_texts_are_judged_by_samples():
    assert detect("Le traitement du cancer est long. " * 20_000) == "fr"


@settings(max_examples=60, deadline=None)
@given(st.text(), st.sampled_from(LANGUAGES))
def test_every_text_has_a_language(text, default):
    found = identify(text, default)
    assert found.nearest in LANGUAGES
    assert found.is_supported == (found.language in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_stopwords_are_folded(language):
    words = stopwords(language)
    assert len(words) > 100
    assert all(fold(word) == word for word in words)
