"""Values of a thread for an event loop: where the page, which is async, meets the assistant, which is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from rag.stop import Stop, StoppedError

_T = TypeVar("_T")


class CrowdedError(Exception):
    """As many are being made, and as many wait, as there may be."""


class Places:
    """So many answers are made at a time; as many as `waiting` wait, in the order in which they came."""

    def __init__(self, at_a_time: int, waiting: int) -> None:
        self._free, self._most, self._waiting = asyncio.Semaphore(at_a_time), waiting, 0

    async def take(self) -> None:
        """Waits for one; raises CrowdedError where too many wait already."""
        if self._free.locked() and self._waiting >= self._most:
            raise CrowdedError
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        self._free.release()


async def flowing(make: Callable[[Stop], Iterable[_T]], places: Places) -> AsyncGenerator[_T, None]:
    """What `make` yields, made in a thread of its own: an answer may take long, and the loop's own pool is small.

    Leaving it, be it that its task is cancelled, sets the `Stop` that `make` was given; its place is free when the
    thread has ended. It raises what `make` raises, or CrowdedError; with StoppedError it just ends. Wrap it in
    `contextlib.aclosing`.
    """
    loop, stop = asyncio.get_running_loop(), Stop()
    made: asyncio.Queue[tuple[_T] | BaseException | None] = asyncio.Queue()

    def tell(call: Callable[..., object], *value: object) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(call, *value)

    def run() -> None:
        try:
            for value in make(stop):
                tell(made.put_nowait, (value,))
        except StoppedError:
            tell(made.put_nowait, None)
        except BaseException as error:  # whoever waits gets it
            tell(made.put_nowait, as_exception(error))
        else:
            tell(made.put_nowait, None)
        finally:
            tell(places.give_back)

    await places.take()
    try:
        threading.Thread(target=run, name="answer", daemon=True).start()
    except BaseException:  # no memory for one more
        places.give_back()
        raise
    try:
        while (value := await made.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value[0]
    finally:
        stop.set()


def as_exception(error: BaseException) -> Exception:
    """A library's panic is no Exception: raised as it is, it would end whoever waits without a word to the reader."""
    return error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
