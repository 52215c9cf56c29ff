"""The index: what it holds, that it follows its corpus, and that nothing but a whole one is served."""

from __future__ import annotations

import ast
import logging
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_world import DIMENSION, TOPICS, Mute, Words, World, assert_answers, document, new_world, tree, vocabulary

from rag.corpus import load_corpus, passages_of
from rag.errors import CorpusError, IndexMissing, ModelError
from rag.index import CODE, build, open_index, store_of
from rag.settings import Settings
from rag.store import GENERATIONS, POINTER, Damaged

RAG = Path(__file__).parents[1] / "rag"


@pytest.fixture(scope="module", autouse=True)
def _one_vocabulary():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.index.load_terms", vocabulary)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> World:
    """A world with its index; tests read it, or take a copy."""
    world = new_world(tmp_path_factory.mktemp("built"))
    build(world.settings, embedder=Words())
    return world


@pytest.fixture
def world(built, tmp_path) -> World:
    """A copy of one's own."""
    return built.copy(tmp_path)


def test_it_holds_the_passages_and_sources_of_the_corpus(built):
    corpus = load_corpus(built.corpus)
    with built.open() as index:
        assert list(index.sources.values()) == list(corpus.sources)
        expected = [passage for source in corpus.sources for passage in passages_of(source)]
        assert list(index.passages) == sorted(expected, key=lambda passage: (passage.source, passage.start))
        assert (index.info.sources, index.info.passages) == (len(corpus.sources), len(expected))
        assert index.info.sentences == sum(len(passage.sentences) for passage in expected)
        assert (index.info.dimension, index.info.warning, index.info.problems) == (DIMENSION, None, ())
        assert_answers(index)


def test_dense_is_the_cosine_of_the_vectors(built):
    question = np.array(Words().get_query_embedding("a swelling of the arm"), dtype=np.float32)
    with built.open() as index:
        vectors = index.vectors[:]
        exact = vectors @ question / np.linalg.norm(question)
        hits = index.dense(question, len(index.passages))
        assert sorted(number for number, _ in hits) == list(range(len(index.passages)))
        assert np.allclose([cosine for _, cosine in hits], np.sort(exact)[::-1], atol=1e-5)
        assert [round(exact[number], 4) for number, _ in hits] == [round(cosine, 4) for _, cosine in hits]
        assert index.dense(question, 3) == hits[:3]
        assert index.dense(question, 0) == []


def test_sentence_vectors_are_those_of_the_sentences_in_order(built):
    with built.open() as index:
        for number, passage in enumerate(index.passages):
            found = index.sentence_vectors(number)
            assert found.shape == (len(passage.sentences), DIMENSION)
            for sentence, vector in zip(passage.sentences, found, strict=True):
                expected = np.array(Words().get_query_embedding(" ".join(sentence.text.split())))
                assert np.allclose(vector, expected / np.linalg.norm(expected), atol=2e-3)


def test_a_vector_of_another_model_is_refused(built):
    with built.open() as index, pytest.raises(ModelError, match="3 numbers"):
        index.dense([1.0, 0.0, 0.0], 5)


def test_many_threads_read(built):
    wrong: list[object] = []

    def read() -> None:
        try:
            for number in range(len(index.passages)):
                hits = index.dense(index.vectors[number], 2)
                same = hits[0][0] == number and index.sentence_vectors(number) is not None
                wrong.extend([] if same and index.bm25.scores(["team"]).any() else [number])
        except Exception as error:
            wrong.append(error)

    with built.open() as index:
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_reading_changes_nothing_in_the_store(built):
    before = tree(built.settings.store)
    with built.open() as index:
        assert_answers(index)
    assert tree(built.settings.store) == before


def test_the_scratch_of_killed_readers_goes_and_that_of_living_ones_stays(built, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with built.open():
        (living,) = tmp_path.iterdir()
        dead = tmp_path / "citewell-dead"
        shutil.copytree(living, dead)
        with built.open():
            assert living.is_dir()
            assert not dead.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_the_corpus_leaves_out_is_told_by_the_index_too(world):
    Path(os.fsdecode(os.fsencode(world.corpus) + b"/caf\xe9.txt")).write_text("Coffee is fine in small amounts.")
    (world.corpus / "empty.txt").touch()
    for _ in range(2):
        with world.open() as index:
            assert_answers(index)
            names = {problem.name: problem.message for problem in index.info.problems}
            assert set(names) == {r"caf\udce9.txt", "empty.txt"}
            assert "rename" in names[r"caf\udce9.txt"]


def test_without_room_for_its_scratch_it_says_where_to_make_some(built, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    with pytest.raises(IndexMissing) as caught, built.open():
        pass
    assert "TMPDIR" in caught.value.hint
    assert "No such file" in str(caught.value)


def test_it_follows_the_corpus_and_embeds_only_what_is_new(built, world):
    topics = dict(TOPICS)

    topics["sperm"] = "Egg cells can be frozen too before any treatment begins."
    world.put("sperm", topics["sperm"])
    (world.corpus / "quinoa.txt").unlink()
    del topics["quinoa"]
    topics["ginger"] = "Ginger tea calms the stomach on the way home."
    world.put("ginger", topics["ginger"])
    (world.corpus / "walking.txt").rename(world.corpus / "a_walk.txt")

    words, seen = Words(), []
    with open_index(world.settings, lambda done, total: seen.append((done, total)), embedder=words) as index:
        assert words.calls
        assert all("ginger" in text.lower() or "Egg cells" in text for text in words.calls)
        assert seen[-1] == (len(words.calls), len(words.calls))
        assert index.sources["a_walk.txt"].text == document("walking", TOPICS["walking"])
        assert "walking.txt" not in index.sources
        assert {p.source for p in index.passages} == {f"{t}.txt" for t in topics if t != "walking"} | {"a_walk.txt"}
    everything = b"".join(tree(world.settings.store).values())
    assert b"porridge" not in everything  # the removed file
    assert TOPICS["sperm"].encode() not in everything  # the changed sentence
    assert len(list((world.folder / GENERATIONS).iterdir())) == 1


def test_passages_with_the_same_text_are_all_found(tmp_path):
    world = new_world(tmp_path)
    (world.corpus / "again.md").write_text(
        document("lanolin", TOPICS["lanolin"]) + "\nA line of its own stands here.\n"
    )
    with world.open(Words()) as index:
        twins = [number for number, p in enumerate(index.passages) if TOPICS["lanolin"] in p.text]
        hits = index.dense(index.vectors[twins[0]], len(index.passages))
        assert len(twins) == 2
        assert sorted(number for number, _ in hits[:2]) == twins
        assert len(hits) == len({number for number, _ in hits}) == len(index.passages)


def test_without_embeddings_there_is_bm25_alone(tmp_path):
    world = new_world(tmp_path, embedding="none")
    with open_index(world.settings) as index:
        assert index.dense([1.0], 5) == []
        assert index.sentence_vectors(0) is None
        assert (index.info.dimension, index.info.model) == (None, "")
        assert_answers(index)


def test_one_store_serves_other_corpora_and_settings(built, tmp_path):
    other = new_world(tmp_path)
    (other.corpus / "lanolin.txt").unlink()
    shared = World(replace(other.settings, store=built.settings.store, embedding="none"))
    with open_index(shared.settings) as index:
        assert_answers(index, {topic: said for topic, said in TOPICS.items() if topic != "lanolin"})
    with built.open() as index:
        assert_answers(index)
    shutil.rmtree(shared.folder)


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.mkdir()], ids=["missing", "empty"])
def test_no_documents_is_an_error_that_names_the_folder(make, tmp_path):
    corpus = tmp_path / "nothing here"
    make(corpus)
    with pytest.raises(CorpusError, match="nothing here") as caught:
        open_index(Settings(corpus=corpus, store=tmp_path / "store"), embedder=Mute())
    assert caught.value.hint


def test_a_corpus_that_went_away_is_not_served(world):
    shutil.rmtree(world.corpus)
    with pytest.raises(CorpusError), world.open():
        pass


def _damages(file: Path) -> None:
    content = file.read_bytes()
    yield "removed", lambda: file.unlink()
    if content:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        yield "truncated", lambda: file.write_bytes(content[:middle])
        yield "flipped", lambda: file.write_bytes(flipped)


def test_every_damaged_file_is_noticed(built, tmp_path):
    """Each file of the store removed, cut in half, and with one bit flipped; the lock holds nothing to damage."""
    names = [name for name in tree(built.folder) if name != "build.lock"]
    assert len(names) > 15
    served = []
    for name in names:
        for what, damage in _damages(built.folder / name):
            shutil.copytree(built.folder, tmp_path / "kept")
            damage()
            try:
                generation = store_of(built.settings).current()
                if generation is not None:
                    generation.release()
                    served.append((name, what))
            except Damaged:
                pass
            shutil.rmtree(built.folder)
            (tmp_path / "kept").rename(built.folder)
    assert served == []
    with built.open() as index:
        assert_answers(index)


def test_a_lost_pointer_is_built_again_without_embedding_again(world):
    (world.folder / POINTER).unlink()
    with world.open() as index:
        assert_answers(index)
        assert index.info.warning is None
    assert store_of(world.settings).leftovers() == []


def test_of_damaged_files_all_that_is_sound_is_used_again(world):
    for pattern in ("chroma/*/data_level0.bin", "sentences.*.vec", "bm25/*.npy"):
        for file in world.folder.glob(f"{GENERATIONS}/*/{pattern}"):
            dict(_damages(file))["flipped"]()
    embedder = Words()
    with world.open(embedder) as index:
        assert_answers(index)
    assert len(embedder.calls) == 1  # one vector was damaged


def test_while_the_model_fails_the_old_index_serves_and_no_work_is_lost(world):
    said = {f"new{number}": f"Advice number {number} is about thing{number}." for number in range(100)}
    for topic, sentence in said.items():
        world.put(topic, sentence)
    failing = Words(fail_after=300)
    with world.open(failing) as index:
        assert "the embedding model failed: ConnectionError" in index.info.warning
        assert_answers(index)
    again = Words()
    with world.open(again) as index:
        assert_answers(index, {**TOPICS, **said})
        assert index.info.warning is None
    assert len(failing.calls) == 300
    assert len(set(again.calls) & set(failing.calls)) <= 100  # what was embedded in the batch that failed


def test_another_dimension_begins_anew(world):
    world.put("ginger", "Ginger tea calms the stomach on the way home.")
    with world.open(Words(dimension=48)) as index:
        assert index.info.dimension == 48
        assert index.dense(Words(dimension=48).get_query_embedding(TOPICS["quinoa"]), 1)
    assert store_of(world.settings).leftovers() == []


def test_a_reader_keeps_its_generation_until_it_closes(world):
    reader = open_index(world.settings, embedder=Mute())
    world.put("ginger", "Ginger tea calms the stomach on the way home.")
    with world.open(Words()) as new:
        assert "ginger.txt" in new.sources
        assert len(store_of(world.settings).leftovers()) == 1
        assert_answers(reader)
        assert reader.sentence_vectors(0).any()
    reader.close()
    with world.open():  # the next start sweeps
        assert store_of(world.settings).leftovers() == []


def test_an_index_that_nobody_closes_is_let_go(world):
    for _ in range(3):
        open_index(world.settings, embedder=Mute()).dense(np.ones(DIMENSION), 1)
    store = store_of(world.settings)
    shutil.copytree(next(store.all()[0].parent.iterdir()), store.generations / "0")
    with world.open():
        assert store.leftovers() == []


def test_a_second_builder_waits_says_so_and_finds_the_work_done(world, tmp_path, caplog):
    store = store_of(world.settings)
    pointer = (store.folder / POINTER).rename(tmp_path / POINTER)
    results: list[object] = []

    def second() -> None:
        try:
            build(world.settings, embedder=Mute())
            results.append("found it")
        except BaseException as error:
            results.append(error)

    with caplog.at_level(logging.WARNING), store.building(wait=True):
        waiting = threading.Thread(target=second)
        waiting.start()
        while "waiting for it" not in caplog.text:
            assert waiting.is_alive()
            waiting.join(0.01)
        pointer.rename(store.folder / POINTER)  # the first builder is done
    waiting.join()
    assert results == ["found it"]
    assert len([record for record in caplog.records if "waiting for it" in record.message]) == 1


def test_while_another_process_builds_the_old_index_serves(world):
    world.put("ginger", "Ginger tea calms the stomach on the way home.")
    with store_of(world.settings).building(wait=True), world.open() as index:
        assert "another process" in index.info.warning
        assert_answers(index)


_READ_ONLY = """
import sys
from pathlib import Path
from rag.errors import IndexMissing
from rag.index import build, open_index
from rag.settings import Settings

settings = Settings(corpus=Path(sys.argv[1]), store=Path(sys.argv[2]))
with open_index(settings) as index:
    print(index.dense(index.vectors[3], 1)[0][0], index.info.warning)
Path(sys.argv[1], "new.txt").write_text("Something new stands here, and nobody has indexed it yet.\\n")
with open_index(settings) as index:
    print(index.dense(index.vectors[3], 1)[0][0], index.info.warning)
try:
    build(settings)
except IndexMissing as error:
    print(error)
"""


def test_a_read_only_store_serves_and_says_why_it_is_not_brought_up_to_date(world):
    before = tree(world.settings.store)
    folders = [world.settings.store, *(path for path in world.settings.store.rglob("*"))]
    for path in folders:
        path.chmod(0o555 if path.is_dir() else 0o444)
    # Permissions do not bind root unless it gives that privilege up.
    drop = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    command = [*drop, sys.executable, "-c", _READ_ONLY, str(world.corpus), str(world.settings.store)]
    found = subprocess.run(command, cwd=RAG.parent, capture_output=True, text=True, check=False)
    for path in folders:
        path.chmod(0o755 if path.is_dir() else 0o644)
    first, second, third = found.stdout.splitlines()
    assert first == "3 None"
    assert second.startswith("3 the index is older than the documents: cannot write the index in")
    assert "Permission denied" in third
    assert "--store" in third
    assert tree(world.settings.store) == before


def test_the_code_that_decides_what_an_index_holds_is_known():
    """Every module below the index that is imported on the way from a file to its passages, keys and texts."""
    found, todo = set(), ["builder"]
    while todo:
        name = todo.pop()
        found.add(name)
        for node in ast.walk(ast.parse((RAG / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rag."):
                other = node.module.split(".")[1]
                todo += [] if other in found else [other]
    # These move and keep what the others decide, or are held by the fingerprint.
    assert found - set(CODE) <= {
        "embed",
        "remote",
        "minilm",
        "endpoint",
        "dense",
        "store",
        "vectors",
        "settings",
        "errors",
        "types",
    }
    assert set(CODE) <= found
