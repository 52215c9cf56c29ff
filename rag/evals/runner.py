"""Runs a matrix of questions and configurations, side by side, and goes on where an interrupt has stopped it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

from rag.errors import RagError
from rag.evals.bench import Bench, Cell
from rag.evals.record import Record, Results
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that could not be asked, and why; it is asked again at the next run."""

    cell: Cell
    message: str
    exit_status: int


#: Told (done, total) after each answer.
Tell = Callable[[int, int], None]
#: Has a cell answered some time.
Submit = Callable[[Cell], Future[Record | Failure]]
#: Workers for what is still to be asked.
Start = Callable[[Sequence[Cell]], AbstractContextManager[Submit]]


def run(cells: Sequence[Cell], results: Results, start: Start, tell: Tell) -> tuple[list[Record], list[Failure]]:
    """The record of each cell that could be asked, in the order of `cells`, and the failures.

    What `results` holds is not asked again; each new record is written at once.
    """
    known = results.read()
    pending = [cell for cell in cells if cell.key not in known]
    failures = []
    if pending:
        with start(pending) as submit:
            waiting = [submit(cell) for cell in pending]
            tell(len(cells) - len(pending), len(cells))
            for done, future in enumerate(as_completed(waiting), len(cells) - len(pending) + 1):
                match future.result():
                    case Failure() as failure:
                        failures.append(failure)
                    case Record() as record:
                        known[record.key] = record
                        results.append(record)
                tell(done, len(cells))
    records = [known[cell.key] for cell in cells if cell.key in known]
    results.finish(records)
    return records, failures


@contextmanager
def threads(bench: Bench, jobs: int = 1) -> Iterator[Submit]:
    """For a model that is waited for; where the work is our own, Python's threads only take turns."""
    with _ended(ThreadPoolExecutor(jobs)) as executor:
        yield lambda cell: executor.submit(attempt, bench, cell)


@contextmanager
def processes(settings: Settings, variants: tuple[str, ...], jobs: int) -> Iterator[Submit]:
    """Each opens the index for itself; it should be built before."""
    context = get_context("spawn")  # a fork would copy other libraries' threads half-way
    with _ended(ProcessPoolExecutor(jobs, context, initializer=_leave_interrupts_to_parent)) as executor:
        yield lambda cell: executor.submit(_attempt_there, settings, variants, cell)


@contextmanager
def _ended(executor: Executor) -> Iterator[Executor]:
    """What has not begun when the block is left is dropped, also after an interrupt."""
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def attempt(bench: Bench, cell: Cell) -> Record | Failure:
    try:
        return bench.answer(cell)
    except RagError as error:
        return Failure(cell, str(error), error.exit_status)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt_there(settings: Settings, variants: tuple[str, ...], cell: Cell) -> Record | Failure:
    return attempt(_bench_there(settings, variants), cell)


@cache
def _bench_there(settings: Settings, variants: tuple[str, ...]) -> Bench:
    """One for each process, opened at its first question."""
    from rag.pipeline import open_assistant

    return Bench(open_assistant(settings), variants=variants)
