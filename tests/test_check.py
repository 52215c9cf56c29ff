"""The sentence check: corruptions in four languages, invariants, rates on the pairs, what `rag check` promises."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.__main__ import main
from rag.check import Check, Checker, open_checker
from rag.terms import load_terms

PAIRS = Path("tests/check")

#: What the sentences below are held against.
EVIDENCE = {
    "en": "Interferon may slow the growth of melanoma in patients with stage 3 disease. It is given for 12 months "
    "after surgery, and most patients have fever in the first week. Kidney function should be tested before each dose.",
    "fr": "L'interféron peut ralentir la croissance du mélanome chez les patients atteints d'une maladie de stade 3. "
    "Il est administré pendant 12 mois après la chirurgie, et la plupart des patients ont de la fièvre la première "
    "semaine.",
    "zh": "干扰素可能减缓3期黑色素瘤患者的肿瘤生长。手术后用药12个月。"
    "大多数患者在第一周会发热。每次用药前应检查肾功能。",
    "tr": "İnterferon, 3. evre melanom hastalarında tümörün büyümesini yavaşlatabilir. Tedavi ameliyattan sonra 12 ay "
    "sürer. Hastaların çoğunda ilk haftada ateş görülür.",
}

CORRUPTIONS = {
    "en": {
        "hedge": "Interferon slows the growth of melanoma in patients with stage 3 disease.",
        "negation": "Interferon may not slow the growth of melanoma in patients with stage 3 disease.",
        "direction": "Interferon may speed up the growth of melanoma in patients with stage 3 disease.",
        "drug": "Tamoxifen may slow the growth of melanoma in patients with stage 3 disease.",
        "unknown drug": "Zoltamab may slow the growth of melanoma in patients with stage 3 disease.",
        "cancer": "Interferon may slow the growth of lymphoma in patients with stage 3 disease.",
        "stage": "Interferon may slow the growth of melanoma in patients with stage 2 disease.",
        "condition": "Interferon may slow the growth of melanoma.",
        "role": "Melanoma may slow the growth of interferon in patients with stage 3 disease.",
        "before and after": "It is given for 12 months before surgery.",
        "number": "It is given for 18 months after surgery.",
        "unit": "It is given for 12 weeks after surgery.",
        "scope": "All patients have fever in the first week.",
        "dropped scope": "Patients have fever in the first week.",
        "organ": "Liver function should be tested before each dose.",
        "obligation": "Kidney function may be tested before each dose.",
        "addition": "Kidney function should be tested before each dose in children.",
        "repeated words": "Kidney function should be tested before each dose after surgery.",
        "cause": "Patients have fever because they have melanoma.",
        "without": "Interferon may slow the growth of melanoma in patients without stage 3 disease.",
        "advice": "You should have your kidney function tested before each dose.",
        "order to the reader": "Ask for interferon after surgery.",
        "broken off": "Interferon may slow the growth of melanoma in patients with stage 3 disease, which.",
        "left open": "Interferon may slow the growth of melanoma in patients with stage 3 disease and.",
        "half": "Interferon may slow the growth of.",
        "half a list": "Interferon may slow the growth of melanoma in patients with stage 3 disease, such as.",
        "no verb": "Interferon may slow the growth of melanoma in patients with stage 3 disease, which some patients.",
    },
    "fr": {
        "hedge": "L'interféron ralentit la croissance du mélanome chez les patients atteints d'une maladie de stade 3.",
        "negation": "L'interféron ne peut pas ralentir la croissance du mélanome chez les patients de stade 3.",
        "direction": "L'interféron peut accélérer la croissance du mélanome chez les patients de stade 3.",
        "drug": "Le tamoxifène peut ralentir la croissance du mélanome chez les patients de stade 3.",
        "stage": "L'interféron peut ralentir la croissance du mélanome chez les patients de stade 2.",
        "condition": "L'interféron peut ralentir la croissance du mélanome.",
        "role": "Le mélanome peut ralentir la croissance de l'interféron chez les patients de stade 3.",
        "before and after": "Il est administré pendant 12 mois avant la chirurgie.",
        "number": "Il est administré pendant 18 mois après la chirurgie.",
        "broken off": "Il est administré pendant 12 mois après la chirurgie, qui.",
        "left open": "Il est administré pendant 12 mois après la chirurgie parce que.",
        "half": "L'interféron peut ralentir la croissance des.",
        "no verb": "Il est administré pendant 12 mois après la chirurgie, qui potentiels à certains patients.",
        "unit": "Il est administré pendant 12 semaines après la chirurgie.",
        "scope": "Tous les patients ont de la fièvre la première semaine.",
        "symptom": "La plupart des patients ont des nausées la première semaine.",
        "addition": "La plupart des patients ont de la fièvre la première semaine, surtout les enfants.",
        "advice": "Vous devez prendre de l'interféron pendant 12 mois après la chirurgie.",
    },
    "zh": {
        "hedge": "干扰素减缓3期黑色素瘤患者的肿瘤生长。",
        "negation": "干扰素不可能减缓3期黑色素瘤患者的肿瘤生长。",
        "direction": "干扰素可能加快3期黑色素瘤患者的肿瘤生长。",
        "drug": "紫杉醇可能减缓3期黑色素瘤患者的肿瘤生长。",
        "stage": "干扰素可能减缓2期黑色素瘤患者的肿瘤生长。",
        "cancer": "干扰素可能减缓3期淋巴瘤患者的肿瘤生长。",
        "before and after": "手术前用药12个月。",
        "number": "手术后用药18个月。",
        "unit": "手术后用药12周。",
        "scope": "所有患者在第一周会发热。",
        "organ": "每次用药前应检查肝功能。",
        "obligation": "每次用药前可以检查肾功能。",
        "left open": "手术后用药12个月和。",
        "condition": "应检查肾功能。",
        "advice": "您每次用药前应检查肾功能。",
    },
    "tr": {
        "hedge": "İnterferon, 3. evre melanom hastalarında tümörün büyümesini yavaşlatır.",
        "negation": "İnterferon, 3. evre melanom hastalarında tümörün büyümesini yavaşlatamaz.",
        "direction": "İnterferon, 3. evre melanom hastalarında tümörün büyümesini hızlandırabilir.",
        "drug": "Tamoksifen, 3. evre melanom hastalarında tümörün büyümesini yavaşlatabilir.",
        "stage": "İnterferon, 2. evre melanom hastalarında tümörün büyümesini yavaşlatabilir.",
        "before and after": "Tedavi ameliyattan önce 12 ay sürer.",
        "number": "Tedavi ameliyattan sonra 18 ay sürer.",
        "unit": "Tedavi ameliyattan sonra 12 hafta sürer.",
        "scope": "Hastaların hepsinde ilk haftada ateş görülür.",
        "symptom": "Hastaların çoğunda ilk haftada bulantı görülür.",
        "condition": "Hastaların çoğunda ateş görülür.",
        "left open": "Tedavi ameliyattan sonra 12 ay sürer ve.",
        "addition": "Hastaların çoğunda ilk haftada ateş görülür, özellikle çocuklarda.",
        "advice": "İnterferon tedavisini ameliyattan sonra 12 ay sürdürmelisiniz.",
    },
}

FAITHFUL = {
    "en": [
        "In patients with stage 3 disease, interferon may slow the growth of melanoma.",
        "The growth of melanoma may be slowed by interferon in patients with stage 3 disease.",
        "Interferon is given for twelve months after surgery.",
        "Most patients have fever in the first week.",
        "Interferon may slow the growth of melanoma in patients who have stage 3 disease.",
        "Kidney function should be tested before every dose.",
        "Interferon is given for 12 months after surgery and may slow melanoma growth in patients with stage 3 "
        "disease.",
    ],
    "fr": [
        "Chez les patients atteints d'une maladie de stade 3, l'interféron peut ralentir la croissance du mélanome.",
        "L'interféron est administré pendant 12 mois après la chirurgie.",
        "L'interféron peut ralentir la croissance du mélanome chez les patients qui ont une maladie de stade 3.",
        "La plupart des patients ont de la fièvre pendant la première semaine.",
    ],
    "zh": ["手术后用药十二个月。", "每次用药之前应该检查肾功能。", "大多数患者第一周会发热。"],
    "tr": ["Ameliyattan sonra tedavi 12 ay sürer.", "İlk haftada hastaların çoğunda ateş görülür."],
}

#: Rates below which a change of the check is no good: of corruptions caught, by kind, and of faithful ones passed.
CAUGHT = {"dev.jsonl": 1.0, "test.jsonl": 0.99}
CAUGHT_OF_A_KIND = {"dev.jsonl": 1.0, "test.jsonl": 0.97}
PASSED = {"dev.jsonl": 0.62, "test.jsonl": 0.62}


@cache
def checker() -> Checker:
    return open_checker(load_terms())


def judge(sentence: str, *evidence: str) -> Check:
    return checker().check(sentence, evidence)


@cache
def pairs(name: str) -> tuple[Mapping[str, object], ...]:
    return tuple(json.loads(line) for line in (PAIRS / name).read_text(encoding="utf-8").splitlines())


def cases(table: Mapping[str, Mapping[str, str]]) -> list[object]:
    return [
        pytest.param(lang, text, id=f"{lang}-{kind}") for lang, kinds in table.items() for kind, text in kinds.items()
    ]


@pytest.mark.parametrize(("language", "sentence"), cases(CORRUPTIONS))
def test_a_corruption_is_caught(language: str, sentence: str):
    found = judge(sentence, EVIDENCE[language])
    assert not found.supported, found.reason
    assert found.reason and found.support < 1


@pytest.mark.parametrize(("language", "sentence"), [(lang, text) for lang, texts in FAITHFUL.items() for text in texts])
def test_a_faithful_rewording_passes(language: str, sentence: str):
    found = judge(sentence, EVIDENCE[language])
    assert found.supported, found.reason


@pytest.mark.parametrize("language", EVIDENCE)
def test_what_stands_beside_the_evidence_changes_nothing(language: str):
    others = [text for other, text in EVIDENCE.items() if other != language]
    sentences = [*CORRUPTIONS[language].values(), *FAITHFUL[language]]
    alone = [judge(text, EVIDENCE[language]).supported for text in sentences]
    among = [judge(text, "Water boils at 100 degrees.", EVIDENCE[language], *others).supported for text in sentences]
    assert [a for a, b in zip(alone, among, strict=True) if a and not b] == []
    assert all(not b for a, b in zip(alone, among, strict=True) if not a)


@pytest.mark.parametrize("language", EVIDENCE)
def test_quotes_are_cuts_of_the_evidence(language: str):
    evidence = ("Nothing of it stands here.", EVIDENCE[language])
    for sentence in FAITHFUL[language]:
        found = judge(sentence, *evidence)
        assert found.cuts and len(found.cuts) == len(found.quotes)
        assert [evidence[cut.text][cut.start : cut.end] for cut in found.cuts] == list(found.quotes)


def test_markers_and_emphasis_count_for_nothing():
    assert judge("**Most patients** have fever in the first week [1, 2].", EVIDENCE["en"]).supported
    assert judge("Most patients have fever in the first week【3】.", EVIDENCE["en"]).supported


def test_every_sentence_of_several_must_be_carried():
    good, bad = FAITHFUL["en"][3], CORRUPTIONS["en"]["number"]
    assert judge(f"{good} {FAITHFUL['en'][4]}", EVIDENCE["en"]).supported
    assert not judge(f"{good} {bad}", EVIDENCE["en"]).supported


def test_a_subject_is_not_borrowed_from_another_sentence():
    evidence = "Aspirin thins the blood. Morphine relieves severe pain and can cause constipation."
    assert not judge("Aspirin relieves severe pain.", evidence).supported
    assert not judge("Aspirin thins the blood and can cause constipation.", evidence).supported
    assert judge("Morphine can cause constipation.", evidence).supported


def test_it_stands_for_the_subject_before():
    evidence = "Tamoxifen is a tablet. It may cause hot flushes in young women."
    assert judge("Tamoxifen may cause hot flushes in young women.", evidence).supported
    assert not judge(
        "Tamoxifen may cause hot flushes in young women.", "It may cause hot flushes in young women."
    ).supported


def test_an_unknown_name_across_languages_cannot_be_judged():
    assert judge("Chemotherapy relieves pain.", "La chimiothérapie soulage la douleur.").supported
    assert not judge("Zoltamab relieves pain.", "La chimiothérapie soulage la douleur.").supported
    assert not judge("Chemotherapy relieves glorbs.", "La chimiothérapie soulage la douleur.").supported


def test_a_language_that_is_not_known_is_not_judged():
    found = judge("Хіміотерапія може зменшити пухлину.", "Chemotherapy may shrink the tumor.")
    assert not found.supported and "language" in found.reason


def test_a_second_opinion_is_asked_only_where_words_cannot_judge():
    asked: list[tuple[str, str]] = []

    def second(sentence: str, quote: str) -> bool:
        asked.append((sentence, quote))
        return True

    both = open_checker(load_terms(), second)
    evidence = ["Aloe juice may soothe the skin after radiotherapy."]
    assert both.check("Aloe juice may pamper the skin after radiotherapy.", evidence).supported
    assert asked == [("Aloe juice may pamper the skin after radiotherapy.", evidence[0])]
    for vetoed in (
        "Aloe juice soothes the skin after radiotherapy.",
        "Aloe juice may not soothe the skin after radiotherapy.",
    ):
        assert not both.check(vetoed, evidence).supported
    assert len(asked) == 1


SENTENCES = [
    text
    for row in (*pairs("dev.jsonl"), *({"evidence": [text]} for text in EVIDENCE.values()))
    for text in row["evidence"]  # type: ignore[attr-defined]
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SENTENCES))
def test_the_evidence_carries_itself(text: str):
    assert judge(text, "Something else.", text).supported


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([text for text in SENTENCES if re.search(r"[0-9]", text)]), st.data())
def test_another_number_is_never_carried(text: str, data: st.DataObject):
    place = data.draw(st.sampled_from([match.span() for match in re.finditer(r"[0-9]+", text)]))
    other = str(int(text[slice(*place)]) + data.draw(st.integers(1, 9)))
    changed = text[: place[0]] + other + text[place[1] :]
    assert other in re.findall(r"[0-9]+", text) or not judge(changed, text).supported


NEGATED = {
    "en": (r"\b(?:is|are|can|may|should)\b", r"\g<0> not"),
    "fr": (r"\b(?:est|peut|sont|doit)\b", r"n'\g<0> pas"),
    "zh": (r"可能|可以|应", r"不\g<0>"),
    "tr": (r"(\w+)abilir", r"\1amaz"),
}
PLAIN = [
    (language, text)
    for language, (verb, _) in NEGATED.items()
    for text in EVIDENCE[language].replace("。", "。\n").replace(". ", ".\n").splitlines()
    if re.search(verb, text)
]


@pytest.mark.parametrize(("language", "text"), PLAIN)
def test_an_added_negation_is_never_carried(language: str, text: str):
    verb, negated = NEGATED[language]
    assert not judge(re.sub(verb, negated, text, count=1), text, EVIDENCE[language]).supported


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(" ".join(SENTENCES[:40]).split()), max_size=40), st.text(max_size=80))
@example([], "")
@example(["\ud83d", "[1]"], "\x00")
def test_noise_is_judged_too(words: Sequence[str], noise: str):
    for sentence in (" ".join(words), noise):
        found = judge(sentence, " ".join(reversed(words)), noise)
        assert found.verdict in ("supported", "unsupported") and 0 <= found.support <= 1 and found.reason


@pytest.mark.parametrize("text", ["a " * 60_000, "(" * 20_000, "ne pas, " * 9_000, "不" * 40_000, "if 1, " * 9_000])
def test_huge_texts_come_to_an_end(text: str):
    assert judge(text, EVIDENCE["en"]).verdict == "unsupported"
    assert not judge(CORRUPTIONS["en"]["number"], text).supported


def test_a_sentence_is_found_in_a_long_text():
    text = "The clinic opens at eight. " * 2_000 + EVIDENCE["en"] + " The clinic closes at six." * 2_000
    found = judge(FAITHFUL["en"][3], text)
    assert found.supported and text[found.cuts[0].start : found.cuts[0].end] == found.quotes[0]
    assert not judge(CORRUPTIONS["en"]["scope"], text).supported


def test_threads_share_a_checker():
    jobs = [(text, EVIDENCE[lang]) for lang, texts in FAITHFUL.items() for text in texts] * 4
    fresh = open_checker(load_terms())
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda job: fresh.check(job[0], [job[1]]).supported, jobs))


@pytest.mark.parametrize("name", ["dev.jsonl", "test.jsonl"])
def test_the_rates_on_the_pairs_hold(name: str):
    kinds: dict[str, list[bool]] = defaultdict(list)
    broken: dict[str, list[object]] = defaultdict(list)
    for row in pairs(name):
        is_right = judge(str(row["sentence"]), *row["evidence"]).verdict == row["label"]  # type: ignore[misc]
        group = "faithful" if row["label"] == "supported" else str(row["kind"])
        kinds[group].append(is_right)
        if not is_right:
            broken[group].append(row["id"])
    faithful = kinds.pop("faithful")
    caught = [right for found in kinds.values() for right in found]
    assert sum(caught) / len(caught) >= CAUGHT[name], {kind: ids for kind, ids in broken.items() if kind != "faithful"}
    for kind, found in kinds.items():
        assert sum(found) / len(found) >= CAUGHT_OF_A_KIND[name], (kind, broken[kind])
    assert sum(faithful) / len(faithful) >= PASSED[name], broken["faithful"]


def test_the_command_keeps_order_and_ids_and_names_bad_lines(tmp_path: Path):
    rows: list[object] = [
        {"id": f"s{n}", "sentence": text, "evidence": [EVIDENCE["en"]]} for n, text in enumerate(FAITHFUL["en"])
    ]
    rows.insert(2, {"id": "odd", "sentence": 3, "evidence": []})
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["check", str(source), str(target)]) == 0
    found = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in found] == ["s0", "s1", "odd", *(f"s{n}" for n in range(2, len(FAITHFUL["en"])))]
    assert found[2]["error"]["line"] == 3 and "sentence" in found[2]["error"]["message"]
    assert {row["verdict"] for n, row in enumerate(found) if n != 2} == {"supported"}
