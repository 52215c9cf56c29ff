"""How common a word is in a language at large, and the words of unspaced Chinese.

Frequencies are those of wordfreq (Speer 2022, https://doi.org/10.5281/zenodo.7199437), its lists of the words that
occur at least once in a million.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache

from rag.language import HAN, fold
from rag.types import Language

_RUN_OF_HAN = re.compile(f"[{HAN}]+")
_RUN = re.compile(rf"[{HAN}]+|[^\s{HAN}]+")
_COMMONEST = 7.0  # on the Zipf scale: as common as "the"; a word that is not listed is below 3
_CLEARLY = 4  # times as common as another word
_RAREST = 1e-6  # what the lists begin with
_LONGEST = 4  # characters of a Chinese word
_UNLISTED = -8.0  # log10 of the frequency of a character that no list has


@cache
def _frequencies(language: Language) -> Mapping[str, float]:
    """Frequencies, 0 to 1, by folded word."""
    folded: dict[str, float] = {}
    for word, frequency in _typed(language).items():
        plain = fold(word)
        folded[plain] = max(frequency, folded.get(plain, 0.0))
    return folded


def _typed(language: Language) -> Mapping[str, float]:
    """Frequencies, 0 to 1, by word in lower case; kept by wordfreq."""
    from wordfreq import get_frequency_dict

    return get_frequency_dict(language, wordlist="small")


def is_common(word: str, language: Language) -> bool:
    """Whether people use the word at all: at least once in a million."""
    return fold(word) in _frequencies(language)


def is_another_word(word: str, accented: str, language: Language) -> bool:
    """Whether `word`, typed without accents, is a common word by itself and not `accented` with its accents left out:
    "bulan" is not "bülan", but "sure" is "süre". Both in lower case."""
    if word == accented:
        return False
    known = _typed(language)
    return known.get(word, 0.0) > _CLEARLY * known.get(accented, _RAREST)


def specificity(text: str, language: Language) -> float:
    """0 for words that are everywhere, 1 for a text with a word used less than once in a million."""
    runs = _RUN.findall(fold(text))
    words = (word for run in runs for word in (segment(run) if _RUN_OF_HAN.match(run) else (run,)))
    return max((_specificity(_frequencies(language).get(word)) for word in words), default=0.0)


def _specificity(frequency: float | None) -> float:
    return 1.0 if frequency is None else max(0.0, min(1.0, (_COMMONEST - 9 - math.log10(frequency)) / 4))


def segment(run: str) -> Iterator[str]:
    """The words of a run of Chinese characters: the likeliest way to cut it, each word by itself (unigram Viterbi)."""
    known = _frequencies("zh")
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(run) + 1):
        starts = range(max(0, end - _LONGEST), end)
        ways = ((best[s][0] + _likelihood(run[s:end], known), s) for s in starts)
        best.append(max(ways))
    cuts = [len(run)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    return (run[start:end] for end, start in zip(cuts[-2::-1], cuts[:0:-1], strict=True))


def _likelihood(word: str, known: Mapping[str, float]) -> float:
    if word in known:
        return math.log10(known[word])
    return _UNLISTED if len(word) == 1 else -math.inf
