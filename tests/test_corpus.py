"""Cleaning, sentences and passages: on the five documents, on bad input, and as invariants."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.clean import keep
from rag.corpus import MAX_BYTES, corpus_digest, load_corpus, passages_of
from rag.errors import CorpusError
from rag.split import connective, pack, sentences
from rag.types import Passage, Sentence, Source, Span

SEEDS = Path("seeds")
ENGLISH, MESOTHELIOMA, PUBMED = "000_aecb67d1b0e255d5.txt", "001_ca93e252f62a3cf5.txt", "002_530def9b474ec8e8.txt"
FRENCH, CHINESE = "003_6eb9180543203b31.txt", "004_64f107cd487ece8a.txt"


@pytest.fixture(scope="module")
def seeds() -> dict[str, Source]:
    return {source.name: source for source in load_corpus(SEEDS).sources}


def kept(source: Source) -> str:
    return "\n".join(source.text[block.start : block.end] for block in keep(source.text))


def of(text: str, tmp_path: Path, name: str = "a.txt") -> tuple[Passage, ...]:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return passages_of(load_corpus(tmp_path).sources[0])


def quotable(passages: tuple[Passage, ...]) -> list[Sentence]:
    return [s for p in passages for s in p.sentences if s.kind != "heading"]


# -- the five documents -------------------------------------------------------------------------------------------

# What each file begins and ends its article with, and how many sentences stand between: counted by hand.
ARTICLES = [
    (ENGLISH, "When it comes to treating locally advanced", "possibility of long-term remission.", 14),
    (MESOTHELIOMA, "Stage 4 mesothelioma is an advanced", "all available treatment options and support resources.", 23),
    (PUBMED, "Hepatic metastasis is the most common", "为直肠癌伴肝转移患者个体化盆腔放疗提供思路。.", 12),
    (FRENCH, "La découverte de métastases", "en tenant compte de la spécificité de chaque cas.", 20),
    (CHINESE, "在腫瘤放療門診", "是我市腫瘤精準放射治療技術(shù)帶頭人。", 28),
]


@pytest.mark.parametrize(("name", "first", "last", "count"), ARTICLES)
def test_every_sentence_of_the_article_is_kept(seeds, name, first, last, count):
    found = quotable(passages_of(seeds[name]))
    assert found[0].text.startswith(first)
    assert found[-1].text.endswith(last)
    assert len(found) == count


FURNITURE = {
    ENGLISH: ["More> Health", "YoungAtHeart", "2025-07-19", "Comments", "Login"],
    MESOTHELIOMA: ["İçeriğe geç", "Bir yanıt yazın", "E-posta", "işaretlenmişlerdir"],
    PUBMED: ["Skip to", "U.S. flag", "official website", "Dot gov", ".mil", "Https", "encrypted", "Access keys",
             "Homepage",
             "doi", "Article in Chinese", "Affiliations", "Zhonghua", "Disclaimer", "2024 Mar"],
    FRENCH: ["#Cancer", "Commentez", "Merci pour vos commentaires", "améliorer nos réponses"],
    CHINESE: ["自产精品", "aaaa", "來源", "點擊", "責編", "光影繪就", "創(chuàng)新創(chuàng)業(yè)",
             "奮楫揚帆", "最新", "主辦單位", "ICP", "Copyright",
             "版權(quán)所有", "公網(wǎng)安備", "(李"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in FURNITURE.items() for line in lines])
def test_no_furniture_is_quoted(seeds, name, line):
    assert line in seeds[name].text
    assert not any(line in sentence.text for sentence in quotable(passages_of(seeds[name])))


def test_titles_and_languages(seeds):
    assert {name: source.language for name, source in seeds.items()} == {
        ENGLISH: "en", MESOTHELIOMA: "en", PUBMED: "en", FRENCH: "fr", CHINESE: "zh",
    }  # fmt: skip
    assert seeds[PUBMED].title == "Pelvic radiotherapy strategy for rectal cancer with hepatic metastasis"
    assert seeds[CHINESE].title.endswith("放療后為什么腫瘤還在?")


def test_a_passage_speaks_one_language(seeds):
    assert [p.language for p in passages_of(seeds[PUBMED])] == ["en", "en", "zh", "zh"]


def test_a_seed_is_served_byte_for_byte():
    assert load_corpus(SEEDS).problems == ()
    for source in load_corpus(SEEDS).sources:
        assert source.text.encode() == (SEEDS / source.name).read_bytes()


# -- sentences ----------------------------------------------------------------------------------------------------

SENTENCES = [
    ("en", "Dr. Smith gave 2.5 mg, e.g. twice. It worked.", ["Dr. Smith gave 2.5 mg, e.g. twice.", "It worked."]),
    (
        "en",
        "See Fig. 2 and no. 5. Stage IV. Then J. R. Hall came.",
        ["See Fig. 2 and no. 5.", "Stage IV.", "Then J. R. Hall came."],
    ),
    ("en", 'She asked: "Is it gone?" He said no.', ['She asked: "Is it gone?"', "He said no."]),
    ("en", "Is it? Yes! It is (see above. Really). End.", ["Is it?", "Yes!", "It is (see above. Really).", "End."]),
    ("fr", "Le Dr Roux, p. ex. ici, attend. Il vient.", ["Le Dr Roux, p. ex. ici, attend.", "Il vient."]),
    ("fr", "On a dit : « Ça va ? Oui. » Puis rien.", ["On a dit : « Ça va ? Oui. »", "Puis rien."]),
    ("fr", "La dose est de 1,5 g. Rien d’autre ?", ["La dose est de 1,5 g.", "Rien d’autre ?"]),
    ("zh", "他问:“好了吗?是不是?”大家不知道。完了。", ["他问:“好了吗?是不是?”", "大家不知道。", "完了。"]),
    ("zh", "约3.5厘米。部分患者（如老人。等）可以！真的？", ["约3.5厘米。", "部分患者（如老人。等）可以！", "真的？"]),
    ("zh", "引号没有关“好。后面。", ["引号没有关“好。", "后面。"]),
    ("tr", "Prof. Dr. Kaya 4. evre dedi. Sonra gitti.", ["Prof. Dr. Kaya 4. evre dedi.", "Sonra gitti."]),
    ("tr", "Ağrı, bulantı vb. olabilir. İyi mi?", ["Ağrı, bulantı vb. olabilir.", "İyi mi?"]),
]


@pytest.mark.parametrize(("language", "text", "expected"), SENTENCES)
def test_sentences_are_cut_where_a_reader_would(language, text, expected):
    assert [span.cut(text) for span in sentences(text, Span(0, len(text)), language)] == expected


def test_a_list_item_hangs_on_the_line_above_and_loses_its_number(tmp_path):
    passages = of(
        "Goals\n\nThere are two goals:\n1. To cure.\n2) To soothe. This takes time.\n\nThat is all.", tmp_path
    )
    found = {s.text: s for s in quotable(passages)}
    lead = found["There are two goals:"]
    assert found["To cure."].lead == found["To soothe."].lead == lead.start
    assert found["This takes time."].lead == found["To soothe."].start
    assert found["To cure."].kind == "item"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "However, it may not.", "contrast"),
        ("en", "This helps.", "refers"),
        ("en", "It is important to rest.", None),
        ("en", "It is often used.", "refers"),
        ("en", "Thistles are plants.", None),
        ("fr", "Cependant, l’efficacité varie.", "contrast"),
        ("fr", "Il est crucial de comprendre.", None),
        ("fr", "Elle permet de réduire.", "refers"),
        ("zh", "但部分患者不同。", "contrast"),
        ("zh", "因此不能劃等號。", "refers"),
        ("tr", "Ancak bu her zaman olmaz.", "contrast"),
        ("tr", "Bu nedenle beklenir.", "refers"),
        ("tr", "Bugün gelir.", None),
    ],
)
def test_connectives(language, text, expected):
    assert connective(text, language) == expected


# -- bad input ----------------------------------------------------------------------------------------------------

BAD = {
    "empty.txt": (b"", "is empty"),
    "spaces.txt": (b" \r\n\t ", "is empty"),
    "latin.txt": ("Café noir. Très bon.".encode("latin-1"), "is not UTF-8"),
    "binary.txt": (b"Some text. \0\0 More text.", "NUL"),
    "menu.txt": (b"Home\nAbout\n", "no sentence"),
    "huge.txt": (b"word " * (MAX_BYTES // 5 + 1), "split it"),
    "copy.txt": (b"A good sentence stands here.", "same content as a.txt"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_good_one_served(tmp_path, name):
    data, message = BAD[name]
    (tmp_path / "a.txt").write_bytes(b"A good sentence stands here.")
    (tmp_path / name).write_bytes(data)
    corpus = load_corpus(tmp_path)
    assert [source.name for source in corpus.sources] == ["a.txt"]
    assert [problem.name for problem in corpus.problems] == [name]
    assert message in corpus.problems[0].message


def test_a_link_that_points_outside_is_left_out(tmp_path):
    (tmp_path / "secret.txt").write_text("Nobody may read this sentence.")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("A good sentence stands here.")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    corpus = load_corpus(folder)
    assert [source.name for source in corpus.sources] == ["a.txt"]
    assert "outside" in corpus.problems[0].message


@pytest.mark.parametrize("content", [None, b""])
def test_no_usable_document_is_an_error_that_names_the_folder(tmp_path, content):
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(CorpusError, match=tmp_path.name):
        load_corpus(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="not a folder"):
        load_corpus(tmp_path / "none")


@pytest.mark.parametrize(
    "text", ["\ufeffOne sentence. Two here.", "One sentence.\r\nTwo here.\r\n", "One sentence.\rTwo here."]
)
def test_offsets_count_the_bytes_own_code_points(tmp_path, text):
    found = quotable(of(text, tmp_path))
    assert [s.text for s in found] == ["One sentence.", "Two here."]
    assert [s.start for s in found] == [text.index("One"), text.index("Two")]


def test_the_digest_follows_every_change(tmp_path):
    (tmp_path / "a.txt").write_text("One.")
    before = corpus_digest(tmp_path)
    (tmp_path / "b.md").write_text("Two.")
    with_two = corpus_digest(tmp_path)
    (tmp_path / "b.md").rename(tmp_path / "c.md")
    assert len({before, with_two, corpus_digest(tmp_path)}) == 3


# -- invariants ---------------------------------------------------------------------------------------------------

WORDS = ["The", "tumour", "however", "Ancak", "患者", "放療", "醫(yī)院", "3.5", "Dr.", "e.g.", "“", "”", "。",
         "?", ".", ":", "；",
         "- ", "1. ", "\n", "\r\n", "\n\n", " ", "\u200b", "𝟙", "é", "&nbsp;", "Comments(0)", "©"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join) | st.text(max_size=200)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_a_passage_is_a_cut_of_its_source(text):
    source = Source("x.txt", text, "0", "en", "x")
    ends = 0
    for passage in passages_of(source):
        assert passage.text == text[passage.start : passage.end]
        assert passage.start >= ends
        ends = passage.end
        for sentence in passage.sentences:
            assert sentence.text == text[sentence.start : sentence.end] != ""
            assert passage.start <= sentence.start < sentence.end <= passage.end


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.sampled_from(["en", "fr", "zh", "tr"]))
def test_sentences_hold_every_word_in_order(text, language):
    spans = list(sentences(text, Span(0, len(text)), language))
    assert [c for span in spans for c in span.cut(text) if c.isalnum()] == [c for c in text if c.isalnum()]
    assert all(a.end <= b.start for a, b in pairwise(spans))


@given(st.lists(st.integers(1, 300), max_size=60))
def test_packing_keeps_every_sentence_once_and_no_passage_too_long(sizes):
    spans = pack(sizes)
    assert [i for span in spans for i in range(span.start, span.end)] == list(range(len(sizes)))
    assert all(sum(sizes[s.start : s.end]) <= 200 or s.end - s.start == 1 for s in spans)
