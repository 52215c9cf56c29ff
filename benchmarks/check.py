"""How the sentence check (`rag/check.py`) does on pairs of a sentence and its evidence, kind by kind.

    python benchmarks/check.py [FILE ...] [--opinion yes|no|SHARE ...]

The files are tests/check/dev.jsonl and tests/check/test.jsonl where none is named. With --opinion the figures are
printed again with a second model call where words cannot judge; its models (`judges.py`) do not read: bounds.

A line of a file: {"id", "sentence", "evidence": [text...], "label": "supported|unsupported", "kind", "lang"}. Rules and
word lists are tuned on the development pairs; of the test pairs only these totals are looked at. `rag eval --pairs`
puts them into its report.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import judges

from rag.check import Checker, open_checker
from rag.evals.sentences import Pair, Rate, judged, load_pairs, rates
from rag.terms import load_terms

FILES = (Path("tests/check/dev.jsonl"), Path("tests/check/test.jsonl"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", default=list(FILES))
    parser.add_argument("--opinion", nargs="+", default=[], metavar="yes|no|SHARE")
    args = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    checker = open_checker()
    for path in args.files:
        pairs = load_pairs(path)
        _warm(checker, pairs)
        print(f"\n{path}: {len(pairs)} pairs, no second opinion")
        _table(rates(pairs, judged(pairs, checker.check)))
        print(f"{_milliseconds(checker, pairs):.1f} ms of processor time a sentence, evidence read before")
        for manner in args.opinion:
            _with_opinion(manner, path, pairs)


def _with_opinion(manner: str, path: Path, pairs: Sequence[Pair]) -> None:
    with judges.opened(manner) as (opinion, judge, server):
        checker, right = open_checker(load_terms(), opinion), []
        for pair in pairs:
            judge.is_faithful = pair.is_faithful
            right += judged([pair], checker.check)
        found = rates(pairs, right)
        name = manner if manner in ("yes", "no") else f"right in {float(manner):.0%}"
        print(f"\n{path}: second opinion that does not read: {name}; asked {len(server.requests)} times")
        _table(found)


def _table(found: Iterable[Rate]) -> None:
    for rate in found:
        group, share = f"{'passed' if rate.is_faithful else 'caught'}: {rate.group}", rate.found[0]
        right = round(share.n * share.value)
        print(f"{group:32} {right:4} of {share.n:4}  {share.value:6.1%}  ({share.low:.1%} to {share.high:.1%})")


def _warm(checker: Checker, pairs: Iterable[Pair]) -> None:
    """The vocabulary of a language is laid out at its first sentence."""
    for pair in {pair.language: pair for pair in pairs}.values():
        checker.check(pair.sentence, pair.evidence)


def _milliseconds(checker: Checker, pairs: Iterable[Pair]) -> float:
    spent = []
    for pair in pairs:
        start = time.process_time()
        checker.check(pair.sentence + " ", pair.evidence)
        spent.append(1000 * (time.process_time() - start))
    return statistics.mean(spent)


if __name__ == "__main__":
    main()
