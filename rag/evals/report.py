"""The report: one HTML file that needs nothing else, to be read on a screen, a phone or paper."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.evals import charts
from rag.evals.cards import cards_of
from rag.evals.console import percent, points, target, wanted
from rag.evals.figures import BY_NAME, FIGURES, GROUPS, Figure, by_configuration, figures_of, told_apart
from rag.evals.readability import SCALES
from rag.evals.record import Configuration, Record
from rag.evals.score import Estimate
from rag.evals.sentences import ALL, Rate, main_rates
from rag.evals.summary import (
    RISK,
    abstention_of,
    confusion_of,
    divided,
    language_gap,
    latency_of,
    pair_gaps,
    shapes_of,
)
from rag.evals.variants import VARIANTS
from rag.language import repair
from rag.pipeline import ANSWERS_FROM
from rag.types import LANGUAGES, OUTCOMES

NAME = "report.html"
LANGUAGE_NAMES = {"en": "English", "fr": "French", "zh": "Chinese", "tr": "Turkish"}
_ASSETS = Path(__file__).parent / "assets"
#: What the tables by language, document and kind show.
_COLUMNS = ("passed", "outcome", "evidence", "hit_1", "hit_5")


@dataclass(frozen=True, slots=True)
class Row:
    """A group of answers and its figures."""

    name: str
    count: int
    figures: Mapping[str, Estimate]


def write_report(records: Sequence[Record], folder: Path, checked: Sequence[Rate] = ()) -> Path:
    """Writes the report of `records`, at least one, and returns where it is."""
    path = folder / NAME
    path.write_text(render(records, checked), encoding="utf-8")
    return path


def render(records: Sequence[Record], checked: Sequence[Rate] = ()) -> str:
    """The report as HTML. Its first configuration is shown in full, the others beside it; `checked` says how the
    sentence check does."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "target": target, "wanted": wanted}
    script, style = (_ASSETS / "report.js").read_text("utf-8"), (_ASSETS / "report.css").read_text("utf-8")
    shown = {"script": script, "style": style, "policy": _policy(script)}
    return environment.get_template("report.html.j2").render(**shown, **_content(records), **_sentence_check(checked))


def _policy(script: str) -> str:
    """Nothing may be loaded from anywhere, and no script runs but ours."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    )


def _content(records: Sequence[Record]) -> dict[str, Any]:
    groups = by_configuration(records)
    first, *others = groups
    mine = groups[first]
    cards = list(cards_of(mine, [record for how in others for record in groups[how]]))
    return {
        "configuration": first,
        "sets": dict.fromkeys(record.set for record in records),
        "figures": figures_of(mine),
        "groups": GROUPS,
        "by_name": BY_NAME,
        "columns": [BY_NAME[name] for name in _COLUMNS],
        "confusion": _confusion(mine),
        "outcomes": OUTCOMES,
        "languages": LANGUAGE_NAMES,
        "titles": _titles(records),
        "cards": cards,
        "states": {state: sum(card.state == state for card in cards) for state in ("pass", "fail", "open")},
        **_abstention(mine),
        **_divisions(mine),
        **_matrix(groups),
        "latency": latency_of(mine),
        "shapes": shapes_of(mine),
        "scales": SCALES,
    }


def _sentence_check(checked: Sequence[Rate]) -> dict[str, Any]:
    tables = {"Corrupted sentences": False, "Faithful sentences": True}
    rows = {title: [rate for rate in checked if rate.is_faithful is which] for title, which in tables.items()}
    return {"checked": rows if checked else {}, "check_main": main_rates(checked), "all": ALL}


def _titles(records: Iterable[Record]) -> dict[str, str]:
    """The titles of cited documents by file name."""
    return {c["source"]: repair(str(c["title"])) for record in records for c in record.citations}


def _confusion(records: Sequence[Record]) -> dict[str, Any]:
    found = confusion_of(records)
    totals = {expected: sum(found[expected, got] for got in OUTCOMES) for expected in OUTCOMES}
    return {"cells": found, "totals": totals}


def _abstention(records: Sequence[Record]) -> dict[str, Any]:
    found = abstention_of(records)
    curve = charts.risk_curve(found.curve, ANSWERS_FROM, RISK) if found else ""
    in_use = found.curve.at(ANSWERS_FROM) if found else None
    return {"abstention": found, "risk_curve": curve, "risk": RISK, "in_use": in_use}


def _divisions(records: Sequence[Record]) -> dict[str, Any]:
    rows = {
        name: [_row(group, found) for group, found in divided(records, name).items()] for name in ("document", "kind")
    }
    languages = divided(records, "language")
    rows["language"] = [_row(code, languages[code]) for code in LANGUAGES if code in languages]
    rows["kind"].sort(key=lambda row: (-row.count, row.name))
    return {"rows": rows, "pairs": _pairs(records), "gap": language_gap(records)}


def _pairs(records: Sequence[Record]) -> dict[str, Any]:
    """Evidence cited, by the language asked and the language held."""
    cells = {pair: BY_NAME["evidence"].over(found) for pair, found in divided(records, "pair").items()}
    asked = [code for code in LANGUAGES if any(pair.startswith(code) for pair in cells)]
    held = [code for code in LANGUAGES if any(pair.endswith(code) for pair in cells)]
    return {"cells": cells, "asked": asked, "held": held, "below": pair_gaps(records)} if cells else {}


def _row(name: str, records: Sequence[Record]) -> Row:
    return Row(name, len(records), {column: BY_NAME[column].over(records) for column in _COLUMNS})


def _matrix(groups: Mapping[Configuration, Sequence[Record]]) -> dict[str, Any]:
    """Each configuration over each question file, and a drawing when there is something to compare."""
    table: list[tuple[Configuration, str, dict[str, Estimate]]] = []
    for how, records in groups.items():
        for name in dict.fromkeys(record.set for record in records):
            table.append((how, name, figures_of([record for record in records if record.set == name])))
    wanted: list[Figure] = [f for f in FIGURES if any(f.name in found for *_, found in table)]
    labels = {how: " · ".join(parts) for how, parts in told_apart(groups).items()}
    figures = {how: figures_of(records) for how, records in groups.items()}
    drawn = {
        figure.title: {labels[how]: found[figure.name] for how, found in figures.items() if figure.name in found}
        for figure in wanted
        if figure.main and not figure.lower and figure.name not in ("quoted", "language")
    }
    drawing = charts.intervals("matrix", "Figures by configuration", drawn) if len(groups) > 1 else ""
    variants = {how.variant: VARIANTS[how.variant].meaning for how in groups if how.variant in VARIANTS}
    shown = {"matrix": table, "matrix_figures": wanted, "matrix_chart": drawing}
    return {**shown, "labels": labels, "variants": variants}
