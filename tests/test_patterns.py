"""The guard's patterns compile when they are called for, find what they found before, and are linear on any input."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from core_world import ROOT, guard

from rag.patterns import AnyOf, Pattern, needed
from rag.rules import load_rules
from rag.types import LANGUAGES

_SECONDS = 240  # for all patterns of a language; a pattern that backtracks would take days


@pytest.mark.parametrize(
    ("alternative", "letters"),
    [
        ("stop taking", "taking"),
        ("colou?r", "colo"),
        (r"\bend( of){0,3} (life|days)", "end"),
        ("(a|b)", ""),
        ("<doctor> says", "says"),
        ("[xyz]{4}q", "q"),
        ("can't", "can"),
        (r"a{0,12}(?!x(y))\d", ""),
        ("什么时候?", "什么时"),
    ],
)
def test_what_every_match_holds(alternative: str, letters: str):
    assert needed(alternative) == letters


def texts() -> list[str]:
    rows = [
        json.loads(line)
        for line in (ROOT / "tests" / "questions" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    return sorted({c.text for row in rows for c in guard().clauses(row["question"], row["lang"])})


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_pattern_overlooks_what_it_matches_for_want_of_the_letters_it_needs(language):
    clauses, rules, found = texts(), load_rules(language), 0
    parts = [(name, part) for name, signal in rules.signals.items() for part in signal.parts]
    for name, part in [*parts, *rules.talk]:
        plain = re.compile(part.pattern)
        hits = [text for text in clauses if plain.search(text)]
        assert all(part.needed in text and part.search(text) for text in hits), (name, part)
        found += len(hits)
    assert found > 50


def test_any_of_several_is_found_as_if_they_were_one():
    parts = [Pattern("ab+c", "c"), Pattern("[xy]z"), Pattern("q?r")]
    both, whole = AnyOf.of(parts), re.compile("ab+c|[xy]z|q?r")
    for text in ("abbc", "xz", "r", "ab", "", "xyz", "q"):
        assert bool(both.search(text)) == bool(whole.search(text))
    assert len(both.parts) == 2


_FEED = """
import re, sys
from rag.rules import load_rules

language = sys.argv[1]
rules = load_rules(language)
patterns = {p.pattern for signal in rules.signals.values() for p in signal.parts}
patterns |= {p.pattern for _, p in (*rules.talk, *rules.classes)} | {rules.polite.pattern, rules.breaks.pattern}
units = ["a", " ", "my ", "i can not ", "ab ab ", "kemoterapi ", "je ne ", "我", "不", "我不能", "什么 "]
units += ["0 ", "mm ", "x' "]
for pattern in sorted(patterns):
    compiled = re.compile(pattern)
    words = re.findall(r"[a-z]{2,}|[\\u3400-\\u9fff]+", pattern)[:40]
    own = [" ".join(words), "".join(words), (words or ["a"])[0] + " "]
    for unit in (*units, *own):
        text = (unit * (6000 // max(1, len(unit)) + 1))[:6000]
        for _ in compiled.finditer(text + "\\0"):
            pass
print(len(patterns))
"""


@pytest.mark.timeout(_SECONDS + 60)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pattern_ends_on_the_longest_hostile_text_the_guard_reads(language):
    command = [sys.executable, "-c", _FEED, language]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


_EVERY = r"""
import importlib, inspect, pkgutil, re, sys
import rag

made, compile_ = {}, re.compile
def noted(pattern, flags=0):
    found = compile_(pattern, flags)
    at = sys._getframe(1).f_globals.get("__name__", "")
    if at.startswith("rag.") and isinstance(found.pattern, str):
        made[found.pattern, found.flags] = (at, found)
    return found
re.compile = noted
names = [module.name for module in pkgutil.iter_modules(rag.__path__, "rag.") if not module.name.endswith("__main__")]
modules = [importlib.import_module(name) for name in names]
for module in modules:
    for loader in [one for one in vars(module).values() if hasattr(one, "cache_info")]:
        wants = [*inspect.signature(loader).parameters]
        for given in [()] if not wants else [("en",), ("fr",), ("zh",), ("tr",)] if wants == ["language"] else []:
            loader(*given)
units = ["a", " ", "my ", "ab ab ", "je ne ", "\u6211", "\u4e0d", "\u4ec0\u4e48 ", "0 ", "1,", "mm ", "x' ", "- "]
units += ["[1] ", "\"", "\n", "a."]
for at, pattern in made.values():
    words = re.findall(r"[a-z]{2,}|[\u3400-\u9fff]+", pattern.pattern)[:40]
    for unit in (*units, " ".join(words), "".join(words), (words or ["a"])[0] + " "):
        text = (unit * (2000 // max(1, len(unit)) + 1))[:2000]
        for _ in pattern.finditer(text + "\0"):
            pass
print(len(made))
"""


@pytest.mark.timeout(_SECONDS + 60)
def test_every_other_pattern_of_the_program_and_its_data_ends_on_hostile_text():
    command = [sys.executable, "-c", _EVERY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200
