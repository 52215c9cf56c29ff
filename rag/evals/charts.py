"""Curves and bars as inline SVG. Colours are the page's own, so that they follow light, dark and paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from rag.evals.abstention import Curve
from rag.evals.score import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours that stand for names of the style sheet until the drawing is done.
_INK, _LINE, _BAD = "#010101", "#020202", "#030303"
_SERIES = ("#0a0a01", "#0a0a02", "#0a0a03", "#0a0a04", "#0a0a05", "#0a0a06")
_NAMES = {_INK: "currentColor", _LINE: "var(--line)", _BAD: "var(--bad)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(_SERIES, 1)
}
_MARKERS = "osD^vP"  # shapes as well as colours tell series apart
_STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "citewell", "font.size": 11, "text.color": _INK, "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "grid.color": _LINE, "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "figure.facecolor": "none", "axes.facecolor": "none", "legend.labelcolor": _INK,
}  # fmt: skip


def risk_curve(curve: Curve, chance: float | None, risk: float) -> str:
    """Risk over coverage, the allowed `risk` as a line, and where the threshold `chance` puts us."""
    with _drawn(6.4, 3.6) as (axes, svg):
        coverages, risks = [p.coverage for p in curve.points], [p.risk for p in curve.points]
        axes.step(coverages, risks, where="post", color=_SERIES[0], linewidth=2)
        axes.axhline(risk, color=_BAD, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(f"{risk:.0%} wrong", (0.01, risk), (0, 4), textcoords="offset points", color=_BAD)
        if chance is not None:
            here = curve.at(chance)
            axes.plot([here.coverage], [here.risk], marker="o", markersize=9, color=_SERIES[0])
            axes.annotate("in use", (here.coverage, here.risk), (-8, 10), textcoords="offset points", ha="right")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(0.3, *risks) * 1.05)
        _percents(axes, "x", "share of questions answered")
        _percents(axes, "y", "share of answers that are wrong")
        drawing = svg()
    said = (
        f"Risk against coverage. Area {curve.area:.3f}; the best order of the same answers gives {curve.best_area:.3f}."
    )
    reach = f"With at most {risk:.0%} wrong, {curve.coverage_at(risk):.0%} of the questions can be answered."
    return _accessible(drawing, "risk", "Risk and coverage", f"{said} {reach}")


def intervals(name: str, title: str, rows: Mapping[str, Mapping[str, Estimate]]) -> str:
    """A point with its interval for each series, row by row. `rows` maps a row's name to series and estimates."""
    series = list(dict.fromkeys(one for found in rows.values() for one in found))
    with _drawn(7.2, 0.7 + len(rows) * (0.18 + 0.13 * len(series))) as (axes, svg):
        for number, one in enumerate(series):
            shift = (number - (len(series) - 1) / 2) * 0.8 / max(len(series), 2)
            _points(
                axes,
                [(place + shift, found[one]) for place, found in enumerate(rows.values()) if one in found],
                number,
                one,
            )
        axes.set_yticks(range(len(rows)), list(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.01)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _percents(axes, "x", "")
        if len(series) > 1:
            axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=min(4, len(series)), handletextpad=0.4)
        drawing = svg()
    told = (f"{row}, {one}: {found[one].value:.0%}" for row, found in rows.items() for one in found)
    return _accessible(drawing, name, title, f"{'; '.join(told)}.")


def _points(axes: Axes, places: Sequence[tuple[float, Estimate]], number: int, label: str) -> None:
    known = [(y, e.value, e.low, e.high) for y, e in places if None not in (e.value, e.low, e.high)]
    ys, values = [y for y, *_ in known], [value for _, value, _, _ in known]
    spread: Any = [[v - low for _, v, low, _ in known], [high - v for _, v, _, high in known]]  # type: ignore[operator]
    colour, marker = _SERIES[number % len(_SERIES)], _MARKERS[number % len(_MARKERS)]
    axes.errorbar(values, ys, xerr=spread, fmt=marker, color=colour, markersize=6, elinewidth=1.8, label=label)  # type: ignore[arg-type]


def _percents(axes: Axes, side: str, label: str) -> None:
    from matplotlib.ticker import PercentFormatter

    axis = getattr(axes, f"{side}axis")
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.set_label_text(label)


@contextmanager
def _drawn(width: float, height: float) -> Iterator[tuple[Axes, Callable[[], str]]]:
    """Axes to draw on, and what gives the SVG afterwards. No state of a plotting session, no settings of a user."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    def svg() -> str:
        out = io.StringIO()
        canvas.figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(_UNSAID))
        return out.getvalue()

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        canvas = FigureCanvasSVG(Figure(figsize=(width, height), layout="constrained"))
        yield canvas.figure.subplots(), svg


_UNSAID = ("Creator", "Date", "Format", "Type")


def _accessible(svg: str, name: str, title: str, description: str) -> str:
    """The bare `<svg>`: title and description for those who do not see it, ids of its own, the page's colours."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"font-family: [^;\"]*;?|<style.*?</style>", "", body, flags=re.S)
    body = re.sub("|".join(_NAMES), lambda match: _NAMES[match.group()], body)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)
    assert size
    labels = f'role="img" aria-labelledby="{name}-title {name}-text"'
    head = (
        f'<svg {size.group()} {labels} style="max-width: {size.group(1)}px">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-text">{escape(description)}</desc>'
    )
    return head + body[body.index(">") + 1 :]
