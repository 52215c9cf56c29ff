"""Retrieval: how two kinds of evidence become one order, and that a question's own words are not drowned in it."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_world import Words, vocabulary
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import QueryBundle

from rag.index import build, open_index
from rag.language import detect
from rag.query import Query, understand
from rag.retrieve import Retriever, Weights, as_llama_index, fuse
from rag.settings import Settings

DRUGS = ("lurbinectedin", "plitidepsin", "trabectedin", "eribulin", "vinflunine", "cabazitaxel", "ixabepilone")
STUDIES = (1042, 2077, 3150, 4409)
DRUG = """{name}

{name} is given through a drip at the day clinic. The usual dose depends on height and weight. The pharmacist checks the
dose before each treatment.
"""
STUDY = """A study of walking

In study {name} patients walked every day for three months. Those in the study slept better and were less tired than
before. The study was small.
"""
OTHERS = {
    "mouth": """Sore mouth

A soft brush and plain water are gentle. Ice cubes numb the lips before meals. Avoid spice.
""",
    "skin": """Dry skin

A plain cream without scent is gentle. Lukewarm water is better than hot water. Avoid soap.
""",
    "hair": """Hair loss

A soft cap keeps the head warm. A plain shampoo without scent is gentle. Avoid heat.
""",
    "souffle": """Essoufflement

Un ventilateur devant le visage soulage l'essoufflement. La morphine à faible dose aide aussi quand il dure. Le
kinésithérapeute montre comment respirer.
""",
    "stage": """Evenings out

A fan of the singer let us in and relieved us of our coats. We stood in front of the stage, face to face with the band.
""",
    "night": """Nights at home

Some people get morphine at night. A nurse on call can be telephoned at any hour. The team gets to know what gets in the
way of sleep.
""",
}
PAGES = {
    **{f"drug_{name}": DRUG.format(name=name.capitalize()) for name in DRUGS},
    **{f"study_{name}": STUDY.format(name=name) for name in STUDIES},
    **OTHERS,
}
#: What the made-up model takes for the nearest to any question, whatever the question says.
FAVOURITES = ("lurbinectedin", "study 1042", "scent")


class Leaning(Words):
    """Finds texts that hold a favourite near to any question, and all others much less near."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return [1.0, *[0.0] * (self.dimension - 1)]

    def _get_text_embedding(self, text: str) -> list[float]:
        nearness = 0.9 if any(word in text.lower() for word in FAVOURITES) else 0.6
        rest = np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dimension - 1)
        return [nearness, *(rest / np.linalg.norm(rest) * np.sqrt(1 - nearness**2))]


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    home = tmp_path_factory.mktemp("retrieve")
    (home / "corpus").mkdir()
    for name, text in PAGES.items():
        (home / "corpus" / f"{name}.txt").write_text(text, encoding="utf-8")
    return Settings(corpus=home / "corpus", store=home / "store")


@pytest.fixture(scope="module")
def retriever(settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.index.load_terms", vocabulary)
        build(settings, embedder=Leaning())
        with open_index(settings, embedder=Leaning()) as index:
            yield Retriever(index, Leaning())


def asked(text: str) -> Query:
    return understand(text, detect(text), vocabulary())


def sources(retriever: Retriever, question: str, k: int = 5) -> list[str]:
    return [hit.passage.source.removesuffix(".txt") for hit in retriever.find(asked(question), k).hits]


# fuse

SCORES = st.lists(st.floats(0, 1, width=32).map(lambda x: round(x, 3)), min_size=2, max_size=8)
PAIRS = st.tuples(SCORES, SCORES).map(lambda pair: tuple(np.array(a[: min(map(len, pair))]) for a in pair))
WEIGHTS = st.builds(Weights, lexical=st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))


@given(PAIRS, WEIGHTS)
def test_scores_lie_between_nothing_and_one(pair, weights):
    scores = fuse(*pair, weights)
    assert scores.shape == pair[0].shape
    assert np.all((scores >= 0) & (scores <= 1 + 1e-9))


@given(PAIRS, WEIGHTS, st.integers(0, 7), st.sampled_from([0, 1]), st.floats(0.001, 1))
def test_more_evidence_never_costs_a_passage_its_place(pair, weights, place, kind, more):
    before, place = fuse(*pair, weights), place % len(pair[0])
    raised = [evidence.copy() for evidence in pair]
    had_dense = bool(pair[0].any())
    raised[kind][place] += more
    if had_dense or kind:  # the first dense evidence of all brings the dense share in
        after = fuse(*raised, weights)
        assert all(after[place] >= after[other] - 1e-9 for other in np.flatnonzero(before <= before[place]))


@given(PAIRS, WEIGHTS, st.integers(-8, 8), st.integers(-8, 8))
def test_the_unit_of_evidence_changes_nothing(pair, weights, dense, lexical):
    # By powers of two, so that not even the last bit changes.
    assert np.array_equal(fuse(pair[0] * 2.0**dense, pair[1] * 2.0**lexical, weights), fuse(*pair, weights))


@given(PAIRS, WEIGHTS, st.randoms())
def test_a_passage_s_score_does_not_depend_on_its_number(pair, weights, random):
    order = random.sample(range(len(pair[0])), len(pair[0]))
    assert np.allclose(fuse(pair[0][order], pair[1][order], weights), fuse(*pair, weights)[order])


@given(SCORES, WEIGHTS)
def test_without_dense_evidence_words_have_the_whole_weight(scores, weights):
    lexical = np.array(scores)
    found = fuse(np.zeros_like(lexical), lexical, weights)
    assert np.array_equal(np.argsort(-found, kind="stable"), np.argsort(-lexical, kind="stable"))


def test_of_equal_passages_in_one_kind_of_evidence_the_other_decides():
    equal, better = np.array([0.5, 0.5, 0.5]), np.array([0.1, 0.3, 0.2])
    assert fuse(equal, better).argmax() == fuse(better, equal).argmax() == 1


# The question's own words, against a model that has its mind made up


@pytest.mark.parametrize("drug", DRUGS[1:])
def test_a_rare_drug_name_decides(retriever, drug):
    question = f"What is the usual dose of {drug} and how is it given?"
    hits = retriever.find(asked(question), 10).hits
    assert hits[0].passage.source == f"drug_{drug}.txt"
    assert hits[0].dense_rank > 1 and hits[0].lexical_rank == 1


@pytest.mark.parametrize("number", STUDIES[1:])
def test_a_number_decides(retriever, number):
    assert sources(retriever, f"Did patients in study {number} sleep better?")[0] == f"study_{number}"


def test_an_exact_heading_decides(retriever):
    assert sources(retriever, "What helps against a sore mouth?")[0] == "mouth"


def test_without_such_words_meaning_decides(retriever):
    best = retriever.find(asked("Which is best for me?"), 3).hits[0]
    assert any(word in best.passage.text.lower() for word in FAVOURITES)


def test_what_only_its_words_found_is_measured_by_meaning_too(retriever, monkeypatch):
    question = asked("What is the usual dose of cabazitaxel?")
    scores = {hit.passage.id: hit.score for hit in retriever.find(question, 10).hits}
    monkeypatch.setattr("rag.retrieve.POOL", 1)
    best = retriever.find(question, 1).hits[0]
    assert best.dense_rank is None
    assert best.score == pytest.approx(scores[best.passage.id], abs=1e-3)


# Languages


def test_a_passage_in_another_language_is_not_behind_for_its_words(retriever):
    words, question = Retriever(retriever.index, None), "Does a fan in front of the face relieve breathlessness?"
    assert sources(words, question)[:2] == ["souffle", "stage"]


def test_a_passage_in_the_question_s_language_is_asked_for_its_words_too(retriever):
    words = Retriever(retriever.index, None)
    assert sources(words, "What is the usual dose of plitidepsin?")[0] == "drug_plitidepsin"


def test_words_of_the_question_s_language_count_in_that_language(retriever):
    words = Retriever(retriever.index, None)
    assert sources(words, "Le kinésithérapeute, que montre-t-il ?")[0] == "souffle"


# Ranks, numbers, limits


def test_hits_say_how_each_ranking_found_them(retriever):
    query = asked("What is the usual dose of eribulin?")
    found = retriever.find(query, 50)
    near = [number for number, _ in retriever.index.dense(found.meaning.vector, 50)]
    for hit, number in zip(found.hits, found.numbers, strict=True):
        assert retriever.index.passages[number] == hit.passage
        assert hit.dense_rank == near.index(number) + 1
    ranks = [hit.lexical_rank for hit in found.hits if hit.lexical_rank]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    assert {hit.passage.source for hit in found.hits if hit.lexical_rank is None} >= {"mouth.txt", "hair.txt"}
    assert next(hit for hit in found.hits if hit.lexical_rank == 1).passage.source == "drug_eribulin.txt"


def test_hits_come_best_first_and_a_shorter_list_is_the_beginning_of_a_longer_one(retriever):
    query = asked("Is a gentle cream without scent better?")
    all_of_them = retriever.find(query, 1000).hits
    scores = [hit.score for hit in all_of_them]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.passage.id for hit in all_of_them}) == len(all_of_them) <= len(retriever.index.passages)
    for k in (1, 3, 7):
        assert retriever.find(query, k).hits == all_of_them[:k]


def test_weights_at_their_ends_leave_one_kind_of_evidence(retriever):
    query = asked("What is the usual dose of eribulin?")
    index = retriever.index
    by_words = Retriever(index, Leaning(), Weights(lexical=1.0)).find(query, 1).hits[0]
    by_meaning = Retriever(index, Leaning(), Weights(lexical=0.0, sentence=0.0)).find(query, 1).hits[0]
    assert (by_words.lexical_rank, by_meaning.dense_rank) == (1, 1)
    assert by_words.passage.source == "drug_eribulin.txt"


def test_questions_may_be_asked_at_the_same_time(retriever):
    questions = [f"What is the usual dose of {drug}?" for drug in DRUGS] * 3
    alone = [sources(retriever, question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: sources(retriever, question), questions)) == alone


def test_without_a_model_words_alone_find(settings, tmp_path):
    plain = replace(settings, store=tmp_path, embedding="none")
    with open_index(plain) as index:
        words = Retriever(index, None)
        found = words.find(asked("What is the usual dose of eribulin?"), 50)
        assert found.meaning is None
        assert found.hits[0].passage.source == "drug_eribulin.txt"
        assert [hit.lexical_rank for hit in found.hits] == list(range(1, len(found.hits) + 1))
        assert all(hit.dense_rank is None for hit in found.hits)
        assert words.find(asked("qwzx vbnk?"), 5).hits == ()


def test_it_is_a_retriever_of_llama_index_whose_nodes_prove_themselves(retriever):
    adapter = as_llama_index(retriever, asked, k=4)
    assert isinstance(adapter, BaseRetriever)
    question = "What is the usual dose of eribulin?"
    nodes = adapter.retrieve(QueryBundle(question))
    assert [node.node.metadata["source"] for node in nodes] == [
        hit.passage.source for hit in retriever.find(asked(question), 4).hits
    ]
    assert [node.score for node in nodes] == sorted((node.score for node in nodes), reverse=True)
    for node in nodes:
        place = node.node.metadata
        assert retriever.index.sources[place["source"]].text[place["start"] : place["end"]] == node.node.get_content()
    assert [n.node.node_id for n in adapter.retrieve(question)] == [n.node.node_id for n in nodes]
