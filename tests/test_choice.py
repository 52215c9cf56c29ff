"""What a reader may choose, and how an answer flows from its thread to the page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from rag.choice import choosing, clean_choice
from rag.flow import flowing
from rag.stop import Stop, StoppedError


@pytest.mark.parametrize("payload", [None, [], "model", {}, {"engine": "magic"}, {"engine": ["model"]}, {"key": "k"}])
def test_what_is_no_choice_is_dropped(payload: object) -> None:
    assert clean_choice(payload) is None


def test_only_the_choice_gets_through() -> None:
    seen: list[object] = []

    async def handler(sid: str, payload: object) -> None:
        seen.append((sid, payload))

    async def play() -> None:
        choose = choosing(handler)
        await choose("a", {"engine": "extractive", "openai_api_key": "sk-1"})
        await choose("a", {"engine": "magic"})
        await choose("a")

    asyncio.run(play())
    assert seen == [("a", {"engine": "extractive"})]


async def collected(make: object) -> list[int]:
    return [value async for value in flowing(make)]  # type: ignore[arg-type]


def test_values_come_in_order_from_another_thread() -> None:
    threads: set[str] = set()

    def make(_stop: Stop) -> Iterator[int]:
        for n in range(100):
            threads.add(threading.current_thread().name)
            yield n

    assert asyncio.run(collected(make)) == list(range(100))
    assert threads == {"answer"}


def test_what_is_raised_arrives() -> None:
    def make(_stop: Stop) -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        asyncio.run(collected(make))


def test_what_is_stopped_just_ends() -> None:
    def make(_stop: Stop) -> Iterator[int]:
        yield 1
        raise StoppedError

    assert asyncio.run(collected(make)) == [1]


@pytest.mark.parametrize("leave", ["close", "cancel"])
def test_leaving_stops_what_is_made(leave: str) -> None:
    stopped = threading.Event()

    def make(stop: Stop) -> Iterator[int]:
        yield 1
        try:
            stop.wait(60)
        except StoppedError:
            stopped.set()
            raise

    async def read(begun: asyncio.Event) -> None:
        async with aclosing(flowing(make)) as values:
            async for _ in values:
                begun.set()
                if leave == "close":
                    return

    async def play() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(read(begun))
        await begun.wait()
        if leave == "cancel":
            task.cancel()
        await asyncio.wait([task])
        assert await asyncio.to_thread(stopped.wait, 20)

    asyncio.run(play())


def test_hundreds_flow_side_by_side() -> None:
    gate = threading.Barrier(100)

    def make(_stop: Stop) -> Iterator[int]:
        gate.wait(60)  # passes only when all hundred are running
        yield 1

    async def play() -> list[list[int]]:
        return await asyncio.gather(*(collected(make) for _ in range(100)))

    assert asyncio.run(play()) == [[1]] * 100
