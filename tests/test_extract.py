"""Which sentences answer: the best with what they cannot be read without, nothing twice, no more than asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.extract import Candidate, Chosen, choose, stands_alone
from rag.split import connective
from rag.types import Kind, Language, Passage, Sentence


@dataclass
class Page:
    """A document written sentence by sentence; `leads` as in the corpus."""

    name: str = "a.txt"
    language: Language = "en"
    sentences: list[Sentence] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    vectors: dict[int, np.ndarray] = field(default_factory=dict)

    def say(self, text: str, score: float = 0.0, lead: int | None = None, kind: Kind = "prose") -> int:
        """Returns where the sentence starts."""
        start = self.sentences[-1].end + 1 if self.sentences else 0
        self.sentences.append(Sentence(self.name, start, start + len(text), text, kind, "", lead))
        self.scores[start] = score
        return start

    def candidates(self) -> list[Candidate]:
        text = " ".join(sentence.text for sentence in self.sentences)
        passage = Passage(self.name, 0, len(text), text, "", "", self.language, tuple(self.sentences))
        spoken = [s for s in self.sentences if s.kind != "heading"]
        return [Candidate(s, self.scores[s.start], self.language, passage, self.vectors.get(s.start)) for s in spoken]


def texts(chosen: tuple[Chosen, ...]) -> list[str]:
    return [one.sentence.text for one in chosen]


def test_without_candidates_there_is_nothing():
    assert choose([], 4) == ()


def test_the_best_comes_first_then_what_is_nearly_as_good_in_reading_order():
    page = Page()
    for text, score in (("Third.", 0.7), ("First.", 1.0), ("Fourth.", 0.5), ("Second.", 0.8)):
        page.say(text, score)
    assert texts(choose(page.candidates(), 4, keep=0.6)) == ["First.", "Third.", "Second."]
    assert texts(choose(page.candidates(), 2, keep=0.6)) == ["First.", "Second."]
    assert texts(choose(page.candidates(), 4, keep=0.9)) == ["First."]
    assert [one.support for one in choose(page.candidates(), 4, keep=0.6)] == [1.0, 0.7, 0.8]


def test_ties_are_settled_by_place_so_that_an_answer_is_always_the_same():
    page = Page()
    for text in ("One.", "Two.", "Three."):
        page.say(text, 0.5)
    forward, backward = choose(page.candidates(), 2), choose(page.candidates()[::-1], 2)
    assert texts(forward) == texts(backward) == ["One.", "Two."]


def test_what_limits_a_sentence_and_what_it_hangs_on_come_with_it():
    page = Page()
    helps = page.say("A sleeve reduces the swelling.", 0.2)
    this = page.say("This takes some weeks.", 0.9, lead=helps)
    page.say("However, it must not be worn at night.", 0.1, lead=this)
    page.say("Nurses are kind.", 0.1)
    whole = ["A sleeve reduces the swelling.", "This takes some weeks.", "However, it must not be worn at night."]
    assert texts(choose(page.candidates(), 4)) == whole
    assert texts(choose(page.candidates(), 2)) == whole  # nothing good can be read with less


def test_rather_a_good_sentence_that_fits_than_a_better_one_that_does_not():
    page = Page()
    first = page.say("A sleeve reduces the swelling.", 0.2)
    second = page.say("This takes some weeks.", 1.0, lead=first)
    page.say("However, it must not be worn at night.", 0.1, lead=second)
    page.say("Swelling goes down within weeks.", 0.9)
    assert texts(choose(page.candidates(), 2)) == ["Swelling goes down within weeks."]


def test_a_sentence_whose_lead_was_not_found_is_not_shown():
    page = Page()
    page.say("However, it may come back.", 1.0, lead=10_000)
    assert choose(page.candidates(), 4) == ()
    page.say("Swelling may come back.", 0.9)
    assert texts(choose(page.candidates(), 4)) == ["Swelling may come back."]


def test_what_opens_a_section_with_this_hangs_on_nothing():
    page = Page()
    page.say("This is rare.", 1.0)
    assert texts(choose(page.candidates(), 4)) == ["This is rare."]


def test_a_sentence_that_hangs_on_one_that_is_shown_stands_beside_it():
    page = Page()
    best = page.say("The sleeve is worn all day.", 1.0)
    page.say("It is washed at night.", 0.95, lead=best)
    other = Page("b.txt")
    other.say("Sleeves come in two sizes.", 0.97)
    chosen = texts(choose([*page.candidates(), *other.candidates()], 4))
    assert chosen == ["The sleeve is worn all day.", "It is washed at night.", "Sleeves come in two sizes."]


def test_nothing_is_said_twice():
    page, other = Page(), Page("b.txt")
    page.say("Sleeves  reduce the swelling.", 1.0)
    other.say("Sleeves reduce the swelling.", 0.99)
    near = other.say("The swelling is reduced by sleeves.", 0.98)
    page.vectors = {0: np.array([1.0, 0.0])}
    other.vectors = {0: np.array([1.0, 0.0]), near: np.array([0.9, 0.436])}
    assert texts(choose([*page.candidates(), *other.candidates()], 4)) == ["Sleeves  reduce the swelling."]
    other.vectors[near] = np.array([0.5, 0.866])
    assert len(choose([*page.candidates(), *other.candidates()], 4)) == 2


def shopping(count: int) -> tuple[Page, int]:
    page = Page()
    lead = page.say("There are these ways:", 1.0)
    for n in range(count):
        page.say(f"way {n}", n / 100, lead=lead, kind="item")
    page.say("Something else.", 0.1)
    return page, lead


def test_a_list_comes_with_its_items():
    page, _ = shopping(3)
    assert texts(choose(page.candidates(), 4)) == ["There are these ways:", "way 0", "way 1", "way 2"]


def test_of_a_long_list_the_best_items_in_their_order():
    page, _ = shopping(5)
    assert texts(choose(page.candidates(), 3)) == ["There are these ways:", "way 3", "way 4"]


def test_a_line_that_announces_a_list_is_no_answer_by_itself():
    page, _ = shopping(2)
    page.say("Ways are many.", 0.9)
    assert texts(choose(page.candidates(), 1)) == ["Ways are many."]


def test_a_short_item_is_read_with_the_line_above_and_a_sentence_is_not():
    page, lead = shopping(2)
    page.scores = dict.fromkeys(page.scores, 0.0) | {page.sentences[2].start: 1.0}
    assert texts(choose(page.candidates(), 4)) == ["There are these ways:", "way 1"]
    text = "Physiotherapy: it begins two weeks after surgery and is done twice a week."
    item = Sentence("a.txt", 0, len(text), text, "item", "", lead)
    assert stands_alone(item, page.sentences[0]) and not stands_alone(page.sentences[1], page.sentences[0])


def test_an_item_of_a_list_comes_with_what_limits_it():
    page = Page()
    lead = page.say("There are these ways:", 1.0)
    item = page.say("sleeves reduce it.", 0.5, lead=lead, kind="item")
    page.say("However, not at night.", 0.0, lead=item, kind="item")
    page.say("massage", 0.4, lead=lead, kind="item")
    whole = ["There are these ways:", "sleeves reduce it.", "However, not at night.", "massage"]
    assert texts(choose(page.candidates(), 4)) == whole
    assert texts(choose(page.candidates(), 3)) == whole[:3]
    assert texts(choose(page.candidates(), 2)) == [whole[0], whole[3]]


OPENINGS: dict[Language, list[str]] = {
    "en": ["However, it is rare.", "But not always.", "Unless it is worn.", "This is rare.", "They are sore."],
    "fr": ["Cependant, c'est rare.", "Mais pas toujours.", "Cela est rare.", "Toutefois, non.", "Ils sont rares."],
    "zh": ["但是不常见。", "然而很少。", "这很少见。", "因此要小心。", "不过不常见。"],
    "tr": [
        "Ancak nadirdir.",
        "Fakat her zaman değil.",
        "Bu nadirdir.",
        "Bununla birlikte azdır.",
        "Ama her zaman değil.",
    ],
}


@pytest.mark.parametrize("language", OPENINGS)
def test_no_sentence_that_hangs_is_shown_alone(language: Language):
    for opening in OPENINGS[language]:
        assert connective(opening, language), opening
        page = Page(language=language)
        before = page.say("XY.", 0.1)
        page.say(opening, 1.0, lead=before)
        assert texts(choose(page.candidates(), 4)) == ["XY.", opening]


KINDS = st.sampled_from(["plain", "hangs", "limits", "announces", "item", "heading"])
WORDS = {
    "plain": "Sleeves help {}.",
    "hangs": "This takes {} weeks.",
    "limits": "However, not {} times.",
    "announces": "Ways {}:",
    "item": "way {}",
    "heading": "Heading {}",
}


def page_of(kinds: list[tuple[str, float]]) -> Page:
    page = Page()
    previous: int | None = None
    announced: int | None = None
    for n, (kind, score) in enumerate(kinds):
        lead = previous if kind in ("hangs", "limits") else announced if kind == "item" else None
        form: Kind = "heading" if kind == "heading" else "item" if kind == "item" else "prose"
        start = page.say(WORDS[kind].format(n), score, lead, form)
        announced = start if kind == "announces" else announced if kind == "item" else None
        previous = None if kind == "heading" else start
    return page


@given(st.lists(st.tuples(KINDS, st.floats(0, 1)), max_size=14), st.integers(1, 8), st.floats(0.3, 1))
def test_whatever_the_page_a_choice_can_be_read(kinds: list[tuple[str, float]], limit: int, keep: float):
    page = page_of(kinds)
    chosen = choose(page.candidates(), limit, keep)
    sentences = [one.sentence for one in chosen]
    starts = [sentence.start for sentence in sentences]
    assert len(set(texts(chosen))) == len(chosen)
    assert all(sentence.kind != "heading" for sentence in sentences)
    assert all(0 <= one.support <= 1 for one in chosen)
    limits = {s.lead: s.start for s in page.sentences if s.lead is not None and connective(s.text, "en") == "contrast"}
    for sentence in sentences:
        if sentence.lead is not None and connective(sentence.text, "en"):
            assert sentence.lead in starts[: starts.index(sentence.start)]
        if sentence.start in limits:
            assert starts[starts.index(sentence.start) + 1] == limits[sentence.start]
    leads = {sentence.lead for sentence in sentences}
    is_one_unit = all(s.start in leads or s.lead in starts for s in sentences)
    assert len(chosen) <= limit or is_one_unit
