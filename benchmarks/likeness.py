"""Fits `rag/data/likeness.npz` on the examples of `rag/data/<language>/examples.yaml` and prints how well it tells
examples apart that it was not fitted on.

    python benchmarks/likeness.py [--check]

`--check` prints the figures and writes nothing. Questions of `tests/guard/dev.jsonl` are fitted on too; those of
`tests/guard/held.jsonl` and of `tests/questions` never: what they measure must be news to the guard.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from rag.likeness import DATA, KINDS, SLOTS, WEIGHTS, Likeness, pieces, plain
from rag.rules import Rules, load_rules
from rag.types import LANGUAGES, Language
from rag.unmask import clauses, unmask

DEVELOPED = Path(__file__).resolve().parents[1] / "tests" / "guard" / "dev.jsonl"
FOLDS, ROUNDS, STEP, DECAY = 5, 12, 0.15, 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    rules = {language: load_rules(language) for language in LANGUAGES}
    examples = [
        (language, kind, read(text, rules[language]))
        for language in LANGUAGES
        for kind, texts in yaml.safe_load((DATA / language / "examples.yaml").read_text(encoding="utf-8")).items()
        for text in texts
    ]
    examples += [(language, kind, read(text, rules[language])) for language, kind, text in developed()]
    slots = [np.array(pieces(text)) for _, _, text in examples]
    kinds = np.array([KINDS.index(kind) for _, kind, _ in examples])
    if args.check:
        tell(examples, slots, kinds)
    else:
        weights = fit(slots, kinds).astype(np.float16)
        np.savez_compressed(WEIGHTS, weights=weights, examples=digest())


def read(text: str, rules: Rules) -> str:
    return plain(clauses(unmask(text, rules.keys, rules.real), rules.breaks), rules.classes)


def developed() -> Iterator[tuple[Language, str, str]]:
    """The development part's plain and personal questions that stand alone. The held part is never read here."""
    for line in DEVELOPED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kind"] in ("plain", "personal") and not row["history"]:
            yield row["lang"], row["kind"], row["question"]


def digest() -> str:
    """Of all examples, so that a test can tell whether the weights are theirs."""
    files = [(DATA / language / "examples.yaml").read_bytes() for language in LANGUAGES]
    return hashlib.sha256(b"".join(files)).hexdigest()


def fit(slots: list[np.ndarray], kinds: np.ndarray) -> np.ndarray:
    """Weights [SLOTS, KINDS] by logistic regression, AdaGrad (Duchi et al. 2011), in an order of its own seed."""
    weights, squares = np.zeros((SLOTS, len(KINDS))), np.full((SLOTS, len(KINDS)), 1e-8)
    order = np.random.default_rng(0)
    for _ in range(ROUNDS):
        for i in order.permutation(len(slots)):
            at, scale = slots[i], len(slots[i]) ** -0.5
            scores = weights[at].sum(axis=0) * scale
            error = np.exp(scores - scores.max())
            error /= error.sum()
            error[kinds[i]] -= 1
            gradient = scale * error + DECAY * weights[at]
            squares[at] += gradient**2
            weights[at] -= STEP * gradient / np.sqrt(squares[at])
    return weights


def tell(examples: list[tuple[str, str, str]], slots: list[np.ndarray], kinds: np.ndarray) -> None:
    """Prints per language and kind how many examples are told right by weights fitted on the other folds."""
    fold = np.random.default_rng(1).permutation(len(slots)) % FOLDS
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for number in range(FOLDS):
        rest = [i for i in range(len(slots)) if fold[i] != number]
        likeness = Likeness(fit([slots[i] for i in rest], kinds[rest]))
        for i in np.flatnonzero(fold == number):
            language, kind, text = examples[i]
            shares = likeness.of(text)
            found[language, kind][max(shares, key=shares.__getitem__)] += 1
    for (language, kind), counts in sorted(found.items()):
        print(language, f"{kind:10}", f"{counts[kind]}/{counts.total()}", dict(counts))


if __name__ == "__main__":
    main()
