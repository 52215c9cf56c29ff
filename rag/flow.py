"""Values of a thread for an event loop: where the page, which is async, meets the assistant, which is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from rag.stop import Stop, StoppedError

_T = TypeVar("_T")


async def flowing(make: Callable[[Stop], Iterable[_T]]) -> AsyncGenerator[_T, None]:
    """What `make` yields, made in a thread of its own: an answer may take long, and a pool would be used up by few.

    Leaving it, be it that its task is cancelled, sets the `Stop` that `make` was given. It raises what `make` raises;
    with StoppedError it just ends. Wrap it in `contextlib.aclosing`.
    """
    loop, stop = asyncio.get_running_loop(), Stop()
    made: asyncio.Queue[tuple[_T] | BaseException | None] = asyncio.Queue()

    def put(value: tuple[_T] | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(made.put_nowait, value)

    def run() -> None:
        try:
            for value in make(stop):
                put((value,))
        except StoppedError:
            put(None)
        except BaseException as error:  # whoever waits gets it
            put(error)
        else:
            put(None)

    threading.Thread(target=run, name="answer", daemon=True).start()
    try:
        while (value := await made.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value[0]
    finally:
        stop.set()
