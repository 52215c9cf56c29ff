"""The question files: their form, that evidence stands in its source, that test questions stay unseen."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from opencc import OpenCC

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
FILES = {"dev": 200, "test": 240}
#: More development questions: in lay words and near misses; and by writers who had not seen the program.
MORE = ("lay", "blind", "near", "across", "near_second", "near_third", "across_second", "mixed")
LATER = "later"  # more test questions: lay words, near misses, each pair of languages
#: By writers who had not seen the program; totals only.
HELD = ("near_second_held", "last", "final")
LANGUAGES = ("en", "fr", "zh", "tr")
OUTCOMES = ("answered", "boundary", "declined", "not_in_corpus", "emergency", "about")
CITED = {"answered", "boundary"}
KEYS = {"id", "lang", "question", "history", "outcome", "sources", "evidence", "tags"}
SHARES = {
    "answered": (0.50, 0.60),
    "boundary": (0.10, 0.14),
    "declined": (0.04, 0.07),
    "not_in_corpus": (0.14, 0.18),
    "emergency": (0.06, 0.10),
    "about": (0.03, 0.05),
}
HAN = re.compile("[\u3400-\u9fff]")
WORD = re.compile(r"\w+(?:'\w+)*")
FRENCH = "003_6eb9180543203b31.txt"
PAIRS = {(asked, held) for asked in LANGUAGES for held in ("en", "fr", "zh")}

in_each_file = pytest.mark.parametrize("name", FILES)
in_every_file = pytest.mark.parametrize("name", [*FILES, *MORE, LATER, *HELD])


@cache
def rows(name: str) -> list[Row]:
    lines = (ROOT / "tests" / "questions" / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@cache
def source(name: str) -> str:
    return squeeze((ROOT / "seeds" / name).read_bytes().decode("utf-8"))


def squeeze(text: str) -> str:
    return " ".join(text.split())


@cache
def simplifier() -> OpenCC:
    return OpenCC("t2s")


def folded(text: str) -> str:
    return str(simplifier().convert(unicodedata.normalize("NFKC", text).casefold())).replace("’", "'")


def plain(text: str) -> str:
    return " ".join(WORD.findall(folded(text)))


def runs(text: str) -> set[str]:
    """Every run of five words and of ten Chinese characters."""
    text = folded(text)
    words = WORD.findall(HAN.sub(" ", text))
    han = "".join(HAN.findall(text))
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)} | {han[i : i + 10] for i in range(len(han) - 9)}


def row_runs(row: Row) -> set[str]:
    return set().union(*(runs(text) for text in (row["question"], *(turn["content"] for turn in row["history"]))))


def shingles(text: str) -> set[str]:
    text, size = plain(text), 2 if HAN.search(text) else 4
    return {text[i : i + size] for i in range(len(text) - size + 1)}


def held_language(evidence: str) -> str:
    """002 holds its abstract in English and in Chinese, so the file alone does not say the language."""
    if HAN.search(evidence):
        return "zh"
    return "fr" if squeeze(evidence) in source(FRENCH) else "en"


@in_every_file
def test_every_line_has_the_form(name: str) -> None:
    for row in rows(name):
        assert set(row) == KEYS, row["id"]
        assert re.fullmatch(rf"{name}-(en|fr|zh|tr)-\d{{3}}", row["id"]) and row["id"].split("-")[1] == row["lang"]
        assert row["question"] == row["question"].strip() != "", row["id"]
        assert row["outcome"] and set(row["outcome"]) <= set(OUTCOMES), row["id"]
        assert row["tags"] and all(isinstance(tag, str) and tag for tag in row["tags"]), row["id"]


@in_every_file
def test_history_is_turns_that_end_with_the_assistant(name: str) -> None:
    for row in rows(name):
        roles = [turn["role"] for turn in row["history"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2), row["id"]
        assert all(set(turn) == {"role", "content"} and turn["content"].strip() for turn in row["history"]), row["id"]
        assert bool(roles) == ("follow_up" in row["tags"]), row["id"]


def test_ids_and_questions_are_unique() -> None:
    every = [row for name in (*FILES, *MORE, LATER) for row in rows(name)]
    assert not [key for key, n in Counter(row["id"] for row in every).items() if n > 1]
    asked = Counter(plain(" ".join([*(t["content"] for t in row["history"]), row["question"]])) for row in every)
    assert not [key for key, n in asked.items() if n > 1]


@in_every_file
def test_evidence_stands_in_its_sources(name: str) -> None:
    for row in rows(name):
        assert all((ROOT / "seeds" / file).is_file() for file in row["sources"]), row["id"]
        texts = [source(file) for file in row["sources"]]
        for evidence in row["evidence"]:
            assert any(squeeze(evidence) in text for text in texts), (row["id"], evidence)
        for text, file in zip(texts, row["sources"], strict=True):
            assert any(squeeze(evidence) in text for evidence in row["evidence"]), (row["id"], file)


@in_every_file
def test_evidence_is_given_exactly_where_an_answer_cites(name: str) -> None:
    for row in rows(name):
        cited = bool(CITED & set(row["outcome"]))
        if (
            name not in ("last", "final") or "answered" in row["outcome"]
        ):  # what is cited beside a refusal to advise is open there
            assert bool(row["sources"]) == bool(row["evidence"]) == cited, row["id"]
        assert len(set(row["evidence"])) == len(row["evidence"]) and len(set(row["sources"])) == len(row["sources"])


@in_each_file
def test_amounts(name: str) -> None:
    total = len(rows(name))
    assert total >= FILES[name]
    languages = Counter(row["lang"] for row in rows(name))
    assert all(0.22 <= languages[lang] / total <= 0.28 for lang in LANGUAGES), languages
    outcomes = Counter(row["outcome"][0] for row in rows(name))
    shares = {outcome: outcomes[outcome] / total for outcome in OUTCOMES}
    assert all(low <= shares[outcome] <= high for outcome, (low, high) in SHARES.items()), shares
    both = {(row["lang"], row["outcome"][0]) for row in rows(name)}
    assert both == {(lang, outcome) for lang in LANGUAGES for outcome in OUTCOMES}
    assert sum(bool(row["history"]) for row in rows(name)) >= 24
    assert sum("traditional" in row["tags"] for row in rows(name)) >= 10


@in_each_file
def test_every_document_and_every_pair_of_languages(name: str) -> None:
    corpus = {path.name for path in (ROOT / "seeds").glob("0*.txt")}
    files = Counter(file for row in rows(name) for file in row["sources"])
    assert set(files) == corpus and min(files.values()) >= 20, files
    pairs: Counter[tuple[str, str]] = Counter()
    for row in rows(name):
        pairs.update({(row["lang"], held_language(text)) for text in row["evidence"]})
    assert set(pairs) == PAIRS and min(pairs.values()) >= 8, pairs


def developed() -> list[Row]:
    return [row for name in ("dev", *MORE) for row in rows(name)]


def withheld() -> list[Row]:
    return [*rows("test"), *rows(LATER)]


def test_no_question_of_the_tests_is_a_line_of_the_expansions() -> None:
    rows_of = (json.loads(line) for path in (ROOT / "seeds" / "expansions").glob("*.jsonl") for line in path.open("rb"))
    groups = [row.get("gaps", row) for row in rows_of]
    lines = {plain(line) for group in groups for language in LANGUAGES for line in group.get(language, ())}
    asked = [row for row in (*withheld(), *(row for name in HELD for row in rows(name))) if not row["history"]]
    assert len(lines) > 4000 and len(asked) > 800
    assert not [row["id"] for row in asked if plain(row["question"]) in lines]


def test_development_and_test_questions_share_no_run_of_words() -> None:
    seen = {run: row["id"] for row in developed() for run in row_runs(row)}
    shared = [(row["id"], seen[run], run) for row in withheld() for run in row_runs(row) if run in seen]
    assert not shared, shared


def test_no_test_question_is_a_light_rewording() -> None:
    known = [(row["id"], row["lang"], shingles(row["question"])) for row in developed()]
    for row in withheld():
        mine = shingles(row["question"])
        close = [key for key, lang, other in known if lang == row["lang"] and len(mine & other) > len(mine | other) / 2]
        assert not close, (row["id"], close)


def test_no_test_question_stands_in_the_package() -> None:
    """One or two words ("hello") are a term that any list of terms may hold; longer texts would have been copied."""
    asked = {row["id"]: plain(row["question"]) for row in withheld()}
    long = {key: text for key, text in asked.items() if len(text.split()) >= 3 or len(HAN.findall(text)) >= 6}
    found = [(key, path) for path, text in package_texts() for key, question in long.items() if question in text]
    assert not found, found


def package_texts() -> list[tuple[str, str]]:
    texts = []
    for path in sorted((ROOT / "rag").rglob("*")):
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        try:
            texts.append((str(path.relative_to(ROOT)), plain(path.read_text("utf-8"))))
        except UnicodeDecodeError:
            continue
    return texts
