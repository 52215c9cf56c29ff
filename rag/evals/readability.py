"""How hard a text is to read, by a published formula for each language. Scales differ: never mix them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rag.types import Language

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_STOP = re.compile(r"[.!?…:;]+(?=\s|$)|[。！？；]|\n+")
_VOWELS = {
    "en": re.compile(r"[aeiouy]+"),
    "fr": re.compile(r"[aàâäeéèêëiîïoôöuùûüyœæ]+"),
    "tr": re.compile(r"[aeıioöuüâîû]"),  # every Turkish vowel is a syllable
}

#: The hardest that still reads at grade 8. English: the grade itself. French: Kandel and Moles fitted Flesch's scale,
#: on which 60 and more is plain language, read at school grades 8 and 9. Turkish: Ateşman calls 70 and more easy.
#: Chinese: a bound of our own, and only characters of the first level of GB 2312-80, the 3,755 in common use.
GRADE_8: Mapping[Language, float] = {"en": 8, "fr": 60, "tr": 70, "zh": 25}
_EASIER_IS_MORE = ("fr", "tr")
_COMMON = range(0xB0, 0xD8)  # first byte of a character of that level

_MUTE = {"en": re.compile(r"[^aeiouyl]es?$"), "fr": re.compile(r"[^aeiouyé]es?$")}  # "table" has two in English


@dataclass(frozen=True, slots=True)
class Scale:
    """`measure` takes words (characters in Chinese) and syllables per text and its number of sentences."""

    name: str
    meaning: str
    measure: Callable[[int, int, int], float]


SCALES: Mapping[Language, Scale] = {
    "en": Scale(
        "Flesch-Kincaid grade (Kincaid et al. 1975)",
        "years of school; lower is easier",
        lambda words, syllables, sentences: 0.39 * words / sentences + 11.8 * syllables / words - 15.59,
    ),
    "fr": Scale(
        "Kandel-Moles ease (1958)",
        "0 to 100; higher is easier, 60 is plain",
        lambda words, syllables, sentences: 207 - 1.015 * words / sentences - 73.6 * syllables / words,
    ),
    "tr": Scale(
        "Ateşman ease (1997)",
        "0 to 100; higher is easier, 50 is medium",
        lambda words, syllables, sentences: 198.825 - 40.175 * syllables / words - 2.61 * words / sentences,
    ),
    "zh": Scale(
        "characters per sentence",
        "no formula is in common use; lower is easier",
        lambda characters, _, sentences: characters / sentences,
    ),
}


def reading_level(text: str, language: Language) -> float | None:
    """The text on its language's scale; None for a text without words."""
    sentences = [part for part in _STOP.split(text) if part and part.strip()]
    words = _HAN.findall(text) if language == "zh" else _WORD.findall(text)
    if not words or not sentences:
        return None
    syllables = 0 if language == "zh" else sum(_syllables(word.lower(), language) for word in words)
    return SCALES[language].measure(len(words), syllables, len(sentences))


def reads_at_grade_8(text: str, language: Language) -> bool:
    """Whether `text` is no harder than `GRADE_8`. The formulas were made for passages of about a hundred words: of a
    few words they say little, so that short texts are better measured together."""
    level = reading_level(text, language)
    if level is None:
        return True
    bound = GRADE_8[language]
    return level >= bound if language in _EASIER_IS_MORE else level <= bound and not rare_characters(text)


def rare_characters(text: str) -> str:
    """The Chinese characters of `text` that are not among the 3,755 in common use; simplified ones, that is."""
    return "".join(c for c in _HAN.findall(text) if c.encode("gb2312", "replace")[0] not in _COMMON)


def _syllables(word: str, language: Language) -> int:
    """Groups of vowels; a mute e at the end is none. An estimate, as in every program without a dictionary."""
    mute = _MUTE.get(language)
    return max(1, len(_VOWELS[language].findall(word)) - bool(mute and mute.search(word)))
