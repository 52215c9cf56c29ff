"""Reading translations: complete for the five documents, stale when their source changes, and checked for slips."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.corpus import load_corpus, passages_of
from rag.errors import CorpusError
from rag.language import fold, is_traditional
from rag.translation_check import lines, report, suspicious
from rag.translation_cues import answers, demands, figures, hedges, number_words, tables
from rag.translations import load_translations, sentence_hash, titles_of
from rag.types import LANGUAGES, Language, Sentence

SEEDS = Path("seeds")
MESOTHELIOMA, CHINESE = "001_ca93e252f62a3cf5.txt", "004_64f107cd487ece8a.txt"
HAN = re.compile("[\u3400-\u9fff]")
FRENCH = re.compile(r"[^\u00a0][:;?!»]|«[^\u00a0]")  # French signs without their space


@cache
def rows() -> tuple[tuple[Sentence, Language, Language, str], ...]:
    """Every translation of the five documents: its sentence, that one's language, its own language, its text."""
    translations = load_translations(SEEDS)
    passages = [passage for source in load_corpus(SEEDS).sources for passage in passages_of(source)]
    sentences = [(passage.language, s) for passage in passages for s in passage.sentences]
    return tuple((s, own, language, text) for own, s in sentences for language, text in translations.all_of(s).items())


def sentence(text: str) -> Sentence:
    return Sentence("a.txt", 0, len(text), text)


def seen(own: Language, text: str, language: Language, translation: str) -> list[str]:
    return suspicious(sentence(text), language, translation, own)


# -- the five documents -------------------------------------------------------------------------------------------


def test_every_sentence_is_translated_and_nothing_is_stale_or_suspicious():
    found = report(SEEDS)
    assert (found.stale, found.suspicious, found.broken) == ((), (), ())
    assert found.total == 112
    assert found.coverage == {"en": (63, 63), "fr": (90, 90), "zh": (71, 71), "tr": (112, 112)}
    assert found.is_complete


def test_rows_are_reviewed_and_hold_each_other_language_once():
    own = {(s.source, s.start): spoken for s, spoken, _, _ in rows()}
    keys = []
    for path in sorted((SEEDS / "translations").iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            keys.append((row["source"], row["start"]))
            assert path.name == f"{row['source']}.jsonl"
            assert row["reviewed"] is True
            assert {language for language in LANGUAGES if language in row} == {*LANGUAGES} - {own[keys[-1]]}
    assert sorted(keys) == sorted(own)


def test_chinese_is_simplified_with_full_width_punctuation():
    chinese = [text for _, _, language, text in rows() if language == "zh"]
    assert not [text for text in chinese if is_traditional(text) or re.search(r"[,;:?!()\[\]]|[^\d]\.", text)]
    assert not [text for text in chinese if re.search(rf"{HAN.pattern} | {HAN.pattern}", text)]


def test_latin_scripts_hold_no_chinese_and_french_spaces_its_signs():
    latin = [(language, text) for _, _, language, text in rows() if language != "zh"]
    assert not [text for _, text in latin if HAN.search(text)]
    assert not [text for language, text in latin if language == "fr" and FRENCH.search(text)]


# One term, one word for it, in every document (folded).
GLOSSARY: list[dict[Language, str]] = [
    {"en": "chemo", "fr": "chimio", "zh": "化疗", "tr": "kemo"},
    {"en": "radi(o|ation |ologic )therap", "fr": "radiotherap", "zh": "放疗|放射治疗", "tr": "radyoterap"},
    {"en": "immunotherapy", "fr": "immunotherapie", "zh": "免疫治疗", "tr": "immunoterapi"},
    {"en": "quality[ -]of[ -]life", "fr": "qualite de vie", "zh": "生活质量", "tr": "yasam kalite"},
    {"en": "palliative (care|treat)", "fr": "(soins|traitement) palliatif", "zh": "姑息治疗", "tr": "palyatif [bt]"},
    {"en": "palliative radio", "fr": "radiotherapie palliative", "zh": "姑息(性)?放疗", "tr": "palyatif radyoterapi"},
    {"en": "mesothelioma", "fr": "mesotheliome", "zh": "间皮瘤", "tr": "mezotelyoma"},
    {"en": "metasta", "fr": "metasta", "zh": "转移(?!至)", "tr": "metasta"},
    {"en": "symptom", "fr": "symptom", "zh": "症状", "tr": "semptom"},
    {"en": "esophageal cancer", "fr": "cancer de l'oesophage", "zh": "食管癌", "tr": "yemek borusu kanseri"},
    {"en": "rectal cancer", "fr": "cancer du rectum", "zh": "直肠癌", "tr": "rektum kanseri"},
    {"en": "primary .{0,6}lesion", "fr": "lesion .{0,9}primitive", "zh": "原发灶", "tr": "primer .{0,6}lezyon"},
    {"en": "prognosis", "fr": "pronostic", "zh": "预后", "tr": "prognoz"},
    {"en": "overall survival", "fr": "survie globale", "zh": "总生存", "tr": "genel sagkalim"},
    {"en": "bleeding", "fr": "saignement", "zh": "出血", "tr": "kanama"},
]


@pytest.mark.parametrize("term", GLOSSARY, ids=lambda term: term["en"])
def test_terms_are_the_same_everywhere(term):
    where = [(s.text, language, text) for s, own, language, text in rows() if re.search(term[own], fold(s.text))]
    assert where
    assert not [row for row in where if not re.search(term[row[1]], fold(row[2]))]


# -- the state of a corpus ----------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path) -> Path:
    shutil.copytree(SEEDS, tmp_path / "corpus")
    return tmp_path / "corpus"


def rewrite(path: Path, old: str, new: str) -> None:
    data = path.read_bytes()
    assert data.count(old.encode()) == 1
    path.write_bytes(data.replace(old.encode(), new.encode()))


def test_a_changed_sentence_makes_its_row_stale(corpus):
    rewrite(corpus / MESOTHELIOMA, "It is often used in", "It is never used in")
    found = report(corpus)
    assert found.stale == (f"{MESOTHELIOMA} 1063-1124: the sentence was changed",)
    assert found.coverage["fr"] == (89, 90)
    assert not found.is_complete


def test_moving_the_text_makes_every_row_after_it_stale(corpus):
    rewrite(corpus / MESOTHELIOMA, "Stage 4 mesothelioma is an", "Well: Stage 4 mesothelioma is an")
    found = report(corpus)
    assert len(found.stale) == 23  # all but the two headings above
    assert {place.split()[0] for place in found.stale} == {MESOTHELIOMA}


def test_stale_rows_are_not_shown(corpus):
    before = {s.start for s, *_ in rows() if s.source == MESOTHELIOMA}
    rewrite(corpus / MESOTHELIOMA, "may not cure", "may yet cure")
    source = next(source for source in load_corpus(corpus).sources if source.name == MESOTHELIOMA)
    translations = load_translations(corpus)
    without = [s.start for p in passages_of(source) for s in p.sentences if not translations.all_of(s)]
    assert len(without) == 1
    assert set(without) <= before


def test_a_document_that_is_gone_leaves_stale_rows(corpus):
    (corpus / CHINESE).unlink()
    found = report(corpus)
    assert len(found.stale) == 35
    assert all(place.endswith("no such document") for place in found.stale)


def test_a_missing_language_is_counted(corpus):
    path = corpus / "translations" / f"{CHINESE}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    del rows[3]["tr"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]), encoding="utf-8")
    assert report(corpus).coverage == {"en": (62, 63), "fr": (89, 90), "zh": (71, 71), "tr": (110, 112)}


@pytest.mark.parametrize("line", ["{", "[]", '"text"', '{"source": "a.txt"}', '{"source": "a.txt", "start": "x"}'])
def test_a_broken_row_is_named(corpus, line):
    path = corpus / "translations" / "new.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    found = report(corpus)
    assert found.broken == ("new.jsonl, line 2",)
    assert found.coverage["tr"] == (112, 112)
    assert any("new.jsonl, line 2" in line for line in lines(found))


def test_a_corpus_without_translations_is_reported(tmp_path):
    (tmp_path / "a.txt").write_text("Fever is common after this treatment.\n", encoding="utf-8")
    found = report(tmp_path)
    assert found.coverage == {"en": (0, 0), "fr": (0, 1), "zh": (0, 1), "tr": (0, 1)}
    assert not found.is_complete
    assert "  fr  0 of 1 translated (0%)" in lines(found)


def test_no_corpus_is_an_error_with_a_fix(tmp_path):
    with pytest.raises(CorpusError, match="--corpus"):
        report(tmp_path / "nowhere")


def test_the_report_names_place_language_and_reason(corpus):
    path = corpus / "translations" / f"{MESOTHELIOMA}.jsonl"
    rewrite(path, "Bien qu’elle puisse ne pas guérir", "Bien qu’elle puisse guérir")
    text = list(lines(report(corpus)))
    assert text[:5] == [
        "112 sentences and headings",
        "  en  63 of 63 translated (100%)",
        "  fr  90 of 90 translated (100%)",
        "  zh  71 of 71 translated (100%)",
        "  tr  112 of 112 translated (100%)",
    ]
    assert text[5:] == [
        "1 suspicious, 0 stale, 0 unreadable",
        f"  {MESOTHELIOMA} 842-952 fr: negation lost",
    ]


# -- what is suspicious -------------------------------------------------------------------------------------------

# Source language, source, language, a fair translation, a bad one, and what the bad one is suspected of.
SLIPS: list[tuple[Language, str, Language, str, str, str]] = [
    ("en", "Rest for 3 days.", "fr", "Reposez-vous 3 jours.", "Reposez-vous 8 jours.", "number lost: 3"),
    ("en", "Rest for 3 days.", "zh", "休息3天。", "休息几天。", "number lost: 3"),
    ("en", "Rest for a while.", "tr", "Bir süre dinlenin.", "15 gün kadar dinlenin.", "number added: 15"),
    ("zh", "每天服用0.5克。", "en", "Take 0.5 g every day.", "Take 5 g every day.", "number lost: 0.5"),
    ("tr", "Günde 1.200 mg alın.", "fr", "Prenez 1 200 mg par jour.", "Prenez 1,2 mg par jour.", "number lost: 1200"),
    ("en", "There are three stages.", "zh", "共有三个阶段。", "共有四个阶段。", "number lost: 3"),
    ("fr", "Il y a deux phases.", "tr", "İki evre vardır.", "Beş evre vardır.", "number lost: 2"),
    ("en", "It does not cure it.", "fr", "Cela ne la guérit pas.", "Cela la guérit.", "negation lost"),
    ("en", "It does not cure it.", "zh", "它不能治愈它。", "它治愈它。", "negation lost"),
    ("en", "It does not cure it.", "tr", "Onu iyileştirmez.", "Onu iyileştirir.", "negation lost"),
    ("zh", "肿瘤并未消失。", "en", "The tumor has not gone.", "The tumor has gone.", "negation lost"),
    ("fr", "Le patient est guéri.", "en", "The patient is cured.", "The patient is not cured.", "negation added"),
    ("fr", "Le patient est guéri.", "zh", "患者已痊愈。", "患者没有痊愈。", "negation added"),
    ("fr", "Le patient est guéri.", "tr", "Hasta iyileşti.", "Hasta iyileşmedi.", "negation added"),
    ("en", "Do not drive after it.", "tr", "Ondan sonra araç kullanmayın.", "Ondan sonra kullanın.", "negation lost"),
    ("en", "The cause is unknown.", "tr", "Nedeni bilinmiyor.", "Nedeni biliniyor.", "negation lost"),
    ("tr", "Hasta iyileşti.", "fr", "Le patient est guéri.", "Le patient n’est pas guéri.", "negation added"),
    ("en", "It may help.", "fr", "Cela peut aider.", "Cela aide.", "hedge lost: possible"),
    ("en", "It may help.", "zh", "它可能有帮助。", "它有帮助。", "hedge lost: possible"),
    ("en", "It may help.", "tr", "Yardımcı olabilir.", "Yardımcı olur.", "hedge lost: possible"),
    ("zh", "可缓解疼痛。", "en", "It can relieve pain.", "It relieves pain.", "hedge lost: possible"),
    ("en", "It often helps.", "fr", "Cela aide souvent.", "Cela aide.", "hedge lost: usual"),
    ("en", "It often helps.", "zh", "它往往有帮助。", "它有帮助。", "hedge lost: usual"),
    ("en", "It often helps.", "tr", "Çoğu zaman yardımcı olur.", "Yardımcı olur.", "hedge lost: usual"),
    ("fr", "Cela aide souvent.", "en", "It often helps.", "It helps.", "hedge lost: usual"),
    ("en", "Some patients recover.", "fr", "Certains guérissent.", "Les patients guérissent.", "hedge lost: some"),
    ("en", "Some patients recover.", "zh", "部分患者会康复。", "患者会康复。", "hedge lost: some"),
    ("en", "Some patients recover.", "tr", "Bazı hastalar iyileşir.", "Hastalar iyileşir.", "hedge lost: some"),
    ("zh", "部分患者会康复。", "en", "Some patients recover.", "The patients recover.", "hedge lost: some"),
    ("en", "Most patients recover.", "fr", "La plupart guérissent.", "Les patients guérissent.", "hedge lost: most"),
    ("en", "Most patients recover.", "zh", "大多数患者会康复。", "患者会康复。", "hedge lost: most"),
    ("en", "Most patients recover.", "tr", "Hastaların çoğu iyileşir.", "Hastalar iyileşir.", "hedge lost: most"),
    ("fr", "La plupart guérissent.", "en", "Most of them recover.", "They recover.", "hedge lost: most"),
    ("en", "It does not always work.", "fr", "Cela n’agit pas toujours.", "Cela n’agit pas.", "hedge lost: always"),
    ("en", "It does not always work.", "zh", "它并不总是有效。", "它没有效果。", "hedge lost: always"),
    ("en", "It does not always work.", "tr", "Her zaman işe yaramaz.", "İşe yaramaz.", "hedge lost: always"),
    ("fr", "Cela n’agit pas toujours.", "en", "It does not always work.", "It does not work.", "hedge lost: always"),
    ("en", "Surgery: It is rare.", "fr", "Chirurgie : Elle est rare.", "Elle est rare.", "label lost"),
    ("en", "Surgery: It is rare.", "zh", "手术：比较少见。", "手术比较少见。", "label lost"),
    ("en", "Surgery: It is rare.", "tr", "Cerrahi: Nadirdir.", "Cerrahi nadirdir.", "label lost"),
    ("zh", "手术：比较少见。", "en", "Surgery: It is rare.", "Surgery is rare.", "label lost"),
    ("zh", "分为三类：", "en", "There are three kinds:", "There are three kinds.", "colon before the list lost"),
    ("en", "There are three kinds:", "zh", "分为三类：", "分为三类。", "colon before the list lost"),
    ("en", "There are three kinds:", "tr", "Üç türü vardır:", "Üç türü vardır.", "colon before the list lost"),
    ("en", "There are three kinds:", "fr", "Il en existe trois :", "Il en existe trois.", "colon before the list lost"),
    ("en", "It helps them sleep.", "fr", "Cela les aide à dormir.", "It helps them sleep.", "left in en"),
    ("fr", "Cela les aide à dormir.", "en", "It helps them sleep.", "Cela les aide à bien dormir.", "left in fr"),
    ("en", "It helps them sleep.", "tr", "Uyumalarına yardım eder.", "It helps them to sleep.", "left in en"),
    ("en", "It helps them sleep.", "zh", "它帮助他们入睡。", "It helps them to sleep.", "left in en"),
    ("zh", "它帮助他们入睡。", "tr", "Uyumalarına yardım eder.", "它帮助他们入睡。", "left in zh"),
    ("zh", "它帮助他们入睡。", "en", "It helps them sleep.", "Cela les aide à dormir.", "reads as fr"),
    ("en", "It relieves pain.", "fr", "Cela soulage la douleur.", "Cela soulage 疼痛.", "holds Chinese characters"),
    ("en", "It relieves pain.", "zh", "它缓解疼痛。", "它緩解疼痛，讓患者舒適。", "in traditional characters"),
    ("en", "It helps sleep.", "fr", "Cela aide à dormir.", "Cela aide. Ils dorment bien.", "more than one sentence"),
    ("en", "It helps them sleep.", "zh", "它帮助他们入睡。", "它帮助他们。他们睡得好。", "more than one sentence"),
]


@pytest.mark.parametrize(("own", "text", "language", "fair", "bad", "reason"), SLIPS)
def test_a_slip_is_seen_and_a_fair_translation_is_not(own, text, language, fair, bad, reason):
    assert seen(own, text, language, fair) == []
    assert reason in seen(own, text, language, bad)


def test_the_slips_cover_every_hedge_in_every_language_read():
    shown = {(reason.split(": ")[1], language) for *_, language, _, _, reason in SLIPS if reason.startswith("hedge")}
    assert shown == {(kind, language) for kind in hedges() for language in LANGUAGES}


# Pairs that differ in form and not in meaning.
FAIR: list[tuple[Language, str, Language, str]] = [
    ("en", "On March 11, 2020, it became a pandemic.", "zh", "2020年3月11日，它成为大流行病。"),
    ("en", "It costs 2 million dollars.", "zh", "它花费200万美元。"),
    ("fr", "La dose est de 2,5 mg pour 10 000 patients.", "en", "The dose is 2.5 mg for 10,000 patients."),
    ("en", "It has two parts.", "zh", "它有2个部分。"),
    ("en", "The tumor is unresectable.", "fr", "La tumeur n’est pas résécable."),
    ("en", "The tumor is unresectable.", "zh", "该肿瘤不可切除。"),
    ("en", "The tumor is unresectable.", "tr", "Tümör rezeke edilemez."),
    ("zh", "患者的症状各不相同，但非常常见。", "en", "Symptoms differ from patient to patient but are very common."),
    ("zh", "功能影像可靠。", "en", "Functional imaging is reliable."),
    ("tr", "Tedavi edilmeden önce tümör yok edilir.", "en", "Before treatment the tumor is destroyed."),
    ("en", "Do not drive after treatment.", "tr", "Uygulamadan sonra araç kullanmayın."),
    ("en", "Both breasts are examined.", "tr", "Her iki meme muayene edilir."),
    ("en", "Without treatment it gets worse.", "tr", "Tedavi edilmezse kötüleşir."),
    ("en", "It is not only painful but also dangerous.", "tr", "Yalnızca ağrılı değil, aynı zamanda tehlikelidir."),
    ("tr", "Tümörün kaybolup kaybolmadığı sorulur.", "en", "People ask whether the tumor has disappeared."),
    ("tr", "Meme kanseri tamamen geriledi.", "fr", "Le cancer du sein a complètement régressé."),
    ("fr", "Ce n’est qu’un traitement de consolidation.", "en", "It is just a consolidation treatment."),
    ("en", "It works best in May.", "tr", "En iyi Mayıs ayında etki eder."),
    ("en", "PET-CT", "zh", "PET-CT"),
    ("zh", "趙亮", "en", "Zhao Liang"),
    ("en", "Introduction", "fr", "Introduction"),
    ("en", "The clinic opens at 10:30 on most weekdays.", "fr", "La clinique ouvre à 10 h 30 la plupart des jours."),
]


@pytest.mark.parametrize(("own", "text", "language", "translation"), FAIR)
def test_form_alone_is_not_suspicious(own, text, language, translation):
    assert seen(own, text, language, translation) == []


def test_any_other_figure_in_the_documents_is_seen():
    changed = 0
    for s, own, language, text in rows():
        for match in re.finditer(r"[0-9]+", text):
            wrong = f"{text[: match.start()]}{int(match.group()) + 11}{text[match.end() :]}"
            assert any(reason.startswith("number") for reason in suspicious(s, language, wrong, own))
            changed += 1
    assert changed > 30


def test_a_document_left_in_its_language_is_seen():
    long = [row for row in rows() if len(re.findall(r"\w+", row[3])) > 5 or row[1] == "zh"]
    assert not [row for row in long if f"left in {row[1]}" not in suspicious(row[0], row[2], row[0].text, row[1])]


def test_a_translation_that_breaks_off_is_seen():
    long = [row for row in rows() if len(row[0].text) > (40 if row[1] == "zh" else 120)]
    missed = [
        text[: len(text) // 4]
        for s, own, language, text in long
        if not any("length" in reason for reason in suspicious(s, language, text[: len(text) // 4], own))
    ]
    assert missed == []


def test_a_translation_of_the_next_sentence_is_mostly_seen():
    bodies = [row for row in rows() if row[0].kind != "heading"]
    by_language = [[row for row in bodies if row[2] == language] for language in LANGUAGES]
    neighbours = [pair for same in by_language for pair in pairwise(same)]
    shifted = [(row, other[3]) for row, other in neighbours if row[1] == other[1]]
    caught = [bool(suspicious(row[0], row[2], text, row[1])) for row, text in shifted]
    assert sum(caught) > 0.7 * len(caught)


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=80), translation=st.text(max_size=80), language=st.sampled_from(LANGUAGES))
def test_any_two_texts_can_be_compared(text, translation, language):
    reasons = suspicious(sentence(text), language, translation)
    assert all(isinstance(reason, str) and reason for reason in reasons)


# -- the cue tables -----------------------------------------------------------------------------------------------


def cue_tables() -> Iterator[tuple[str, dict]]:
    yield "neutral", tables()["neutral"]
    yield from (("negation " + strength, words) for strength, words in tables()["negation"].items())
    for kind, strengths in tables()["hedges"].items():
        yield from ((f"{kind} {strength}", words) for strength, words in strengths.items())
    yield from ((name, tables()[name]) for name in ("numbers", "figures", "length"))


def test_every_language_has_every_kind_of_cue():
    names = [name for name, _ in cue_tables()]
    assert {f"{kind} {strength}" for kind in ("negation", *hedges()) for strength in ("strong", "weak")} <= set(names)
    assert not [name for name, words in cue_tables() if set(words) != set(LANGUAGES) or not all(words.values())]
    assert {len(words.split(" | ")) for words in tables()["numbers"].values()} == {12}


def test_cues_are_written_as_folded_text_shows_them():
    texts = [text for _, words in cue_tables() for text in words.values() if isinstance(text, str)]
    patterns = [pattern for text in texts for pattern in text.split(" | ")]
    escapes = re.compile(r"\\[a-zA-Z]")
    assert not [p for p in patterns if fold(escapes.sub("", p)) != escapes.sub("", p)]
    assert not [p for p in patterns if re.fullmatch(p, "")]


@pytest.mark.parametrize(
    ("text", "language", "values"),
    [
        ("1 200,5 mg et 3 %", "fr", {"1200.5", "3"}),
        ("1.200,5 mg ve %3", "tr", {"1200.5", "3"}),
        ("1,200.5 mg and 3%", "en", {"1200.5", "3"}),
        ("1.2万人，20多万例", "zh", {"12000", "200000"}),
        ("10² mg", "en", {"10", "²"}),
        ("COVID-19, 3-6", "en", {"19", "3", "6"}),
        ("no figure", "en", set()),
    ],
)
def test_figures_are_read_as_each_language_writes_them(text, language, values):
    assert set(figures(text, language)) == values


def test_number_words_are_counted_by_value():
    assert dict(number_words("three of ten in march", "en")) == {"3": 2, "10": 1}
    assert dict(number_words("数十项", "zh")) == {}


def test_a_weak_cue_answers_and_asks_for_nothing():
    assert answers("negation", "the drug failed to help", "en")
    assert not demands("negation", "the drug failed to help", "en")
    assert demands("negation", "it is not only rare but not known", "en")
    assert not demands("negation", "it is not only rare", "en")


def test_the_hash_is_of_the_text():
    assert sentence_hash("a") == "ca978112ca1bbdca"


def test_a_translated_title_has_no_brackets_around_it():
    corpus = load_corpus(SEEDS)
    sentences = [s for source in corpus.sources for passage in passages_of(source) for s in passage.sentences]
    titles = titles_of(corpus.sources, sentences, load_translations(SEEDS))
    assert {frozenset(title) for title in titles.values()} == {frozenset(LANGUAGES)}
    assert not [text for title in titles.values() for text in title.values() if re.search("[][［］]", text)]
