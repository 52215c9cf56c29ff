"""The evaluation's report in a real Chromium: its filters, its marks, and that it asks nobody for anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from browser import browser
from eval_records import LANOLIN, NURSE, OTHER, OURS, question, record, refusable, turns
from playwright.sync_api import Browser, Page, expect

from rag.evals.record import Record
from rag.evals.report import render, write_report
from rag.evals.score import Score
from rag.evals.sentences import Pair, rates

__all__ = ["browser"]  # fixture
HOSTILE = (
    "<img src=http://tracker.example/p.png onerror=alert(1)> </script><script>alert(2)</script> \"'`&amp; "
    "{{ 7 * 7 }} ![x](http://tracker.example/i.png) </details></style><style>*{display:none}</style>"
)


def records() -> list[Record]:
    french = question("fr", "Comment utiliser la lanoline ?", language="fr", tags=("cross", "fr-en"))
    asked = [
        record(question("good", history=turns("Merhaba", "您好")), quotes=[LANOLIN, NURSE], chance=0.9),
        record(question("bad"), quotes=[NURSE], chance=0.8),
        record(french, "not_in_corpus", language="fr", chance=0.3, would_cite=True),
        record(refusable("far", "not_in_corpus"), "not_in_corpus", chance=0.1),
        record(refusable("urgent", "emergency"), "emergency", chance=None, hits=[]),
        record(refusable("open", language=None), "about", chance=None),
        record(question("x", HOSTILE, tags=(HOSTILE,)), quotes=[HOSTILE], judged={"relevancy": Score(0.0, HOSTILE)}),
    ]
    others = [record(r.question, r.outcome, [NURSE], how=OTHER, chance=r.chance) for r in asked]
    return [*asked, *others]


PAIRS = [
    *[Pair(f"n{n}", f"It takes {n} days. {HOSTILE}", (LANOLIN,), False, "number", "en") for n in range(4)],
    Pair("r", "Une infirmière le dit.", (NURSE,), False, "role", "fr"),
    Pair("v", LANOLIN, (LANOLIN,), True, "verbatim", "en"),
    Pair("p", "Lanoline aide.", (LANOLIN,), True, "paraphrase", "fr"),
]


@dataclass
class Visit:
    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def shown(self) -> list[str]:
        found = self.page.locator("details.question:visible").evaluate_all("cards => cards.map((card) => card.id)")
        return [id.removeprefix("dev-") for id in found]

    def choose(self, **wanted: str) -> None:
        for name, value in wanted.items():
            self.page.locator(f"select[name={name}]").select_option(value)

    @property
    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.scrollingElement.scrollWidth > window.innerWidth"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    by_words = [True, True, True, False, True, True, False]
    with_opinion = [True, True, True, False, True, True, True]
    return write_report(records(), tmp_path_factory.mktemp("report"), rates(PAIRS, by_words, with_opinion))


@pytest.fixture
def visit(report: Path, browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens the report from disk, as a reader does; at the end it has asked for nothing but itself."""
    visits: list[Visit] = []

    def opened(*, width: int = 1280, fragment: str = "", **options: object) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 860}, **options)  # type: ignore[arg-type]
        visit = Visit(context.new_page())
        visits.append(visit)
        context.on("request", lambda request: visit.requests.append(request.url))
        context.on("console", lambda message: visit.complaints.append(message.text))
        context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
        visit.page.on("dialog", lambda dialog: visit.complaints.append(f"dialog {dialog.message}"))
        visit.page.goto(f"{report.as_uri()}{fragment}")
        return visit

    yield opened
    for one in visits:
        one.page.context.close()
        assert {url.split("#")[0] for url in one.requests} <= {report.as_uri(), "data:,"}
        assert one.complaints == []


ALL = ["good", "bad", "fr", "far", "urgent", "open", "x"]


def test_filters_leave_what_fits(visit):
    reader = visit()
    assert reader.shown == ALL
    for wanted, left in (
        ({"state": "fail"}, ["bad", "fr", "x"]),
        ({"lang": "fr"}, ["fr"]),
        ({"lang": "", "state": "open"}, ["open"]),
        ({"state": "", "got": "not_in_corpus"}, ["fr", "far"]),
        ({"expected": "answered"}, ["fr"]),
        ({"expected": "", "got": "emergency"}, ["urgent"]),
        ({"got": "", "document": "lanolin.txt"}, ["good", "bad", "fr", "x"]),
    ):
        reader.choose(**wanted)
        assert reader.shown == left
        expect(reader.page.locator("#count")).to_have_text(f"{len(left)} of 7 questions")
    reader.page.get_by_role("button", name="Clear").click()
    expect(reader.page.locator("#count")).to_have_text("7 of 7 questions")


def test_words_are_found_in_question_answer_and_kind(visit):
    reader = visit()
    search = reader.page.locator("input[name=words]")
    for words, left in (
        ("lanoline comment", ["fr"]),
        ("nurse ward", ["good", "bad"]),
        ("nearmiss", ["far", "urgent", "open"]),
    ):
        search.fill(words)
        assert set(left) <= set(reader.shown) < set(ALL)
    search.fill("no such words anywhere")
    assert reader.shown == []
    expect(reader.page.locator("#none")).to_be_visible()


def test_a_cell_of_the_matrix_leads_to_what_it_counts(visit):
    reader = visit()
    reader.page.get_by_role("link", name="1 expected answered, came not in corpus").click()
    assert reader.shown == ["fr"]
    expect(reader.page.locator("#questions h2")).to_be_in_viewport()


def test_a_question_shows_its_answer_its_citations_and_why_it_failed(visit):
    page = visit().page
    card = page.locator("#dev-good")
    card.locator("summary").first.click()
    expect(card.locator("mark").first).to_have_text(LANOLIN)
    expect(card.locator("blockquote").first).to_have_text(f"Before it. {LANOLIN} After it.")
    expect(card.locator(".quotes .badge.good")).to_have_count(1)
    expect(card).to_contain_text("您好")
    expect(card.locator(".why")).to_have_count(0)
    bad = page.locator("#dev-bad")
    bad.locator("summary").first.click()
    expect(bad.locator(".why")).to_contain_text("none of the evidence")
    expect(bad.locator(".evidence")).to_contain_text(LANOLIN)
    expect(bad.locator(".other")).to_contain_text("bm25")


def test_a_mark_in_an_answer_leads_to_its_citation(visit):
    page = visit().page
    card = page.locator("#dev-good")
    card.locator("summary").first.click()
    card.locator(".answer a").nth(1).click()
    expect(page.locator("#dev-good-2")).to_be_in_viewport()
    assert page.url.endswith("#dev-good-2")


def test_an_address_leads_into_a_closed_card(visit):
    page = visit(fragment="#dev-bad-1").page
    expect(page.locator("#dev-bad-1")).to_be_in_viewport()
    expect(page.locator("#dev-bad mark")).to_be_visible()


def test_all_can_be_opened_and_closed(visit):
    page = visit().page
    page.locator("select[name=state]").select_option("fail")
    page.get_by_role("button", name="Open all").click()
    expect(page.locator("details.question[open]")).to_have_count(3)
    page.get_by_role("button", name="Close all").click()
    expect(page.locator("details.question[open]")).to_have_count(0)


def test_hostile_text_is_shown_as_text(visit):
    page = visit().page
    card = page.locator("#dev-x")
    card.locator("summary").first.click()
    expect(card.locator(".asked")).to_have_text(HOSTILE)
    expect(card.locator("mark").first).to_have_text(HOSTILE)
    assert "49" not in card.locator(".asked").inner_text()
    assert page.locator("img, iframe, main style, main script, form[action], object").count() == 0
    expect(page.locator("footer")).to_be_visible()


def test_nothing_may_be_loaded_even_if_text_got_through(report):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', report.read_text(encoding="utf-8"))
    assert policy
    assert "default-src &#39;none&#39;" in policy.group(1)
    assert "unsafe-eval" not in policy.group(1)
    assert re.search(r"script-src &#39;sha256-[^;]*;", policy.group(1))


def test_drawings_can_be_read_without_seeing_them(visit):
    page = visit().page
    drawings = page.get_by_role("img")
    assert drawings.count() == 2
    for number in range(2):
        drawing = drawings.nth(number)
        title, text = (drawing.locator(tag).first.text_content() or "" for tag in ("title", "desc"))
        assert title and re.search(r"\d", text)
        assert drawing.get_attribute("aria-labelledby")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [360, 768, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_desk_in_light_and_dark(visit, width, scheme):
    reader = visit(width=width, color_scheme=scheme)
    reader.page.get_by_role("button", name="Open all").click()
    assert not reader.scrolls_sideways
    ink, paper = reader.page.evaluate(
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    assert (brightness(ink) > brightness(paper)) == (scheme == "dark")
    drawn = reader.page.evaluate("getComputedStyle(document.querySelector('#risk-figure_1 text')).fill")
    assert drawn == ink


def brightness(colour: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3]))


def test_it_can_be_read_without_scripts(visit):
    reader = visit(java_script_enabled=False)
    expect(reader.page.locator("details.question")).to_have_count(7)
    reader.page.locator("#dev-bad summary").first.click()
    expect(reader.page.locator("#dev-bad .why")).to_be_visible()


def test_the_sentence_check_has_its_rates_kind_by_kind(visit):
    reader = visit(fragment="#check")
    rows = reader.page.get_by_role("region", name="Corrupted sentences").locator("tbody tr")
    told = [re.sub(r"\s+", " ", row).strip() for row in rows.all_inner_texts()]
    assert [re.sub(r" \d+–\d+\b", "", row) for row in told] == [
        "all 5 80.0% 80.0% ≥ 97%",
        "number 4 75.0% 75.0% ≥ 97%",
        "role 1 100.0% 100.0% ≥ 97%",
        "English 4 75.0% 75.0%",
        "French 1 100.0% 100.0%",
    ]
    assert rows.locator("td.missed").count() == 4
    faithful = reader.page.get_by_role("region", name="Faithful sentences")
    expect(faithful.locator("thead")).to_contain_text("passed as written, with a second opinion")
    expect(faithful.locator("tbody tr").first).to_contain_text("50.0%")
    expect(faithful.locator("tbody")).not_to_contain_text("English")  # word for word says nothing of a language
    expect(reader.page.locator("#check")).to_contain_text("Worst kind of corruption (number): 75.0%")


def test_on_paper_the_figures_stay_and_the_controls_go(visit):
    page = visit().page
    page.emulate_media(media="print")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator(".filters")).to_be_hidden()
    assert page.pdf().startswith(b"%PDF")


def test_the_same_records_give_the_same_report():
    assert render(records()) == render(records())


def test_little_is_enough_for_a_report():
    page = render([record(refusable("q", language=None), "about", chance=None)])
    assert "None of the 1 questions could be judged" in page
    assert "<svg" in page  # the mark of the house, and no empty drawing
    assert 'role="img"' not in page
    assert "Sentence check" not in page


def test_no_address_of_another_host_stands_in_it():
    plain = [r for r in records() if r.question.id != "x" and r.configuration == OURS]
    assert not re.search(r"(?:https?:)?//[a-z]", render(plain))
