"""Embeddings: the local model against reference vectors, endpoints against a server that behaves well or badly."""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import model_server as server_module
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_server import (
    DIMENSION,
    KEY,
    SECRET,
    ModelServer,
    all_shown,
    drop,
    edited,
    hang,
    honest,
    raw,
    status,
    trickle,
)

from rag import minilm
from rag.embed import as_embedding, embed, open_embedder
from rag.endpoint import EmbeddingEndpoint, Patience, vectors_of
from rag.errors import ModelError, SettingsError
from rag.minilm import MiniLM, find_package
from rag.settings import Settings

REFERENCE = json.loads((Path(__file__).parent / "data" / "minilm_reference.json").read_text(encoding="utf-8"))
QUICK = Patience(deadline=20, attempts=3, pause=0.01)


@pytest.fixture(scope="module")
def local():
    return open_embedder(Settings())


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def endpoint(server: ModelServer, patience: Patience = QUICK, key: str | None = KEY):
    chosen = Settings(embedding="openai", embedding_model="m", openai_api_key=key, openai_base_url=server.base_url)
    return as_embedding(EmbeddingEndpoint.open(chosen, patience))


# The local model


def test_vectors_are_those_of_the_reference(local):
    vectors = embed(local, REFERENCE["texts"])
    cosines = (vectors * np.array(REFERENCE["vectors"])).sum(axis=1)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(REFERENCE["texts"]), 384)
    assert cosines.min() >= 0.999


def test_llama_index_sees_the_same_vectors(local):
    text = REFERENCE["texts"][1]
    expected = embed(local, [text])[0]
    for found in (
        local.get_text_embedding(text),
        local.get_query_embedding(text),
        local.get_agg_embedding_from_queries([text]),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (local.model_name, local.dimension) == ("all-MiniLM-L6-v2", 384)


async def _both(embedder, text):
    return await embedder.aget_query_embedding(text), await embedder.aget_text_embedding(text)


def test_async_calls_give_the_same_vectors(local):
    import asyncio

    for found in asyncio.run(_both(local, "windpipe")):
        np.testing.assert_allclose(found, embed(local, ["windpipe"])[0], atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.text(max_size=60) | st.sampled_from(REFERENCE["texts"]), min_size=1, max_size=6))
def test_a_batch_gives_what_each_text_alone_gives(local, texts):
    together = embed(local, texts)
    alone = np.concatenate([embed(local, [text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_order_is_kept_across_many_batches(local):
    texts = [f"word {i} " * random.Random(i).randint(1, 40) for i in range(25)]
    order = random.Random(7).sample(range(25), 25)
    np.testing.assert_allclose(embed(local, [texts[i] for i in order]), embed(local, texts)[order], atol=1e-5)


def test_only_the_first_256_tokens_count(local):
    start = "the " * 254  # the other two tokens mark start and end
    vectors = embed(local, [start, start + "fracture of the left leg. " * 5_000, "the " * 253 + "leg"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert not np.allclose(vectors[0], vectors[2], atol=1e-6)


def test_text_of_any_size_and_kind_is_taken(local):
    vectors = embed(local, ["", " \n", "\x00", "\ud800 half a pair", "x" * 1_000_000, "放療" * 5_000, "🫁"])
    assert np.isfinite(vectors).all()
    assert embed(local, []).shape == (0, 384)


def test_threads_share_one_embedder(local):
    texts = [f"question number {i} about radiotherapy" for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = np.concatenate(list(pool.map(lambda text: embed(local, [text]), texts)))
    np.testing.assert_allclose(found, embed(local, texts), atol=1e-5)


def _copy_model(folder: Path, copied: str) -> Path:
    for name in ("model.safetensors", "tokenizer.json"):
        make = shutil.copy if name == copied else os.symlink
        make(find_package() / name, folder / name)
    return folder


def _flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [_flip, _halve, Path.unlink])
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_damaged_files_are_named_with_the_fix(tmp_path, name, damage):
    folder = _copy_model(tmp_path, name)
    damage(folder / name)
    with pytest.raises(ModelError, match=name) as caught:
        MiniLM.open(folder)
    assert "pip install" in caught.value.hint


def test_a_damaged_graph_is_named(tmp_path, monkeypatch):
    copy = tmp_path / "model.onnx"
    shutil.copy(minilm.GRAPH, copy)
    _flip(copy)
    monkeypatch.setattr(minilm, "GRAPH", copy)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        MiniLM.open()


def test_a_missing_package_is_named_with_the_fix(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(ModelError, match="not installed") as caught:
        open_embedder(Settings())
    assert "RAG_EMBEDDING=none" in caught.value.hint


def test_nothing_heavy_is_imported_before_it_is_needed():
    heavy = ["llama_index", "onnxruntime", "openai", "tokenizers"]
    code = f"import sys, rag.embed; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_of_weights_is_never_imported(local):
    assert minilm.PACKAGE not in sys.modules


def test_none_is_none():
    assert open_embedder(Settings(embedding="none")) is None


# An endpoint that works


def test_an_endpoint_is_asked_as_settings_say():
    texts = ["", "one", "two", "three" * 5_000]
    with ModelServer() as server:
        embedder = open_embedder(
            Settings(embedding="openai", embedding_model="m", openai_api_key=KEY, openai_base_url=server.base_url)
        )
        assert (embedder.model_name, embedder.dimension) == ("m", None)
        vectors = embed(embedder, texts)
        (request,) = server.requests
    assert embedder.dimension == DIMENSION
    assert request.body["model"] == "m"
    assert request.body["input"][:3] == [" ", "one", "two"]
    assert len(request.body["input"][3]) == 2_000
    expected = np.array([server_module.vector(text) for text in request.body["input"]])
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_many_texts_go_in_batches_and_keep_their_order():
    texts = [f"text {i}" for i in range(150)]
    with ModelServer() as server:
        vectors = embed(endpoint(server), texts)
        assert [len(request.body["input"]) for request in server.requests] == [64, 64, 22]
        np.testing.assert_allclose(vectors[[149, 3]], embed(endpoint(server), ["text 149", "text 3"]), atol=1e-6)


def test_rows_are_placed_by_their_index():
    with ModelServer(edited(lambda rows: rows[::-1])) as backwards, ModelServer() as forwards:
        np.testing.assert_array_equal(
            embed(endpoint(backwards), ["a", "b", "c"]), embed(endpoint(forwards), ["a", "b", "c"])
        )


def test_a_server_of_ones_own_needs_no_key():
    with ModelServer() as server:
        assert embed(endpoint(server, key=None), ["a"]).shape == (1, DIMENSION)


def test_threads_share_one_endpoint():
    texts = [f"text {i}" for i in range(20)]
    with ModelServer() as server:
        embedder = endpoint(server)
        with ThreadPoolExecutor(5) as pool:
            found = np.concatenate(list(pool.map(lambda text: embed(embedder, [text]), texts)))
        np.testing.assert_allclose(found, embed(embedder, texts), atol=1e-6)


def test_it_works_inside_a_running_loop():
    import asyncio

    async def ask(embedder):
        return embed(embedder, ["a"])

    with ModelServer() as server:
        assert asyncio.run(ask(endpoint(server))).shape == (1, DIMENSION)


def test_its_thread_ends_with_it():
    def running() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "embeddings endpoint"}

    before = running()
    with ModelServer() as server:
        embedder = endpoint(server)
        embed(embedder, ["a"])
        (thread,) = running() - before
        del embedder
        gc.collect()
        thread.join(10)
    assert not thread.is_alive()


# An endpoint that does not


@pytest.mark.parametrize(
    "fault",
    [
        status(429, retry_after="0"),
        status(429, retry_after="Wed, 01 Jan 2020 00:00:00 GMT"),
        status(500),
        status(503),
        drop,
    ],
)
def test_a_passing_fault_is_tried_again(fault):
    with ModelServer(fault, honest) as server:
        assert embed(endpoint(server), ["a"]).shape == (1, DIMENSION)
        assert len(server.requests) == 2


REFUSALS = [
    (status(400), 1, "RAG_EMBEDDING"),
    (status(401), 1, "OPENAI_API_KEY"),
    (status(403), 1, "OPENAI_API_KEY"),
    (status(404), 1, "OPENAI_BASE_URL"),
    (status(418), 1, "later"),
    (status(429), 3, "wait"),
    (status(429, retry_after="3600"), 1, "wait"),
    (status(500), 3, "later"),
    (drop, 3, "OPENAI_BASE_URL"),
    (raw(b"<!doctype html><title>Sign in</title>", "text/html"), 1, "/v1"),
    (raw(b"\xff\xfe"), 1, "/v1"),
    (raw(b"[" * 100_000), 1, "/v1"),
    (raw(b'{"error": {"message": "' + SECRET.encode() + b'"}}'), 1, "/v1"),
    (edited(lambda rows: rows[1:]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: rows + rows), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "index": 0} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": [float("nan")] * 8} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": [1e300] * 8} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": [0.0] * 8} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": [None] * 8} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": ["1"] * 8} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": "AAAA"} for row in rows]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{**row, "embedding": [1.0] * (i + 1)} for i, row in enumerate(rows)]), 1, "RAG_EMBEDDING"),
    (edited(lambda rows: [{"index": row["index"]} for row in rows]), 1, "RAG_EMBEDDING"),
]


@pytest.mark.parametrize(("fault", "attempts", "fix"), REFUSALS)
def test_a_lasting_fault_says_the_fix_and_nothing_of_the_server(caplog, fault, attempts, fix):
    caplog.set_level(logging.INFO)
    with ModelServer(fault) as server:
        embedder = endpoint(server)
        with pytest.raises(ModelError) as caught:
            embed(embedder, ["a question", "another"])
        assert len(server.requests) == attempts
    assert fix in caught.value.hint
    shown = all_shown(caught.value, caplog.text)
    assert not [word for word in (SECRET, KEY, "a question", "Sign in") if word in shown]


def test_a_wrong_key_is_not_shown(caplog):
    with ModelServer() as server, pytest.raises(ModelError, match="key") as caught:
        embed(endpoint(server, key="sk-wrong-987"), ["a"])
    assert "sk-wrong" not in all_shown(caught.value, caplog.text)


def test_another_dimension_than_before_is_refused():
    longer = edited(lambda rows: [{**row, "embedding": [1.0] * 9} for row in rows])
    with ModelServer(honest, longer) as server:
        embedder = endpoint(server)
        embed(embedder, ["a"])
        with pytest.raises(ModelError, match="9 numbers where others had 8"):
            embed(embedder, ["b"])
    assert embedder.dimension == DIMENSION


@pytest.mark.parametrize("fault", [hang, trickle])
def test_the_deadline_holds_for_silence_and_for_a_byte_now_and_then(fault):
    with ModelServer(fault) as server:
        embedder = endpoint(server, Patience(deadline=0.4))
        with pytest.raises(ModelError, match=r"did not answer within 0\.4 s"):
            embed(embedder, ["a"])
        assert len(server.requests) <= 1  # on a busy machine none may arrive in time; there is no second one


def test_a_server_that_is_not_there():
    with ModelServer() as server:
        gone = server
    with pytest.raises(ModelError, match="cannot be reached"):
        embed(endpoint(gone), ["a"])


@pytest.mark.parametrize(
    ("key", "address"),
    [
        (None, None),
        ("sk-with\nbreak", None),
        ("sk-with\u00a0space", None),
        (KEY, "localhost:11434/v1"),
        (KEY, "ftp://127.0.0.1/v1"),
        (KEY, "http://[broken/v1"),
        (KEY, "http://127.0.0.1:99999/v1"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_sent(key, address):
    with pytest.raises(SettingsError) as caught:
        open_embedder(Settings(embedding="openai", openai_api_key=key, openai_base_url=address))
    assert "sk-with" not in str(caught.value)


@given(st.integers(1, 4), st.integers(1, 5), st.randoms())
def test_an_answer_in_any_order_is_read(count, dimension, rng):
    vectors = np.array([[rng.uniform(0.1, 1) for _ in range(dimension)] for _ in range(count)], dtype=np.float32)
    rows = [{"index": i, "embedding": vectors[i].tolist()} for i in range(count)]
    rng.shuffle(rows)
    np.testing.assert_array_equal(vectors_of(json.dumps({"data": rows}).encode(), count), vectors)


NUMBERS = st.floats() | st.integers() | st.none() | st.text(max_size=3)
ROWS = st.fixed_dictionaries(
    {"embedding": st.lists(NUMBERS, max_size=4) | st.text(max_size=4)},
    optional={"index": st.integers(-1, 3) | st.none()},
)
JSON = st.recursive(
    NUMBERS | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.binary() | st.fixed_dictionaries({"data": st.lists(ROWS, max_size=3) | JSON}) | JSON, st.integers(1, 3))
def test_any_other_answer_is_a_model_error_or_good_vectors(answer, count):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    try:
        vectors = vectors_of(body, count)
    except ModelError as error:
        assert error.hint
    else:
        assert vectors.shape[0] == count
        assert np.isfinite(vectors).all()
        assert vectors.any(axis=1).all()


def test_an_embedding_of_others_is_checked_too():
    from llama_index.core.base.embeddings.base import BaseEmbedding

    class Broken(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return [float("nan")] * 3 if text == "nan" else [1.0] * len(text)

        _get_query_embedding = _get_text_embedding

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    assert embed(Broken(), ["ab", "cd"]).tolist() == [pytest.approx([0.5**0.5] * 2)] * 2
    for texts in (["nan"], ["ab", "abc"], [""]):
        with pytest.raises(ModelError):
            embed(Broken(), texts)
