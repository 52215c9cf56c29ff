"""Concepts found by their names: borders, endings, abbreviations, slips, four languages; and the vocabulary's files."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import CorpusError
from rag.fold import to_traditional
from rag.inflect import english_stem, french_stem, turkish_bases
from rag.terms import Terms, check_terms, load_terms
from rag.types import LANGUAGES
from rag.vocabulary import COLUMNS, read_rows

OURS = ("cancers", "anatomy", "symptoms", "stages", "treatments", "tests", "side_effects", "care")


@pytest.fixture(scope="module")
def terms() -> Terms:
    return load_terms()


def found(terms: Terms, text: str, language: str, **options: bool) -> list[tuple[str, str]]:
    return [(m.concept, text[m.start : m.end]) for m in terms.find(text, language, **options)]


# -- names --------------------------------------------------------------------------------------------------------

NAMED = [
    # plural, spelling, abbreviation, hyphen
    ("en", "metastases in the livers", ["metastases", "livers"]),
    ("en", "oesophageal tumours", ["oesophageal tumours"]),
    ("en", "a PETCT or PET/CT scan", ["PETCT", "PET/CT scan"]),
    ("en", "HER-2 and HER2", ["HER-2", "HER2"]),
    # French: elision, accents left out, feminine, plural
    ("fr", "traitement du cancer de l oesophage", ["traitement", "cancer de l oesophage"]),
    ("fr", "l’œsophage", ["œsophage"]),
    ("fr", "metastases osseuses", ["metastases osseuses"]),
    ("fr", "tumeurs bénignes", ["tumeurs bénignes"]),
    # Turkish: chained endings, softened consonants, dropped vowels, dotless i left out
    ("tr", "akciğer kanserinin", ["akciğer kanserinin"]),
    ("tr", "akciğer kanserlerinde", ["akciğer kanserlerinde"]),
    ("tr", "göğsünde", ["göğsünde"]),
    ("tr", "isin tedavisi", ["isin tedavisi"]),
    ("tr", "karaciğere sıçrama", ["karaciğere sıçrama"]),
    ("tr", "4. evre mezotelyomada", ["4. evre", "mezotelyomada"]),
    # Chinese: no borders, both scripts, stray pinyin, Latin names inside
    ("zh", "直肠癌肝转移", ["直肠癌", "肝转移"]),
    ("zh", "腫瘤穩(wěn)定", ["腫瘤穩(wěn)定"]),
    ("zh", "電療", ["電療"]),
    ("zh", "標靶治療", ["標靶治療"]),
    ("zh", "做PET-CT吗", ["PET-CT"]),
]


@pytest.mark.parametrize(("language", "text", "spans"), NAMED)
def test_names_are_found_in_their_forms(terms, language, text, spans):
    surfaces = [surface for _, surface in found(terms, text, language)]
    assert [surface for surface in dict.fromkeys(surfaces) if surface in spans] == spans


MEANT = [
    ("en", "oat cell carcinoma", "small_cell_lung_cancer"),
    ("en", "gullet cancer", "esophageal_cancer"),
    ("en", "womb cancer", "endometrial_cancer"),
    ("en", "throwing up", "vomiting"),
    ("en", "keyhole surgery", "minimally_invasive_surgery"),
    ("en", "living will", "advance_directive"),
    ("fr", "chimio", "chemotherapy"),
    ("fr", "les rayons", "radiotherapy"),
    ("fr", "cancer du cavum", "nasopharyngeal_cancer"),
    ("fr", "acharnement thérapeutique", "futile_treatment"),
    ("zh", "电疗", "radiotherapy"),
    ("zh", "化疗", "chemotherapy"),
    ("zh", "化學治療", "chemotherapy"),
    ("zh", "食道癌", "esophageal_cancer"),
    ("zh", "摄护腺癌", "prostate_cancer"),
    ("zh", "带瘤生存", "living_with_tumor"),
    ("tr", "ışın tedavisi", "radiotherapy"),
    ("tr", "akıllı ilaç", "targeted_therapy"),
    ("tr", "yemek borusu kanseri", "esophageal_cancer"),
    ("tr", "sıçrama", "metastasis"),
    ("tr", "kansızlık", "anemia"),
    ("tr", "neden bir de ışın veriliyor", "radiotherapy"),
    ("tr", "ışınlar", "radiotherapy"),
    ("tr", "karaciğere sıçradı", "liver_metastasis"),
    ("tr", "sigarayı bırakırsam", "quit_smoking"),
    ("tr", "grip aşısı olabilir miyim", "drug_flu_vaccine"),
    ("tr", "Irak'ta", "place_iraq"),
    ("fr", "se faire opérer", "surgery"),
    ("zh", "化疗的副作用是什么", "chemotherapy_side_effect"),
    ("zh", "副作用是什么", "side_effect"),
    ("zh", "打流感疫苗", "drug_flu_vaccine"),
]


@pytest.mark.parametrize(("language", "name", "concept"), MEANT)
def test_lay_words_and_local_words_mean_their_concept(terms, language, name, concept):
    assert concept in [c for c, _ in found(terms, name, language)]


NOT_NAMED = [
    ("en", "all patients", "acute_lymphoblastic_leukemia"),
    ("en", "ALL PATIENTS SHOULD CALL", "acute_lymphoblastic_leukemia"),
    ("en", "my pet is ill", "pet_ct"),
    ("en", "painting", "pain"),
    ("en", "The liver. Cancer is rare", "liver_cancer"),
    ("en", "lung\n\ncancer", "lung_cancer"),
    ("fr", "de bonne foi", "liver"),
    ("fr", "les doses", "back"),
    ("tr", "sırt ağrısı", "radioembolization"),
    ("tr", "elma", "hand"),
    ("zh", "手续", "hand"),
    # other accents are other words, and a longer word is no form of a shorter one
    ("tr", "işini bırakmalı mı", "radiotherapy"),
    ("tr", "ön tanı", "noun_ten"),
    ("tr", "dış görünüm", "tooth"),
    ("tr", "en iyi hastane", "patient"),
    ("tr", "mali yardım", "place_mali"),
    ("tr", "röntgen çekti", "place_czech_republic"),
    ("tr", "ne olur", "death"),
    ("fr", "à côté", "rib"),
    ("fr", "Tous les médecins", "cough"),
    ("fr", "Le jeûne", "noun_young_people"),
    # sisters
    ("en", "flu shot", "vaccination"),
    ("en", "proton therapy", "radiotherapy"),
    ("en", "Gamma Knife", "stereotactic_radiotherapy"),
    ("en", "anaesthetist", "radiologist"),
    ("zh", "癫痫", "seizure"),
    ("en", "five-year survival rate", "survival_rate"),
    ("en", "massage", "art_therapy"),
]


@pytest.mark.parametrize(("language", "text", "concept"), NOT_NAMED)
def test_other_words_do_not(terms, language, text, concept):
    assert concept not in [c for c, _ in found(terms, text, language)]


def test_an_abbreviation_that_is_a_word_counts_in_capitals(terms):
    assert "acute_lymphoblastic_leukemia" in [c for c, _ in found(terms, "Is ALL curable?", "en")]
    assert "pet_ct" in [c for c, _ in found(terms, "Is a PET needed?", "en")]


def test_a_short_abbreviation_may_be_typed_without_capitals_in_a_question(terms):
    assert found(terms, "bt nedir", "tr")[0] == ("ct_scan", "bt")
    assert "ct_scan" not in [c for c, _ in found(terms, "Sözcükler: bt nedir", "tr")]


def test_of_overlapping_names_the_longest_cover_wins(terms):
    assert found(terms, "soins de fin de vie à domicile", "fr")[0] == ("end_of_life_care", "soins de fin de vie")
    assert [c for c, _ in found(terms, "肺癌症状", "zh")][:2] == ["lung_cancer", "symptom"]


def test_parts_are_found_on_request(terms):
    concepts = {c for c, _ in found(terms, "brain metastases", "en", parts=True)}
    assert {"brain_metastasis", "brain", "metastasis"} <= concepts
    assert [c for c, _ in found(terms, "brain metastases", "en")] == ["brain_metastasis"]


def test_the_language_is_detected_when_it_is_not_given(terms):
    text = "Akciğer kanserinde kemoterapi ne kadar sürer?"
    assert terms.find(text) == terms.find(text, "tr")


def test_chinese_inside_english_is_found(terms):
    assert "radiotherapy" in [c for c, _ in found(terms, "What does 放疗 mean?", "en")]


# -- slips --------------------------------------------------------------------------------------------------------

SLIPS = [
    ("en", "chemotherpy", "chemotherapy"),
    ("en", "mesotheloma", "mesothelioma"),
    ("en", "naussea", "nausea"),
    ("fr", "radiotérapie", "radiotherapie"),
    ("fr", "chimiotérapie", "chimiotherapie"),
    ("tr", "kemoterpi", "kemoterapi"),
    ("tr", "metastas", "metastaz"),
]


@pytest.mark.parametrize(("language", "word", "meant"), SLIPS)
def test_a_slip_of_a_known_word_is_mended(terms, language, word, meant):
    assert terms.near(word, language) == meant


@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "stent"), ("en", "tumours"), ("tr", "kemoterapinin"), ("fr", "traitements"), ("en", "abc"), ("zh", "化瘤")],
)
def test_known_words_and_short_words_are_no_slips(terms, language, word):
    assert terms.near(word, language) is None


def test_words_that_the_caller_knows_are_no_slips(terms):
    assert terms.near("chemotherpy", "en", known={"chemotherpy"}) is None


def test_slips_are_found_as_what_was_meant(terms):
    assert ("chemotherapy", "kemoterpi") in found(terms, "kemoterpi ne kadar", "tr", slips=True)
    assert "chemotherapy" not in [c for c, _ in found(terms, "kemoterpi ne kadar", "tr")]


# -- gloss --------------------------------------------------------------------------------------------------------

GLOSSED = [
    ("fr", "Peut-on opérer des métastases au foie ?", {"liver", "metastasis"}),
    ("fr", "traitement du cancer de l oesophage avec Zorblax", {"treatment", "esophageal", "cancer", "Zorblax"}),
    ("zh", "肺癌轉移到腦部還能活多久", {"lung", "cancer", "brain", "metastasis", "survival"}),
    ("zh", "KEYNOTE-189 化疗", {"KEYNOTE-189", "chemotherapy"}),
    ("tr", "rektum kanserinde karaciğer metastazı", {"rectal", "cancer", "liver", "metastasis"}),
]


@pytest.mark.parametrize(("language", "text", "words"), GLOSSED)
def test_a_gloss_says_in_english_what_is_named(terms, language, text, words):
    assert words <= set(terms.gloss(text, language).split())


def test_a_gloss_has_no_function_words_of_the_other_language(terms):
    gloss = terms.gloss("Est-ce que la chimio détruit les métastases ?", "fr").split()
    assert not {"est-ce", "que", "la", "les", "chimio"} & {word.lower() for word in gloss}


QUESTIONS = ["Ont-ils mal ?", "La chimio peut-elle aider ?", "Le cancer est-il, a-t-elle, ne sait ?"]


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_gloss_has_no_part_of_a_french_inversion(terms, text):
    gloss = terms.gloss(text, "fr").replace("-", " ").split()
    assert not {"ils", "elle", "il", "ont", "t", "born"} & {word.lower() for word in gloss}


def test_english_is_its_own_gloss(terms):
    assert terms.gloss("Does chemo work?", "en") == "Does chemo work?"


# -- every name of every concept ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_display_name_is_found_as_its_concept(terms, language):
    lost = [
        (concept.id, concept.names[language][0])
        for concept in terms.concepts.values()
        if concept.id not in [m.concept for m in terms.find(concept.names[language][0], language)]
    ]
    assert not lost


def test_every_name_of_oncology_is_found_whole(terms):
    rows = [row for row in read_rows() if row.file.removesuffix(".tsv") in OURS]
    names = [(row.cells[0], language, name) for row in rows for language in LANGUAGES for name in row.names[language]]
    same = terms.exceptions.same
    lost = [
        (concept, language, name)
        for concept, language, name in names
        if (same.get(concept, concept), 0, len(name))
        not in [(m.concept, m.start, m.end) for m in terms.find(name, language)]
    ]
    # A trailing sign is no part of a word: "100 %".
    assert [name for name in lost if not name[2].endswith("%")] == []


def test_traditional_names_are_found(terms):
    lost = [
        concept.id
        for concept in terms.concepts.values()
        if concept.id not in [m.concept for m in terms.find(to_traditional(concept.names["zh"][0]), "zh")]
    ]
    assert len(lost) <= len(terms.concepts) // 1000  # a phrase that OpenCC words anew


def test_the_vocabulary_is_large_enough():
    rows = list(read_rows())
    assert len(rows) >= 1200
    assert sum(row.file.removesuffix(".tsv") in OURS for row in rows) >= 900


# -- invariants ---------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["lung", "cancer", "métastases", "du", "foie", "akciğer", "kanserinin", "放疗", "腫瘤", "穩(wěn)定", "PET-CT",
     "ALL", "all", "5-FU", "œsophage", "ışın", "&nbsp;", "10²", ".", "\n", "-", "’", "x"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(WORDS, max_size=12).map(" ".join), st.lists(WORDS, max_size=8).map("".join))


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from([None, *LANGUAGES]), st.booleans())
def test_matches_lie_inside_the_text(terms, text, language, parts):
    for match in terms.find(text, language, parts=parts):
        assert 0 <= match.start < match.end <= len(text)
        assert match.concept in terms.concepts


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_chosen_matches_do_not_overlap(terms, text, language):
    spans = sorted({(m.start, m.end) for m in terms.find(text, language)})
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=6).map(" ".join), st.lists(WORDS, max_size=6).map(" ".join), st.sampled_from(LANGUAGES))
def test_two_paragraphs_name_what_each_names(terms, one, other, language):
    # The manner is told by the whole text, so both need a capital that says they were not typed quickly.
    one, other = f"Xq {one}", f"Xq {other}"
    gap = "\n\n\n\n"
    first = [(m.concept, m.start) for m in terms.find(one, language)]
    second = [(m.concept, m.start + len(one + gap)) for m in terms.find(other, language)]
    assert [(m.concept, m.start) for m in terms.find(one + gap + other, language)] == first + second


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_every_text_has_a_gloss(terms, text, language):
    assert isinstance(terms.gloss(text, language), str)


# -- endings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "stem"),
    [("tumours", "tumour"), ("biopsies", "biopsy"), ("masses", "mass"), ("diagnosis", "diagnosis"), ("pus", "pus"),
     ("diseases", "disease"), ("gas", "gas")],
)  # fmt: skip
def test_english_plurals(word, stem):
    assert english_stem(word) == stem


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [("tumoraux", "tumorale", True), ("cancereuses", "cancereux", True), ("palliatives", "palliatif", True),
     ("foie", "foi", False), ("doses", "dos", False), ("reins", "reine", False)],
)  # fmt: skip
def test_french_forms(one, other, alike):
    assert (french_stem(one) == french_stem(other)) is alike


@pytest.mark.parametrize(
    ("word", "base"),
    [("kemoterapinin", "kemoterapi"), ("tedavisiyle", "tedavi"), ("akcigerdeki", "akciger"), ("cocugu", "cocuk"),
     ("gogsunde", "gogus"), ("hastalarin", "hasta"), ("metastazlarindan", "metastaz"), ("agridir", "agri")],
)  # fmt: skip
def test_turkish_endings(word, base):
    assert base in turkish_bases(word)


def test_turkish_endings_follow_vowel_harmony_after_short_words():
    assert "kan" not in turkish_bases("kanlere")


# -- the files ----------------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_the_vocabulary():
    assert check_terms() == []


HEAD = "\t".join(COLUMNS)
GOOD = "lung\tanatomy\tlung|lungs\tpoumon\t肺脏\takciğer"
BROKEN = [
    (GOOD.replace("lung\t", "Lung!\t", 1), "not a slug"),
    (GOOD.replace("anatomy", ""), "no kind"),
    (GOOD.replace("poumon", ""), "no fr name"),
    (GOOD.replace("肺脏", "lungs"), "not Chinese"),
    (GOOD.replace("肺脏", "肺 lungs"), "half Latin"),
    (GOOD.replace("肺脏", "肺"), "too short"),
    (GOOD.replace("poumon", "p"), "too short"),
    (GOOD.replace("poumon", " poumon"), "spaces to spare"),
    (GOOD.replace("poumon", "poumon (organe)"), "more than a name"),
    (GOOD.replace("poumon", "肺脏"), "is Chinese"),
    (GOOD.replace("lung|lungs", "lung|lung"), "name twice"),
    (f"{GOOD}\n{GOOD}", "in a.tsv:2 already"),
    (f"{GOOD}\nbreath\tother\tlung\tsouffle\t呼吸\tsoluk", "names 2 concepts"),
]


@pytest.mark.parametrize(("rows", "problem"), BROKEN)
def test_the_check_finds(tmp_path, rows, problem):
    (tmp_path / "a.tsv").write_text(f"{HEAD}\n{rows}\n", encoding="utf-8")
    assert any(problem in line for line in check_terms(tmp_path))


def test_the_check_passes_what_is_right(tmp_path):
    (tmp_path / "a.tsv").write_text(f"{HEAD}\n{GOOD}\n", encoding="utf-8")
    assert check_terms(tmp_path) == []


def test_a_listed_exception_is_no_problem(tmp_path):
    rows = GOOD.replace("肺脏", "肺") + "\nbreath\tother\tlung\tsouffle\t呼吸\tsoluk"
    (tmp_path / "a.tsv").write_text(f"{HEAD}\n{rows}\n", encoding="utf-8")
    (tmp_path / "exceptions.txt").write_text("# why\nshort zh 肺\nshared en lung\n", encoding="utf-8")
    assert check_terms(tmp_path) == []


def test_concepts_that_are_the_same_become_one(tmp_path):
    rows = GOOD + "\nlung_too\tother\tlung|lights\tmou\t肺部\tak ciğer"
    (tmp_path / "a.tsv").write_text(f"{HEAD}\n{rows}\n", encoding="utf-8")
    (tmp_path / "exceptions.txt").write_text("same lung lung_too\n", encoding="utf-8")
    assert check_terms(tmp_path) == []
    merged = load_terms(tmp_path)
    assert list(merged.concepts) == ["lung"]
    assert merged.names("lung", "en") == ("lung", "lungs", "lights")
    assert merged.find("lights", "en")[0].concept == "lung"
    assert merged.names("lung_too", "en") == ()


def test_a_merge_with_no_such_concept_is_found(tmp_path):
    (tmp_path / "a.tsv").write_text(f"{HEAD}\n{GOOD}\n", encoding="utf-8")
    (tmp_path / "exceptions.txt").write_text("same lung nowhere\n", encoding="utf-8")
    assert any("nowhere" in line for line in check_terms(tmp_path))


@pytest.mark.parametrize("text", ["", "concept\tkind\n", f"{HEAD}\nlung\tanatomy\tlung\n", f"{HEAD}\n{GOOD}\textra\n"])
def test_a_row_of_other_columns_is_named_with_file_and_line(tmp_path, text):
    (tmp_path / "a.tsv").write_text(text or "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.tsv:\d"):
        load_terms(tmp_path)


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [
        ("bülan", False),
        ("sağkalım", True),
        ("sagkalim", True),
        ("tumor", True),
        ("başladık", False),
        ("yarıyor", False),
    ],
)
def test_a_turkish_word_is_what_it_is_though_typed_without_accents(terms: Terms, typed: str, is_found: bool):
    kinds = {terms.concepts[match.concept].kind for match in terms.find(typed, "tr")}
    assert bool(kinds & {"stage", "disease", "cancer", "symptom", "anatomy"}) == is_found


@pytest.mark.parametrize(
    ("organ", "cancer"),
    [("rectum", "rectal_cancer"), ("esophagus", "esophageal_cancer"), ("lung", "lung_cancer"), ("hair", None)],
)
def test_an_organ_names_its_cancer(terms: Terms, organ: str, cancer: str | None):
    assert terms.cancer_of(organ) == cancer
