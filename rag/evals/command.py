"""`rag eval`: its arguments, and what it does. Imports nothing heavy: every call of `rag` reads this."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.settings import ENGINES, Settings

if TYPE_CHECKING:
    from rag.evals.bench import Cell
    from rag.evals.judges import Judge
    from rag.evals.runner import Failure, Submit
    from rag.evals.sentences import Pair, Rate

_TESTS = Path(__file__).parents[2] / "tests"
_QUESTIONS, _PAIRS = _TESTS / "questions" / "test.jsonl", _TESTS / "check" / "test.jsonl"
_OUT = Path("eval")
_WORTH_A_PROCESS = 200  # questions; a second process takes seconds to start
_MOST_JOBS = 4


def _run(args: argparse.Namespace) -> int:
    return _compare(*args.compare) if args.compare else _evaluate(args)


def _compare(old: Path, new: Path) -> int:
    from rag.evals.compare import compare
    from rag.evals.console import show_comparison
    from rag.evals.record import read_records

    for comparison in compare(read_records(old), read_records(new)):
        show_comparison(comparison)
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from rag.evals.bench import cells, configurations, question_sets
    from rag.evals.console import progress, show_figures
    from rag.evals.record import Results
    from rag.evals.report import write_report
    from rag.evals.runner import run
    from rag.evals.sentences import load_pairs
    from rag.evals.variants import BASELINES, OURS

    settings = Settings.from_environment(corpus=args.corpus, store=args.store, language=args.language)
    sets = question_sets(args.questions or [_QUESTIONS])
    pairs = load_pairs(args.pairs) if args.pairs else ()
    judge = settings.model if args.judge else None
    if args.judge and not judge:
        print("rag: no model is configured, so nothing is judged by one (set RAG_MODEL)", file=sys.stderr)
    variants = (OURS, *(BASELINES if args.baselines else ()))
    made = configurations(settings, variants, args.prompt or [settings.prompt], args.engine or ["extractive"], judge)
    workers = Workers(settings, variants, args.jobs, bool(judge))
    with progress("questions") as tell:
        records, failures = run(cells(sets, made), Results(args.out), workers.start, tell)
    if records:
        checked = _checked(settings, pairs)
        show_figures(records, checked)
        print(f"report: {write_report(records, args.out, checked)}")
    return _told(failures)


def _checked(settings: Settings, pairs: Sequence[Pair]) -> Sequence[Rate]:
    """How the sentence check does on `pairs`: by words alone and, where wanted, with the model's second opinion."""
    from rag.check import open_checker
    from rag.evals.console import progress
    from rag.evals.sentences import judged, rates
    from rag.ledger import Ledger
    from rag.opinion import open_second_opinion

    if not pairs:
        return ()
    opinion = open_second_opinion(settings, Ledger(settings.tokens_per_day)) if settings.model else None
    checkers = [open_checker(), *([open_checker(judge=opinion)] if opinion else ())]
    with progress("sentences") as tell:
        return rates(pairs, *(judged(pairs, checker.check, tell) for checker in checkers))


def _told(failures: Sequence[Failure]) -> int:
    """Says what could not be asked, and gives the exit status."""
    for message, count in Counter(failure.message for failure in failures).items():
        print(f"rag: {count} questions could not be asked: {message}; run it again for these", file=sys.stderr)
    return max((failure.exit_status for failure in failures), default=0)


@dataclass(frozen=True, slots=True)
class Workers:
    """Opens an assistant once there is something to ask."""

    settings: Settings
    variants: tuple[str, ...]
    jobs: int
    judges: bool

    @contextmanager
    def start(self, pending: Sequence[Cell]) -> Iterator[Submit]:
        """Threads for a model that is waited for; processes where the work is ours and there is enough of it.
        After an interrupt says how to go on."""
        from rag.evals.runner import processes, threads

        waits = self.judges or any(self._has_model(cell.configuration.engine) for cell in pending)
        is_long = len(pending) >= _WORTH_A_PROCESS
        try:
            self._build()
            if self.jobs > 1 and is_long and not waits:
                with processes(self.settings, self.variants, self.jobs) as submit:
                    yield submit
            else:
                with threads(self._bench(), self.jobs if waits else 1) as submit:
                    yield submit
        except KeyboardInterrupt:
            print("rag: stopped; the same command goes on from here", file=sys.stderr)
            raise

    def _has_model(self, engine: str) -> bool:
        return engine == "model" or (engine == "auto" and self.settings.model is not None)

    def _build(self) -> None:
        """Waits for another process that builds: an index that is served meanwhile would be judged for today's code."""
        from rag.evals.console import progress
        from rag.index import build

        with progress("index") as tell:
            build(self.settings, tell)

    def _bench(self) -> Any:
        from rag.evals.bench import Bench
        from rag.pipeline import open_assistant

        return Bench(open_assistant(self.settings), self._judge(), self.variants)

    def _judge(self) -> Judge | None:
        if not self.judges:
            return None
        from rag.evals.judges import open_judge

        return open_judge(self.settings)


def _jobs(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 64:
        raise argparse.ArgumentTypeError("give a whole number from 1 to 64")
    return value


_MANY = {"nargs": "+", "action": "extend"}  # `--prompt plain brief` and `--prompt plain --prompt brief`
_ARGUMENTS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--questions",), {**_MANY, "type": Path, "metavar": "FILE", "help": "question files (the test's)"}),
    (("--prompt",), {**_MANY, "metavar": "NAME", "help": "prompt templates, each one tried (plain)"}),
    (("--engine",), {**_MANY, "choices": ENGINES, "help": "engines, each one tried (extractive)"}),
    (
        ("--pairs",),
        {"type": Path, "nargs": "?", "const": _PAIRS, "metavar": "FILE", "help": "the sentence check (on the test's)"},
    ),
    (("--baselines",), {"action": "store_true", "help": "also BM25 alone, embedding alone, LlamaIndex's retriever"}),
    (("--judge",), {"action": "store_true", "help": "LlamaIndex's evaluators too, where a model is configured"}),
    (
        ("--jobs",),
        {
            "type": _jobs,
            "default": min(_MOST_JOBS, os.cpu_count() or 1),
            "metavar": "N",
            "help": "how many questions at once",
        },
    ),
    (("--out",), {"type": Path, "default": _OUT, "metavar": "DIR", "help": "folder of results and report (eval)"}),
    (
        ("--compare",),
        {"type": Path, "nargs": 2, "metavar": ("OLD", "NEW"), "help": "two --out folders: what got better and worse"},
    ),
)
#: For the command's table: name -> (run, help, arguments).
COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int | None], str, Any]] = {
    "eval": (_run, "evaluation: ask question files, print figures, write a report", _ARGUMENTS),
}
