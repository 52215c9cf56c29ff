"""What a question is, decided before anything is retrieved and without a model.

Danger now (`emergency`), small talk (`about`), a question about one person's own case (`boundary`; the pipeline
makes `declined` of it when the texts say nothing), or None: a question for information. A decision is a sum of
signals that anyone can read in `data/guard.yaml`; the rule and the sum are kept in it, the question is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag.rules import Rules, Signal, Table, load_rules, load_table
from rag.types import LANGUAGES, Decision, Language, Turn
from rag.unmask import Clause, clauses, unmask

#: Groups that bring a language in when it is not the question's own: messages mix languages, but the small words
#: of one language are other words in another ("her" is "every" in Turkish).
_STRONG = ("ask.", "role.", "harm.", "plan.", "body.")
_HAN = re.compile("[\u3400-\u9fff]")
#: Of two reasons of the same weight, the more pressing names the rule.
_KINDS = ("dose", "diagnosis", "prognosis", "trust", "choice", "advice", "worry", "story")


@dataclass(frozen=True, slots=True)
class _Part:
    """A clause, and the names of the signals seen in it."""

    clause: Clause
    seen: frozenset[str]

    def has(self, *groups: str) -> bool:
        return any(name.startswith(groups) for name in self.seen)


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of all languages. `load` reads them once; `before` may be called from any thread."""

    table: Table
    rules: Mapping[Language, Rules]

    @classmethod
    def load(cls) -> Guard:
        return cls(load_table(), {language: load_rules(language) for language in LANGUAGES})

    def before(self, question: str, language: Language, history: Sequence[Turn] = ()) -> Decision | None:
        """What `question` is, in the light of the reader's own turns in `history`; None when it asks for
        information. Work is bounded: only the start and the end of each message are read."""
        now = self._read(question, language)
        said = [turn.content for turn in history if turn.role == "user"][-self.table.limits["turns"] :]
        earlier = [self._read(turn, language) for turn in said]
        return (
            self._emergency(now, earlier)
            or _unusable(question, self.table.limits["message"])
            or self._about(now, language)
            or self._personal(now, earlier)
        )

    def _read(self, message: str, language: Language) -> list[_Part]:
        own = self.rules[language]
        plain = unmask(_cut(message, self.table.limits), own.keys, own.real)
        return [_Part(clause, self._seen(clause, language)) for clause in clauses(plain, own.breaks)]

    def _seen(self, clause: Clause, language: Language) -> frozenset[str]:
        text = self.rules[language].polite.sub(" ", clause.text).strip()
        seen = _search(self.rules[language], text)
        for code, rules in self.rules.items():
            if code != language and (code != "zh" or _HAN.search(text)) and _search(rules, text, _STRONG):
                seen |= {name for name in _search(rules, text) if not name.startswith(("calm.", "frame."))}
        return frozenset(name for name in seen if clause.is_asked or not name.endswith(".mark"))

    def _emergency(self, now: Sequence[_Part], earlier: Sequence[Sequence[_Part]]) -> Decision | None:
        for name in ("emergency.self_harm", "emergency.body"):
            best = self._best(name, _danger_units(now))
            if not best and earlier and self._hangs_on(now, "follow.emergency"):
                was = self._best(name, _danger_units(earlier[-1]))
                best = was and (*was, self.table.signals["before.emergency"])
            if best:
                body = [signal.kind for signal in best if signal.group == "body"]
                return Decision(f"emergency.{body[0]}" if body else name, _reason(best), "emergency")
        return None

    def _about(self, parts: Sequence[_Part], language: Language) -> Decision | None:
        """Small talk: nothing is left of a short message once what we know to answer is taken away."""
        text = " ".join(part.clause.text for part in parts)
        if _size(text) > self.table.limits["talk"]:
            return None
        kinds: set[str] = set()
        for code in sorted(self.rules, key=lambda code: code != language):
            text = _take_away(text, self.rules[code].talk, kinds)
        kinds.discard("filler")
        if text or not kinds:
            return None
        return Decision(f"about.{min(kinds, key=self.table.about.index)}", "all of the message is small talk", "about")

    def _personal(self, now: Sequence[_Part], earlier: Sequence[Sequence[_Part]]) -> Decision | None:
        names = {name for turn in earlier for part in turn for name in part.seen}
        context = {f"{group}.earlier" for group in ("who", "case") if any(n.startswith(f"{group}.") for n in names)}
        best = self._best("personal", _case_units(now, context))
        rule = f"personal.{_kind(best)}"
        if not best and earlier and self._hangs_on(now, "follow.personal"):
            was = self._personal(earlier[-1], earlier[:-1])
            best = self._best("personal", [{*now[0].seen, *context, "before.personal"}]) if was else ()
            rule = was.rule if was else rule
        return Decision(rule, _reason(best), "boundary") if best else None

    def _best(self, name: str, units: Iterable[Iterable[str]]) -> tuple[Signal, ...]:
        """The signals of the unit with the highest sum, if it reaches the threshold; else none."""
        score = self.table.scores[name]
        counted = [_heaviest(self.table.signals[n] for n in sorted(unit)) for unit in units]
        sums = [tuple(s for s in signals if s.group in score.groups) for signals in counted]
        enough = [s for s in sums if _total(s) >= score.threshold and _has_all(s, score.needs)]
        return max(enough, key=_total, default=())

    def _hangs_on(self, parts: Sequence[_Part], name: str) -> bool:
        words = sum(_size(part.clause.text) for part in parts)
        return words <= self.table.limits["fragment"] and any(name in part.seen for part in parts)


def _search(rules: Rules, text: str, groups: tuple[str, ...] = ("",)) -> frozenset[str]:
    return frozenset(name for name, pattern in rules.signals.items() if name.startswith(groups) and pattern.search(text))


def _take_away(text: str, talk: Sequence[tuple[str, re.Pattern[str]]], kinds: set[str]) -> str:
    """`text` without the phrases of `talk`, the longest taken first; their kinds are added to `kinds`."""
    while text:
        found = [(match.end() - match.start(), kind, match) for kind, p in talk if (match := p.search(text))]
        length, kind, match = max(found, key=lambda entry: entry[0], default=(0, "", None))
        if not length or match is None:
            break
        kinds.add(kind)
        text = f"{text[: match.start()]} {text[match.end() :]}".strip()
    return " ".join(text.split())


def _danger_units(parts: Sequence[_Part]) -> list[set[str]]:
    """What is weighed for danger: each clause with the people of the whole message, and neighbours that nothing
    speaks against. A general question about nobody takes no people over from its surroundings."""
    people = {name for part in parts for name in part.seen if name.startswith("who.")}
    units = []
    for part in parts:
        if part.has("who.", "help.", "down.") or not (part.clause.is_asked or part.has("calm.question")):
            bare = set() if people or part.has("calm.", "frame.topic") else {"bare.danger"}
            units.append((part.seen - {"calm.question"}) | people | bare)
        else:
            units.append(part.seen | {"calm.question"})
    free = [not any(name.startswith("calm.") for name in unit) for unit in units]
    pairs = [units[i] | units[i + 1] for i in range(len(units) - 1) if free[i] and free[i + 1]]
    return [*units, *pairs]


def _case_units(parts: Sequence[_Part], context: Iterable[str]) -> list[set[str]]:
    """What is weighed for a personal question: each clause with the case told anywhere in the conversation. Where
    one clause asks outright, the words of the others that could be asking ("survived", "better") are not."""
    told = {name for part in parts for name in part.seen if name.startswith(("who.", "case.", "role."))}
    asks = [part.clause.is_asked or part.has("calm.question") for part in parts]
    is_story = not any(asks) and any(name.startswith("who.") for name in told) and any(n.startswith("case.") for n in told)
    units = []
    for part, is_asking in zip(parts, asks, strict=True):
        unit = {name for name in part.seen if is_asking or not name.endswith(".open") or not (any(asks) or is_story)}
        is_near = part.has("who.self", "who.relative", "who.other", "who.unnamed")
        if is_near and (is_asking or any(name.endswith(".own") for name in unit)):
            unit.add("near.person")
        units.append({*unit, *told, *context, *(("shape.story",) if is_story else ())})
    return units


def _heaviest(signals: Iterable[Signal]) -> list[Signal]:
    """The heaviest signal of each group; of equal ones the more pressing kind."""
    best: dict[str, Signal] = {}
    for signal in sorted(signals, key=lambda s: (-abs(s.weight), _rank(s.kind))):
        best.setdefault(signal.group, signal)
    return list(best.values())


def _rank(kind: str) -> int:
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def _kind(signals: Iterable[Signal]) -> str:
    asked = [s for s in signals if s.group in ("ask", "feel", "shape")]
    return min(asked, key=lambda s: (-s.weight, _rank(s.kind))).kind if asked else "advice"


def _has_all(signals: Sequence[Signal], needs: Iterable[frozenset[str]]) -> bool:
    return all(any(signal.group in need for signal in signals) for need in needs)


def _total(signals: Iterable[Signal]) -> int:
    return sum(signal.weight for signal in signals)


def _reason(signals: Sequence[Signal]) -> str:
    parts = ", ".join(f"{s.name} {s.weight:+d} ({s.why})" for s in sorted(signals, key=lambda s: -s.weight))
    return f"sum {_total(signals)}: {parts}"


def _size(text: str) -> float:
    """Words; a Chinese character counts as two thirds of one."""
    return len(_HAN.sub(" ", text).split()) + len(_HAN.findall(text)) / 1.5


def _cut(message: str, limits: Mapping[str, int]) -> str:
    head, tail = limits["head"], limits["tail"]
    return message if len(message) <= head + tail else f"{message[:head]}\n{message[-tail:]}"


def _unusable(question: str, longest: int) -> Decision | None:
    """A message that nothing can be done with: empty, too long, or no writing at all."""
    if len(question) > longest:
        return Decision("input.too_long", f"more than {longest} characters", "about")
    visible = [char for char in question if not char.isspace()]
    if not any(char.isprintable() for char in visible):
        return Decision("input.empty", "nothing visible", "about")
    letters = sum(char.isalnum() for char in visible)
    if "\x00" in question or letters < len(visible) / 4:
        return Decision("input.unreadable", "hardly any letters", "about")
    return None
