"""Small corpora, questions of our own, and what holds for every answer."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from rag.cite import shown
from rag.guard import Guard
from rag.pipeline import Assistant, open_assistant
from rag.settings import Settings
from rag.split import connective
from rag.terms import Terms, load_terms
from rag.types import Answer, Hit, Language, Passage, Sentence

ROOT = Path(__file__).parents[1]
SEEDS, PROMPTS = ROOT / "seeds", ROOT / "prompts"
MARK = re.compile(r"\[(\d+)\]")

#: One subject in four languages; in each a sentence that must not be shown without the one before it.
ARM: dict[Language, str] = {
    "en": "Lymphoedema of the arm\n\nLymphoedema is a swelling of the arm that may follow the removal of lymph nodes. "
    "A compression sleeve reduces the swelling. However, it must not be worn at night without advice. "
    "Physiotherapy usually starts two weeks after surgery.\n",
    "fr": "Le lymphœdème du bras\n\nLe lymphœdème est un gonflement du bras qui peut suivre un curage axillaire. "
    "Un manchon de compression réduit ce gonflement. Cependant, il ne doit pas être porté la nuit sans avis médical. "
    "La kinésithérapie commence en général deux semaines après l'opération.\n",
    "zh": "淋巴水肿\n\n淋巴水肿是腋窝淋巴结清扫后可能出现的手臂肿胀。压力袖套可以减轻肿胀。"
    "但是，夜间不应自行佩戴压力袖套。康复训练一般在手术两周后开始。\n",
    "tr": "Kolda lenfödem\n\nLenfödem, koltuk altı lenf bezlerinin alınmasından sonra görülebilen kol şişliğidir. "
    "Basınç kolluğu şişliği azaltır. Ancak gece doktora danışmadan takılmamalıdır. "
    "Fizik tedavi genellikle ameliyattan iki hafta sonra başlar.\n",
}
WHAT_IS: dict[Language, str] = {
    "en": "What is lymphoedema?",
    "fr": "Qu'est-ce que le lymphœdème ?",
    "zh": "什么是淋巴水肿?",
    "tr": "Lenfödem nedir?",
}
#: Of the five seeds: answered, half answered and not answered by them.
QUESTIONS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Can chemotherapy remove all metastases?",
        "Why is radiotherapy combined with chemotherapy in oesophageal cancer?",
        "What is the main goal when treating stage four mesothelioma?",
        "What are the treatment options for stage 4 mesothelioma?",
        "Is immunotherapy an option in mesothelioma?",
        "Does pelvic irradiation help rectal cancer patients with liver metastases?",
        "How is the effect of radiotherapy judged?",
        "How long after radiotherapy does a tumour change?",
        "When is surgery no longer possible for esophageal cancer?",
        "Which vaccines are there against malaria?",
        "Should my mother have chemotherapy for her mesothelioma?",
    ),
    "fr": (
        "La chimiothérapie guérit-elle les métastases ?",
        "Pourquoi la tumeur est-elle encore visible après la radiothérapie ?",
        "Quels sont les traitements du mésothéliome de stade 4 ?",
        "Comment surveille-t-on les métastases ?",
        "Qu'est-ce que la radiothérapie palliative ?",
        "Comment soigne-t-on une fracture du poignet ?",
    ),
    "zh": (
        "化疗能消灭转移灶吗?",
        "放疗结束后肿瘤还在是不是没治好?",
        "四期间皮瘤怎么治疗?",
        "怎样评估放疗效果?",
        "放療後腫瘤多久才會變化?",
        "怎么修理自行车?",
    ),
    "tr": (
        "Kemoterapi metastazları tamamen yok eder mi?",
        "Radyoterapiden sonra tümör neden hâlâ görünüyor?",
        "4. evre mezotelyoma nasıl tedavi edilir?",
        "Karaciğer metastazlı rektum kanserinde pelvik radyoterapi işe yarar mı?",
        "Radyoterapinin etkisi nasıl değerlendirilir?",
        "Araba lastiği nasıl değiştirilir?",
    ),
}


@cache
def scratch() -> Path:
    """A folder for this process, gone when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="citewell-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def vocabulary() -> Terms:
    return load_terms()


@cache
def guard() -> Guard:
    return Guard.load()


def open_quickly(settings: Settings) -> Assistant:
    """As `open_assistant`, with the vocabulary and the guard that are loaded already."""
    loaded = guard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.index.load_terms", vocabulary)
        patch.setattr("rag.pipeline.load_terms", vocabulary)
        patch.setattr("rag.guard.Guard.load", lambda: loaded)
        return open_assistant(settings)


@cache
def seeds_settings() -> Settings:
    return Settings(corpus=SEEDS, store=Path(os.environ["SEEDS_STORE"]), prompts=PROMPTS)


@cache
def seeds() -> Assistant:
    """Over the five seeds with the local embeddings; one for all tests of a process."""
    return open_quickly(seeds_settings())


def over(documents: dict[str, str | bytes], embedding: str = "none") -> Assistant:
    """An assistant over these files alone."""
    folder = Path(tempfile.mkdtemp(dir=scratch()))
    for name, text in documents.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_quickly(Settings(corpus=folder, store=scratch() / "store", prompts=PROMPTS, embedding=embedding))


def spoken(answer: Answer) -> dict[tuple[str, int], tuple[Sentence, Passage]]:
    """Every sentence of the passages that were found, by source and start."""
    found = ((sentence, hit.passage) for hit in answer.hits for sentence in hit.passage.sentences)
    return {(sentence.source, sentence.start): (sentence, passage) for sentence, passage in found}


def assert_holds(assistant: Assistant, answer: Answer, limit: int) -> None:
    """What holds for every answer, whatever was asked."""
    assert set(answer.timings_ms) == {"guard", "retrieve", "answer", "total"}
    assert all(value >= 0 for value in answer.timings_ms.values())
    assert answer.withheld == 0
    assert answer.text.strip()
    if answer.outcome not in ("answered", "boundary"):
        assert not answer.citations and not answer.sentences and not MARK.search(answer.text)
        return
    assert answer.sentences
    numbers_run_in_order_of_appearance(answer)
    for citation in answer.citations:
        assert citation.quote == assistant.sources[citation.source].text[citation.start : citation.end]
        assert any(lies_in(citation.source, citation.start, citation.end, hit) for hit in answer.hits)
    sentences_are_the_documents_own(answer)
    nothing_hangs_in_the_air(answer)
    texts = [sentence.text for sentence in answer.sentences]
    assert len(set(texts)) == len(texts)
    assert len(texts) <= limit or is_one_unit(answer)


def lies_in(source: str, start: int, end: int, hit: Hit) -> bool:
    passage = hit.passage
    return passage.source == source and passage.start <= start and end <= passage.end


def numbers_run_in_order_of_appearance(answer: Answer) -> None:
    """1, 2, 3; each number of the text is a citation and each citation is in the text."""
    seen = list(dict.fromkeys(int(number) for number in MARK.findall(answer.text)))
    assert seen == list(range(1, len(seen) + 1)) == [citation.number for citation in answer.citations]
    assert seen == list(dict.fromkeys(n for sentence in answer.sentences for n in sentence.citations))


def sentences_are_the_documents_own(answer: Answer) -> None:
    """Word for word the quote, mended, or its stored translation; never a heading."""
    at, found = spoken(answer), {citation.number: citation for citation in answer.citations}
    for sentence in answer.sentences:
        assert len(sentence.citations) == 1 and 0 <= sentence.support <= 1
        citation = found[sentence.citations[0]]
        evidence, passage = at[citation.source, citation.start]
        assert evidence.kind != "heading" and citation.quote == evidence.text and citation.language == passage.language
        if sentence.verdict == "verbatim":
            assert sentence.text == shown(evidence)
        else:
            assert sentence.verdict == "translated" and sentence.text == citation.translation
        assert f"{sentence.text} [{citation.number}]" in answer.text


def nothing_hangs_in_the_air(answer: Answer) -> None:
    """ "However, ..." comes after what it limits, and what it limits not without it."""
    order = [(citation.source, citation.start) for citation in answer.citations]
    at = spoken(answer)
    limits = {
        (s.source, s.lead): (s.source, s.start)
        for s, passage in at.values()
        if s.lead is not None and connective(s.text, passage.language) == "contrast"
    }
    for place in order:
        sentence, passage = at[place]
        if sentence.lead is not None and connective(sentence.text, passage.language):
            assert order.index((sentence.source, sentence.lead)) < order.index(place)
        if place in limits:
            assert order.index(limits[place]) == order.index(place) + 1


def is_one_unit(answer: Answer) -> bool:
    """Whether all sentences of an answer are read together: each hangs on another or is hung upon."""
    at = spoken(answer)
    places = [(citation.source, citation.start) for citation in answer.citations]
    leads = {(at[place][0].source, at[place][0].lead) for place in places}
    return all(place in leads or (place[0], at[place][0].lead) in places for place in places)
