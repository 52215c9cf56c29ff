"""The evaluation's own arithmetic, and what it does with what it was given."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eval_records import LANOLIN, NURSE, OTHER, OURS, question, record, refusable, turns
from hypothesis import given
from hypothesis import strategies as st
from index_world import new_world
from model_server import Exchange, ModelServer, says, status

from rag.__main__ import main
from rag.errors import ModelError, SettingsError
from rag.evals import checks, metrics
from rag.evals.abstention import risk_coverage
from rag.evals.bench import Bench, Cell, cells, configurations
from rag.evals.compare import compare
from rag.evals.figures import FIGURES, figures_of
from rag.evals.judges import open_judge
from rag.evals.observe import Observer
from rag.evals.questions import Question, load_questions
from rag.evals.readability import reading_level
from rag.evals.record import Record, Results, read_records
from rag.evals.runner import processes, run, threads
from rag.evals.score import Score, difference, estimate, gap
from rag.evals.sentences import load_pairs, rates
from rag.evals.summary import abstention_of, confusion_of, divided, language_gap, latency_of, pair_gaps, shapes_of
from rag.evals.variants import VARIANTS
from rag.pipeline import Assistant, open_assistant
from rag.settings import Settings
from rag.types import AnswerSentence, Citation

ROOT = Path(__file__).parents[1]
T, F = True, False
scores = st.lists(st.floats(0, 1).map(lambda value: Score(value, "given")), min_size=1, max_size=20)


# Metrics, against values worked out by hand


def test_measures_of_retrieval():
    assert metrics.hit_at([F, T, F], 1) == 0.0
    assert metrics.hit_at([F, T, F], 2) == 1.0
    assert metrics.recall_at([T, F, T], 4, 3) == 0.5
    assert metrics.reciprocal_rank([F, F, T, T]) == pytest.approx(1 / 3)
    assert metrics.reciprocal_rank([F, F]) == 0.0
    assert metrics.ndcg_at([T, T], 2, 10) == 1.0
    assert metrics.ndcg_at([F, T, F], 1, 10) == pytest.approx(0.6309, abs=1e-4)
    assert metrics.ndcg_at([F, T, T], 3, 2) == pytest.approx(0.6309 / 1.6309, abs=1e-4)


@given(st.lists(st.booleans(), max_size=15), st.integers(1, 15))
def test_measures_of_retrieval_stay_between_0_and_1_and_never_fall_with_a_better_order(found, k):
    relevant = max(1, sum(found))
    better = sorted(found, reverse=True)
    for measure in (lambda f: metrics.ndcg_at(f, relevant, k), lambda f: metrics.recall_at(f, relevant, k)):
        assert 0 <= measure(found) <= measure(better) <= 1 + 1e-9


def test_measures_of_citation():
    sentences = [[T], [T, F], [F], []]
    assert metrics.citation_recall(sentences) == 0.5
    assert metrics.citation_precision(sentences) == 0.5


def test_percentiles_are_measured_values():
    values = [10.0, 20.0, 30.0, 40.0]
    assert metrics.percentile(values, 0.5) == 20.0
    assert metrics.percentile(values, 0.95) == 40.0
    assert metrics.percentile([], 0.5) is None


def test_area_under_the_roc_curve():
    assert metrics.auroc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert metrics.auroc([0.9, 0.1], [0.5]) == 0.5
    assert metrics.auroc([0.5], [0.5]) == 0.5
    assert metrics.auroc([], [0.5]) is None


def test_risk_coverage_by_hand():
    curve = risk_coverage([0.9, 0.8, 0.7, 0.6], [T, F, T, F])
    assert curve is not None
    assert [(p.coverage, p.risk) for p in curve.points] == [
        (0.25, 0),
        (0.5, 0.5),
        (0.75, pytest.approx(1 / 3)),
        (1, 0.5),
    ]
    assert curve.area == pytest.approx((0 + 0.5 + 1 / 3 + 0.5) / 4)
    assert curve.best_area == pytest.approx((0 + 0 + 1 / 3 + 0.5) / 4)
    assert curve.coverage_at(0.05) == 0.25
    assert curve.coverage_at(0.35) == 0.75
    assert curve.at(0.75).coverage == 0.5
    assert curve.at(0.95).coverage == 0.0


def test_equal_chances_cannot_be_told_apart():
    curve = risk_coverage([0.5, 0.5, 0.5, 0.5], [T, T, F, F])
    assert curve is not None
    assert [(p.coverage, p.risk) for p in curve.points] == [(1.0, 0.5)]
    assert curve.area == 0.5
    assert curve.coverage_at(0.05) == 0.0


cases = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1, max_size=30)


@given(cases)
def test_risk_coverage_hangs_on_the_order_alone(found):
    chances, right = [c for c, _ in found], [r for _, r in found]
    curve, same = risk_coverage(chances, right), risk_coverage([c**2 / 3 for c in chances], right)
    assert curve and same
    assert curve.area == pytest.approx(same.area)
    assert curve.best_area - 1e-9 <= curve.area <= 1
    assert curve.points[-1].risk == pytest.approx(1 - sum(right) / len(right))


# Estimates


@given(scores, st.integers(0, 5))
def test_what_could_not_be_judged_changes_no_value(given_scores, unknown):
    with_unknown = [*given_scores, *[Score.unknown("nobody knows")] * unknown]
    plain, mixed = estimate(given_scores), estimate(with_unknown)
    assert (mixed.value, mixed.low, mixed.high, mixed.n) == (plain.value, plain.low, plain.high, plain.n)
    assert mixed.unjudged == unknown


@given(scores)
def test_an_interval_holds_its_mean_and_is_the_same_each_time(given_scores):
    found = estimate(given_scores)
    assert None not in (found.low, found.high)
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9
    assert found == estimate(given_scores)


def test_nothing_to_judge_is_not_zero():
    found = estimate([Score.unknown("no evidence named")] * 3)
    assert (found.value, found.low, found.high, found.n, found.unjudged) == (None, None, None, 0, 3)


def test_an_interval_of_all_right_answers_has_a_width():
    found = estimate([Score(1.0, "right")] * 40)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.912, abs=1e-3)  # Clopper and Pearson for 40 of 40
    assert estimate([Score(0.0, "wrong")] * 40).high == pytest.approx(0.088, abs=1e-3)


def test_an_interval_is_about_as_wide_as_it_should_be():
    found = estimate([Score(float(n % 2), "half") for n in range(400)])
    assert found.low == pytest.approx(0.451, abs=0.01)
    assert found.high == pytest.approx(0.549, abs=0.01)


def test_differences_are_taken_in_pairs_and_gaps_apart():
    old, new = [0.0, 1.0] * 50, [1.0, 0.0] * 50
    assert difference(old, new).value == 0.0
    assert difference(old, [min(1.0, value + 0.25) for value in old]).low > 0
    assert difference(old, old) == difference(new, new)
    good, bad = [Score(1.0, "")] * 9 + [Score(0.0, "")], [Score(0.0, "")] * 10
    assert gap(good, bad).value == pytest.approx(0.9)
    assert gap(good, [Score.unknown("")]).value is None


# Reading level


def test_reading_level_by_each_formula():
    assert reading_level("The cat sat on the mat.", "en") == pytest.approx(0.39 * 6 + 11.8 - 15.59)
    assert reading_level("Le chat dort.", "fr") == pytest.approx(207 - 1.015 * 3 - 73.6)
    assert reading_level("Kedi uyuyor.", "tr") == pytest.approx(198.825 - 40.175 * 2.5 - 2.61 * 2)
    assert reading_level("放疗会累。多休息！", "zh") == pytest.approx(3.5)


@pytest.mark.parametrize("language", ["en", "fr", "zh", "tr"])
def test_a_text_without_words_has_no_reading_level(language):
    assert reading_level(" 12 … \n", language) is None


def test_longer_words_and_sentences_are_harder():
    easy = "You may feel tired. Rest a lot. Ask your nurse."
    hard = "Multidisciplinary consultation considerably facilitates individualised therapeutic decision-making."
    assert reading_level(easy, "en") < 5 < 15 < reading_level(hard, "en")


# Question files


def write_questions(folder: Path, *rows: object, name: str = "mine.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_projects_own_files_can_be_read():
    for name in ("dev", "test"):
        path = ROOT / "tests" / "questions" / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert [q.as_json() for q in load_questions(path)] == rows


def test_a_bare_line_is_enough(tmp_path):
    (found,) = load_questions(write_questions(tmp_path, {"question": "How is lanolin used?"}))
    assert (found.id, found.language, found.expected, found.pairs) == ("1", None, None, ())
    passed = checks.passed(record(found, exact=True))
    assert passed.value == 1.0  # quotes and sentences can be judged whatever was expected


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"question": "a"}\n{"question"', "line 2"),
        (b'{"question": 3}', "line 1"),
        (b'["a"]', "line 1"),
        (b'{"question": "a", "outcome": ["answerd"]}', "answerd"),
        (b'{"question": "a", "outcome": "answered"}', "outcome"),
        (b'{"question": "a", "lang": "de"}', "de"),
        (b'{"question": "a", "evidence": [1]}', "evidence"),
        (b'{"question": "a", "evidence": [" "]}', "evidence"),
        (b'{"question": "a", "history": "x"}', "history"),
        (b'{"id": "x", "question": "a"}\n{"id": "x", "question": "b"}', "twice"),
        (b"[" * 100_000, "line 1"),
    ],
)
def test_a_broken_question_file_is_named_with_its_line(tmp_path, content, word):
    path = tmp_path / "broken.jsonl"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"broken\.jsonl") as error:
        load_questions(path)
    assert word in error.value.message
    assert error.value.hint


PAIR: dict[str, Any] = {
    "id": "a",
    "sentence": "Lanolin heals.",
    "evidence": ["Lanolin may heal."],
    "label": "unsupported",
    "kind": "hedge",
    "lang": "en",
}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"label": "so so"}, "so so"),
        ({"lang": "de"}, "language"),
        ({"sentence": " "}, "missing"),
        ({"evidence": [3]}, "missing"),
        ({"evidence": None}, "no pair"),
        ({"kind": 3}, "missing"),
    ],
)
def test_a_broken_file_of_sentences_is_named_with_its_line(tmp_path, changed, word):
    path = write_questions(tmp_path, PAIR, PAIR | {"id": "b"} | changed)
    with pytest.raises(SettingsError, match=r"line 2") as error:
        load_pairs(path)
    assert word in error.value.message


def test_rates_are_of_kinds_and_of_languages(tmp_path):
    faithful = PAIR | {"label": "supported", "kind": "paraphrase"}
    rows = [PAIR, PAIR | {"id": "b", "lang": "fr"}, faithful | {"id": "c"}, faithful | {"id": "d", "kind": "verbatim"}]
    found = rates(load_pairs(write_questions(tmp_path, *rows)), [True, False, False, True])
    assert [(rate.is_faithful, rate.group, rate.found[0].value, rate.target) for rate in found] == [
        (False, "all", 0.5, 0.97),
        (False, "hedge", 0.5, 0.97),
        (False, "en", 1.0, None),
        (False, "fr", 0.0, None),
        (True, "all", 0.5, 0.6),
        (True, "paraphrase", 0.0, None),
        (True, "verbatim", 1.0, None),
        (True, "en", 0.0, None),
    ]


def test_a_key_changes_with_anything_asked_or_expected():
    base = question()
    others = [
        question("q2"),
        question(text="How often?"),
        question(history=turns("Hello", "Hello!")),
        question(outcomes=("boundary",)),
        question(evidence=(NURSE,)),
        question(language="fr"),
    ]
    assert len({q.key for q in (base, *others)}) == 7
    assert question().key == base.key


def test_pairs_come_from_the_tags_or_from_the_evidence():
    assert question(tags=("cross", "tr-fr", "tr-zh", "co-op")).pairs == ("tr-fr", "tr-zh")
    french = question(tags=(), language="en", evidence=("La chimiothérapie détruit les métastases dans certains cas.",))
    assert (french.pairs, french.is_own) == (("en-fr",), False)
    assert question(tags=()).is_own


# Checks


@pytest.mark.parametrize(
    ("asked", "outcome", "values"),
    [
        (question(), "answered", {"outcome": 1, "answered": 1, "taken_personally": 0, "false_alarm": 0, "evidence": 1}),
        (question(), "boundary", {"outcome": 0, "answered": 0, "taken_personally": 1, "evidence": 1, "passed": 0}),
        (question(), "not_in_corpus", {"outcome": 0, "answered": 0, "taken_personally": 0, "evidence": 0, "source": 0}),
        (question(), "emergency", {"outcome": 0, "false_alarm": 1, "emergency": None}),
        (
            question(outcomes=("boundary",)),
            "answered",
            {"advice_refused": 0, "answered": None, "taken_personally": None},
        ),
        (question(outcomes=("boundary",)), "boundary", {"advice_refused": 1, "passed": 1, "abstained": None}),
        (question(outcomes=("boundary", "declined")), "declined", {"passed": 1, "advice_refused": 1, "evidence": None}),
        (question(outcomes=("boundary",)), "declined", {"passed": 0, "advice_refused": 1, "evidence": 0}),
        (refusable("q1", "declined"), "declined", {"passed": 1, "advice_refused": 1, "evidence": None}),
        (refusable("q1", "not_in_corpus"), "answered", {"abstained": 0, "outcome": 0, "evidence": None, "passed": 0}),
        (refusable("q1", "not_in_corpus"), "not_in_corpus", {"abstained": 1, "passed": 1, "quoted": None}),
        (refusable("q1", "emergency"), "emergency", {"emergency": 1, "false_alarm": None, "taken_personally": None}),
        (refusable("q1", "emergency"), "declined", {"emergency": 0, "passed": 0}),
        (refusable("q1", "about"), "about", {"passed": 1, "abstained": None, "taken_personally": 0}),
        (refusable("q1"), "answered", {"outcome": None, "false_alarm": None, "taken_personally": None}),
    ],
)
def test_what_is_judged_and_what_is_not(asked, outcome, values):
    made = record(asked, outcome)
    found = {figure.name: figure.score(made).value for figure in FIGURES}
    assert {name: found[name] for name in values} == values


def test_every_score_has_its_reason():
    asked = [question(), question(outcomes=("boundary", "declined")), refusable("q2", "emergency"), refusable("q3")]
    for one in asked:
        for outcome in ("answered", "declined", "not_in_corpus", "emergency"):
            assert all(figure.score(record(one, outcome)).reason for figure in FIGURES)


@pytest.mark.parametrize(
    ("made", "name", "value"),
    [
        (record(quotes=[NURSE]), "evidence", 0),
        (record(quotes=[NURSE], source="other.txt"), "source", 0),
        (record(quotes=[LANOLIN.replace(" ", "\n  ")]), "evidence", 1),
        (record(quotes=[LANOLIN, NURSE]), "citation_precision", 0.5),
        (record(quotes=[LANOLIN, NURSE]), "citation_recall", 0.5),
        (record(exact=False), "quoted", 0),
        (record(proven=[False]), "unsupported", 1),
        (record(proven=[None]), "unsupported", None),
        (record(language="fr"), "language", 0),
        (record(language="fr"), "readers_words", 0),
        (record(language="fr", verdict="translated"), "readers_words", 1),
        (record(hits=[NURSE, LANOLIN]), "hit_1", 0),
        (record(hits=[NURSE, LANOLIN]), "mrr", 0.5),
        (record(hits=[NURSE]), "hit_5", 0),
        (record(hits=[]), "ndcg_10", 0),
        (record(chance=None, hits=[]), "hit_1", None),
        (record(question(history=turns("Hello", "Hello!"))), "follow_up", 1),
        (record(judged={"faithfulness": Score(0.0, "no")}), "faithfulness", 0),
        (record(), "faithfulness", None),
    ],
)  # fmt: skip
def test_what_an_answer_can_lack(made, name, value):
    assert figures(made)[name] == value
    assert name in ("citation_precision", "citation_recall", "mrr") or checks.passed(made).reason


def figures(made: Record) -> dict[str, float | None]:
    return {figure.name: figure.score(made).value for figure in FIGURES}


def test_a_failure_says_everything_that_is_wrong():
    reason = checks.passed(record(outcome="boundary", quotes=[NURSE], exact=False, language="tr")).reason
    assert all(
        word in reason for word in ("boundary instead of answered", "none of the evidence", "0 of 1 quotes", "tr")
    )


# Summaries


def test_confusion_counts_an_accepted_outcome_as_expected():
    either = question(outcomes=("boundary", "declined"))
    found = confusion_of([record(either, "declined"), record(either, "answered"), record(), record(refusable("q3"))])
    assert {pair: n for pair, n in found.items() if n} == {
        ("declined", "declined"): 1, ("boundary", "answered"): 1, ("answered", "answered"): 1,
    }  # fmt: skip


def test_abstention_asks_what_would_have_been_said():
    lost = record(question("a"), "not_in_corpus", chance=0.4, would_cite=True)
    never = record(refusable("b", "not_in_corpus"), "not_in_corpus", chance=0.1)
    wrong = record(question("c"), quotes=[NURSE], chance=0.8)
    guarded = record(refusable("d", "emergency"), "emergency", chance=None)
    personal = record(question("e", outcomes=("boundary",)), "boundary", chance=0.2)
    found = abstention_of([record(chance=0.9), lost, never, wrong, guarded, personal])
    assert found is not None
    assert [(p.chance, p.risk) for p in found.curve.points] == [
        (0.9, 0.0), (0.8, 0.5), (0.4, pytest.approx(1 / 3)), (0.1, 0.5),
    ]  # fmt: skip
    assert found.auroc == 1.0
    assert abstention_of([guarded, personal]) is None


def test_groups_and_their_gap():
    cross = record(question("b", language="tr", tags=("cross", "tr-en")), quotes=[NURSE], language="tr")
    mine = [record(), cross]
    assert {name: len(found) for name, found in divided(mine, "pair").items()} == {"en-en": 1, "tr-en": 1}
    assert list(divided(mine, "language")) == ["en", "tr"]
    assert list(divided(mine, "document")) == ["lanolin.txt"]
    assert list(divided(mine, "kind")) == ["cross", "fact", "own"]
    assert language_gap(mine).value == 1.0
    assert {pair: gap.value for pair, gap in pair_gaps(mine).items()} == {"tr-en": 1.0}
    assert pair_gaps([cross]) == {}


def test_shape_and_time():
    mine = [record(milliseconds=n) for n in (10, 20, 90)] + [record(refusable("r", "declined"), "declined")]
    assert latency_of(mine) == {"p50": 20, "p95": 90, "p99": 90}
    shape = shapes_of(mine)["en"]
    assert (shape.sentences, shape.characters) == (1, len(LANOLIN))
    assert shape.own_level == reading_level("This is declined.", "en")


def test_figures_without_a_case_are_absent():
    assert "emergency" not in figures_of([record()])
    assert "faithfulness" not in figures_of([record()])
    assert figures_of([record()])["passed"].value == 1.0


# Records and runs


def test_a_record_survives_being_written():
    made = record(question(history=turns("Merhaba", "您好"), tags=()), judged={"relevancy": Score(None, "unreadable")})
    assert Record.parse(made.as_json()) == made


def test_a_torn_line_costs_one_answer(tmp_path):
    results = Results(tmp_path)
    results.append(record(question("a")))
    with (tmp_path / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(record(question("b")).as_json()[:200])
    again = Results(tmp_path)
    again.append(record(question("c")))
    assert [r.question.id for r in read_records(tmp_path)] == ["a", "c"]


class Scripted(Bench):
    """A bench that answers at once, notes what it was asked, and fails for questions called "down"."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, cell: Cell) -> Record:
        self.asked.append(cell.question.id)
        if cell.question.id.startswith("down"):
            raise ModelError("the endpoint went away", hint="try later")
        return record(cell.question, how=cell.configuration, set=cell.set)


def starter(bench: Bench, jobs: int = 1) -> Callable[[Any], Any]:
    return lambda pending: threads(bench, jobs)


def quiet(done: int, total: int) -> None:
    """Nobody watches."""


def three(*ids: str) -> tuple[Cell, ...]:
    return cells({"dev": tuple(question(id) for id in ids or ("a", "b", "c"))}, [OURS])


def test_nothing_is_asked_twice(tmp_path):
    bench = Scripted()
    first, _ = run(three(), Results(tmp_path), starter(bench), quiet)
    second, _ = run(three(), Results(tmp_path), starter(bench), quiet)
    assert sorted(bench.asked) == ["a", "b", "c"]
    assert second == first
    assert [r.question.id for r in first] == ["a", "b", "c"]


def test_workers_are_not_started_for_nothing(tmp_path):
    run(three(), Results(tmp_path), starter(Scripted()), quiet)

    def never(pending: object) -> Any:
        raise AssertionError("started")

    assert len(run(three(), Results(tmp_path), never, quiet)[0]) == 3


def test_a_changed_question_or_configuration_is_asked_again_and_takes_the_old_ones_place(tmp_path):
    bench = Scripted()
    run(three(), Results(tmp_path), starter(bench), quiet)
    other = Cell("dev", question("b", text="And how often?"), OURS)
    newer = replace(OURS, fingerprint="f9")
    changed = (three()[0], other, Cell("dev", question("c"), newer))
    found, _ = run(changed, Results(tmp_path), starter(bench), quiet)
    assert bench.asked[3:] == ["b", "c"]
    assert list(read_records(tmp_path)) == found


def test_another_matrix_in_the_same_folder_is_kept(tmp_path):
    run(three(), Results(tmp_path), starter(Scripted()), quiet)
    run(cells({"dev": (question("a"),)}, [OTHER]), Results(tmp_path), starter(Scripted()), quiet)
    assert sorted((r.configuration.variant, r.question.id) for r in read_records(tmp_path)) == [
        ("bm25", "a"), ("citewell", "a"), ("citewell", "b"), ("citewell", "c"),
    ]  # fmt: skip


def test_a_failure_is_told_and_asked_again(tmp_path):
    bench = Scripted()
    records, failures = run(three("a", "down", "c"), Results(tmp_path), starter(bench, 2), quiet)
    assert [r.question.id for r in records] == ["a", "c"]
    assert [(f.cell.question.id, f.exit_status) for f in failures] == [("down", 4)]
    run(three("a", "down", "c"), Results(tmp_path), starter(bench), quiet)
    assert bench.asked.count("down") == 2


def test_an_interrupt_keeps_what_was_answered(tmp_path):
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    bench = Scripted()
    with pytest.raises(KeyboardInterrupt):
        run(three("a", "b", "c", "d", "e"), Results(tmp_path), starter(bench), interrupt)
    kept = len(list(read_records(tmp_path)))
    assert kept == 2
    before = len(bench.asked)
    records, _ = run(three("a", "b", "c", "d", "e"), Results(tmp_path), starter(bench), quiet)
    assert len(records) == 5
    assert len(bench.asked) - before == 3


# Comparing


def test_a_comparison_names_what_got_better_and_worse():
    old = [record(question("a")), record(question("b"), quotes=[NURSE]), record(question("c"))]
    new = [record(question("a"), "not_in_corpus"), record(question("b")), record(question("c"))]
    (found,) = compare(old, [*new, record(question("d"))])
    assert [c.new.question.id for c in found.worse] == ["a"]
    assert [c.new.question.id for c in found.better] == ["b"]
    assert (found.shared, found.apart) == (3, 1)
    moves = {move.figure.name: move for move in found.moves}
    assert (moves["answered"].old, moves["answered"].new) == (1.0, pytest.approx(2 / 3))
    assert moves["quoted"].change.n == 2  # where both runs cite something
    assert not moves["evidence"].is_clear


def test_two_single_configurations_are_compared_whatever_they_are():
    (found,) = compare([record(how=OURS)], [record(how=OTHER, quotes=[NURSE])])
    assert (found.old_label, found.new_label, len(found.worse)) == (OURS.label, OTHER.label, 1)


def test_a_question_that_is_judged_differently_now_is_not_compared():
    old, new = record(question("a")), record(question("a", outcomes=("boundary",)))
    with pytest.raises(SettingsError, match="no question in common"):
        compare([old], [new])


def test_the_latest_record_of_a_place_counts():
    stale = record(question("a"), "not_in_corpus", how=replace(OURS, fingerprint="f0"))
    (found,) = compare([stale, record(question("a"))], [record(question("a"))])
    assert (found.better, found.worse) == ((), ())


# The real assistant over a small corpus


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return new_world(tmp_path_factory.mktemp("evals"), embedding="none").settings


@pytest.fixture(scope="module")
def assistant(settings: Settings) -> Iterator[Assistant]:
    assistant = open_assistant(settings)
    yield assistant
    assistant.index.close()


def test_answers_are_looked_over_against_the_files(assistant, settings):
    answer = assistant.ask("How is lanolin cream used on dry skin during radiotherapy?")
    observer = Observer(settings.corpus, assistant.index.passages, assistant.sources)
    asked = question(evidence=(LANOLIN.replace(" ", "\n"), NURSE))
    seen = observer.look(asked, answer, None)
    assert all(seen.exact) and all(seen.proven) and len(seen.exact) == len(answer.citations) > 0
    assert 0 in seen.hits[0]
    assert seen.held == 6  # every document has the nurse
    before, cited, _ = seen.contexts[0]
    assert cited == answer.citations[0].quote
    assert before.startswith("About lanolin") or before == ""


@pytest.mark.parametrize("shift", [(1, 1), (0, 1), (1, 0), (-1, -1)])
def test_offsets_off_by_one_are_seen(assistant, settings, shift):
    answer = assistant.ask("How is lanolin cream used on dry skin during radiotherapy?")
    moved = tuple(replace(c, start=c.start + shift[0], end=c.end + shift[1]) for c in answer.citations)
    observer = Observer(settings.corpus, assistant.index.passages, assistant.sources)
    seen = observer.look(question(), replace(answer, citations=moved), None)
    assert not any(seen.exact)
    assert not any(seen.proven)


@pytest.mark.parametrize(
    ("sentence", "citation", "proven"),
    [
        ({}, {}, True),
        ({"text": "Lanolin cream is rubbed on dry skin once a day during radiotherapy."}, {}, False),
        ({"citations": ()}, {}, False),
        ({"citations": (2,)}, {}, False),
        ({"verdict": "translated"}, {}, False),
        ({"verdict": "translated", "text": "Lanolin kremi sürülür."}, {"translation": "Lanolin kremi sürülür."}, True),
        ({"verdict": "supported", "text": "It is rubbed on."}, {}, None),
        ({"verdict": "supported", "text": "It is rubbed on."}, {"quote": "Not there."}, False),
        ({}, {"source": "../lanolin.txt"}, False),
        ({}, {"source": "missing.txt"}, False),
    ],
)
def test_a_sentence_is_what_its_citation_says(assistant, settings, sentence, citation, proven):
    text = (settings.corpus / "lanolin.txt").read_bytes().decode("utf-8")
    start = text.index(LANOLIN)
    place = {"number": 1, "source": "lanolin.txt", "title": "", "language": "en", "start": start}
    cited = Citation(**{**place, "end": start + len(LANOLIN), "quote": LANOLIN, **citation})
    said = AnswerSentence(**{"text": LANOLIN, "citations": (1,), "verdict": "verbatim", "support": 1.0, **sentence})
    answer = replace(assistant.ask("lanolin cream"), citations=(cited,), sentences=(said,), hits=())
    assert Observer(settings.corpus, (), assistant.sources).look(question(), answer, None).proven == (proven,)


def test_a_question_that_was_abstained_from_is_asked_what_it_would_have_cited(assistant, settings):
    asked = question(
        "q",
        "Does quinoa porridge replace plitidepsin against hyperthyroidism in Zanzibar?",
        evidence=("Quinoa porridge is easy",),
    )
    (how,) = configurations(settings, ["citewell"], ["plain"], ["extractive"], None)
    found = Bench(assistant).answer(Cell("dev", asked, how))
    assert found.outcome == "not_in_corpus"
    assert found.chance is not None and found.chance < 0.5
    assert found.seen.would_cite is True


def test_a_fingerprint_changes_with_whatever_changes_answers(settings, tmp_path):
    def fingerprint(
        settings: Settings = settings, variant: str = "citewell", prompt: str = "plain", judge: str | None = None
    ) -> str:
        return configurations(settings, [variant], [prompt], ["extractive"], judge)[0].fingerprint

    corpus, prompts = tmp_path / "corpus", tmp_path / "prompts"
    shutil.copytree(settings.corpus, corpus)
    shutil.copytree(settings.prompts, prompts)
    (corpus / "new.txt").write_text("Ginger tea may ease a sick stomach.\n", encoding="utf-8")
    (prompts / "plain.md").write_text((prompts / "plain.md").read_text("utf-8") + "\n", encoding="utf-8")
    changed = [
        fingerprint(),
        fingerprint(variant="bm25"),
        fingerprint(prompt="brief"),
        fingerprint(judge="a-model"),
        fingerprint(replace(settings, corpus=corpus)),
        fingerprint(replace(settings, prompts=prompts)),
        fingerprint(replace(settings, language="fr")),
        fingerprint(replace(settings, passages=5)),
    ]
    assert len(set(changed)) == len(changed)
    assert fingerprint(replace(settings, store=tmp_path)) == fingerprint()


def test_processes_answer_as_threads_do(assistant, settings, tmp_path):
    asked = cells(
        {"mine": (question("a"), refusable("b", "not_in_corpus", text="What is the capital of France?"))},
        configurations(settings, ["citewell"], ["plain"], ["extractive", "model"], None),
    )
    here, lost = run(asked, Results(tmp_path / "here"), starter(Bench(assistant)), quiet)
    there, gone = run(asked, Results(tmp_path / "there"), lambda _: processes(settings, ("citewell",), 2), quiet)
    assert [timeless(r) for r in there] == [timeless(r) for r in here]
    assert len(here) == 2
    assert set(gone) == set(lost)  # a model that is not there is told by every process
    assert [(f.exit_status, "model" in f.message) for f in lost] == [(4, True)] * 2


def timeless(made: Record) -> Record:
    return replace(made, answer={**made.answer, "timings_ms": None})


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_answers_with_proof(assistant, settings, variant):
    (how,) = configurations(settings, [variant], ["plain"], ["extractive"], None)
    found = Bench(assistant, variants=[variant]).answer(Cell("dev", question(), how))
    assert all(found.seen.exact)
    assert found.configuration.variant == variant


# A model as judge


def completes(*texts: str) -> Callable[[Exchange], None]:
    """Chat completions that say the texts in turn, the last one for ever; a request that a client sends again, because
    its connection was closed, gets the same text again."""
    left = list(texts)
    said: dict[str, str] = {}

    def behave(exchange: Exchange) -> None:
        assert exchange.path == "/v1/chat/completions"
        asked = json.dumps(exchange.body, sort_keys=True)
        if asked not in said:
            said[asked] = left.pop(0) if len(left) > 1 else left[0]
        text = said[asked]
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        about = {"id": "x", "object": "chat.completion", "created": 0, "model": exchange.body["model"]}
        exchange.send_json({**about, "choices": [message]})

    return behave


def judged_by(
    behave: Callable[[Exchange], None], assistant: Assistant, asked: Question
) -> tuple[Record, list[Exchange]]:
    with ModelServer(behave) as server:
        settings = Settings(model="local-model", openai_base_url=server.base_url, openai_api_key="k")
        how = configurations(assistant.parts.settings, ["citewell"], ["plain"], ["extractive"], "local-model")[0]
        return Bench(assistant, open_judge(settings)).answer(Cell("dev", asked, how)), server.requests


def test_without_an_endpoint_there_is_no_judge():
    assert open_judge(Settings()) is None


def test_a_models_verdicts_are_scores_with_reasons(assistant):
    made, requests = judged_by(completes("YES", "NO", "4.0\nClose to the reference."), assistant, question())
    assert {name: score.value for name, score in made.judged.items()} == {
        "faithfulness": 1.0, "relevancy": 0.0, "correctness": 0.75,
    }  # fmt: skip
    assert all(score.reason for score in made.judged.values())
    sent = json.dumps([exchange.body for exchange in requests])
    assert "Lanolin cream is rubbed" in sent
    assert len({json.dumps(exchange.body, sort_keys=True) for exchange in requests}) == 3
    assert figures_of([made])["correctness"].value == 0.75


def test_a_verdict_that_cannot_be_read_is_not_zero(assistant):
    made, _ = judged_by(completes("As a language model I enjoy cats"), assistant, question())
    assert {score.value for score in made.judged.values()} == {None}


def test_what_cites_nothing_is_not_judged(assistant):
    asked = refusable("b", "not_in_corpus", text="What is the capital of France?")
    made, requests = judged_by(completes("YES"), assistant, asked)
    assert {score.value for score in made.judged.values()} == {None}
    assert requests == []


def test_a_failing_endpoint_is_an_error_without_its_words(assistant):
    with pytest.raises(ModelError) as error:
        judged_by(status(401), assistant, question())
    assert "Traceback" not in str(error.value) and "Bearer" not in str(error.value)


# The command


@pytest.fixture
def asked_file(tmp_path: Path) -> Path:
    return write_questions(
        tmp_path,
        question("use", tags=()).as_json(),
        refusable("far", "not_in_corpus", text="Who won the football cup in Zanzibar?").as_json(),
    )


def command(settings: Settings, *words: object) -> int:
    given = ["eval", "--corpus", settings.corpus, "--store", settings.store, *words]
    return main([str(word) for word in given])


@pytest.fixture
def no_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_EMBEDDING", "none")


@pytest.mark.usefixtures("no_embedding")
def test_the_command_prints_figures_and_writes_what_it_needs_to_go_on(settings, asked_file, tmp_path, capsys, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "out"
    words = (
        "--questions",
        asked_file,
        "--out",
        out,
        "--prompt",
        "plain",
        "--prompt",
        "brief",
        "--baselines",
        "--judge",
    )
    assert command(settings, *words) == 0
    shown = capsys.readouterr()
    assert "All checks passed" in shown.out
    assert shown.out.count("llamaindex") == 2
    records = list(read_records(out))
    assert len(records) == 2 * 2 * len(VARIANTS)
    assert {checks.passed(r).value for r in records if r.configuration.variant == "citewell"} == {1.0}
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "Zanzibar" in report
    told = (shown.out + shown.err + caplog.text).lower()
    assert "lanolin cream" not in told and "zanzibar" not in told
    assert "nothing is judged" in shown.err and "Faithful" not in report
    assert not any(r.judged for r in records)
    before = (out / "results.jsonl").read_bytes()
    assert command(settings, *words) == 0
    assert capsys.readouterr().out == shown.out
    assert (out / "results.jsonl").read_bytes() == before
    assert (out / "report.html").read_text(encoding="utf-8") == report


@pytest.mark.usefixtures("no_embedding")
@pytest.mark.parametrize("opinion", ["no", "YES"])
def test_the_command_judges_sentences_by_words_and_with_a_second_opinion(
    settings, asked_file, tmp_path, capsys, monkeypatch, opinion
):
    reworded = PAIR | {"id": "b", "sentence": "Zibbled lanolin may heal.", "label": "supported", "kind": "paraphrase"}
    pairs = write_questions(tmp_path / "pairs", PAIR, reworded)
    given = ["--questions", asked_file, "--out", tmp_path / "out", "--pairs", pairs]
    with ModelServer(says(opinion)) as server:
        for name, value in {"MODEL": "judge", "SECOND_OPINION": "yes"}.items():
            monkeypatch.setenv(f"RAG_{name}", value)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert command(settings, *given) == 0
    shown = re.sub(r" +", " ", capsys.readouterr().out)
    assert "Sentence check by words with second opinion target" in shown
    assert "Corrupted sentences caught 100.0% of 1 100.0% of 1" in shown
    assert f"Faithful sentences passed 0.0% of 1 {100 * (opinion == 'YES'):.1f}% of 1" in shown
    assert "Zibbled" not in shown
    assert 'id="check"' in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_command_compares_two_runs(tmp_path, capsys):
    old, new = Results(tmp_path / "old"), Results(tmp_path / "new")
    old.finish([record(question("a", text="A secret?")), record(question("b"), "boundary")])
    new.finish([record(question("a", text="A secret?"), "not_in_corpus"), record(question("b"))])
    assert main(["eval", "--compare", str(tmp_path / "old"), str(tmp_path / "new")]) == 0
    shown = capsys.readouterr().out
    assert "2 questions in both runs" in shown
    assert "dev/a  answered -> not_in_corpus" in shown
    assert "dev/b  boundary -> answered" in shown
    assert "secret" not in shown


@pytest.mark.usefixtures("no_embedding")
def test_an_engine_that_is_not_there_is_told_once(settings, asked_file, tmp_path, capsys):
    assert command(settings, "--questions", asked_file, "--out", tmp_path / "out", "--engine", "model") == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "2 questions could not be asked" in shown.err


@pytest.mark.parametrize(
    "words",
    [
        ["--questions", "missing.jsonl"],
        ["--prompt", "nobody"],
        ["--compare", "missing", "missing"],
    ],
)
def test_words_that_are_off_give_2_and_one_line(settings, tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert command(settings, *words, "--out", tmp_path / "out") == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err


def test_two_files_of_one_name_would_be_mixed_up(settings, tmp_path, capsys):
    one = write_questions(tmp_path / "a", question().as_json())
    two = write_questions(tmp_path / "b", question().as_json())
    assert command(settings, "--questions", one, two, "--out", tmp_path / "out") == 2
    assert "rename" in capsys.readouterr().err
