"""The rules, notices and word lists of `rag/data` that are written in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_DATA = Path(__file__).parent / "data"


def read_table(*path: str) -> dict[str, Any]:
    """`data/<path>` as it stands."""
    # The parser in C, where PyYAML was built with it, takes a tenth of the time.
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    text = _DATA.joinpath(*path).read_text(encoding="utf-8")
    return dict(yaml.load(text, loader))  # noqa: S506 - both are the safe one
