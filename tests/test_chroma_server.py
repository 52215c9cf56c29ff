"""The index on a Chroma server: a real one, `chroma run`, on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import chromadb
import httpx
import pytest
from chromadb.api import ClientAPI
from index_world import TOPICS, Mute, Words, World, assert_answers, new_world, vocabulary

from rag.errors import IndexMissing, SettingsError
from rag.index import build, open_index, store_of


@contextmanager
def running(folder: Path, port: int) -> Iterator[str]:
    """A Chroma server's address, while it runs."""
    command = [Path(sys.executable).with_name("chroma"), "run", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([*command, "--path", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while not _answers(port):
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"it ended with {server.wait(0.1)}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v2/heartbeat", timeout=1).is_success
    except httpx.HTTPError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", autouse=True)
def _one_vocabulary():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.index.load_terms", vocabulary)
        yield


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server"), free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def client(url) -> ClientAPI:
    return chromadb.HttpClient("127.0.0.1", int(url.rpartition(":")[2]))


@pytest.fixture(scope="module")
def world(url, tmp_path_factory) -> World:
    """One index on the server; the tests go on from what the one before has left."""
    made = new_world(tmp_path_factory.mktemp("world"), chroma_url=url)
    build(made.settings, embedder=Words())
    return made


def collections(client: ClientAPI, world: World) -> list[str]:
    """The names of the server's collections that belong to this store's generations."""
    ours = {f"citewell-{path.name}" for path in store_of(world.settings).all()}
    return [collection.name for collection in client.list_collections() if collection.name in ours]


def test_it_answers_and_keeps_nothing_of_chroma_in_the_folder(world, client):
    with world.open() as index:
        assert_answers(index)
        assert index.dense(index.vectors[3], 2)[0] == (3, pytest.approx(1.0, abs=1e-4))
    assert len(collections(client, world)) == 1
    assert list(world.settings.store.rglob("chroma*")) == []


def test_the_folder_and_the_server_do_not_meet(world):
    assert store_of(world.settings).folder != store_of(replace(world.settings, chroma_url=None)).folder


@pytest.mark.parametrize("what", ["a passage", "the collection"])
def test_what_is_missing_on_the_server_is_noticed_and_built_again(world, client, what):
    (name,) = collections(client, world)
    if what == "a passage":
        collection = client.get_collection(name)
        collection.delete(ids=collection.get(limit=1)["ids"])
    else:
        client.delete_collection(name)
    with world.open(Mute()) as index:
        assert index.info.warning is None
        assert_answers(index)
    (again,) = collections(client, world)
    assert again != name


def test_a_changed_corpus_gets_a_new_collection_and_readers_keep_the_old(world, client):
    before = {collection.name for collection in client.list_collections()}
    topics = {**TOPICS, "ginger": "Ginger tea calms the stomach on the way home."}
    reader = open_index(world.settings, embedder=Mute())
    world.put("ginger", topics["ginger"])
    with world.open(Words()) as index:
        assert_answers(index, topics)
    assert_answers(reader)
    assert len(collections(client, world)) == 2
    reader.close()
    with world.open():
        (name,) = collections(client, world)
    assert name not in before
    assert before.isdisjoint(collection.name for collection in client.list_collections())


def test_collections_of_others_are_left_alone(world, client):
    client.get_or_create_collection("somebody-else")
    client.get_or_create_collection("citewell-0123456789abcdef")  # of another machine's store
    world.put("mint", "Mint water is pleasant when food tastes of metal.")
    with world.open(Words()):
        pass
    assert {"somebody-else", "citewell-0123456789abcdef"} <= {found.name for found in client.list_collections()}


def test_a_server_that_is_away_is_an_error_that_says_the_fix(tmp_path):
    port = free_port()
    world = new_world(tmp_path, chroma_url=f"http://127.0.0.1:{port}")
    with pytest.raises(IndexMissing, match=f"127.0.0.1:{port} does not answer") as caught:
        open_index(world.settings, embedder=Words())
    assert "chroma run" in caught.value.hint
    assert "CHROMA_URL" in caught.value.hint


def test_a_server_that_goes_and_comes_back(tmp_path):
    port = free_port()
    world = new_world(tmp_path, chroma_url=f"http://127.0.0.1:{port}")
    with running(tmp_path / "server", port):
        reader = open_index(world.settings, embedder=Words())
    question = reader.vectors[0]
    with pytest.raises(IndexMissing, match="failed"):
        reader.dense(question, 1)
    with pytest.raises(IndexMissing, match="does not answer"):
        open_index(world.settings, embedder=Mute())
    with running(tmp_path / "server", port), world.open(Mute()) as index:
        assert_answers(index)
        assert reader.dense(question, 1)[0][0] == 0
    reader.close()


def test_a_server_that_takes_the_call_and_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("rag.dense._TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world = new_world(tmp_path, chroma_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(IndexMissing, match="does not answer"):
            open_index(world.settings, embedder=Words())


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://me:secret@127.0.0.1:1/", "http://"])
def test_an_address_that_is_none_is_an_error_that_shows_no_password(tmp_path, address):
    world = new_world(tmp_path, chroma_url=address)
    with pytest.raises(SettingsError) as caught:
        open_index(world.settings, embedder=Words())
    assert "http://127.0.0.1:8000" in caught.value.hint
    assert "secret" not in str(caught.value)
