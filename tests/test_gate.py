"""What a reader sees of a model's sentences: proved ones, the source's own instead, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.check import Check
from rag.cite import Citer, shown
from rag.context import Context, place, readings
from rag.corpus import load_corpus, passages_of
from rag.gate import Event, Gate, Question, Shown, Withheld, passed
from rag.types import Hit, Language, Sentence
from rag.written import Writing, Written

TEXT = """Lymphoedema of the arm

Lymphoedema is a swelling of the arm that may follow the removal of lymph nodes. A compression sleeve reduces the \
swelling. However, it must not be worn at night without advice. Physiotherapy usually starts two weeks after surgery. \
Lanolin cream keeps the skin of the arm soft.

It is not advised to use:

- Hot baths or saunas
- Tight sleeves or rings
"""
ON = ("Lanolin", "sleeve reduces")  # what is on the question
FRENCH = {"Lanolin": "La crème à la lanoline garde la peau du bras souple."}


def judge(sentence: str, evidence: Sequence[str]) -> Check:
    """Carried when one text holds all its words; not what the assistant uses, but as strict about numbers and names."""
    words = set(sentence.lower().rstrip(".").split())
    for text in evidence:
        if words <= set(text.lower().replace(".", "").split()):
            return Check("supported", 0.9, "every word is there", (text,))
    return Check("unsupported", 0.1, "not in the evidence")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("corpus"))


class World:
    def __init__(self, folder: Path) -> None:
        (folder / "arm.txt").write_text(TEXT, encoding="utf-8")
        (source,) = load_corpus(folder).sources
        self.sources = {source.name: source}
        self.hits = [Hit(passage, 1.0) for passage in passages_of(source)]
        found = (sentence for hit in self.hits for sentence in hit.passage.sentences)
        self.numbered = [sentence for sentence in found if sentence.kind != "heading"]

    def number(self, words: str) -> int:
        return 1 + next(n for n, sentence in enumerate(self.numbered) if words in sentence.text)

    def translate(self, sentence: Sentence, language: Language) -> str | None:
        return next((t for word, t in FRENCH.items() if language == "fr" and sentence.text.startswith(word)), None)

    def gate(self, on: Sequence[str] = ON, limit: int = 4, language: Language = "en") -> Gate:
        context = Context.of(self.hits)
        citer = Citer(
            self.sources, self.translate, language, lambda s: context.language[place(s)], judge,
            lambda s: readings(s, context, self.translate, language),
        )  # fmt: skip
        places = frozenset(place(self.numbered[self.number(words) - 1]) for words in on)
        return Gate(citer, context, Question(self.numbered, places, limit))


def shown_of(events: Sequence[Event]) -> list[str]:
    return [event.sentence.text for event in events if isinstance(event, Shown)]


CREAM = "Lanolin cream keeps the skin of the arm soft."
LESS = "Lanolin cream keeps the skin soft."


def test_the_sources_own_sentence_is_shown_as_such(world: World):
    gate = world.gate()
    (event,) = gate.judge(Written(CREAM, (world.number("Lanolin"),)))
    assert isinstance(event, Shown)
    assert (event.sentence.text, event.sentence.verdict, event.sentence.citations) == (CREAM, "verbatim", (1,))
    assert [c.quote for c in event.citations] == [CREAM]
    assert (gate.verified, gate.replaced, gate.withheld, gate.is_enough) == (1, 0, 0, True)


def test_a_reworded_sentence_is_shown_with_what_carries_it(world: World):
    gate = world.gate()
    numbers = (world.number("Physio"), world.number("Lanolin"))
    (event,) = gate.judge(Written(LESS, numbers))
    assert isinstance(event, Shown)
    assert (event.sentence.text, event.sentence.verdict, event.sentence.support) == (LESS, "supported", 0.9)
    assert [c.quote for c in event.citations] == [CREAM]  # and not the other that the model cited


def test_what_is_not_carried_is_replaced_by_what_it_cites_where_that_is_on_the_question(world: World):
    gate = world.gate()
    (event,) = gate.judge(Written("Lanolin cream cures the arm.", (world.number("Lanolin"),)))
    assert isinstance(event, Shown)
    assert (event.sentence.text, event.reason) == (CREAM, "not in the evidence")
    assert (gate.verified, gate.replaced, gate.withheld, gate.is_enough) == (0, 1, 0, False)
    assert gate.cited().withheld == 1


def test_it_is_replaced_once_and_not_by_what_is_shown_already(world: World):
    gate, number = world.gate(), world.number("Lanolin")
    events = [e for text in (LESS, "It cures.", "Cream cures it.") for e in gate.judge(Written(text, (number,)))]
    assert shown_of(events) == [LESS]
    assert sum(isinstance(event, Withheld) for event in events) == 2


def test_what_is_not_on_the_question_replaces_nothing(world: World):
    gate = world.gate(on=("sleeve reduces",))
    assert [type(e) for e in gate.judge(Written("Cream cures all.", (world.number("Lanolin"),)))] == [Withheld]


@pytest.mark.parametrize("ids", [(), (0,), (99,), (99, 1), (1, 0)])
def test_without_a_known_number_nothing_is_shown(world: World, ids: tuple[int, ...]):
    gate = world.gate(on=("Lymphoedema is",))
    events = [*gate.judge(Written(shown(world.numbered[0]), ids)), *gate.close()]
    assert [type(event) for event in events] == [Withheld]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("La crème garde la peau du bras très souple.", "another language"),
        ("It keeps the skin of the arm soft.", "leans"),
    ],
)
def test_what_cannot_be_judged_alone_is_replaced(world: World, text: str, reason: str):
    (event,) = world.gate().judge(Written(text, (world.number("Lanolin"),)))
    assert isinstance(event, Shown) and event.sentence.text == CREAM and reason in event.reason


def test_a_marker_on_everything_proves_nothing(world: World):
    gate, many = world.gate(), [*world.numbered, *world.numbered]
    gate.question = Question(many, gate.question.on_question, 4)
    events = list(gate.judge(Written(LESS, tuple(range(1, len(many) + 1)))))
    assert len(many) > 8 and LESS not in shown_of(events)


def test_what_limits_a_sentence_is_shown_after_it(world: World):
    gate = world.gate()
    first = list(gate.judge(Written("A sleeve reduces the swelling.", (world.number("sleeve reduces"),))))
    assert shown_of(first) == ["A sleeve reduces the swelling."]
    limit = shown(world.numbered[world.number("However") - 1])
    second = list(gate.judge(Written(LESS, (world.number("Lanolin"),))))
    assert shown_of(second) == [limit, LESS]
    assert not list(gate.close())


def test_what_limits_the_last_sentence_is_shown_too(world: World):
    gate = world.gate()
    list(gate.judge(Written("A sleeve reduces the swelling.", (world.number("sleeve reduces"),))))
    assert shown_of(list(gate.close())) == [shown(world.numbered[world.number("However") - 1])]


def test_a_model_that_says_itself_what_limits_a_sentence_is_let(world: World):
    gate, limit = world.gate(), world.number("However")
    list(gate.judge(Written("A sleeve reduces the swelling.", (world.number("sleeve reduces"),))))
    events = [*gate.judge(Written(shown(world.numbered[limit - 1]), (limit,))), *gate.close()]
    assert shown_of(events) == [shown(world.numbered[limit - 1])]


def test_what_hangs_on_another_sentence_comes_with_it(world: World):
    gate, number = world.gate(), world.number("However")
    events = list(gate.judge(Written(shown(world.numbered[number - 1]), (number,))))
    before = shown(world.numbered[world.number("sleeve reduces") - 1])
    assert shown_of(events) == [before, shown(world.numbered[number - 1])]


def test_an_item_is_shown_with_the_line_of_its_list_and_never_reworded(world: World):
    number = world.number("Hot baths")
    item = world.numbered[number - 1]
    assert item.kind == "item" and item.lead is not None
    own = list(world.gate().judge(Written(shown(item), (number,))))
    assert [text.split()[0] for text in shown_of(own)][-2:] == ["It", "Hot"]
    reworded = list(world.gate().judge(Written("Hot saunas.", (number,))))
    assert "Hot saunas." not in shown_of(reworded)


LIST = ["It is not advised to use:", "Hot baths or saunas", "Tight sleeves or rings"]


def test_a_line_that_announces_a_list_does_not_stand_without_it(world: World):
    gate, line = world.gate(), world.number("not advised")
    events = [*gate.judge(Written(LIST[0], (line,))), *gate.judge(Written(LESS, (world.number("Lanolin"),)))]
    assert shown_of(events) == [CREAM, *LIST, LESS]


def test_of_a_list_the_model_says_what_it_likes(world: World):
    gate, line, item = world.gate(), world.number("not advised"), world.number("Tight")
    said = [Written(LIST[0], (line,)), Written(LIST[2], (item,)), Written(LESS, (world.number("Lanolin"),))]
    assert shown_of([event for one in said for event in gate.judge(one)]) == [CREAM, LIST[0], LIST[2], LESS]


def test_one_source_sentence_with_a_stop_inside_may_be_cited_once(world: World):
    whole, number = shown(world.numbered[0]), 1
    at = whole.index("that may")
    gate = world.gate()
    events = [*gate.judge(Written(whole[:at].strip(), ())), *gate.judge(Written(whole[at:], (number,)))]
    assert shown_of(events) == [whole]


def test_repetitions_are_passed_over(world: World):
    gate, number = world.gate(), world.number("Lanolin")
    events = [event for _ in range(5) for event in gate.judge(Written(LESS, (number,)))]
    assert shown_of(events) == [LESS] and gate.failed == 0


def test_a_model_that_goes_on_for_ever_is_left(world: World):
    def endless() -> Iterator[str]:
        while True:
            yield "Lanolin cream cures all. "

    events = list(passed(endless(), Writing("en", len(world.numbered)), gate := world.gate()))
    assert gate.is_done and not shown_of(events) and gate.withheld > 10


def test_enough_is_enough_and_closes_the_stream(world: World):
    closed: list[bool] = []

    def pieces() -> Iterator[str]:
        try:
            for n, sentence in enumerate(world.numbered, 1):
                yield f"{shown(sentence)} [{n}]\n"
        finally:
            closed.append(True)

    gate = world.gate(limit=1)
    assert len(shown_of(list(passed(pieces(), Writing("en", 9), gate)))) == 1
    assert closed == [True]


def test_a_translation_is_shown_for_what_is_not_carried(world: World):
    gate = world.gate(language="fr")
    (event,) = gate.judge(Written("La crème guérit le bras de tous les patients.", (world.number("Lanolin"),)))
    assert isinstance(event, Shown)
    assert (event.sentence.text, event.sentence.verdict) == (FRENCH["Lanolin"], "translated")


IDS = st.lists(st.integers(-1, 12), max_size=10).map(tuple)
TEXTS = st.sampled_from([CREAM, LESS, "It cures.", "Sleeves cure.", "A sleeve reduces the swelling."])


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, IDS), max_size=8))
def test_whatever_a_model_writes_every_sentence_shown_is_proved(world: World, said: list[tuple[str, tuple[int, ...]]]):
    gate = world.gate(limit=20)
    events = [event for text, ids in said for event in gate.judge(Written(text, ids))]
    events += gate.close()
    cited = gate.cited()
    assert [e.sentence for e in events if isinstance(e, Shown)] == list(cited.sentences)
    assert [c for e in events if isinstance(e, Shown) for c in e.citations] == list(cited.citations)
    assert [c.number for c in cited.citations] == list(range(1, len(cited.citations) + 1))
    texts = [sentence.text for sentence in cited.sentences]
    assert len(set(texts)) == len(texts)
    for sentence in cited.sentences:
        quotes = [c.quote for c in cited.citations if c.number in sentence.citations]
        own = [" ".join(quote.split()) for quote in quotes]
        assert quotes and (sentence.text in own or judge(sentence.text, own).verdict == "supported")
    for citation in cited.citations:
        assert world.sources[citation.source].text[citation.start : citation.end] == citation.quote
