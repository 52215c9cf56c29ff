"""Fits what a sentence's score is made of (`Marks` in `rag/marks.py`) on development questions, and prints how well
such scores rank.

    python benchmarks/ranking.py [--questions tests/questions/dev.jsonl ...] [--corpus seeds]

For each question every sentence of its hits is a candidate; those that hold its evidence should come first. The
probability of a sentence is its share of the exponentials of all scores, and that of the evidence is made large
(ListNet's top-one probability: Cao et al. 2007). What is printed as left out is of questions that the fit has not seen.
Never on test questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from calibrate import opened

from rag.evals.citing import holds
from rag.evals.questions import Question
from rag.marks import Marks, Shares
from rag.pipeline import Assistant

FOLDS, RIDGE, ROUNDS, STEP = 5, 1e-3, 300, 0.3
RANKS = (1, 2, 3, 4, 6)


class Asked(NamedTuple):
    """Of a question's candidates the marks [candidates, marks] and whether they hold evidence [candidates]."""

    marks: np.ndarray
    good: np.ndarray


def main() -> None:
    assistant, questions = opened(__doc__)
    asked = [one for question in questions if question.evidence if (one := of(assistant, question)).good.any()]
    print(f"{len(asked)} questions, {sum(len(one.good) for one in asked)} candidates")
    tell("as it is", asked, [one.marks @ np.array(Shares().marks) for one in asked])
    weights, left_out = fit(asked), [np.zeros(0)] * len(asked)
    for fold in range(FOLDS):
        others = fit([one for n, one in enumerate(asked) if n % FOLDS != fold])
        left_out = [one.marks @ others if n % FOLDS == fold else left_out[n] for n, one in enumerate(asked)]
    tell("left out", asked, left_out)
    scale = Shares().marks.terms / weights[Marks._fields.index("terms")]
    print(", ".join(f"{name}={scale * weight:.2f}" for name, weight in zip(Marks._fields, weights, strict=True)))
    every = np.concatenate([one.marks for one in asked])
    for name in ("native", "expanded"):
        slope, constant = np.polyfit(every[:, 0], every[:, Marks._fields.index(name)], 1)
        print(f"usual {name} for a cosine: {constant:.2f} + {slope:.2f} times it")


def of(assistant: Assistant, question: Question) -> Asked:
    """Evidence may be a part of a sentence, or more than one."""
    found = assistant.look_up(question.text, question.history)
    marked = assistant.parts.evidences.marks(found.query, found.found)
    texts = [sentence.text for sentence, _ in marked]
    good = [bool(holds(t, question.evidence)) or any(holds(one, [t]) for one in question.evidence) for t in texts]
    return Asked(np.array([marks for _, marks in marked]).reshape(-1, len(Marks._fields)), np.array(good, dtype=bool))


def fit(asked: Sequence[Asked]) -> np.ndarray:
    """Weights [marks], by Adam (Kingma and Ba 2015) on standardised marks."""
    marks, good = np.concatenate([one.marks for one in asked]), np.concatenate([one.good for one in asked])
    sizes = np.array([len(one.good) for one in asked])
    starts, home = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(asked)), sizes)
    spread = marks.std(0) + 1e-9
    x = marks / spread
    weights, mean, square = (np.zeros(x.shape[1]) for _ in range(3))
    for step in range(1, ROUNDS + 1):
        scores = x @ weights
        grown = np.exp(scores - np.maximum.reduceat(scores, starts)[home])
        every, right = (part / np.add.reduceat(part, starts)[home] for part in (grown, grown * good))
        slope = x.T @ (every - right) / len(asked) + RIDGE * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        weights = weights - STEP * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return np.asarray(weights / spread)


def tell(name: str, asked: Sequence[Asked], scores: Sequence[np.ndarray]) -> None:
    orders = [np.argsort(-score, kind="stable") for score in scores]
    ranks = np.array([1 + int(np.argmax(one.good[order])) for one, order in zip(asked, orders, strict=True)])
    shares = ", ".join(f"{rank}: {np.mean(ranks <= rank):.3f}" for rank in RANKS)
    print(f"{name:10} evidence among the first {shares}; mean reciprocal rank {np.mean(1 / ranks):.3f}")


if __name__ == "__main__":
    main()
