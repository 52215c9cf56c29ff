"""From signals seen in a message to a sum: which signals are weighed together, and how they add up.

For danger each clause is weighed with what the rest of the message says of people, and a group counts once. Whether a
question is personal is one sum over the message, with weights fitted together (`benchmarks/likeness.py`), so that two
signals that say the same are not believed twice. Pure functions; `data/guard.yaml` holds weights and thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.rules import Fitted, Score, Signal
from rag.unmask import Clause

#: Of two reasons of the same weight, the more pressing names the rule.
_KINDS = ("dose", "diagnosis", "prognosis", "trust", "choice", "advice", "worry", "story")


@dataclass(frozen=True, slots=True)
class Part:
    """A clause, and the names of the signals seen in it."""

    clause: Clause
    seen: frozenset[str]

    def has(self, *groups: str) -> bool:
        return any(name.startswith(groups) for name in self.seen)


def danger_units(parts: Sequence[Part], like: Iterable[str]) -> list[set[str]]:
    """What is weighed for danger: each clause with the people of the whole message, and neighbours that nothing
    speaks against. A general question about nobody takes no people over from its surroundings."""
    people = {name for part in parts for name in part.seen if name.startswith("who.")}
    units = []
    for part in parts:
        if part.has("who.", "help.", "down.") or not (part.clause.is_asked or part.has("calm.question")):
            is_bare = part.has("body.", "harm.", "plan.") and not people and not part.has("calm.", "frame.topic")
            bare = {"bare.danger"} if is_bare else set()
            units.append((part.seen - {"calm.question"}) | people | bare)
        else:
            units.append(part.seen | {"calm.question"})
    free = [not any(name.startswith("calm.") for name in unit) for unit in units]
    pairs = [units[i] | units[i + 1] for i in range(len(units) - 1) if free[i] and free[i + 1]]
    return [{*unit, *like} for unit in [*units, *pairs]]


def case_units(parts: Sequence[Part], context: Iterable[str]) -> list[set[str]]:
    """What is weighed for a personal question: each clause with the case told anywhere in the conversation. Where
    one clause asks outright, the words of the others that could be asking ("survived", "better") are not."""
    told = {name for part in parts for name in part.seen if name.startswith(("who.", "case.", "role."))}
    asks = [part.clause.is_asked or part.has("calm.question") for part in parts]
    groups = {name.split(".")[0] for part in parts for name in part.seen}
    is_story = not any(asks) and "who" in groups and bool(groups & {"case", "feel"})
    units = []
    for part, is_asking in zip(parts, asks, strict=True):
        unit = {name for name in part.seen if is_asking or not name.endswith(".open") or not (any(asks) or is_story)}
        is_near = part.has("who.self", "who.relative", "who.other", "who.unnamed")
        if is_near and (is_asking or any(name.endswith(".own") for name in unit)):
            unit.add("near.person")
        units.append({*unit, *told, *context, *(("shape.story",) if is_story else ())})
    return units


def case_signals(parts: Sequence[Part], context: Iterable[str]) -> set[str]:
    """What the whole message shows of a personal question: the names of `case_units`, and which of them meet."""
    seen = {name for unit in case_units(parts, context) for name in unit}
    degrees = {name.rsplit(".", 1)[1] for name in seen if name.startswith("ask.")}
    degrees = {"own" if degree == "mark" else degree for degree in degrees}
    has_person = any(name.startswith("who.") for name in seen)
    met = {f"pair.{degree}" for degree in degrees if has_person}
    return seen | met | {f"asks.{degree}" for degree in degrees}


def add(signals: Mapping[str, Signal], fitted: Fitted, values: Mapping[str, float]) -> tuple[Signal, ...]:
    """The signals of `values` with what each adds, weight times value, if the sum reaches the threshold; else none."""
    counted = tuple(
        replace(signals[name], weight=round(fitted.weights.get(name, 0) * value)) for name, value in values.items()
    )
    return counted if total(counted) >= fitted.threshold else ()


def weigh(signals: Mapping[str, Signal], score: Score, units: Iterable[Iterable[str]]) -> tuple[Signal, ...]:
    """The signals of the unit with the highest sum, each group counted once, if the sum reaches the threshold; else
    none."""
    counted = [heaviest(signals[name] for name in unit if signals[name].group in score.groups) for unit in units]
    enough = [s for s in counted if total(s) >= score.threshold and _has_all(s, score.needs)]
    return max(enough, key=total, default=())


def heaviest(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """The heaviest signal of each group; of equal ones the more pressing kind."""
    best: dict[str, Signal] = {}
    for signal in sorted(signals, key=lambda s: (-abs(s.weight), _rank(s.kind), s.name)):
        best.setdefault(signal.group, signal)
    return tuple(best.values())


def total(signals: Iterable[Signal]) -> int:
    return sum(signal.weight for signal in signals)


def asked_for(signals: Iterable[Signal]) -> str:
    """What a personal message asks for: the kind of its heaviest reason, of those that name the person first."""
    asked = [s for s in signals if s.group in ("ask", "feel", "shape")]
    return min(asked, key=lambda s: (s.name.endswith(".open"), -s.weight, _rank(s.kind))).kind if asked else "advice"


def danger_of(signals: Iterable[Signal]) -> str:
    """The rule of an emergency: what endangers the body, or self-harm."""
    kinds = {s.group: s.kind for s in signals}
    if "body" in kinds or "sign" in kinds:
        return f"emergency.{kinds.get('body') or kinds['sign']}"
    return "emergency.body" if kinds.keys() & {"sure_body", "like_body"} else "emergency.self_harm"


def reason(signals: Sequence[Signal]) -> str:
    """The sum, for the operator: names and weights, never a word of the message."""
    weighty = sorted((s for s in signals if s.weight), key=lambda s: -s.weight)
    parts = ", ".join(f"{s.name} {s.weight:+d} ({s.why})" for s in weighty)
    return f"sum {total(signals)}: {parts}"


def _rank(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def _has_all(signals: Sequence[Signal], needs: Iterable[frozenset[str]]) -> bool:
    return all(any(signal.group in need for signal in signals) for need in needs)
