"""Which word of a sentence stands for which word of the evidence, and which of its parts for which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rag.claims import Claim, Unit
from rag.phrases import CLAUSAL

#: How well a shared key carries that two words say the same, by the key's first character; "" for the same word.
_WEIGHTS = {"": 3.0, "w": 2.5, "s": 2.5, "c": 2.0, "=": 1.6, "^": 1.2}
_WHOLE = 0.5  # more when they are part of one name
_SAME_PLACE = 0.01  # decides between equals
_OWN = 0.4  # share of a sentence that its own evidence must hold
_NAME = 3  # words that a name of several words may be apart


@dataclass(frozen=True, slots=True)
class Alignment:
    """`pairs` of places among the content units of the sentence and the evidence; `parts`: places of the sentence that
    say it again, or are part of a name that the evidence has in fewer words; `covered`: places of the evidence that the
    sentence speaks of; `recalled`: places of the sentence that the sentences before the evidence speak of."""

    sentence: Claim
    evidence: Claim
    pairs: dict[int, int]
    parts: dict[int, int]
    covered: frozenset[int]
    recalled: frozenset[int] = frozenset()

    @property
    def claims(self) -> tuple[Claim, Claim]:
        return self.sentence, self.evidence

    @property
    def is_same_language(self) -> bool:
        return self.sentence.language == self.evidence.language

    @property
    def missing(self) -> list[Unit]:
        """What the sentence says and the evidence does not."""
        said = self.pairs.keys() | self.parts.keys() | self.recalled
        return [unit for n, unit in enumerate(self.sentence.content) if n not in said]

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


class Context(NamedTuple):
    """Keys of what the sentences before have spoken of: what "it" may stand for, and what they were said of."""

    topic: frozenset[str] = frozenset()
    scope: frozenset[str] = frozenset()


def align(sentence: Claim, evidence: Claim, context: Context) -> Alignment:
    """In order as far as it goes, then words that were moved. Time is the product of the numbers of words."""
    scores = [[_score(one, other) for other in evidence.content] for one in sentence.content]
    pairs = dict(_in_order(scores))
    _add_moved(pairs, scores, sentence.content, evidence.content)
    parts = _again(pairs, scores, sentence.content) | dict(_parts(pairs, sentence.content, evidence.content))
    covered = set(pairs.values())
    for n, m in (*pairs.items(), *parts.items()):
        wholes = {key for key in sentence.content[n].word.keys if key[0] == "^"}
        near = range(max(0, m - _NAME), min(len(evidence.content), m + _NAME + 1))
        covered |= {k for k in near if not wholes.isdisjoint(evidence.content[k].word.keys)}
    recalled = frozenset(_recalled(pairs, sentence, evidence, context)) - parts.keys()
    return Alignment(sentence, evidence, pairs, parts, frozenset(covered), recalled)


def _recalled(pairs: Mapping[int, int], sentence: Claim, evidence: Claim, context: Context) -> Iterator[int]:
    """What the sentence takes from before the evidence: a name for "it", or what the whole text is said of."""
    if len(pairs) < _OWN * len(sentence.content):
        return
    topic = context.topic if evidence.has_anaphor else frozenset()
    for n, unit in enumerate(sentence.content):
        keys = unit.word.keys
        is_scope = unit.place.marker in ("scope", "with") and bool(unit.word.things)
        if n not in pairs and (keys & topic or (is_scope and keys & context.scope)):
            yield n


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


def _again(pairs: Mapping[int, int], scores: Sequence[Sequence[float]], mine: Sequence[Unit]) -> dict[int, int]:
    """Words that the sentence says twice and the evidence once."""
    left = [n for n, unit in enumerate(mine) if n not in pairs and not unit.is_figure and any(scores[n])]
    return {n: max(range(len(scores[n])), key=scores[n].__getitem__) for n in left}


def _parts(pairs: Mapping[int, int], mine: Sequence[Unit], its: Sequence[Unit]) -> Iterator[tuple[int, int]]:
    for n, unit in enumerate(mine):
        wholes = {key for key in unit.word.keys if key[0] == "^"}
        if n not in pairs and wholes and not unit.is_figure:
            place = next((m for m, other in enumerate(its) if not wholes.isdisjoint(other.word.keys)), None)
            if place is not None:
                yield n, place


class Part(NamedTuple):
    """Members of the sentence and of the evidence that speak of the same; `governing` are the frame words before them
    that hold for them too; `kept` are classes that both sides have as often, `same` the numbers of words that go the
    same way."""

    mine: list[Unit]
    its: list[Unit]
    my_governing: list[Unit]
    its_governing: list[Unit]
    kept: frozenset[str] = frozenset()
    same: frozenset[int] = frozenset()


def parts(alignment: Alignment) -> Iterator[Part]:
    """The sentence cut into what speaks of different parts of the evidence."""
    groups: list[tuple[set[int], set[int]]] = []
    for mine, its in alignment.matched:
        ours, theirs = {mine.place.member}, {its.place.member}
        for group in [g for g in groups if not g[0].isdisjoint(ours) or not g[1].isdisjoint(theirs)]:
            groups.remove(group)
            ours, theirs = ours | group[0], theirs | group[1]
        groups.append((ours, theirs))
    for ours, theirs in groups:
        yield Part(
            _in(alignment.sentence, ours),
            _in(alignment.evidence, theirs),
            _before(alignment.sentence, ours),
            _before(alignment.evidence, theirs),
        )


def _in(claim: Claim, members: set[int]) -> list[Unit]:
    return [unit for unit in claim.units if unit.place.member in members]


def _before(claim: Claim, members: set[int]) -> list[Unit]:
    last = max((unit.number for unit in claim.units if unit.place.member in members), default=0)
    clauses = {
        unit.place.clause for unit in claim.units if unit.place.member in members and not unit.place.is_condition
    }
    if claim.language == "tr":  # its verbs stand last and carry their own
        full = {unit.place.member for unit in claim.content if not unit.has("light")}
        return [unit for unit in claim.units[:last] if unit.place.clause in clauses and unit.place.member not in full]
    return [
        unit
        for unit in claim.units[:last]
        if unit.place.clause in clauses
        and unit.place.marker not in CLAUSAL
        and not unit.place.is_condition
        and not unit.place.is_aside
    ]


def words(units: Iterable[Unit]) -> str:
    """The words of units, for a reason."""
    return ", ".join(dict.fromkeys(unit.word.text for unit in units))
