"""What whoever runs it is told: every setting stands in the README; code and index may be read-only."""

from __future__ import annotations

import ast
import re

import pytest
from browser import ROOT

from rag import access, settings

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _table() -> str:
    return README[README.index("## Settings") : README.index("## Operations")]


def _named_in_code() -> set[str]:
    """Every variable that a string of our code names whole, and those of the tables that make names."""
    names = {*settings._VARIABLES, *access.VARIABLES}
    for path in [*(ROOT / "rag").rglob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= {node.value} if re.fullmatch(r"(RAG|OPENAI|CHROMA)_[A-Z_]+", node.value) else set()
    return names


def test_every_variable_stands_in_the_table_and_no_other():
    told = set(re.findall(r"`((?:RAG|OPENAI|CHROMA|CHAINLIT)_[A-Z_]+)`", _table()))
    assert told == _named_in_code() | {"CHAINLIT_AUTH_SECRET"}


@pytest.mark.parametrize("field", access._COUNTS)
def test_the_limits_told_are_those_kept(field: str):
    (row,) = [row for row in _table().splitlines() if f"`RAG_{field.upper()}`" in row]
    names = re.findall(r"`RAG_([A-Z_]+)`", row)
    numbers = re.findall(r"\d+", row.rsplit("|", 2)[1])
    assert int(numbers[names.index(field.upper())]) == getattr(access.Access(), field)
