"""What a question is, decided before anything is retrieved and without a language model.

Danger now (`emergency`), small talk (`about`), a question about one person's own case (`boundary`; the pipeline
makes `declined` of it when the texts say nothing), or None: a question for information. A decision is a sum of
signals that anyone can read in `data/guard.yaml`; the rule and the sum are kept in it, the question is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.likeness import Likeness, odds, plain
from rag.patterns import Pattern
from rag.reread import read_once
from rag.rules import Rules, Signal, Table, load_rules, load_table
from rag.types import LANGUAGES, Decision, Language, Turn
from rag.unmask import Clause, clauses, unmask
from rag.weigh import Part, add, asked_for, case_signals, danger_of, danger_units, reason, total, weigh

#: Groups that bring a language in when it is not the question's own: messages mix languages, but the small words
#: of one language are other words in another ("her" is "every" in Turkish).
_STRONG = ("ask.", "role.", "harm.", "plan.", "body.", "order.")
_WEAK = (".open", ".word")
_FRAMES = ("calm.", "frame.", "sign.")  # never taken from another language: "cause" is in half of them
_HAN = re.compile("[\u3400-\u9fff]")
_ASKS = ("ask.dose.", "ask.diagnosis.own", "ask.prognosis.own", "frame.meaning")
_CASES = ("who.relative", "who.other", "who.unnamed", "case.")
_DANGERS = ("emergency.self_harm", "emergency.body")
_KINDS = ("self_harm", "body")
_SOME, _MUCH = 0.4, 0.6  # shares of `Likeness` from which it counts
_TALK = 0.6  # the share of small talk from which a phrase of it suffices
_NONE = 0.05  # the share of both dangers below which the message is unlike any
_EARLIER = 4.0  # what was said before counts up to this


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the guard reads it: as it was `said`, its clauses with their signals, what it is like as a whole and
    what each clause is like alone."""

    said: str
    parts: tuple[Part, ...]
    like: Mapping[str, float]
    alone: tuple[Mapping[str, float], ...]

    @property
    def text(self) -> str:
        return " ".join(part.clause.text for part in self.parts)

    @property
    def likes(self) -> set[str]:
        """The signals that the likeness gives."""
        names = {f"sure_{kind}.much" for kind in _KINDS if self.like[kind] >= _MUCH}
        names |= {f"like_{kind}.some" for kind in _KINDS if _SOME <= self.like[kind] < _MUCH}
        return names | ({"calm.unlike"} if sum(self.like[kind] for kind in _KINDS) < _NONE else set())

    @property
    def odds(self) -> tuple[float, ...]:
        """How much more it is like personal questions than like plain ones, as natural logarithms: as a whole, then
        each clause."""
        plainly = ("about", "personal", *_KINDS)  # what is none of these is plain
        return tuple(odds(like, "personal", plainly) for like in (self.like, *self.alone))


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """The rules of all languages. `load` reads them once; `before` may be called from any thread."""

    table: Table
    rules: Mapping[Language, Rules]
    likeness: Likeness

    @classmethod
    def load(cls) -> Guard:
        return cls(load_table(), {language: load_rules(language) for language in LANGUAGES}, Likeness.load())

    def before(self, question: str, language: Language, history: Sequence[Turn] = ()) -> Decision | None:
        """What `question` is, in the light of the reader's own turns in `history`; None when it asks for
        information. Work is bounded: only the start and the end of each message are read."""
        now = self.read(question, language)
        said = [turn.content for turn in history if turn.role == "user"][-self.table.limits["turns"] :]
        earlier = [self.read(turn, language) for turn in said]
        return (
            self._emergency(now, earlier)
            or _unusable(question, self.table.limits["message"], may_be_bare=bool(earlier))
            or _ordered(now)
            or self._about(now, language)
            or self._personal(now, earlier)
        )

    @read_once
    def read(self, message: str, language: Language) -> Message:
        found = self.clauses(message, language)
        parts = tuple(Part(clause, self._seen(clause, language)) for clause in found)
        classes = self.rules[language].classes
        alone = tuple(self.likeness.of(plain([clause], classes)) for clause in found)
        return Message(message, parts, self.likeness.of(plain(found, classes)), alone)

    @read_once
    def _meant(self, message: str) -> Mapping[str, float]:
        return self.likeness.meant(message)

    def clauses(self, message: str, language: Language) -> tuple[Clause, ...]:
        """The clauses of a message with its disguises off; of a long one, its start and its end."""
        head, tail = self.table.limits["head"], self.table.limits["tail"]
        cut = message if len(message) <= head + tail else f"{message[:head]}\n{message[-tail:]}"
        own = self.rules[language]
        return clauses(unmask(cut, own.keys, own.real), own.breaks)

    def _seen(self, clause: Clause, language: Language) -> frozenset[str]:
        text = self.rules[language].polite.sub(" ", clause.text).strip()
        seen = _search(self.rules[language], text)
        for code, rules in self.rules.items():
            if code != language and (code != "zh" or _HAN.search(text)):
                strong = {name for name in _search(rules, text, _STRONG) if not name.endswith(_WEAK)}
                seen |= {n for n in _search(rules, text) if not n.startswith(_FRAMES)} if strong else set()
        return frozenset(name for name in seen if clause.is_asked or not name.endswith(".mark"))

    def _emergency(self, now: Message, earlier: Sequence[Message]) -> Decision | None:
        found = self._danger(now) or self._alarmed(now)
        if not found and earlier and self._hangs_on(now, "follow.emergency"):
            was = self._danger(earlier[-1]) or self._alarmed(earlier[-1])
            found = was and (was[0], (*was[1], self.table.signals["before.emergency"]))
        return Decision(found[0], reason(found[1]), "emergency") if found else None

    def _danger(self, message: Message) -> tuple[str, tuple[Signal, ...]] | None:
        """The rule of the greater danger, and why."""
        units = danger_units(message.parts, message.likes)
        found = [(total(signals), signals) for name in _DANGERS if (signals := self._weigh(name, units))]
        if not found:
            return None
        signals = max(found, key=lambda entry: entry[0])[1]
        return danger_of(signals), signals

    def _alarmed(self, now: Message) -> tuple[str, tuple[Signal, ...]] | None:
        """Danger told so indirectly that no rule sums it up, but in all that shows like it: never for its likeness
        alone."""
        values = self.alarms(now)
        if all(name.startswith(("near_", "calm.")) for name in values):
            return None
        signals = add(self.table.signals, self.table.alarming, values)
        return (f"emergency.{max(_KINDS, key=now.like.__getitem__)}", signals) if signals else None

    def alarms(self, now: Message) -> dict[str, float]:
        """What speaks for or against danger, by name of the signal: 1.0 for what is seen, and how much likelier than
        none the message is by its likeness, as natural logarithms: as a whole, and its likest clause."""
        groups = self.table.scores[_DANGERS[0]].groups | self.table.scores[_DANGERS[1]].groups
        names = {name for part in now.parts for name in part.seen if name.partition(".")[0] in groups}
        values = dict.fromkeys(sorted(names), 1.0)
        for kind in _KINDS:
            values[f"near_{kind}.whole"] = odds(now.like, kind, _KINDS)
            values[f"near_{kind}.clause"] = max(odds(like, kind, _KINDS) for like in (now.alone or (now.like,)))
        return values | {"near_meaning": odds(self._meant(now.said), "emergency", ("emergency",))}

    def _about(self, now: Message, language: Language) -> Decision | None:
        """Small talk: of a short message nothing is left once the phrases we know are taken away, or it is like small
        talk as a whole and has one of them."""
        text = now.text
        if _size(text) > self.table.limits["talk"]:
            return None
        kinds: set[str] = set()
        for code in sorted(self.rules, key=lambda code: code != language):
            text = _take_away(text, self.rules[code].talk, kinds)
        kinds.discard("filler")
        if not kinds or (text and now.like["about"] < _TALK):
            return None
        why = "is like small talk and has a phrase of it" if text else "is nothing but small talk"
        return Decision(f"about.{min(kinds, key=self.table.about.index)}", f"the message {why}", "about")

    def _personal(self, now: Message, earlier: Sequence[Message]) -> Decision | None:
        found = add(self.table.signals, self.table.personal, self.evidence(now, earlier))
        if found:
            return Decision(f"personal.{asked_for(found)}", reason(found), "boundary")
        is_framed = any(name.startswith("frame.") for part in now.parts for name in part.seen)
        if not earlier or is_framed or not self._hangs_on(now, "follow.personal"):
            return None
        was = self._personal(earlier[-1], earlier[:-1])
        return was and Decision(was.rule, self.table.signals["before.personal"].why, "boundary")

    def evidence(self, now: Message, earlier: Sequence[Message]) -> dict[str, float]:
        """What speaks for or against a personal question, by name of the signal: 1.0 for what is seen, and how much
        likelier than plain the message is by its likeness, as natural logarithms."""
        names = {name for message in earlier for part in message.parts for name in part.seen}
        context = {f"{group}.earlier" for group in ("who", "case") if any(n.startswith(f"{group}.") for n in names)}
        whole, *alone = now.odds
        alone = alone or [whole]
        before = max((message.odds[0] for message in earlier), default=0.0)
        return dict.fromkeys(sorted(case_signals(now.parts, context)), 1.0) | {
            "like.whole": whole,
            "like.clause": max(alone),
            "like.mean": sum(alone) / len(alone),
            "like.earlier": min(max(before, -_EARLIER), _EARLIER),
            "like.meaning": odds(self._meant(now.said), "personal", ("personal",)),
        }

    def _weigh(self, name: str, units: Sequence[set[str]]) -> tuple[Signal, ...]:
        return weigh(self.table.signals, self.table.scores[name], units)

    def _hangs_on(self, message: Message, name: str) -> bool:
        is_short = _size(message.text) <= self.table.limits["fragment"]
        return is_short and any(name in part.seen for part in message.parts)


def _ordered(now: Message) -> Decision | None:
    """A message of orders to the program, which neither asks anything nor tells of anybody's case."""
    seen = {name for part in now.parts for name in part.seen}
    is_asked = any(part.clause.is_asked or part.has(*_ASKS) for part in now.parts)
    if "order.rules" not in seen or is_asked or any(name.startswith(_CASES) for name in seen):
        return None
    return Decision("about.orders", "the message gives orders and asks nothing", "about")


def _search(rules: Rules, text: str, groups: tuple[str, ...] = ("",)) -> frozenset[str]:
    return frozenset(
        name for name, pattern in rules.signals.items() if name.startswith(groups) and pattern.search(text)
    )


def _take_away(text: str, talk: Sequence[tuple[str, Pattern]], kinds: set[str]) -> str:
    """`text` without the phrases of `talk`, the longest taken first; their kinds are added to `kinds`."""
    while text:
        found = [(match.end() - match.start(), kind, match) for kind, p in talk if (match := p.search(text))]
        length, kind, match = max(found, key=lambda entry: entry[0], default=(0, "", None))
        if not length or match is None:
            break
        kinds.add(kind)
        text = f"{text[: match.start()]} {text[match.end() :]}".strip()
    return " ".join(text.split())


def _size(text: str) -> float:
    """Words; a Chinese character counts as two thirds of one."""
    return len(_HAN.sub(" ", text).split()) + len(_HAN.findall(text)) / 1.5


def _unusable(question: str, longest: int, *, may_be_bare: bool) -> Decision | None:
    """A message that nothing can be done with: empty, too long, or no writing at all; a bare number says something
    after a question only."""
    if len(question) > longest:
        return Decision("input.too_long", f"more than {longest} characters", "about")
    visible = [char for char in question if not char.isspace()]
    if not any(char.isprintable() for char in visible):
        return Decision("input.empty", "nothing visible", "about")
    letters = sum(char.isalnum() for char in visible)
    is_bare = not may_be_bare and not any(char.isalpha() for char in visible)
    if "\x00" in question or letters < len(visible) / 4 or is_bare:
        return Decision("input.unreadable", "hardly any letters", "about")
    return None
