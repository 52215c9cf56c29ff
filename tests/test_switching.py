"""Another embedding model, at a real endpoint: only what must be is embedded, it is told how far that is, and the old
index serves meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from index_world import TOPICS, World, new_world
from model_server import KEY, Exchange, ModelServer, honest, status, vector

from rag.errors import ModelError
from rag.index import Index, open_index, peek


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Endpoint:
    """Honest once it is let: `asked` holds (model, text) of all it embedded."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.is_waiting, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def __call__(self, exchange: Exchange) -> None:
        self.is_waiting.set()
        self.may_answer.wait(60)
        self.asked += [(exchange.body["model"], text) for text in exchange.body["input"]]
        honest(exchange)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def world(endpoint: Endpoint, tmp_path: Path) -> Iterator[World]:
    with ModelServer(endpoint) as server:
        yield new_world(
            tmp_path,
            embedding="openai",
            embedding_model="old-model",
            openai_api_key=KEY,
            openai_base_url=server.base_url,
        )


def switched(world: World, model: str) -> World:
    return World(replace(world.settings, embedding_model=model))


def finds(index: Index) -> bool:
    """Whether each passage is found by its own vector."""
    return all(index.dense(index.vectors[n], 1)[0][0] == n for n in range(len(index.passages)))


def test_the_old_index_serves_while_the_new_one_is_built(world: World, endpoint: Endpoint):
    told: list[tuple[int, int]] = []
    new = switched(world, "new-model")
    with open_index(world.settings) as old:
        before = len(endpoint.asked)
        endpoint.may_answer.clear()
        endpoint.is_waiting.clear()
        with ThreadPoolExecutor(1) as pool:
            building = pool.submit(open_index, new.settings, lambda done, total: told.append((done, total)))
            assert endpoint.is_waiting.wait(60) and not building.done()
            assert finds(old) and old.info.model == "old-model" and old.info.warning is None
            with open_index(world.settings) as again:  # a process that starts now
                assert finds(again) and again.info.model == "old-model"
            assert peek(new.settings) is None
            endpoint.may_answer.set()
            with building.result(timeout=60) as index:
                assert finds(index) and index.info.model == "new-model" and index.info.warning is None
        assert finds(old)
    embedded = endpoint.asked[before:]
    assert {model for model, _ in embedded} == {"new-model"} and len(embedded) == len(set(embedded))
    assert told[-1] == (len(embedded), len(embedded)) and [done for done, _ in told] == sorted({d for d, _ in told})


def test_switching_back_and_forth_embeds_nothing_again(world: World, endpoint: Endpoint):
    both = world, switched(world, "new-model")
    for one in both:
        open_index(one.settings).close()
    asked = list(endpoint.asked)
    for one in (*both, *both):
        with open_index(one.settings) as index:
            assert finds(index) and index.info.model == one.settings.embedding_model
    assert endpoint.asked == asked


def test_after_a_switch_a_new_document_alone_is_embedded(world: World, endpoint: Endpoint):
    new = switched(world, "new-model")
    open_index(world.settings).close()
    open_index(new.settings).close()
    before = len(endpoint.asked)
    world.put("ginger", "Ginger tea calms the stomach on the way home.")
    with open_index(new.settings) as index:
        assert finds(index) and "ginger.txt" in index.sources
    embedded = [text.lower() for _, text in endpoint.asked[before:]]
    assert embedded and not [text for text in embedded if any(topic in text for topic in TOPICS)]


def test_words_are_not_embedded_where_there_is_no_model(world: World, endpoint: Endpoint):
    open_index(world.settings).close()
    asked = list(endpoint.asked)
    with open_index(replace(world.settings, embedding="none")) as index:
        assert index.info.dimension is None and index.passages
    assert endpoint.asked == asked


def test_a_new_model_that_fails_leaves_the_old_index_as_it_is(world: World, endpoint: Endpoint):
    open_index(world.settings).close()
    with ModelServer(status(401)) as server:
        refused = replace(world.settings, embedding_model="new-model", openai_base_url=server.base_url)
        with pytest.raises(ModelError):
            open_index(refused)
    asked = list(endpoint.asked)
    with open_index(world.settings) as index:
        assert finds(index) and index.dense(vector("anything"), 1)
    assert endpoint.asked == asked
