"""How the sentence check (`rag/check.py`) does on pairs of a sentence and its evidence, kind by kind.

    python benchmarks/check.py [FILE ...] [--opinion yes|no|SHARE ...]

The files are tests/check/dev.jsonl and tests/check/test.jsonl where none is named. With --opinion the figures are
printed again with a second model call where words cannot judge; its models (`judges.py`) do not read: bounds.

A line of a file: {"id", "sentence", "evidence": [text...], "label": "supported|unsupported", "kind", "lang"}. Rules and
word lists are tuned on the development pairs; of the test pairs only these totals are looked at. Intervals are
Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import judges

from rag.check import Checker, open_checker
from rag.terms import load_terms

FILES = (Path("tests/check/dev.jsonl"), Path("tests/check/test.jsonl"))
WIDTH = 1.96  # standard deviations on either side


class Rate(NamedTuple):
    right: int
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's (1927) score interval."""
        if not self.count:
            return 0.0, 1.0
        square = WIDTH * WIDTH / self.count
        middle = (self.share + square / 2) / (1 + square)
        spread = math.sqrt(self.share * (1 - self.share) * square + square * square / 4) / (1 + square)
        return middle - spread, middle + spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", default=list(FILES))
    parser.add_argument("--opinion", nargs="+", default=[], metavar="yes|no|SHARE")
    args = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    checker = open_checker()
    for path in args.files:
        pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        _warm(checker, pairs)
        print(f"\n{path}: {len(pairs)} pairs, no second opinion")
        _table(rates(checker, pairs))
        print(f"{_milliseconds(checker, pairs):.1f} ms of processor time a sentence, evidence read before")
        for manner in args.opinion:
            _with_opinion(manner, path, pairs)


def rates(
    checker: Checker, pairs: Iterable[Mapping[str, Any]], judge: judges.Labelled | None = None
) -> dict[str, Rate]:
    """The rate of right verdicts, by what is told apart: corruptions by kind, faithful ones by kind and language."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        if judge:
            judge.is_faithful = pair["label"] == "supported"
        verdict = checker.check(pair["sentence"], pair["evidence"]).verdict
        for group in _groups(pair):
            found[group].append(verdict == pair["label"])
    return {group: Rate(sum(right), len(right)) for group, right in sorted(found.items())}


def _groups(pair: Mapping[str, Any]) -> list[str]:
    kind, language = pair["kind"], pair["lang"]
    if pair["label"] != "supported":
        return [f"caught: {kind}", "caught: all", f"caught: in {language}"]
    groups = [f"passed: {kind}", "passed: all"]
    return (
        groups if kind == "verbatim" else [*groups, "passed: all but verbatim", f"passed: in {language}, but verbatim"]
    )


def _with_opinion(manner: str, path: Path, pairs: list[Mapping[str, Any]]) -> None:
    with judges.opened(manner) as (opinion, judge, server):
        found = rates(open_checker(load_terms(), opinion), pairs, judge)
        name = manner if manner in ("yes", "no") else f"right in {float(manner):.0%}"
        print(f"\n{path}: second opinion that does not read: {name}; asked {len(server.requests)} times")
        _table(found)


def _table(found: Mapping[str, Rate]) -> None:
    for group, rate in found.items():
        low, high = rate.interval
        print(f"{group:32} {rate.right:4} of {rate.count:4}  {rate.share:6.1%}  ({low:.1%} to {high:.1%})")


def _warm(checker: Checker, pairs: Iterable[Mapping[str, Any]]) -> None:
    """The vocabulary of a language is laid out at its first sentence."""
    for pair in {pair["lang"]: pair for pair in pairs}.values():
        checker.check(pair["sentence"], pair["evidence"])


def _milliseconds(checker: Checker, pairs: Iterable[Mapping[str, Any]]) -> float:
    spent = []
    for pair in pairs:
        start = time.process_time()
        checker.check(pair["sentence"] + " ", pair["evidence"])
        spent.append(1000 * (time.process_time() - start))
    return statistics.mean(spent)


if __name__ == "__main__":
    main()
