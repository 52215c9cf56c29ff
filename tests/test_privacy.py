"""What readers write is nowhere afterwards: canary words through 200 questions of the real application, in four
languages, with follow-ups and everything that can fail, then searched for in log, store, files and process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import ROOT, Server, started
from chat_client import Reader

#: Letters alone, so that no tokenizer cuts a canary; no regular expression that holds this text matches itself.
CANARY = "zqv[a-j]{5}|[\\u9f98\\u9f96\\u9750]{2}"
CANARY_BYTES = "zqv[a-j]{5}|\\xe9\\xbe\\x98\\xe9\\xbe\\x96"
#: In each language a question, a follow-up, one that is refused and one that is nothing medical.
QUESTIONS = {
    "en": ("How is stage 4 mesothelioma {} treated?", "And {}?", "Should my father {} stop chemotherapy?", "{} lotto"),
    "fr": (
        "La chimiothérapie {} détruit-elle les métastases ?",
        "Et {} ?",
        "Mon père {} doit-il arrêter ?",
        "{} météo",
    ),
    "zh": ("化疗 {} 龘龖靐 能消灭转移灶吗？", "那么 {} 龘龖呢？", "我父亲 {} 应该停药吗？", "{} 龘龖 自行车"),
    "tr": ("Kemoterapi {} metastazları yok eder mi?", "Peki {}?", "Babam {} kemoterapiyi bıraksın mı?", "{} lastik"),
}
#: Of a frame that is refused. The line it came over keeps it until the other side has gone, which may never say so.
FORGED = "zqwforged"
pytestmark = pytest.mark.timeout(900)  # two hundred answers and looks through a whole process, on any machine
ROUNDS = 12  # of 16 questions each, and a few that fail


def canary(number: int) -> str:
    return "Zqv" + f"{number:05}".translate(str.maketrans("0123456789", "abcdefghij"))


@dataclass
class Asked:
    """The application after all that was asked, while it still runs, and how many answers there were."""

    server: Server
    folder: Path
    answers: int
    pid: int


def _child_of(pid: int, word: str) -> int:
    """The process that listens: a child of ours with this word in its command."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (entry / "cmdline").exists():
            command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if word in command and int(parent) == pid:
                return int(entry.name)
    raise AssertionError("no such process")


def reached(folder: Path) -> set[str]:
    """Every host that a process and those that it started asked for."""
    hosts = set((folder / "reached").read_text(encoding="utf-8").splitlines())
    assert "start" in hosts
    return hosts - {"start"}


async def _talk(server: Server, language: str, number: int) -> int:
    """Conversations of one language; each ends with "Delete this conversation"."""
    count = 0
    for _ in range(ROUNDS):
        reader = Reader(server.address, language=language)
        await reader.join()
        for question in QUESTIONS[language]:
            number += 1
            answer = await reader.ask(question.format(canary(number)))
            assert answer
            count += 1
        await reader.delete()
    return count


async def _fail(server: Server, number: int) -> int:
    """A part that breaks with the question in its error, templates that are gone, one too long, one cut short."""
    reader = Reader(server.address)
    await reader.join()
    for question in ("How is {} breakthis mesothelioma treated?", "{} " + canary(1) * 900):
        number += 1
        assert await reader.ask(question.format(canary(number)))
    kept = server.prompts.with_name("kept")
    server.prompts.rename(kept)
    assert await reader.ask(f"How is mesothelioma {canary(number + 1)} treated?")
    kept.rename(server.prompts)
    await reader.send(f"How is mesothelioma {canary(number + 2)} treated?")
    await reader.emit("stop")
    await reader.emit("client_message", {"message": {"output": canary(number + 3), "type": "system_message"}})
    await reader.delete()
    forger = Reader(server.address)
    await forger.join()
    await forger.emit("nothing_of_ours", FORGED)
    await forger.leave()
    return 5


async def _all(server: Server) -> int:
    counts = await asyncio.gather(*(_talk(server, language, 1000 * n) for n, language in enumerate(QUESTIONS)))
    return sum(counts) + await _fail(server, 9000)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("private")
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    (folder / "prompts" / "broken.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    (folder / "tmp").mkdir()
    environment = {
        "CANARY": CANARY,
        "CANARY_BYTES": CANARY_BYTES,
        "WALK": str(folder / "walk.json"),
        "TMPDIR": str(folder / "tmp"),
        "OFFLINE_LOG": str(folder / "reached"),
        "RAG_STORE": str(folder / "store"),  # of its own: it is searched
        "RAG_QUESTIONS_PER_ADDRESS": "100000",
        "RAG_QUESTIONS": "100000",
        "RAG_TOKENS_PER_ADDRESS": "100000000",
        "RAG_TOKENS": "100000000",
        "RAG_SESSIONS_PER_ADDRESS": "10000",
    }
    with started(folder, ROOT / "seeds", folder / "prompts", app="tests/privacy_app.py", **environment) as server:
        answers = asyncio.run(_all(server))
        yield Asked(server, folder, answers, _child_of(os.getpid(), "privacy_app.py"))


def test_enough_was_asked_and_something_failed(asked: Asked) -> None:
    log = asked.server.log.read_text(encoding="utf-8")
    assert asked.answers >= 190
    assert "code " in log and "ValueError" in log and "prompt" in log


def test_the_log_has_none(asked: Asked) -> None:
    log = asked.server.log.read_text(encoding="utf-8")
    assert re.findall(CANARY, log, re.IGNORECASE) == []
    words = ("stage 4", "détruit-elle", "转移灶", "metastazları", FORGED, "The main goal of treatment")
    assert [word for word in words if word in log] == []


def test_no_file_has_one(asked: Asked) -> None:
    files = [path for folder in (asked.folder, ROOT / ".files") for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    pattern = re.compile(CANARY_BYTES.encode(), re.IGNORECASE)
    assert [path for path in files if pattern.search(path.read_bytes())] == []


def test_the_process_holds_none(asked: Asked) -> None:
    """Within a ping of Engine.IO, 25 seconds: until then it keeps a closed connection and what was not sent."""
    deadline = time.monotonic() + 240  # of which 25 seconds are Engine.IO's, the others those of a slow machine
    while (found := _walk(asked)) and time.monotonic() < deadline:
        threading.Event().wait(5)
    assert found == []


def _walk(asked: Asked) -> list[str]:
    walk = asked.folder / "walk.json"
    walk.unlink(missing_ok=True)
    os.kill(asked.pid, signal.SIGUSR1)
    for _ in range(1200):
        if walk.exists():
            return list(json.loads(walk.read_text(encoding="utf-8")))
        threading.Event().wait(0.1)
    raise AssertionError("the process did not look")


def test_it_reached_for_nobody(asked: Asked) -> None:
    """Import, index, 200 questions and the page: not one look-up, not one connection, not even one that was refused."""
    assert asked.server.get("/")[0] == 200
    assert reached(asked.folder) <= {"'127.0.0.1'"}  # where it listens


@pytest.mark.parametrize("options", [(), ("--json",), ("--prompt", "nothing"), ("--engine", "model")])
def test_the_command_leaves_none(options: tuple[str, ...], asked: Asked, tmp_path: Path) -> None:
    question = f"How is mesothelioma {canary(77)} treated?"
    command = [sys.executable, "-m", "rag", "ask", question, "--store", str(asked.folder / "store"), *options]
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
        "OFFLINE_LOG": str(tmp_path / "reached"),
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert not re.search(CANARY, done.stderr, re.IGNORECASE)
    pattern = re.compile(CANARY_BYTES.encode(), re.IGNORECASE)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and pattern.search(path.read_bytes())] == []
    assert reached(tmp_path) == set()
