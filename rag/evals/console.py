"""What `rag eval` shows on a terminal: progress, the table of figures, a comparison. Never a question or an answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rag.evals.compare import Comparison, Move
from rag.evals.figures import FIGURES, Figure, by_configuration, figures_of, told_apart
from rag.evals.record import Configuration, Record
from rag.evals.runner import Tell
from rag.evals.score import Estimate
from rag.evals.sentences import ALL, Rate, main_rates
from rag.evals.summary import RISK, abstention_of, language_gap, latency_of, pair_gaps

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_TITLE, _COLUMN = 40, 24  # characters, where nobody says how wide the paper is


@contextmanager
def progress(what: str) -> Iterator[Tell]:
    """A bar on the terminal, and nothing elsewhere."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show_figures(records: Sequence[Record], checked: Sequence[Rate] = ()) -> None:
    """A row for each main figure, a column for each configuration; below, how the sentence check does."""
    groups = by_configuration(records)
    table = _table("", *("\n".join(parts) for parts in told_apart(groups).values()), "target")
    found = {how: figures_of(mine) for how, mine in groups.items()}
    for figure in FIGURES:
        if figure.main and any(figure.name in figures for figures in found.values()):
            cells = [_cell(figure, figures.get(figure.name)) for figures in found.values()]
            table.add_row(figure.title, *cells, target(figure))
    for title, cells in _more(groups).items():
        table.add_row(title, *cells, "")
    console = _console(max(len(groups), 3 if checked else 0))
    console.print(table)
    if checked:
        console.print(_check_table(checked))


def _check_table(checked: Sequence[Rate]) -> Table:
    columns = ("Sentence check", "by words", "with second opinion")[: 1 + len(checked[0].found)]
    table = _table(*columns, "target")
    for title, rate in main_rates(checked).items():
        name = f"{title}: {rate.group}" if rate.group != ALL else title
        cells = [f"{percent(found.value)} of {found.n}" for found in rate.found]
        table.add_row(name, *cells, wanted(rate.target))
    return table


def _more(groups: Mapping[Configuration, Sequence[Record]]) -> dict[str, list[str]]:
    abstentions = [abstention_of(mine) for mine in groups.values()]
    gaps = [language_gap(mine) for mine in groups.values()]
    times = [latency_of(mine) for mine in groups.values()]
    return {
        "Risk-coverage area (AURC)": [f"{a.curve.area:.3f}" if a else "-" for a in abstentions],
        f"Coverage at {RISK:.0%} risk": [percent(a.coverage) if a else "-" for a in abstentions],
        "Same less cross language": [points(gap) for gap in gaps],
        "Worst of the pairs": [_worst_pair(mine) for mine in groups.values()],
        "Time p50 / p95": [f"{t['p50']:.0f} / {t['p95']:.0f} ms" if t else "-" for t in times],
    }


def _worst_pair(records: Sequence[Record]) -> str:
    below = {pair: gap for pair, gap in pair_gaps(records).items() if gap.value is not None}
    worst = max(below, key=lambda pair: below[pair].value or 0.0, default=None)
    return f"{worst}: {points(below[worst])}" if worst else "-"


def show_comparison(comparison: Comparison) -> None:
    console = _console()
    is_same = comparison.old_label == comparison.new_label
    console.print(
        comparison.new_label if is_same else f"{comparison.old_label} -> {comparison.new_label}", style="bold"
    )
    apart = f", {comparison.apart} only in one or asked differently" if comparison.apart else ""
    console.print(f"{comparison.shared} questions in both runs{apart}")
    table = _table("", "old", "new", "change, 95 % interval", "")
    for move in comparison.moves:
        table.add_row(move.figure.title, percent(move.old), percent(move.new), points(move.change), _verdict(move))
    console.print(table)
    for title, changes in (("better", comparison.better), ("worse", comparison.worse)):
        console.print(f"{len(changes)} got {title}", style="bold")
        for change in changes:
            outcomes = f"{change.old.outcome} -> {change.new.outcome}"
            # A guard's reason may repeat words of the question: those are for the report.
            what = change.reason.split(":")[0].split(";")[0]
            console.print(f"  {change.new.set}/{change.new.question.id}  {outcomes}  ({what})", markup=False)


def _verdict(move: Move) -> str:
    if not move.is_clear:
        return ""
    return "better" if (move.new > move.old) != move.figure.lower else "worse"


def target(figure: Figure) -> str:
    return wanted(figure.target, lower=figure.lower)


def wanted(share: float | None, *, lower: bool = False) -> str:
    """What a share should reach or, where `lower` is better, stay at or below."""
    return "" if share is None else f"{'≤' if lower else '≥'} {share:.0%}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def points(change: Estimate) -> str:
    """A difference in percentage points."""
    if change.value is None or change.low is None or change.high is None:
        return "-"
    return f"{100 * change.value:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})"


def _cell(figure: Figure, found: Estimate | None) -> str:
    if found is None or found.low is None or found.high is None:
        return "-"
    missed = " ✗" if figure.is_met(found.value) is False else ""
    return f"{percent(found.value)} ({100 * found.low:.0f}-{100 * found.high:.0f}){missed}"


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _console(columns: int = 4, *, stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _TITLE + _COLUMN * columns
    return console
