"""What checking costs: how long after its last letter a sentence is shown, a checked stream against the raw one, and a
hundred checked streams side by side. The model is the tests' own endpoint: `honest` copies sources, `hedge_dropper`
changes each, so that the whole check is run. It is silent for `--think` seconds first, as models are: in that time the
evidence is read ahead, but with `--not-ahead`.

    python benchmarks/gate.py [--store DIR] [--questions FILE] [--limit N] [--streams N] [--character NAME]
                              [--think SECONDS] [--not-ahead]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import chat_models as chat
from model_server import Exchange, ModelServer

from rag.gate import Retrieved, Shown
from rag.llm import ChatEndpoint, Message
from rag.pipeline import Assistant, open_assistant
from rag.settings import Settings
from rag.stop import Stop


class Timed:
    """The endpoint, noting when it hands over each piece and the whole."""

    def __init__(self, endpoint: ChatEndpoint) -> None:
        self._endpoint, self.answer_tokens = endpoint, endpoint.answer_tokens
        self.last = self.spent = self.began = self.raw = 0.0

    def stream(self, messages: list[Message], stop: Stop | None = None) -> Generator[str]:
        self.began = time.perf_counter()
        pieces = list(self._endpoint.stream(messages, stop))
        self.raw = time.perf_counter() - self.began
        for piece in pieces:
            self.last, self.spent = time.perf_counter(), time.thread_time()
            yield piece


def waits(assistant: Assistant, timed: Timed, question: str) -> Iterator[tuple[bool, float, float]]:
    """For each sentence shown whether it is an answer's first, and seconds from its last piece to the reader, by the
    clock and of the processor: the former is also what else the machine does."""
    is_first = True
    for event in assistant.stream(question):
        if isinstance(event, Shown):
            yield is_first, time.perf_counter() - timed.last, time.thread_time() - timed.spent
            is_first = False


def side_by_side(assistant: Assistant, question: str, count: int) -> tuple[float, list[float]]:
    """Seconds for all answers, and for each one's first sentence after its passages were found."""
    firsts: list[float] = []

    def ask() -> None:
        began = time.perf_counter()
        for event in assistant.stream(question):
            if isinstance(event, Retrieved):
                began = time.perf_counter()
            elif isinstance(event, Shown):
                firsts.append(time.perf_counter() - began)
                break

    threads = [threading.Thread(target=ask) for _ in range(count)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, firsts


def _spread(seconds: Sequence[float]) -> str:
    worst = sorted(seconds)[int(0.95 * len(seconds))]
    return f"median {1000 * statistics.median(seconds):.1f} ms, 95 % below {1000 * worst:.1f} ms, of {len(seconds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--questions", type=Path, default=Path("tests/questions/dev.jsonl"))
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--character", default="honest", choices=("honest", "hedge_dropper", "number_changer"))
    parser.add_argument("--think", type=float, default=0.4)
    parser.add_argument("--not-ahead", action="store_true")
    args = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    lines = [json.loads(line) for line in args.questions.read_text(encoding="utf-8").splitlines()]
    questions = [row["question"] for row in lines if row["outcome"] == ["answered"]][
        :: max(1, len(lines) // args.limit)
    ]
    model = chat.Model(getattr(chat, args.character))

    def thinks(exchange: Exchange) -> None:
        exchange.released.wait(args.think)
        model(exchange)

    with ModelServer(thinks) as server:
        opened = open_assistant(Settings(store=args.store, model="m", openai_base_url=server.base_url))
        author = opened.parts.writer.author
        assert author
        author.warm()
        timed = Timed(author.endpoint)
        changed = replace(author, endpoint=timed, read=None if args.not_ahead else author.read)
        writer = replace(opened.parts.writer, author=changed)
        assistant = Assistant(replace(opened.parts, writer=writer))
        found = [wait for question in questions for wait in waits(assistant, timed, question)]
        for name, rows in (("first", [row for row in found if row[0]]), ("any", found)):
            for clock, seconds in (("clock", [row[1] for row in rows]), ("processor", [row[2] for row in rows])):
                print(f"{name} sentence after its last piece, {clock}: {_spread(seconds)}")
        raw = checked = 0.0
        for question in questions:
            assistant.ask(question)
            raw += timed.raw
            checked += time.perf_counter() - timed.began
        print(f"reading {len(questions)} answers: raw {raw:.2f} s, checked {checked:.2f} s")
        total, firsts = side_by_side(opened, questions[0], args.streams)
        print(f"{args.streams} side by side: all done in {total:.1f} s, median first sentence "
              f"{statistics.median(firsts):.2f} s after the passages")  # fmt: skip


if __name__ == "__main__":
    main()
