"""Many readers at once: real socket clients, with think time, against the real application in a process of its own.

    python benchmarks/load.py [--chats 100] [--seconds 600] [--short 5000] [--idle 300] [--think 10:30] [--model 20]

Prints errors, percentiles to the first sentence and to the end, the answerer's own time in the same run, memory, and
how many conversations are left at the end. `--model N` puts a model behind it that writes N tokens a second.
Where the machine is a guest, its host may take processors away for seconds. So the times are printed for the whole run
and again for the answers that fell into calm spells: the host took less than 5 % from 10 seconds before to their end.
All readers come from one address, so the limits of an address are raised by their settings (RAG_*_PER_ADDRESS).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LIMITS = ("QUESTIONS", "TOKENS", "SESSIONS", "CONNECTIONS")
SPELL, CALM = 10, 0.05  # it is calm where the host took less than this share in so many seconds before, and since
PATIENCE = 60.0  # seconds that a reader waits for the end of an answer
KEPT = 15  # seconds that a conversation is kept whose reader has gone without a word
QUESTIONS = (
    "How is stage 4 mesothelioma treated?",
    "Can chemotherapy remove all metastases?",
    "Why is radiotherapy combined with chemotherapy in oesophageal cancer?",
    "And what about its side effects?",
    "Should my mother have chemotherapy for her mesothelioma?",
    "Which vaccines are there against malaria?",
    "La chimiothérapie guérit-elle les métastases ?",
    "Qu'est-ce que la radiothérapie palliative ?",
    "放疗结束后肿瘤还在是不是没治好?",
    "四期间皮瘤怎么治疗?",
    "Kemoterapi metastazları tamamen yok eder mi?",
    "Radyoterapiden sonra tümör neden hâlâ görünüyor?",
)


class Times(NamedTuple):
    """The moment (Unix time) that an answer was asked for, and the seconds to its first sentence and to its end."""

    asked: float
    first: float
    end: float


@dataclass
class Figures:
    """What came, and what went wrong, by kind."""

    answers: list[Times] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    sessions: int = 0


class Steal:
    """How much the host took away, second by second."""

    def __init__(self) -> None:
        self._ticks: list[tuple[float, int, int]] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._ticks.append((time.time(), *_ticks()))
            time.sleep(1)

    def share(self, start: float, end: float) -> float:
        """Of the processors' time between two moments the share that went to others."""
        inside = [row for row in self._ticks if start - 1 <= row[0] <= end + 1]
        whole, taken = (inside[-1][n] - inside[0][n] for n in (1, 2)) if inside else (0, 0)
        return taken / max(1, whole)

    def is_calm(self, moment: float, seconds: float) -> bool:
        """Whether it was calm in the spell before, and until something that took so long was done."""
        return self.share(moment - SPELL, moment + seconds) < CALM


class Reader:
    """One conversation over a socket, as the page speaks it."""

    def __init__(self, address: str, notices: Sequence[str]) -> None:
        import socketio

        self._address, self._notices = address, notices
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("*", self._hear)
        self._first, self._text, self._is_asking = 0.0, "", False
        self._over = asyncio.Event()

    @asynccontextmanager
    async def joined(self, *, says_goodbye: bool) -> AsyncIterator[Reader]:
        identity = {"sessionId": str(uuid.uuid4()), "clientType": "webapp", "threadId": "", "userEnv": "{}"}
        path = "/ws/socket.io"
        way: dict[str, Any] = {"transports": ["websocket"], "socketio_path": path, "wait_timeout": PATIENCE}
        await self._socket.connect(self._address, auth=identity, **way)
        try:
            await self._socket.emit("connection_successful")
            await asyncio.wait_for(self._over.wait(), PATIENCE)  # Chainlit says once that nothing runs
            yield self
            if says_goodbye:
                await self._socket.emit("clear_session")
        finally:
            await self._socket.disconnect()

    async def ask(self, question: str, figures: Figures) -> None:
        self._first, self._text, self._is_asking = 0.0, "", True
        self._over.clear()
        message = {"id": str(uuid.uuid4()), "type": "user_message", "output": question, "name": "User", "createdAt": ""}
        start, asked = time.perf_counter(), time.time()
        await self._socket.emit("client_message", {"message": message, "fileReferences": []})
        try:
            await asyncio.wait_for(self._over.wait(), PATIENCE)
        except TimeoutError:
            figures.errors["no end"] += 1
            return
        if not self._first or any(self._text.startswith(notice) for notice in self._notices):
            figures.errors["refused or failed" if self._first else "no answer"] += 1
            return
        figures.answers.append(Times(asked, self._first - start, time.perf_counter() - start))

    async def _hear(self, event: str, data: Any = None) -> None:
        is_answer = event in ("new_message", "update_message") and data["type"] == "assistant_message"
        if event == "stream_token" or (is_answer and data["output"]):
            self._first = self._first or time.perf_counter()
        if is_answer and data["output"]:
            self._text = data["output"]
        # Chainlit says it at the start of a conversation as well, once more when the chat's own start is done.
        if event == "task_end" and (self._first or not self._is_asking):
            self._over.set()


@dataclass(frozen=True)
class Server:
    address: str
    notes: Path
    process: subprocess.Popen[bytes]

    def rows(self) -> list[dict[str, float]]:
        """Once a second conversations and resident memory in MB; of each answer ms to its first sentence, as made."""
        lines = self.notes.read_text(encoding="utf-8").splitlines() if self.notes.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def begin(self) -> None:
        """Numbers from here on count."""
        self.notes.write_text("", encoding="utf-8")

    def memory(self) -> list[float]:
        return [row["megabytes"] for row in self.rows() if "megabytes" in row]

    def own(self) -> list[tuple[float, float]]:
        """Of each answer when it began, and the seconds that the answerer took to its first sentence."""
        return [(row["began"], row["own_ms"] / 1000) for row in self.rows() if "own_ms" in row]

    def sessions(self) -> int:
        return int(next(row["sessions"] for row in reversed(self.rows()) if "sessions" in row))


@contextmanager
def served(settings: dict[str, str]) -> Iterator[Server]:
    """The application in a process of its own, up and with an open index."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, notes = free.getsockname()[1], Path(folder) / "notes.jsonl"
        free.close()
        limits = {f"RAG_{name}{end}": "1000000" for name in LIMITS for end in ("", "_PER_ADDRESS")}
        limits |= {"RAG_TOKENS": "900000000", "RAG_TOKENS_PER_ADDRESS": "900000000"}
        chainlit = {"CHAINLIT_HOST": "127.0.0.1", "CHAINLIT_PORT": str(port)}
        environment = {**os.environ, "RAG_STORE": f"{folder}/store", **limits, **chainlit, **settings}
        command = [sys.executable, __file__, "--serve", str(notes)]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            try:
                _wait_for(f"http://127.0.0.1:{port}/readyz", process)
                yield Server(f"http://127.0.0.1:{port}", notes, process)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)


def _ticks() -> tuple[int, int]:
    """Of the machine's processors since it started: ticks in all, and those that its host gave to other machines."""
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    return sum(map(int, first)), int(first[7])


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit("the application did not come up")


def serve(notes: Path) -> None:
    """The application, which notes numbers once a second and after each answer."""
    import chainlit.cli
    from chainlit.config import config
    from chainlit.session import ws_sessions_id

    import rag.pipeline
    from rag.gate import Shown
    from rag.types import Answer

    class Timed(rag.pipeline.Assistant):
        def stream(self, *args: Any, **options: Any) -> Iterator[Any]:
            start, began, has_begun = time.perf_counter(), time.time(), False
            for item in super().stream(*args, **options):
                if isinstance(item, Shown | Answer) and not has_begun:
                    has_begun = True
                    write(began=began, own_ms=1000 * (time.perf_counter() - start))
                yield item

    def write(**row: float) -> None:
        with notes.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def watch() -> None:
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            write(sessions=len(ws_sessions_id), megabytes=pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
            time.sleep(1)

    rag.pipeline.Assistant = Timed  # type: ignore[misc]
    config.project.session_timeout = KEPT
    threading.Thread(target=watch, daemon=True).start()
    chainlit.cli.run_chainlit(str(ROOT / "app.py"))


async def drive(server: Server, options: argparse.Namespace) -> Figures:
    from rag.labels import labels_for

    notices = [text.partition("{")[0] for text in labels_for("en").words["notice"].values()]
    figures = Figures()
    async with Reader(server.address, notices).joined(
        says_goodbye=True
    ) as first:  # the vocabulary is read at first use
        for question in QUESTIONS:
            await first.ask(question, Figures())
    server.begin()
    end = time.monotonic() + options.seconds
    low, high = (float(part) for part in options.think.split(":"))
    dice = random.Random(7)

    async def reading(talk: Callable[[Reader], Any], *, says_goodbye: bool) -> None:
        """A reader whose connection is gone counts as an error."""
        figures.sessions += 1
        try:
            async with Reader(server.address, notices).joined(says_goodbye=says_goodbye) as reader:
                await talk(reader)
        except Exception as error:
            figures.errors[type(error).__name__] += 1

    async def chatting(*, says_goodbye: bool) -> None:
        """Who has lost the connection comes back, as the page does."""
        while time.monotonic() < end:
            await reading(chat, says_goodbye=says_goodbye)

    async def chat(reader: Reader) -> None:
        await asyncio.sleep(dice.uniform(0, high))
        while time.monotonic() < end:
            await reader.ask(dice.choice(QUESTIONS), figures)
            await asyncio.sleep(dice.uniform(low, high))

    async def short(reader: Reader) -> None:
        await reader.ask(dice.choice(QUESTIONS), figures)

    async def idle(_: Reader) -> None:
        await asyncio.sleep(max(0.0, end - time.monotonic()))

    async def shorts() -> None:
        pause = options.seconds / max(1, options.short)
        async with asyncio.TaskGroup() as group:
            for number in range(options.short):
                group.create_task(reading(short, says_goodbye=bool(number % 2)))
                await asyncio.sleep(pause)

    async with asyncio.TaskGroup() as group:
        for number in range(options.chats):
            group.create_task(chatting(says_goodbye=bool(number % 2)))
        for _ in range(options.idle):
            group.create_task(reading(idle, says_goodbye=False))
        group.create_task(shorts())
    for _ in range(KEPT + 30):
        if not server.sessions():
            break
        await asyncio.sleep(1)
    return figures


def at(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds) or [float("nan")]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def percentiles(name: str, seconds: Sequence[float]) -> str:
    return f"  {name:34}" + "".join(f"{1000 * at(seconds, share):9.0f}" for share in (0.5, 0.95, 0.99))


def report(figures: Figures, server: Server, steal: Steal) -> None:
    memory = server.memory()
    tenth, last = memory[len(memory) // 10], memory[-1]
    print(f"{figures.sessions} conversations, {len(figures.answers)} answers, errors: {dict(figures.errors) or 'none'}")
    own = server.own()
    show_times("the whole run", figures.answers, own)
    calm = [times for times in figures.answers if steal.is_calm(times.asked, times.end)]
    show_times("calm spells", calm, [row for row in own if steal.is_calm(*row)])
    print(f"memory: {tenth:.0f} MB after the first tenth, {last:.0f} MB at the end ({100 * (last / tenth - 1):+.1f} %)")
    print(f"conversations left: {server.sessions()}")


def show_times(when: str, answers: Sequence[Times], own: Sequence[tuple[float, float]]) -> None:
    print(f"{f'{when}, {len(answers)} answers; ms':36}{'p50':>9}{'p95':>9}{'p99':>9}")
    first, alone = [times.first for times in answers], [seconds for _, seconds in own]
    print(percentiles("to the first sentence", first))
    print(percentiles("the answerer's own time", alone))
    print(percentiles("to the end", [times.end for times in answers]))
    over = 1000 * (at(first, 0.95) - at(alone, 0.95))
    print(f"  p95 to the first sentence is {over:.0f} ms over the answerer's own")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=100, help="conversations with think time, all the while")
    parser.add_argument("--short", type=int, default=0, help="conversations of one question, spread over the time")
    parser.add_argument("--idle", type=int, default=0, help="conversations that say nothing")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--think", default="10:30", metavar="LOW:HIGH", help="seconds between answer and question")
    parser.add_argument("--model", type=float, metavar="TOKENS", help="a model that writes so many tokens a second")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    with model_at(options.model) as settings, served(settings) as server:
        start, steal = time.time(), Steal()
        figures = asyncio.run(drive(server, options))
        report(figures, server, steal)
        print(
            f"the machine's host gave {100 * steal.share(start, time.time()):.0f} % of its processors' time to others"
        )
    return None


@contextmanager
def model_at(rate: float | None) -> Iterator[dict[str, str]]:
    """The settings of a model's endpoint that writes true sentences at `rate` tokens a second; none without a rate."""
    if rate is None:
        yield {}
        return
    sys.path.insert(0, str(ROOT / "tests"))
    import chat_models
    from model_server import Exchange, ModelServer

    def slow(exchange: Exchange) -> None:
        exchange.open_stream()
        if "<sources>" not in exchange.messages[-1][1]:  # asked for something else than an answer
            return exchange.finish()
        for said in chat_models.honest(chat_models.Asked.of(exchange)):
            for word in said.written().split(" "):
                exchange.delta({"content": f"{word} "})
                if exchange.released.wait(1.3 / rate):  # about 1.3 tokens a word
                    return None
        return exchange.finish()

    with ModelServer(slow) as server:
        yield {"RAG_MODEL": "a-model", "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none"}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
