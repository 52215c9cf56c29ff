"""What a reader may choose, and how an answer flows from its thread to the page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from rag.choice import choosing, clean_choice
from rag.flow import CrowdedError, Places, flowing
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


async def collected(make: object, places: Places | None = None) -> list[int]:
    return [value async for value in flowing(make, places or Places(1, 0))]  # type: ignore[arg-type]


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
        async with aclosing(flowing(make, Places(1, 0))) as values:
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
        places = Places(100, 0)
        return await asyncio.gather(*(collected(make, places) for _ in range(100)))

    assert asyncio.run(play()) == [[1]] * 100


def test_so_many_at_a_time_the_others_in_order_and_too_many_are_told() -> None:
    running, most, order = 0, 0, list[int]()
    lock = threading.Lock()

    def numbered(number: int) -> object:
        def make(_stop: Stop) -> Iterator[int]:
            nonlocal running, most
            with lock:
                running, order[len(order) :] = running + 1, [number]
                most = max(most, running)
            yield number
            with lock:
                running -= 1

        return make

    async def play() -> list[list[int] | BaseException]:
        places = Places(2, 5)
        return await asyncio.gather(*(collected(numbered(n), places) for n in range(9)), return_exceptions=True)

    found = asyncio.run(play())
    assert found[:7] == [[n] for n in range(7)] and most <= 2
    assert [type(one) for one in found[7:]] == [CrowdedError] * 2
    assert set(order[:2]) == {0, 1} and all(abs(place - number) <= 1 for place, number in enumerate(order))


def test_a_place_is_free_again_when_its_thread_has_ended_not_when_its_reader_has_gone() -> None:
    may_end, begun = threading.Event(), threading.Event()

    def stubborn(_stop: Stop) -> Iterator[int]:
        begun.set()
        assert may_end.wait(60)
        yield 1

    async def play() -> list[int]:
        places = Places(1, 1)
        first = asyncio.create_task(collected(stubborn, places))
        assert await asyncio.to_thread(begun.wait, 60)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(collected(lambda _: iter([2]), places))
        await asyncio.sleep(0)
        with pytest.raises(CrowdedError):
            await collected(lambda _: iter([3]), places)
        may_end.set()
        return await second

    assert asyncio.run(play()) == [2]


def test_one_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    async def play() -> list[int]:
        places = Places(1, 1)
        await places.take()
        tired = asyncio.create_task(places.take())
        await asyncio.sleep(0)
        tired.cancel()
        await asyncio.wait([tired])
        places.give_back()
        return await collected(lambda _: iter([1]), places)

    assert asyncio.run(play()) == [1]


def test_a_panic_of_a_library_arrives_as_an_error() -> None:
    class PanicError(BaseException):
        """As what comes of Rust's panics."""

    def make(_stop: Stop) -> Iterator[int]:
        yield 1
        raise PanicError("with words of a question")

    with pytest.raises(RuntimeError, match=r"^PanicError$"):
        asyncio.run(collected(make))
