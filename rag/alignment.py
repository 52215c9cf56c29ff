"""Which word of a sentence stands for which word of the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.claims import Claim, Unit

#: How well a shared key carries that two words say the same, by the key's first character; "" for the same word.
_WEIGHTS = {"": 3.0, "w": 2.5, "s": 2.5, "c": 2.0, "=": 1.6, "^": 1.2}
_WHOLE = 0.5  # more when they are part of one name
_SAME_PLACE = 0.01  # decides between equals
_NAME = 3  # words that a name of several words may be apart


@dataclass(frozen=True, slots=True)
class Alignment:
    """`pairs` of places among the content units of the sentence and the evidence; `parts` of the sentence's names whose
    whole stands in the evidence in fewer words; `covered`: places of the evidence that the sentence speaks of."""

    sentence: Claim
    evidence: Claim
    pairs: Mapping[int, int]
    parts: Mapping[int, int]
    covered: frozenset[int]

    @property
    def is_same_language(self) -> bool:
        return self.sentence.language == self.evidence.language

    @property
    def missing(self) -> list[Unit]:
        """What the sentence says and the evidence does not."""
        return [u for n, u in enumerate(self.sentence.content) if n not in self.pairs and n not in self.parts]

    @property
    def matched(self) -> list[tuple[Unit, Unit]]:
        return [(self.sentence.content[n], self.evidence.content[m]) for n, m in sorted(self.pairs.items())]

    @property
    def is_subject_kept(self) -> bool:
        """Whether the sentence names what the evidence names only in its label."""
        label = [n for n, unit in enumerate(self.evidence.content) if "label" in unit.word.flags]
        return all(n in self.covered for n in label)

    @property
    def share(self) -> float:
        """How much of what the sentence says stands in the evidence, 0 to 1."""
        return (len(self.pairs) + len(self.parts)) / max(1, len(self.sentence.content))


def align(sentence: Claim, evidence: Claim) -> Alignment:
    """In order as far as it goes, then words that were moved. Time is the product of the numbers of words."""
    scores = [[_score(one, other) for other in evidence.content] for one in sentence.content]
    pairs = dict(_in_order(scores))
    _add_moved(pairs, scores, sentence.content, evidence.content)
    parts = dict(_parts(pairs, sentence.content, evidence.content))
    covered = set(pairs.values())
    for n, m in (*pairs.items(), *parts.items()):
        wholes = {key for key in sentence.content[n].word.keys if key[0] == "^"}
        near = range(max(0, m - _NAME), min(len(evidence.content), m + _NAME + 1))
        covered |= {k for k in near if not wholes.isdisjoint(evidence.content[k].word.keys)}
    return Alignment(sentence, evidence, pairs, parts, frozenset(covered))


def _score(one: Unit, other: Unit) -> float:
    mine, its = one.word.keys, other.word.keys
    shared = mine & its
    if not shared:
        return 0.0
    if one.is_figure or other.is_figure:
        return _WEIGHTS[""] if any(key[0] == "#" for key in shared) else 0.0
    best = "" if one.word.text == other.word.text else max(shared, key=lambda key: _WEIGHTS.get(key[0], 0.0))[0]
    whole = _WHOLE * (best not in ("", "^") and any(key[0] == "^" for key in shared))
    return _WEIGHTS[best] + whole + _SAME_PLACE * (one.place.marker == other.place.marker)


def _in_order(scores: Sequence[Sequence[float]]) -> Iterator[tuple[int, int]]:
    """The heaviest chain of pairs that rises on both sides."""
    count, width = len(scores), len(scores[0]) if scores else 0
    best = [[0.0] * (width + 1) for _ in range(count + 1)]
    for n in range(count - 1, -1, -1):
        here, below, row = best[n], best[n + 1], scores[n]
        for m in range(width - 1, -1, -1):
            skip = max(below[m], here[m + 1])
            here[m] = max(skip, below[m + 1] + row[m]) if row[m] else skip
    n = m = 0
    while n < count and m < width:
        if scores[n][m] and best[n][m] == best[n + 1][m + 1] + scores[n][m]:
            yield n, m
            n, m = n + 1, m + 1
        elif best[n][m] == best[n + 1][m]:
            n += 1
        else:
            m += 1


def _add_moved(
    pairs: dict[int, int], scores: Sequence[Sequence[float]], mine: Sequence[Unit], its: Sequence[Unit]
) -> None:
    """Pairs what is left, the surest first, near before far."""
    taken = set(pairs.values())
    left = [
        (-score, abs(n / len(mine) - m / len(its)), n, m)
        for n, row in enumerate(scores)
        if n not in pairs
        for m, score in enumerate(row)
        if score and m not in taken
    ]
    for _, _, n, m in sorted(left):
        if n not in pairs and m not in taken:
            pairs[n] = m
            taken.add(m)


def _parts(pairs: Mapping[int, int], mine: Sequence[Unit], its: Sequence[Unit]) -> Iterator[tuple[int, int]]:
    for n, unit in enumerate(mine):
        wholes = {key for key in unit.word.keys if key[0] == "^"}
        if n not in pairs and wholes and not unit.is_figure:
            place = next((m for m, other in enumerate(its) if not wholes.isdisjoint(other.word.keys)), None)
            if place is not None:
                yield n, place
