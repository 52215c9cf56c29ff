"""The guard's rules as data: named signals with weights (`data/guard.yaml`) and, for each language, the patterns
that make them visible (`data/<language>/guard.yaml`).

A pattern is a regular expression over folded text with five shorthands:

    ' (apostrophe)   an apostrophe, a space or nothing: `can't` also reads `cant` and `can t`
    *                any ending of up to 12 letters
    ~  and  ..       a short or a long gap (15 or 40 characters; in Chinese 4 or 12)
    <name>           one of the entries of the list `name` under `words`

No repeat in it is unbounded, so matching is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rag.language import fold
from rag.patterns import AnyOf, Pattern, needed
from rag.tables import read_table
from rag.types import Language

_TOKEN = re.compile(r"\\.|<(\w+)>|( \.\. |\.\.)|( ~ |~)|('|\*)|([^\W_]+)")
_GAPS = {" .. ": "(?: .{0,40})? ", " ~ ": "(?: .{0,15})? ", "..": ".{0,12}", "~": ".{0,4}"}
#: Lists of words that the likeness reads as one word: the list and its sign.
_CLASSES = {"relative": "R", "disease": "D", "drug": "G", "treat": "T", "doctor": "M", "test": "L"}
_SHORT = {"'": " ?", "*": "[a-z]{0,12}"}


@dataclass(frozen=True, slots=True)
class Signal:
    """Something visible in a text. `name` is `group.kind` or `group.kind.degree`; `why` is for the operator."""

    name: str
    weight: int
    why: str

    @property
    def group(self) -> str:
        return self.name.split(".")[0]

    @property
    def kind(self) -> str:
        return self.name.split(".")[1]


@dataclass(frozen=True, slots=True)
class Score:
    """How signals add up: each of `groups` counts its heaviest signal once, the sum must reach `threshold`, and
    one group of each of `needs` must be there."""

    threshold: int
    needs: tuple[frozenset[str], ...]
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights by signal, in hundredths of a natural logarithm, and the sum from which a message is of the kind."""

    threshold: int
    weights: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Table:
    """`data/guard.yaml`: the signals by name, the scores of emergencies, what makes a question personal or a message
    alarming, and the bounds on work."""

    signals: Mapping[str, Signal]
    scores: Mapping[str, Score]
    personal: Fitted
    alarming: Fitted
    about: tuple[str, ...]
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """One language's patterns, compiled at first use. `polite` is what stands around a question ("I'd like to know"),
    `talk` holds small talk, phrase by phrase with its kind; clauses end before `breaks`. `keys` are words worth
    mending, `real` those that only look like them; `classes` are words that `likeness` takes for one another, with
    their sign."""

    signals: Mapping[str, AnyOf]
    classes: tuple[tuple[str, Pattern], ...]
    talk: tuple[tuple[str, Pattern], ...]
    polite: Pattern
    breaks: Pattern
    keys: frozenset[str]
    real: frozenset[str]


def load_table() -> Table:
    data = read_table("guard.yaml")
    signals = {name: Signal(name, int(entry[0]), str(entry[1])) for name, entry in data["signals"].items()}
    scores = {
        name: Score(entry["threshold"], tuple(map(frozenset, entry["needs"])), frozenset(entry["groups"]))
        for name, entry in data["scores"].items()
    }
    personal, alarming = (Fitted(**data[name]) for name in ("personal", "alarming"))
    return Table(signals, scores, personal, alarming, tuple(data["about"]), data["limits"])


def load_rules(language: Language) -> Rules:
    """The rules of `language`. Raises `KeyError` where the data is off; a test compiles all of it."""
    data = read_table(language, "guard.yaml")
    words = {name: "|".join(entries) for name, entries in data["words"].items()}
    is_spaced = language != "zh"

    def whole(patterns: list[str]) -> Pattern:
        return Pattern(expand("|".join(patterns), words, is_spaced=is_spaced))

    def each(patterns: list[str]) -> list[Pattern]:
        cut = _alternatives("|".join(patterns))
        return [Pattern(expand(one, words, is_spaced=is_spaced), fold(needed(one))) for one in cut]

    return Rules(
        signals={name: AnyOf.of(each(patterns)) for name, patterns in data["signals"].items()},
        classes=tuple(
            (sign if not is_spaced else f" {sign} ", whole([f"<{name}>"])) for name, sign in _CLASSES.items()
        ),
        talk=tuple(
            (kind, phrase)
            for kind, patterns in (data["about"] | {"filler": data["filler"]}).items()
            for phrase in each(patterns)
        ),
        polite=whole(data["polite"]),
        breaks=Pattern(rf"(?={whole(data['breaks']).pattern})"),
        keys=frozenset(fold(word) for line in data["keys"] for word in line.split("|")),
        real=frozenset(fold(word) for line in data["real"] for word in line.split("|")),
    )


def expand(pattern: str, words: Mapping[str, str], *, is_spaced: bool) -> str:
    """`pattern` as a regular expression of Python, folded; `is_spaced` languages match whole words."""
    body = _TOKEN.sub(lambda match: _piece(match, words, is_spaced=is_spaced), pattern)
    return rf"(?<![a-z0-9])(?:{body})(?![a-z0-9])" if is_spaced else f"(?:{body})"


def _alternatives(pattern: str) -> list[str]:
    """`pattern` cut at the bars that stand outside brackets."""
    found, depth = [""], 0
    for char in pattern:
        depth += (char in "([") - (char in ")]")
        if char == "|" and not depth:
            found.append("")
        else:
            found[-1] += char
    return found


def _piece(match: re.Match[str], words: Mapping[str, str], *, is_spaced: bool) -> str:
    name, long_gap, short_gap, short, letters = match.groups()
    if name:
        return f"(?:{_TOKEN.sub(lambda inner: _piece(inner, words, is_spaced=is_spaced), words[name])})"
    if long_gap or short_gap:
        return _GAPS[long_gap or short_gap]
    return _SHORT[short] if short else fold(letters) if letters else match[0]
