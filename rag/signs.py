"""What tells a language: its script, its letters, its function words, and the names of things in the vocabulary."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rag.fold import HAN, fold
from rag.types import LANGUAGES, Language
from rag.vocabulary import COLUMNS, read_rows

DATA = Path(__file__).parent / "data"
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
#: ISO 639-2 for a language that is not known: it is not one of ours, that its script tells.
UNKNOWN = "und"
HAN_CHARACTER = re.compile(f"[{HAN}]")
#: Characters that Japan simplified its own way: Chinese in neither form.
_JAPANESE_HAN = re.compile(
    "[薬発検効剤変経続総験図転脳歳対応価悪圧円塩絵覚気帰拠継軽権県険顕広済雑児実釈収従処焼剰専戦"
    "銭臓帯択単団弾遅聴鉄伝徳読売髪抜払辺豊訳様頼覧両緑歴労働込]"
)
_SCRIPTS: tuple[tuple[str, Language, re.Pattern[str]], ...] = (
    ("ja", "zh", re.compile("[\u3041-\u30fa\u30fc-\u30ff\uff66-\uff9f]")),
    ("ko", "en", re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("ru", "en", re.compile("[\u0400-\u052f]")),
    ("ar", "en", re.compile("[\u0620-\u065f\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]")),
    ("el", "en", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("he", "en", re.compile("[\u0590-\u05ff]")),
    ("hi", "en", re.compile("[\u0900-\u097f]")),
    ("th", "en", re.compile("[\u0e00-\u0e7f]")),
    ("ka", "en", re.compile("[\u10a0-\u10ff]")),
    ("hy", "en", re.compile("[\u0530-\u058f]")),
    ("bn", "en", re.compile("[\u0980-\u09ff]")),
    ("ta", "en", re.compile("[\u0b80-\u0bff]")),
)
#: A language of another script is the text's when it holds at least this share of the letters.
_SCRIPT_SHARE = 0.4
_APOSTROPHES = 4  # of one word at most: a line of nothing else is none
#: How names of characters begin in Unicode; signs like the micro sign are in no script.
_OUR_SCRIPTS = ("LATIN", "CJK", "MICRO", "FEMININE", "MASCULINE", "MODIFIER", "SCRIPT", "DOUBLE-STRUCK", "FULLWIDTH")
_KANA_SHARE = 0.15  # Japanese mixes kana into Han
#: Turkish endings, enough to see that an unknown word is a known one with endings on it (folded).
_TURKISH_END = re.compile(
    r"(?:y|n|s)?(?:[aeiou]|[dt][aeiou]n?|l[ae]r|n[iu]n|[iu]m|[iu]n|[iu]z|d[iu]r|ki|l[iu]k?|s[iu]z)+"
)


@dataclass(frozen=True, slots=True)
class Tables:
    """The nearest of our languages to each language, those in Latin letters, and the languages, with weights, that a
    letter or a folded word tells of."""

    nearest: Mapping[str, Language]
    latin: tuple[str, ...]
    letters: Mapping[str, tuple[tuple[str, float], ...]]
    words: Mapping[str, tuple[tuple[str, float], ...]]


@cache
def stopwords(language: Language) -> frozenset[str]:
    """The function words of a language, folded."""
    lines = (DATA / language / "stopwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(fold(word) for line in lines if not line.startswith("#") for word in line.split())


def by_script(text: str) -> str | None:
    """The language whose script most of the letters are in, `UNKNOWN` for a script that nobody here writes; None for
    Latin letters and for Chinese."""
    if text.isascii():
        return None
    letters = sum(c.isalpha() for c in text)
    for code, _, script in _SCRIPTS:
        count = len(script.findall(text))
        if count > (_KANA_SHARE if code == "ja" else _SCRIPT_SHARE) * letters:
            return code
    if sum(_is_strange(char) for char in text) > _SCRIPT_SHARE * letters:
        return UNKNOWN
    han = HAN_CHARACTER.findall(text)
    return "ja" if len(_JAPANESE_HAN.findall(text)) * 12 > len(han) > 0 else None


def _is_strange(char: str) -> bool:
    return not char.isascii() and char.isalpha() and not unicodedata.name(char, "LATIN").startswith(_OUR_SCRIPTS)


def evidence(word: str, words: Mapping[str, tuple[tuple[str, float], ...]]) -> Iterable[tuple[str, float]]:
    """How much a folded word speaks for each language that has it."""
    if word in words:
        return words[word]
    head, apostrophe, tail = word.partition("'")
    if apostrophe and tail.count("'") < _APOSTROPHES:
        return (*words.get(head + "'", ()), *evidence(tail, words), *(words.get(head, ()) if len(head) > 2 else ()))
    for cut in range(len(word) - 1, max(3, len(word) - 9), -1):
        owners = words.get(word[:cut], ())
        if any(language == "tr" for language, _ in owners) and _TURKISH_END.fullmatch(word, cut):
            return (("tr", 0.7),)
    return ()


@cache
def tables() -> Tables:
    """Of `data/languages.tsv`, the stop words, and the vocabulary."""
    with (DATA / "languages.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    letters, words = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in rows:
        code, own = row["language"], {fold(word) for word in row["words"].split()}
        own |= stopwords(code) if code in LANGUAGES else frozenset()  # type: ignore[arg-type]
        for char in {c for c in row["letters"] + row["letters"].upper() if not c.isascii()}:
            letters[char].add(code)
        for word in own:
            words[word].add(code)
    for code, word in _vocabulary():
        words[word].add(code)
    nearest: dict[str, Language] = {UNKNOWN: "en"} | {code: near for code, near, _ in _SCRIPTS}
    nearest |= {row["language"]: row["nearest"] for row in rows}  # type: ignore[misc]
    latin = tuple(row["language"] for row in rows if row["language"] != "zh")
    return Tables(nearest, latin, _weigh(letters), _weigh(words))


def _vocabulary() -> Iterable[tuple[Language, str]]:
    """The words of our names. Han needs none; two small letters are a unit, two capitals an abbreviation."""
    rows = list(read_rows())
    for language in ("en", "fr", "tr"):
        column = COLUMNS.index(language)
        words = WORD.findall("\n".join(row.folded_cells[column] for row in rows))
        names = "|".join(row.cells[column] for row in rows).split("|")
        short = (fold(name) for name in names if len(name) == 2 and name.isupper())
        yield from ((language, word) for word in {*(w for w in words if len(w) > 2), *short})


def _weigh(owners: Mapping[str, set[str]]) -> dict[str, tuple[tuple[str, float], ...]]:
    return {sign: _weights(frozenset(languages)) for sign, languages in owners.items()}


@cache
def _weights(languages: frozenset[str]) -> tuple[tuple[str, float], ...]:
    """What a sign of `languages` counts for each: less when they are several; people here mostly write one of
    ours, so a foreign language takes half of what one of ours takes."""
    ours = len(languages & set(LANGUAGES))
    own, foreign = 1 / (ours + (len(languages) - ours) / 2), 1 / len(languages)
    return tuple((code, own if code in LANGUAGES else foreign) for code in sorted(languages))
