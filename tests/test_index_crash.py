"""Builds that are killed, that run out of disk, that meet: whoever opens the index next is served a whole one."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from index_world import TOPICS, Mute, Words, World, assert_answers, new_world, tree, vocabulary

from rag.errors import IndexMissing
from rag.index import build, open_index, store_of
from rag.store import POINTER

#: Children fork from a process that has done all that comes before a build: what is killed is a build, no import.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["chromadb", "bm25s", "index_warm"])

NEW = {**TOPICS, "ginger": "Ginger tea calms the stomach on the way home."}
del NEW["quinoa"]
_ANYWHERE = {"os.remove", "os.rmdir", "subprocess.Popen"}  # what a tree is removed by names no folder
_IN_THE_STORE = {"open", "os.mkdir", "os.rename"}


def _steps(world: World, act: Callable[[int, str], None]) -> None:
    """Calls `act` with number and name before every step that a build takes on the store's files."""
    home, count = str(world.settings.store), 0

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal count
        if event in _ANYWHERE or (event in _IN_THE_STORE and str(args[0]).startswith(home)):
            count += 1
            act(count, f"{event} {args[1]}" if event == "os.rename" else event)

    sys.addaudithook(hook)


def _record(world: World, told: Connection) -> None:
    names: list[str] = []
    _steps(world, lambda number, name: names.append(name))
    began = time.monotonic()
    build(world.settings, embedder=Words())
    seconds = time.monotonic() - began
    told.send(names)
    told.send(seconds)


def _die_at(world: World, step: int, told: Connection) -> None:
    os.setpgrp()  # and with it whatever it has started
    _steps(world, lambda number, name: os.killpg(0, signal.SIGKILL) if number == step else None)
    build(world.settings, embedder=Words())


def _build(world: World, told: Connection) -> None:
    words = Words()
    told.send("started")
    build(world.settings, embedder=words)
    told.send(len(words.calls))


def _build_with_room(world: World, room: int, told: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        build(world.settings, embedder=Words())
    except IndexMissing as error:
        told.send(str(error))


def _start(target: Callable[..., None], *args: object) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    here, there = processes.Pipe()
    child = processes.Process(target=target, args=(*args, there))
    child.start()
    there.close()
    return child, here


@pytest.fixture(scope="module", autouse=True)
def _one_vocabulary():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        forkserver.ensure_running()
        patch.undo()
        patch.setattr("rag.index.load_terms", vocabulary)
        yield


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> World:
    world = new_world(tmp_path_factory.mktemp("old"))
    build(world.settings, embedder=Words())
    return world


def _show(world: World, topics: dict[str, str]) -> None:
    """Makes the corpus these documents."""
    for file in world.corpus.iterdir():
        file.unlink()
    for topic, said in topics.items():
        world.put(topic, said)


def _assert_serves_old_or_new(world: World) -> bool:
    """What the pointer names is whole and is one of the two; gives whether it is the new one."""
    generation = store_of(world.settings).current()
    assert generation is not None
    is_new = b'"ginger.txt"' in (generation.path / "sources.jsonl").read_bytes()
    generation.release()
    topics = NEW if is_new else TOPICS
    _show(world, topics)
    with world.open(Mute()) as index:  # fresh, so that nothing is built: this is what was left behind
        assert index.info.warning is None
        assert_answers(index, topics)
    _show(world, NEW)
    return is_new


@dataclass(frozen=True)
class Undisturbed:
    """A build of the new corpus over the old index: its steps and its seconds."""

    steps: list[str]
    seconds: float

    @property
    def switch(self) -> int:
        """The number of the step that switches the pointer."""
        (found,) = (n for n, name in enumerate(self.steps, 1) if name.startswith("os.rename") and POINTER in name)
        return found


@pytest.fixture(scope="module")
def undisturbed(old, tmp_path_factory) -> Undisturbed:
    world = old.copy(tmp_path_factory.mktemp("undisturbed"))
    _show(world, NEW)
    child, told = _start(_record, world)
    found = Undisturbed(told.recv(), told.recv())
    child.join()
    return found


#: Moments over the whole build, drawn once, and those around the switch of the pointer. `KILLS=88 pytest
#: tests/test_index_crash.py` kills a hundred times with those by the clock.
_KILLS = int(os.environ.get("KILLS", "9"))
_MOMENTS = [
    *((part + random.Random(part).random()) / _KILLS for part in range(_KILLS)),
    *("at the switch", "after the switch", "at the last step"),
]


@pytest.mark.parametrize("moment", _MOMENTS, ids=str)
def test_killed_at_a_step_the_old_or_the_new_index_is_served(old, undisturbed, tmp_path, moment):
    named = {
        "at the switch": undisturbed.switch,
        "after the switch": undisturbed.switch + 1,
        "at the last step": len(undisturbed.steps),
    }
    step = named.get(moment) or 1 + int(moment * len(undisturbed.steps))
    world = old.copy(tmp_path)
    _show(world, NEW)
    child, _ = _start(_die_at, world, step)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert _assert_serves_old_or_new(world) == (step > undisturbed.switch)


@pytest.fixture(scope="module")
def battered(old, tmp_path_factory) -> World:
    """What is left of a killed build stays for the next one."""
    world = old.copy(tmp_path_factory.mktemp("battered"))
    _show(world, NEW)
    return world


@pytest.mark.parametrize("part", range(8))
def test_killed_by_the_clock_the_old_or_the_new_index_is_served(old, undisturbed, battered, part):
    """Chroma's own code takes no steps that could be counted."""
    child, told = _start(_build, battered)
    told.recv()
    child.join(timeout=undisturbed.seconds * (part + random.Random(part).random()) / 8)
    child.kill()
    child.join()
    if _assert_serves_old_or_new(battered):
        shutil.rmtree(battered.folder)
        shutil.copytree(store_of(old.settings).folder, battered.folder)


def test_after_all_this_a_build_ends_well_and_nothing_is_left_over(battered):
    with battered.open(Words()) as index:
        assert index.info.warning is None
        assert_answers(index, NEW)
    _wait_until_swept(battered)


def _wait_until_swept(world: World) -> None:
    """A process that was checking an index when its builder was killed holds it until it is done."""
    deadline = time.monotonic() + 60
    while store_of(world.settings).leftovers():
        assert time.monotonic() < deadline
        with world.open(Mute()):
            pass


def test_a_first_build_that_is_killed_is_done_again_with_what_it_had(tmp_path):
    world = new_world(tmp_path)
    child, told = _start(_build, world)
    told.recv()
    while not list(world.folder.glob("generations/*/sentences.*.vec")):
        child.join(0.005)
        assert child.is_alive()
    child.kill()
    child.join()
    assert store_of(world.settings).current() is None
    words = Words()
    with world.open(words) as index:
        assert_answers(index)
        sentences = {" ".join(s.text.split()) for passage in index.passages for s in passage.sentences}
        assert set(words.calls) <= sentences  # the passages' vectors were there
    _wait_until_swept(world)


@pytest.mark.parametrize("room", [1_000, 150_000], ids=["texts", "chroma"])
def test_on_a_full_disk_the_old_index_serves(old, tmp_path, room):
    world = old.copy(tmp_path)
    before = tree(world.folder)
    _show(world, NEW)
    child, told = _start(_build_with_room, world, room)
    message = told.recv()
    child.join()
    assert str(world.folder) in message
    assert "room" in message or "space" in message
    assert tree(world.folder) == before
    assert not _assert_serves_old_or_new(world)


def _open_with_memory(world: World, room: int, told: Connection) -> None:
    words = Words()
    words.get_query_embedding("warm")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + room, size + room))
    try:
        with open_index(world.settings, embedder=words) as index:
            told.send(index.info.warning or "")
    except IndexMissing as error:
        told.send(str(error))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("megabytes", [1, 4, 16, 64, 256])
def test_without_memory_for_a_build_the_old_index_serves(old, tmp_path, megabytes):
    """A library may end the process where it gets no memory; what was served is still there for the next one."""
    world = old.copy(tmp_path)
    _show(world, NEW)
    child, told = _start(_open_with_memory, world, megabytes * 2**20)
    child.join(150)
    child.kill()  # one that waits for a thread it cannot have
    child.join()
    if child.exitcode == 0:
        message = told.recv()
        assert not message or "index" in message or "building ended" in message
    _assert_serves_old_or_new(world)


def test_two_builders_and_their_readers(old, tmp_path):
    world = old.copy(tmp_path)
    _show(world, NEW)
    builders = [_start(_build, world) for _ in range(2)]
    for _, told in builders:
        told.recv()
    while any(child.is_alive() for child, _ in builders):
        with world.open(Mute()) as index:  # cannot build, so it is served what there is
            assert_answers(index, NEW if "ginger.txt" in index.sources else TOPICS)
    assert [child.exitcode for child, _ in builders] == [0, 0]
    assert sorted(told.recv() > 0 for _, told in builders) == [False, True]
    with world.open(Mute()) as index:
        assert_answers(index, NEW)
    _wait_until_swept(world)
