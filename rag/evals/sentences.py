"""How the sentence check does: which corrupted sentences it catches, which faithful ones it lets pass, by kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rag import check as checker
from rag.errors import SettingsError
from rag.evals.questions import lines_of
from rag.evals.score import Estimate, Score, estimate
from rag.types import LANGUAGES

if TYPE_CHECKING:
    from rag.evals.runner import Tell

CAUGHT, PASSED = 0.97, 0.60  # wanted: of the corrupted sentences of each kind, of all faithful ones
ALL, VERBATIM = "all", "verbatim"
_HINT = 'write {"id", "sentence", "evidence": [text...], "label": "supported|unsupported", "kind", "lang"} on each line'
_LABELS = {"supported": True, "unsupported": False}

#: (sentence, evidence) -> the check's verdict.
Check = Callable[[str, Sequence[str]], checker.Check]


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and the texts that it cites; `kind` is how it was corrupted, or how it repeats them faithfully."""

    id: str
    sentence: str
    evidence: tuple[str, ...]
    is_faithful: bool
    kind: str
    language: str

    @classmethod
    def parse(cls, data: Any) -> Pair:
        """Raises SettingsError."""
        try:
            texts = [data["id"], data["sentence"], *data["evidence"], data["kind"], data["lang"]]
            is_faithful = _LABELS[data["label"]]
        except (KeyError, TypeError) as error:
            raise SettingsError(f"no pair: {error}", hint=_HINT) from error
        if not all(isinstance(text, str) and text.strip() for text in texts) or data["lang"] not in LANGUAGES:
            raise SettingsError("no pair: a text is missing, or the language is not ours", hint=_HINT)
        evidence = tuple(data["evidence"])
        return cls(data["id"], data["sentence"], evidence, is_faithful, data["kind"], data["lang"])


class Rate(NamedTuple):
    """Of one group of pairs how many were judged rightly, without a second opinion and, where there is one, with it."""

    is_faithful: bool
    group: str
    found: Sequence[Estimate]

    @property
    def target(self) -> float | None:
        """What the rate should reach; None for groups that the targets do not name."""
        if self.is_faithful:
            return PASSED if self.group == ALL else None
        return None if self.group in LANGUAGES else CAUGHT


def load_pairs(path: Path) -> tuple[Pair, ...]:
    """Every pair of a JSON-lines file. Raises SettingsError that names the file and the line."""
    return tuple(lines_of(path, lambda line, _: Pair.parse(json.loads(line)), _HINT))


def judged(pairs: Sequence[Pair], check: Check, tell: Tell = lambda done, total: None) -> list[bool]:
    """Of each pair whether it was judged rightly."""
    right = []
    for number, pair in enumerate(pairs, 1):
        right.append(check(pair.sentence, pair.evidence).supported == pair.is_faithful)
        tell(number, len(pairs))
    return right


def rates(pairs: Sequence[Pair], *runs: Sequence[bool]) -> list[Rate]:
    """Corruptions first: all, by kind, by language. `runs` say of each pair whether it was judged rightly."""
    places: dict[tuple[bool, str], list[int]] = {}
    for place, pair in enumerate(pairs):
        for group in _groups(pair):
            places.setdefault((pair.is_faithful, group), []).append(place)
    return [
        Rate(is_faithful, group, [_estimate([run[place] for place in found]) for run in runs])
        for (is_faithful, group), found in sorted(places.items(), key=lambda item: _order(*item[0]))
    ]


def _groups(pair: Pair) -> Iterable[str]:
    """What is quoted word for word says nothing of a language."""
    return (ALL, pair.kind) if pair.kind == VERBATIM else (ALL, pair.kind, pair.language)


def _order(is_faithful: bool, group: str) -> tuple[Any, ...]:
    place = LANGUAGES.index(group) if group in LANGUAGES else -1  # type: ignore[arg-type]
    return is_faithful, place, group != ALL, group


def _estimate(right: Sequence[bool]) -> Estimate:
    return estimate([Score.of(is_right, "") for is_right in right])


def main_rates(found: Sequence[Rate]) -> dict[str, Rate]:
    """Those that the targets are about: all corruptions, the kind of them that is caught least often, all faithful."""
    kinds = [rate for rate in found if rate.target == CAUGHT and rate.group != ALL]
    named = {
        "Corrupted sentences caught": [rate for rate in found if not rate.is_faithful and rate.group == ALL],
        "Worst kind of corruption": sorted(kinds, key=lambda rate: rate.found[0].value or 0.0),
        "Faithful sentences passed": [rate for rate in found if rate.is_faithful and rate.group == ALL],
    }
    return {title: group[0] for title, group in named.items() if group}
