"""Fits the chance of an answer (`rag/coverage.py`) on development questions and prints its weights and figures.

    python benchmarks/calibrate.py [--questions tests/questions/dev.jsonl ...] [--corpus seeds]

Never on test questions: what is printed for them by `rag eval` must be news.
"""

from __future__ import annotations

import argparse
from dataclasses import astuple
from pathlib import Path

import numpy as np

from rag.coverage import Signals
from rag.evals.metrics import auroc
from rag.evals.questions import Question, load_questions
from rag.pipeline import Assistant, open_assistant
from rag.settings import Settings

FILES = [
    Path(f"tests/questions/{name}.jsonl")
    for name in ("dev", "lay", "blind", "near", "across", "near_second", "near_third", "across_second", "mixed")
]
FILES += (
    Path(f"tests/conversations/followups_{name}_dev.jsonl")
    for name in ("blind", "second", "third", "fourth", "fifth", "sixth")
)
FOLDS, RIDGE = 10, 1.0


def main() -> None:
    assistant, developed = opened(__doc__)
    questions = [question for question in developed if question.expected in ("answered", "not_in_corpus")]
    x = np.array([astuple(signals_of(assistant, question)) for question in questions])
    y = np.array([question.expected == "answered" for question in questions])
    weights = fit(x, y)
    print("bias", weights[0].round(2))
    for name, weight, column in zip(Signals.__dataclass_fields__, weights[1:], x.T, strict=True):
        print(f"{name:10} {weight:6.2f}   alone: area {auroc(column[y], column[~y]):.3f}")
    for own, gap in (("expanded", "gap"), ("native", "gap_native")):
        slope, constant = np.polyfit(*(x[:, list(Signals.__dataclass_fields__).index(name)] for name in (own, gap)), 1)
        print(f"usual {gap}: {constant:.2f} + {slope:.2f} times {own}")
    held_out = cross_validated(x, y)
    print(f"{len(y)} questions, {FOLDS}-fold: area under the ROC curve {auroc(held_out[y], held_out[~y]):.3f}")
    for answered in (0.90, 0.95, 0.98):
        threshold = np.quantile(held_out[y], 1 - answered)
        refused = float(np.mean(held_out[~y] < threshold))
        chance = 1 / (1 + np.exp(-threshold))
        print(f"threshold {chance:.2f}: answers {answered:.0%} of answerable, refuses {refused:.0%} of others")


def opened(description: str | None) -> tuple[Assistant, list[Question]]:
    """What the arguments name: an assistant over the corpus, and the development questions."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=Path, nargs="+", default=FILES)
    parser.add_argument("--corpus", type=Path, default=Path("seeds"))
    args = parser.parse_args()
    questions = [question for file in args.questions for question in load_questions(file)]
    return open_assistant(Settings.from_environment(corpus=args.corpus)), questions


def signals_of(assistant: Assistant, question: Question) -> Signals:
    return assistant.look_up(question.text, question.history).evidence.coverage.signals


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights [1 + features], ridge-regularised; both classes count alike. Newton's method."""
    scale = np.maximum(x.std(0), 0.05)  # a ridge asks for features of one size
    x = np.c_[np.ones(len(x)), x / scale]
    counts = np.where(y, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    weights, ridge = np.zeros(x.shape[1]), RIDGE * np.diag([1e-6, *[1.0] * (x.shape[1] - 1)])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (counts * (chance - y)) + ridge @ weights
        weights -= np.linalg.solve((x * (counts * chance * (1 - chance))[:, None]).T @ x + ridge, gradient)
    return weights / np.r_[1.0, scale]


def cross_validated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each question [n] the logit that weights fitted without its fold give it."""
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    logits = np.zeros(len(y))
    for number in range(FOLDS):
        weights = fit(x[fold != number], y[fold != number])
        logits[fold == number] = np.c_[np.ones((fold == number).sum()), x[fold == number]] @ weights
    return logits


if __name__ == "__main__":
    main()
