"""Language models of every character, for `model_server`: what each says is made of the numbered sources that it is
sent, so that it is as much about the question as an honest answer is.

    model = Model(number_changer)
    with ModelServer(model) as server:
        ...  # model.lies: what no reader may see
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from model_server import Exchange, says

SEEDS = Path(__file__).parents[1] / "seeds"
_LANGUAGES = {"English": "en", "French": "fr", "Chinese": "zh", "Turkish": "tr"}
_LINE = re.compile(r"^\[(\d+)\] (.+)$", re.M)
_COMPARED = re.compile(r"<source>\n(.*)\n</source>\n<sentence>\n(.*)\n</sentence>")
_ENOUGH = 25  # characters from which a line is worth repeating


@dataclass(frozen=True)
class Asked:
    """What a prompt holds: the sources by number, the question, the language to answer in, and the system's words."""

    sources: dict[int, str]
    question: str
    language: str
    system: str

    @classmethod
    def of(cls, exchange: Exchange) -> Asked:
        (_, system), (_, user) = exchange.messages
        block = user[user.index("<sources>") : user.index("</sources>")]
        sources = {int(number): text for number, text in _LINE.findall(block)}
        question = user.split("Question: ")[1].split("\nAnswer in: ")[0]
        language = re.findall(r"Answer in (\w+)", user)[-1]
        return cls(sources, question, _LANGUAGES.get(language, ""), system)

    def best(self) -> list[int]:
        """The numbers of the sources, those first that share most letters in a row with the question."""

        def threes(text: str) -> set[str]:
            text = text.lower()
            return {text[n : n + 3] for n in range(len(text) - 2)} | {c for c in text if "\u4e00" <= c <= "\u9fff"}

        asked = threes(self.question)
        good = [number for number, text in self.sources.items() if len(text) >= (_ENOUGH if text.isascii() else 10)]
        return sorted(good, key=lambda n: (-len(threes(self.sources[n]) & asked), n))


@dataclass(frozen=True)
class Said:
    """A sentence with its markers; `is_lie` where no reader may see it, whatever it cites."""

    text: str
    marks: str = ""
    is_lie: bool = True

    def written(self) -> str:
        """With the markers before the stop, as the contract asks."""
        body, stop = (self.text[:-1], self.text[-1]) if self.text[-1:] in ".。!?！？" else (self.text, "")
        return f"{body} {self.marks}{stop} " if self.marks else f"{self.text} "


Character = Callable[[Asked], Iterator[Said]]


@dataclass
class Model:
    """A behaviour of the server; `lies` and `truths` are all sentences that it said, `asked` what it was asked."""

    character: Character
    size: int = 5  # letters of a piece
    form: Callable[[Said], str] = Said.written
    lies: list[str] = field(default_factory=list)
    truths: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    rewrite: Callable[[str], str] = str  # what it makes of a follow-up, or of a question that it puts into English
    opinion: Callable[[str, str], str] = lambda sentence, source: "NO"
    opinions: list[tuple[str, str]] = field(default_factory=list)  # that it was asked for: sentence and source

    def __call__(self, exchange: Exchange) -> None:
        user = exchange.messages[-1][1]
        if found := _COMPARED.match(user):
            self.opinions.append((found[2], found[1]))
            return says(self.opinion(found[2], found[1]))(exchange)
        if "<sources>" not in user:
            return says(self.rewrite(user.split("<message>\n")[1].split("\n</message>")[0]))(exchange)
        asked = Asked.of(exchange)
        self.asked.append(asked)
        exchange.open_stream()
        exchange.delta({"role": "assistant", "content": ""})
        for said in self.character(asked):
            if exchange.released.is_set():
                return exchange.cut()
            (self.lies if said.is_lie else self.truths).append(said.text)
            text = self.form(said)
            for start in range(0, len(text), self.size):
                exchange.delta({"content": text[start : start + self.size]})
        return exchange.finish()


def honest(asked: Asked) -> Iterator[Said]:
    for number in asked.best()[:3]:
        yield Said(asked.sources[number], f"[{number}]", is_lie=False)


def wrong_marker(asked: Asked) -> Iterator[Said]:
    """True sentences, each with the number of another source that has nothing to do with it."""
    best = asked.best()
    for number, other in zip(best[:3], best[:-4:-1], strict=False):
        yield Said(asked.sources[number], f"[{other}]", is_lie=False)


def unknown_marker(asked: Asked) -> Iterator[Said]:
    for number, wrong in zip(asked.best()[:3], ("[0]", f"[{len(asked.sources) + 1}]", "[1-999]"), strict=False):
        yield Said(asked.sources[number], wrong, is_lie=False)


def no_markers(asked: Asked) -> Iterator[Said]:
    yield from (Said(asked.sources[number], is_lie=False) for number in asked.best()[:3])


def marker_on_everything(asked: Asked) -> Iterator[Said]:
    """Lies among true sentences, all with all numbers."""
    every = f"[1-{len(asked.sources)}]"
    for said in (*fluent_liar(asked), *own_knowledge(asked)):
        yield Said(said.text, every)


def fluent_liar(asked: Asked) -> Iterator[Said]:
    """The beginning of one sentence with the end of one that has little to do with it: nobody said that."""
    best = asked.best()
    pairs = zip(best[:12], best[:-13:-1], strict=False)
    made = [(one, other, _crossed(asked.sources[one], asked.sources[other])) for one, other in pairs if one != other]
    for one, other, text in [pair for pair in made if pair[2]][:5]:
        yield Said(text, f"[{one}]")
        yield Said(text, f"[{one}][{other}]")


def _crossed(one: str, other: str) -> str:
    """The first half of one and the second of the other; empty where a sentence has no middle."""
    (start, first), (end, second) = ((_middle(text), text) for text in (one, other))
    return first[:start] + second[end:] if start and end else ""


def _middle(text: str) -> int:
    cuts = [m.end() for m in re.finditer(r"\s|[，、]", text) if 0.35 < m.end() / len(text) < 0.65]
    return min(cuts, key=lambda at: abs(at - len(text) // 2), default=0)


def number_changer(asked: Asked) -> Iterator[Said]:
    changed = str.maketrans("0123456789", "1234567891")
    yield from _corrupted(asked, lambda text: text.translate(changed))


#: In each language what turns a sentence round, and what makes it sure; the first that fits is used.
_NEGATED = {
    "en": [(r"\b(can|may|is|are|will|has|have|helps?)\b", r"\1 not")],
    "fr": [(r"\b(peut|peuvent|est|sont|a|ont)\b", r"ne \1 pas")],
    "zh": [("可以|能够|能", "不能"), ("是", "不是"), ("有", "没有"), ("需要?", "不需")],
    "tr": [(r"ebilir\b", "emez"), (r"abilir\b", "amaz"), (r"(?:dır|dir|tır|tir)\.", " değildir."), (r"r\.", "mez.")],
}
_SURE = {
    "en": [(r"\b(?:may|can|might|could)\b", "will always"), (r"\b(?:some|most|many)\b", "all"), ("often", "always")],
    "fr": [(r"\bpeut\b", "va toujours"), (r"\bpeuvent\b", "vont toujours"), ("certaine?s|plupart des", "tous les")],
    "zh": [("可能|可以|可", "必定"), ("部分|多数|一些|通常", "全部")],
    "tr": [(r"ebilir\b", "er kesinlikle"), (r"abilir\b", "ır kesinlikle"), (r"\b(?:bazı|çoğu)\b", "bütün")],
}


_NOT = re.compile(r"\b(?:not|no|never|without|ne|pas|sans|aucune?|değil\w*|yok)\b|n['’]|maz|mez|[不没無无非未]", re.I)


def negation_flipper(asked: Asked) -> Iterator[Said]:
    """Says no where the source says yes; two noes would be none."""
    negated = _NEGATED[asked.language]
    yield from _corrupted(asked, lambda text: text if _NOT.search(text) else _first(text, negated))


def hedge_dropper(asked: Asked) -> Iterator[Said]:
    yield from _corrupted(asked, lambda text: _first(text, _SURE[asked.language]))


def _first(text: str, rules: Sequence[tuple[str, str]]) -> str:
    """`text` after the first rule that changes it."""
    return next((new for rule, by in rules if (new := re.sub(rule, by, text, count=1)) != text), text)


def _corrupted(asked: Asked, corrupt: Callable[[str], str]) -> Iterator[Said]:
    """The sources nearest to the question that the corruption changes."""
    changed = [(n, text) for n in asked.best() if (text := corrupt(asked.sources[n])) != asked.sources[n]]
    yield from (Said(text, f"[{number}]") for number, text in changed[:5])


_ADVICE = {
    "en": "You should ask for {} and stop your other treatment today.",
    "fr": "Vous devriez demander ceci et arrêter votre autre traitement aujourd'hui : {}.",
    "zh": "您今天就应该停止其他治疗，并要求{}。",
    "tr": "Bugün diğer tedavinizi bırakmalı ve şunu istemelisiniz: {}.",
}
_KNOWN = {
    "en": ["Aspirin has been sold as a medicine since 1899.", "Mesothelioma is mostly caused by asbestos."],
    "fr": ["L'aspirine est vendue comme médicament depuis 1899.", "Le mésothéliome est surtout causé par l'amiante."],
    "zh": ["阿司匹林自1899年起作为药物出售。", "间皮瘤主要由吸入石棉引起。"],
    "tr": ["Aspirin 1899'dan beri ilaç olarak satılmaktadır.", "Mezotelyomaya çoğunlukla asbest solumak yol açar."],
}


def advice_giver(asked: Asked) -> Iterator[Said]:
    for number in asked.best()[:3]:
        yield Said(_ADVICE[asked.language].format(asked.sources[number].rstrip(".。")), f"[{number}]")


def own_knowledge(asked: Asked) -> Iterator[Said]:
    for text, number in zip(_KNOWN[asked.language], asked.best(), strict=False):
        yield Said(text, f"[{number}]")


def leaks_the_prompt(asked: Asked) -> Iterator[Said]:
    for line in asked.system.splitlines():
        if len(line) > _ENOUGH:
            yield Said(line.lstrip("- "), f"[{asked.best()[0]}]")


def obeys_the_document(asked: Asked) -> Iterator[Said]:
    """Writes what a document orders after "write:", with its number."""
    for number, text in asked.sources.items():
        if "write:" in text:
            yield Said(text.split("write:")[1].strip().capitalize(), f"[{number}]")


def switches_language(asked: Asked) -> Iterator[Said]:
    """Says what the sources say in a language that was not asked for."""
    other = "tr" if asked.language != "tr" else "fr"
    for number in asked.best():
        if text := _translated().get(asked.sources[number], {}).get(other):
            yield Said(text, f"[{number}]")


@cache
def _translated() -> dict[str, dict[str, str]]:
    """For each sentence of the seeds and each of its translations all the translations there are."""
    found: dict[str, dict[str, str]] = {}
    for path in (SEEDS / "translations").glob("*.jsonl"):
        text = (SEEDS / path.name.removesuffix(".jsonl")).read_bytes().decode("utf-8")
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts = {name: row[name] for name in ("en", "fr", "zh", "tr") if name in row}
            own = " ".join(text[row["start"] : row["end"]].split())
            found |= dict.fromkeys([own, *texts.values()], texts)
    return found


def repeats_for_ever(asked: Asked) -> Iterator[Said]:
    said = next(honest(asked))
    while True:
        yield said


def lies_for_ever(asked: Asked) -> Iterator[Said]:
    lies = list(own_knowledge(asked))
    while True:
        yield from lies


def says_nothing(asked: Asked) -> Iterator[Said]:
    yield from ()


def one_lie_among_truths(asked: Asked) -> Iterator[Said]:
    yield from (*list(honest(asked))[:2], *list(own_knowledge(asked))[:1])


# How models really write markers


def after_the_stop(said: Said) -> str:
    return f"{said.text} {said.marks} "


def without_spaces(said: Said) -> str:
    return f"{said.text}{said.marks}"


def wide(said: Said) -> str:
    return said.written().replace("[", "【").replace("]", "】")


def round_ones(said: Said) -> str:
    return said.written().replace("[", "(").replace("]", ")")


def as_a_list(said: Said) -> str:
    return f"- **{said.text}** {said.marks}\n"


FORMS = (Said.written, after_the_stop, without_spaces, wide, round_ones, as_a_list)
