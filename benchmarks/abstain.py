"""Does the chance of an answer know what a foreign corpus holds? On pages it was never fitted on.

    python benchmarks/abstain.py [DATA] [--limit N]

The pages are medquad-cancer's, the questions abstain-medquad's: answerable ones, near ones that no page answers (other
tumours) and far ones. Prints the area under the ROC curve of the chance, and how many are answered and refused at the
threshold in use. DATA is the folder of the sets.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from sets import MEDQUAD, arguments

from rag.evals.metrics import auroc
from rag.pipeline import ANSWERS_FROM, Assistant, open_assistant
from rag.settings import Settings

ANSWERABLE = "answerable"


def main() -> None:
    args = arguments(__doc__).parse_args()
    corpus = args.data / MEDQUAD / "docs"
    assistant = open_assistant(Settings.from_environment(corpus=corpus, store=args.store / "abstain"))
    asked = {kind: found[: args.limit] for kind, found in texts(args.data / "abstain-medquad").items()}
    chances = {kind: np.array([chance_of(assistant, text) for text in found]) for kind, found in asked.items()}
    held = chances.pop(ANSWERABLE)
    print(f"{ANSWERABLE}: {np.sum(held >= ANSWERS_FROM)} of {len(held)} answered, threshold {ANSWERS_FROM}")
    for kind, others in chances.items():
        area = auroc(held, others)
        print(f"{kind}: {np.sum(others < ANSWERS_FROM)} of {len(others)} refused; area under the ROC curve {area:.3f}")


def texts(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found[row["kind"]].append(row["question"])
    return found


def chance_of(assistant: Assistant, question: str) -> float:
    return assistant.look_up(question).evidence.coverage.score


if __name__ == "__main__":
    main()
