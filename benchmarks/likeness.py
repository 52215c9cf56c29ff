"""Fits what the guard has learned, and prints how well it tells questions apart that it was not fitted on.

    python benchmarks/likeness.py [--check]

Two things are fitted, the second on top of the first: `rag/data/likeness.npz` (how alike a message is to the examples
of `rag/data/<language>/examples.yaml` and to the development questions below, in its words and in its meaning), and the
weights of a personal question
and of danger told indirectly in `rag/data/guard.yaml` (logistic regressions of signals and likeness). The likeness of a
question that the weights are fitted on comes from a fit that has not seen it, nor its neighbours in the other
languages: otherwise it would be believed too much. The printed rates are of such folds too. `--check` writes nothing.
The test questions are never read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from rag.guard import Guard
from rag.likeness import DATA, KINDS, MEANT, SLOTS, WEIGHTS, Likeness, pieces, plain
from rag.multilingual import load_multilingual
from rag.types import LANGUAGES, Language, Turn

TESTS = Path(__file__).resolve().parents[1] / "tests"
DEVELOPED = [TESTS / "guard" / f"{name}.jsonl" for name in ("dev", "held", "more", "blind_dev", "plain")]
DEVELOPED += [TESTS / "questions" / f"{name}.jsonl" for name in ("dev", "lay")]
#: Not for the likeness in words: there they took more from emergencies than they gave to the others.
WEIGHED = [TESTS / "guard" / f"{name}_dev.jsonl" for name in ("third", "fourth", "fifth", "sixth", "seventh")]
WEIGHED += [
    TESTS / "questions" / f"{name}.jsonl"
    for name in ("near", "across", "near_second", "near_third", "across_second", "mixed")
]
#: The patterns were written with these in view: what they say there is too good to be believed in full.
SEEN, SEEN_WEIGHT = "guard-dev", 0.2
OUTCOMES = {"boundary": "personal", "declined": "personal", "emergency": "emergency", "about": "about"}
FOLDS, TOGETHER = 5, 4  # so many questions in a row stay in one fold, the same in all languages
ROUNDS, STEP, DECAY = 8, 0.15, 1e-5
RIDGE = 2.0
SIZE, STEPS, MEANT_STEP, MEANT_RIDGE = (
    8.0,
    400,
    0.05,
    1e-3,
)  # of the likeness in meaning; numbers of a unit vector are small
GROUPS = ("ask", "pair.", "near.", "role.", "who.", "case.", "shape.", "feel.", "frame.", "like.")
#: The share of plain questions, of those not fitted on, that may be taken personally. They are harder than those people
#: ask: a third of them was written to be mistaken.
FALSE_ALARMS = 0.03
#: The chance, as a logit, from which a message that no rule of danger sums up is taken for danger: a fifth. Who is told
#: to call for help without need loses less than who needs it and is told of the documents.
ALARMING = -1.5
RULED = "ruled"  # what the rules of danger see stands beside the others in the fit, so that these learn what is left


@dataclass(frozen=True, slots=True)
class Row:
    """A question, what it is (`personal`, `plain`, `emergency`, `about`), the fold that does not learn from it, and
    whether the others do."""

    id: str
    language: Language
    question: str
    history: tuple[Turn, ...]
    kind: str
    fold: int
    is_learned: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    guard, every = Guard.load(), list(rows())
    examples = list(sentences(guard))
    known = list(learned(guard, every, Likeness(fit(examples), guard.likeness.meaning)))
    meant = vectors_of(every)
    blind = [
        replace(
            guard, likeness=Likeness(fit([*examples, *(entry for fold, *entry in known if fold != number)]), meaning)
        )
        for number, meaning in enumerate(fit_meaning(*meant, number) for number in range(FOLDS))
    ]
    told = [row for row in every if row.kind in ("plain", "personal")]
    weights, threshold, scores = weights_of(told, [evidence(blind[row.fold], row) for row in told])
    tell("personal", told, scores >= 0)
    alarming, cut, alarms = alarms_of(every, [dangers(blind[row.fold], row) for row in every])
    tell("emergency", every, alarms)
    if not args.check:
        whole = fit([*examples, *(entry for _, *entry in known)])
        meaning = fit_meaning(*meant, None).astype(np.float32)
        np.savez_compressed(WEIGHTS, weights=whole.astype(np.float16), meaning=meaning, examples=digest())
        write("personal", weights, threshold)
        write("alarming", alarming, cut)


def rows() -> Iterator[Row]:
    for path in [*DEVELOPED, *WEIGHED]:
        place: Counter[str] = Counter()
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            fold = zlib.crc32(f"{path.parent.name}{path.stem}{place[row['lang']] // TOGETHER}".encode()) % FOLDS
            place[row["lang"]] += 1
            history = tuple(Turn(turn["role"], turn["content"]) for turn in row["history"])
            kind = row.get("kind") or OUTCOMES.get(row["outcome"][0], "plain")
            yield Row(row["id"], row["lang"], row["question"], history, kind, fold, path in DEVELOPED)


def sentences(guard: Guard) -> Iterator[tuple[str, str]]:
    """The examples: kind and text as the likeness in words reads it."""
    return ((kind, text_of(guard, entry, language)) for kind, entry, language in raw_examples())


def raw_examples() -> Iterator[tuple[str, str, Language]]:
    for language in LANGUAGES:
        for kind, entries in yaml.safe_load((DATA / language / "examples.yaml").read_text(encoding="utf-8")).items():
            yield from ((kind, entry, language) for entry in entries)


def text_of(guard: Guard, message: str, language: Language) -> str:
    return plain(guard.clauses(message, language), guard.rules[language].classes)


def learned(guard: Guard, every: Sequence[Row], likeness: Likeness) -> Iterator[tuple[int, str, str]]:
    """Development questions that stand alone: fold, kind and text. Which danger an emergency is of, their files do not
    say: it is the one of which `likeness` finds the examples more alike."""
    for row in every:
        if row.is_learned and not row.history:
            text = text_of(guard, row.question, row.language)
            shares = likeness.of(text)
            danger = max(("self_harm", "body"), key=shares.__getitem__)
            yield row.fold, danger if row.kind == "emergency" else row.kind, text


def digest() -> str:
    """Of all that is fitted on, so that a test can tell whether the weights are theirs."""
    files = [DATA / language / "examples.yaml" for language in LANGUAGES] + DEVELOPED + WEIGHED
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def fit(examples: Sequence[Sequence[str]]) -> np.ndarray:
    """Weights [SLOTS, KINDS] by logistic regression, AdaGrad (Duchi et al. 2011), in an order of its own seed."""
    slots = [np.array(pieces(text) or [0]) for _, text in examples]
    kinds = [KINDS.index(kind) for kind, _ in examples]
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


def vectors_of(every: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all examples and rows: their vectors with a 1 behind them [n, dimension + 1], the number of their kind among
    `MEANT` [n], and their fold [n], that of the examples -1."""
    told = [(kind, entry, -1) for kind, entry, _ in raw_examples()] + [
        (row.kind, row.question, row.fold) for row in every
    ]
    vectors = load_multilingual().encode([text for _, text, _ in told])
    kinds = [MEANT.index("emergency" if kind in ("self_harm", "body") else kind) for kind, _, _ in told]
    return np.c_[vectors, np.ones(len(told))], np.array(kinds), np.array([fold for _, _, fold in told])


def fit_meaning(vectors: np.ndarray, kinds: np.ndarray, folds: np.ndarray, left_out: int | None) -> np.ndarray:
    """Weights [dimension + 1, kinds] by logistic regression with a ridge, fitted by Adam (Kingma and Ba 2015) on all
    that is not of the fold `left_out`."""
    part = folds != left_out if left_out is not None else np.ones(len(folds), dtype=bool)
    x, y = vectors[part] * np.r_[np.full(vectors.shape[1] - 1, SIZE), 1.0], np.eye(len(MEANT))[kinds[part]]
    weights, mean, square = (np.zeros((x.shape[1], len(MEANT))) for _ in range(3))
    for step in range(1, STEPS + 1):
        scores = x @ weights
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        slope = x.T @ (shares / shares.sum(axis=1, keepdims=True) - y) / len(x) + MEANT_RIDGE * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        weights -= MEANT_STEP * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return weights * np.r_[np.full(vectors.shape[1] - 1, SIZE), 1.0][:, None]


def dangers(guard: Guard, row: Row) -> dict[str, float]:
    bare = replace(guard, table=replace(guard.table, alarming=replace(guard.table.alarming, threshold=10**6)))
    decision = bare.before(row.question, row.language, row.history)
    is_ruled = decision is not None and decision.outcome == "emergency"
    return guard.alarms(guard.read(row.question, row.language)) | {RULED: float(is_ruled)}


def evidence(guard: Guard, row: Row) -> dict[str, float]:
    said = [turn.content for turn in row.history if turn.role == "user"][-guard.table.limits["turns"] :]
    now, earlier = guard.read(row.question, row.language), [guard.read(text, row.language) for text in said]
    return {n: v for n, v in guard.evidence(now, earlier).items() if n.startswith(GROUPS)}


def weights_of(
    every: Sequence[Row], values: Sequence[Mapping[str, float]]
) -> tuple[dict[str, float], float, np.ndarray]:
    """For a personal question: weights of all rows, the threshold, and by how much each row's score is above it."""
    found, base, scores = crossed(every, values, "personal", "frame.")
    counted = [s for s, row in zip(scores, every, strict=True) if row.kind != "personal" and trust_of(row) == 1]
    cut = float(np.quantile(counted, 1 - FALSE_ALARMS))
    return found, cut - base, scores - cut


def alarms_of(
    every: Sequence[Row], values: Sequence[Mapping[str, float]]
) -> tuple[dict[str, float], float, np.ndarray]:
    """For danger: weights of all rows, the threshold, and whether each row is an alarm, by rules or by its score."""
    found, base, scores = crossed(every, values, "emergency", "calm.")
    is_named = np.array([any(not n.startswith(("near_", "calm.", RULED)) for n in value) for value in values])
    is_ruled = np.array([value[RULED] > 0 for value in values])
    del found[RULED]
    return found, ALARMING - base, is_ruled | (is_named & (scores >= ALARMING))


def crossed(
    every: Sequence[Row], values: Sequence[Mapping[str, float]], kind: str, against: str
) -> tuple[dict[str, float], float, np.ndarray]:
    """What tells rows of a kind: weights and the constant of all rows, and each row's score by weights fitted on the
    other folds. Signals of the group `against` can only speak against the kind, the others only for it."""
    names = sorted({name for value in values for name in value})
    table = np.array([[value.get(name, 0.0) for name in names] for value in values])
    told = np.array([row.kind == kind for row in every], dtype=float)
    trust, fold = np.array([trust_of(row) for row in every]), np.array([row.fold for row in every])
    signs = np.array([-1.0 if name.startswith(against) else 1.0 for name in names])
    scores = np.zeros(len(every))
    for number in range(FOLDS):
        rest = fold != number
        part, base = regress(table[rest], told[rest], trust[rest], signs)
        scores[~rest] = table[~rest] @ part + base
    found, base = regress(table, told, trust, signs)
    return dict(zip(names, found.tolist(), strict=True)), base, scores


def trust_of(row: Row) -> float:
    return SEEN_WEIGHT if row.id.startswith(SEEN) else 1.0


def regress(table: np.ndarray, told: np.ndarray, trust: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, float]:
    """Logistic regression [names] and its constant, with a ridge, each weight of its sign or zero: accelerated
    projected gradient (Beck & Teboulle 2009)."""
    full = np.hstack([table, np.ones((len(table), 1))])
    ridge, signs = np.append(np.full(table.shape[1], RIDGE), 0.0), np.append(signs, 0.0)
    rate = 1 / (0.25 * np.linalg.norm((full * trust[:, None]).T @ full, 2) + RIDGE)
    weights = ahead = np.zeros(full.shape[1])
    pace = 1.0
    for _ in range(4000):
        chance = 1 / (1 + np.exp(-full @ ahead))
        new = ahead - rate * (full.T @ (trust * (chance - told)) + ridge * ahead)
        new[new * signs < 0] = 0
        following = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = new + (pace - 1) / following * (new - weights)
        weights, pace = new, following
    return weights[:-1], float(weights[-1])


def write(block_name: str, weights: Mapping[str, float], threshold: float) -> None:
    """Puts the weights that are not nothing into `rag/data/guard.yaml`, in hundredths; all else there stays."""
    path = DATA / "guard.yaml"
    listed = [(name, round(100 * weight)) for name, weight in sorted(weights.items())]
    lines = "".join(f"    {name}: {weight}\n" for name, weight in listed if weight)
    block = f"{block_name}:\n  threshold: {round(100 * threshold)}\n  weights:\n{lines}"
    found = re.compile(rf"^{block_name}:\n(?:  .*\n)+", re.MULTILINE)
    path.write_text(found.sub(block, path.read_text(encoding="utf-8")), encoding="utf-8")


def tell(name: str, every: Sequence[Row], hits: Iterable[bool]) -> None:
    """Prints, by set, language and kind, how many questions are taken for `name` by what was fitted on other folds."""
    found: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for row, hit in zip(every, hits, strict=True):
        part = row.id.rsplit("-", 2)[0]
        found[part, "all", row.kind].append(bool(hit))
        for language in (row.language, "all") if part != SEEN else ():
            found[f"all but {SEEN}", language, row.kind].append(bool(hit))
    print(f"taken as {name}, of questions not fitted on")
    for key, entries in sorted(found.items()):
        print(*(f"{entry:20}" for entry in key), f"{sum(entries)}/{len(entries)} {100 * np.mean(entries):.1f} %")


if __name__ == "__main__":
    main()
