"""What can go wrong around a page that runs: no room on the disk, nothing that may be written, another index built
meanwhile, documents that cannot be opened. What was served still is, or a reader is told so, kindly and with a code."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from browser import ROOT, Server, started
from chat_client import Reader

from rag.health import Health
from rag.labels import labels_for

QUESTION = "Can radiotherapy relieve bone pain?"
DANGER = "My husband can't breathe and his lips are blue"
OLD = "Radiotherapy can relieve bone pain in most people who have it."
NEW = "Quinoa porridge is easy to swallow for people with a sore throat."
SETTINGS = {"RAG_EMBEDDING": "none", "RAG_QUESTIONS_PER_ADDRESS": "100000", "RAG_TOKENS_PER_ADDRESS": "100000000"}
ROOM = "30000"  # bytes: for the log, and for less than the index of a large document
pytestmark = pytest.mark.timeout(600)  # each starts the application, on any machine
_READ_ONLY = ("app.py", "rag", "public", "prompts", ".chainlit", "chainlit.md")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failing")
    (folder / "seeds").mkdir()
    (folder / "seeds" / "pain.txt").write_text(f"Bone pain\n\n{OLD}\n", encoding="utf-8")
    index(folder)
    shutil.copytree(folder / "store", folder / "kept")
    return folder


@pytest.fixture
def folder(built: Path) -> Path:
    """One document, and the index of it."""
    (built / "seeds" / "throat.txt").unlink(missing_ok=True)
    shutil.rmtree(built / "store", ignore_errors=True)
    shutil.copytree(built / "kept", built / "store")
    return built


def index(folder: Path) -> None:
    command = [sys.executable, "-m", "rag", "index", "--corpus", folder / "seeds", "--store", folder / "store"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **SETTINGS}, check=True, capture_output=True, timeout=150)


def add(folder: Path) -> None:
    """A document larger than `ROOM`."""
    more = "\n\n".join(f"Porridge number {number} was cooked for nurse {number}." for number in range(1000))
    (folder / "seeds" / "throat.txt").write_text(f"Sore throat\n\n{NEW}\n\n{more}\n", encoding="utf-8")


def notice(key: str) -> str:
    return str(labels_for("en").words["notice"][key]).partition("{")[0]


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


async def _asks(server: Server, *questions: str) -> list[str]:
    async with Reader(server.address) as reader:
        return [await reader.ask(question) for question in questions]


def asks(server: Server, *questions: str) -> list[str]:
    return asyncio.run(_asks(server, *questions))


def ready(server: Server) -> tuple[int, dict[str, str]]:
    status, report = server.get("/readyz")
    return status, json.loads(report)


def test_on_a_full_disk_the_old_index_serves(folder: Path) -> None:
    add(folder)
    with started(
        folder, folder / "seeds", ROOT / "prompts", app="tests/limited_app.py", ROOM=ROOM, **SETTINGS
    ) as server:
        assert ready(server)[0] == 200
        (answer,) = asks(server, QUESTION)
        assert OLD in answer
        log = server.log.read_text(encoding="utf-8")
        assert "the index is older than the documents" in log
        assert QUESTION not in log


def test_on_a_full_disk_without_an_index_readers_are_told_and_danger_is_answered(folder: Path) -> None:
    shutil.rmtree(folder / "store")
    add(folder)
    with started(
        folder, folder / "seeds", ROOT / "prompts", app="tests/limited_app.py", index="failed", ROOM=ROOM, **SETTINGS
    ) as server:
        assert server.get("/healthz")[0] == 200
        status, report = ready(server)
        assert (status, report["status"], report["index"]) == (503, "not ready", "failed")
        answers = asks(server, QUESTION, DANGER, QUESTION, "hello")
        assert [answer.startswith(notice("unavailable")) for answer in answers] == [True, False, True, True]
        assert "112" in answers[1]
        assert str(folder) not in "".join(answers)
        assert "room" in server.log.read_text(encoding="utf-8") or "space" in server.log.read_text(encoding="utf-8")


def test_after_an_emergency_every_question_is_answered_though_nothing_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    with started(tmp_path, tmp_path / "seeds", ROOT / "prompts", index="failed", **SETTINGS) as server:

        async def story() -> None:
            async with Reader(server.address) as reader:
                for count, question in enumerate((DANGER, QUESTION, DANGER, "hello", QUESTION), 1):
                    assert await reader.ask(question)
                    assert len(reader.answers) == count

        play(story())
        (tmp_path / "seeds" / "pain.txt").write_text(f"Bone pain\n\n{OLD}\n", encoding="utf-8")
        assert OLD in asks(server, "hello", QUESTION)[1]  # it tries again with each question
        assert ready(server)[0] == 200


def test_readers_keep_their_index_while_another_is_built_and_the_next_start_takes_it(folder: Path) -> None:
    with started(folder, folder / "seeds", ROOT / "prompts", **SETTINGS) as server:

        async def story() -> None:
            add(folder)
            building = asyncio.create_task(asyncio.to_thread(index, folder))
            count = 0
            async with Reader(server.address) as reader, Reader(server.address) as other:
                while not building.done() or count < 6:
                    assert all(
                        OLD in answer for answer in await asyncio.gather(reader.ask(QUESTION), other.ask(QUESTION))
                    )
                    count += 2
            await building

        play(story())
        assert ready(server)[0] == 200
        assert server.get("/sources/pain.txt")[0] == 200
        assert server.get("/sources/throat.txt")[0] == 404
    with started(folder, folder / "seeds", ROOT / "prompts", **SETTINGS) as server:
        assert NEW in asks(server, "Is quinoa porridge easy to swallow with a sore throat?")[0]


def test_code_and_index_may_be_read_only(folder: Path) -> None:
    """Run where nothing may be written but the log and a temporary folder."""
    code = folder / "code"
    code.mkdir()
    for name in _READ_ONLY:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, code / name)
    (code / ".files").mkdir()
    locked = [path for top in (code, folder / "store", folder / "seeds") for path in (top, *top.rglob("*"))]
    before = sorted(locked)
    for path in locked:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with started(folder, folder / "seeds", code / "prompts", home=code, **SETTINGS) as server:
            assert ready(server)[0] == 200
            assert OLD in asks(server, QUESTION)[0]
            log = server.log.read_text(encoding="utf-8")
            assert "Traceback" not in log
    finally:
        for path in locked:
            if path.exists():
                path.chmod(0o755 if path.is_dir() else 0o644)
    assert (
        sorted(path for top in (code, folder / "store", folder / "seeds") for path in (top, *top.rglob("*"))) == before
    )


@pytest.mark.parametrize(
    ("documents", "model", "is_ready"),
    [
        ("ready", None, True),
        ("ready", True, True),
        ("ready", False, False),
        ("preparing", None, False),
        ("preparing", True, False),
        ("failed", None, False),
        ("failed", True, False),
        ("failed", False, False),
    ],
)
def test_ready_is_an_open_index_and_a_model_where_one_is_needed(
    documents: str, model: bool | None, is_ready: bool
) -> None:
    looks: list[float] = []
    now = 0.0

    def look() -> bool:
        looks.append(now)
        return bool(model)

    health = Health(lambda: documents, None if model is None else look, lambda: now)

    async def story() -> None:
        nonlocal now
        for later in (0.0, 1.0, 14.0, 16.0):
            now = later
            assert (await health.report())[0] == is_ready

    play(story())
    assert looks == ([] if model is None else [0.0, 16.0])  # asking often costs nothing
