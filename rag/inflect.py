"""Endings of folded words: enough to see that two forms are one word, not a stemmer.

English and French words are cut to a stem on both sides. Turkish chains its endings, so a word of the text is
taken apart into the words it may be a form of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from rag.fold import fold
from rag.types import Language

_ENGLISH = (("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ies", "y"))
_ENGLISH_KEPT = ("ss", "us", "is", "os")
_FRENCH_ADJECTIVES = (("euse", "eux"), ("ive", "if"), ("elle", "el"), ("enne", "en"), ("iere", "ier"), ("ee", "e"))

#: Folded Turkish nouns that lose a vowel before an ending that begins with one: göğüs, göğsü.
_DROPPED = {
    "gogs": "gogus", "karn": "karin", "beyn": "beyin", "boyn": "boyun", "burn": "burun", "agz": "agiz",
    "aln": "alin", "omz": "omuz", "bagr": "bagir", "ogl": "ogul", "nabz": "nabiz", "hacm": "hacim", "izn": "izin",
    "sekl": "sekil", "vakt": "vakit", "zihn": "zihin", "fikr": "fikir", "emr": "emir", "omr": "omur", "resm": "resim",
    "nakl": "nakil", "kayb": "kayip", "kism": "kisim", "akl": "akil", "sehr": "sehir", "cism": "cisim", "asl": "asil",
}  # fmt: skip
_CIRCUMFLEX = {"a": "â", "i": "î", "u": "û"}
_SOFTENED = {"g": "k", "d": "t", "b": "p"}
_POSSESSIVE = r"(?:s?[iu]|[iu]?m(?:[iu]z)?|[iu]?n(?:[iu]z)?|l[ae]r[iu])"
_CASE = r"(?:[yn]?[iu]|[yn]?[ae]|n?[dt][ae]n?|n?[iu]n|y?l[ae]|n?c[ae])"
_PERSON = r"(?:m|n|k|n[iu]z|l[ae]r)"
_COPULA = rf"(?:[dt][iu]r(?:l[ae]r)?|y?(?:[dt][iu]|s[ae]){_PERSON}?|y?m[iu]s|y[iu][mz]|s[iu]n(?:[iu]z)?)"
_ENDING = re.compile(
    rf"(?:l[iu][kg]?|s[iu]z|c[iu]|s[ae]l)?(?:l[ae]r)?{_POSSESSIVE}?{_CASE}?(?:ki(?:l[ae]r)?{_CASE}?)?{_COPULA}?"
)
_COMPOUND = re.compile(r"(?<=[aeiou])s[iu]$|(?<=[^aeiou])[iu]$")
_SHORTEST = 3
_LONGEST_ENDING = 14


def english_stem(word: str) -> str:
    """`word` without a plural ending."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(_ENGLISH_KEPT):
        return word
    for ending, instead in _ENGLISH:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    return word[:-1]


def french_stem(word: str) -> str:
    """`word` in the masculine singular. Short words keep their e: "foie" is not "foi",
    "toux" not "tous"."""
    if len(word) > 4 and word.endswith("aux"):
        return word[:-3] + "al"
    if len(word) > (3 if word[-1] == "s" else 4) and word[-1] in "sx" and not word.endswith(("eux", "ss")):
        word = word[:-1]
    for ending, instead in _FRENCH_ADJECTIVES:
        if len(word) > len(ending) + 2 and word.endswith(ending):
            return word[: -len(ending)] + instead
    return word[:-1] if len(word) > 5 and word.endswith("e") else word


def same(word: str) -> str:
    return word


STEM: dict[Language, Callable[[str], str]] = {"en": english_stem, "fr": french_stem, "zh": same, "tr": same}


def turkish_bases(word: str) -> tuple[str, ...]:
    """`word` and the words it may be a form of, longest first; endings in folded letters."""
    return tuple(dict.fromkeys(_bases(word)))


def _bases(word: str) -> Iterator[str]:
    yield word
    for cut in range(len(word) - 1, max(_SHORTEST, len(word) - _LONGEST_ENDING) - 1, -1):
        base, ending = word[:cut], word[cut:]
        if not _ENDING.fullmatch(ending) or _disagree(base, ending):
            continue
        yield base
        if ending[0] in "aeiu":
            if base[-1] in _SOFTENED:
                yield base[:-1] + _SOFTENED[base[-1]]
            if base in _DROPPED:
                yield _DROPPED[base]


def _disagree(base: str, ending: str) -> bool:
    """Whether vowel harmony forbids `ending`. Loanwords break it after longer bases (kontrole)."""
    if "a" in ending and "e" in ending:
        return True
    last = next((c for c in reversed(base) if c in "aeiou"), "")
    return len(base) == _SHORTEST and {"a": "e", "e": "a"}.get(last, "-") in ending


def _english_keys(word: str) -> tuple[str, ...]:
    return (english_stem(word),)


def _french_keys(word: str) -> tuple[str, ...]:
    return (french_stem(word),)


#: Up to this length another accent makes another word: longer words are misspelt, not meant otherwise.
_TELLING = 5


def accents_agree(word: str, name: str) -> bool:
    """Whether `word`, as written in a text, may be a form of the one-word `name`. Accents may be left out, but
    "işin" is no form of "ışın", nor "côté" of "côte"."""
    if word.isascii():
        return True
    pairs = zip(_composed(word), _composed(name), strict=False)
    return len(name) > _TELLING or not any(one != other and _clash(one, other) for one, other in pairs)


def accented(word: str, name: str) -> str:
    """`word`, typed without accents, with those of the one-word `name` that it may be a form of; in lower case."""
    pairs = zip(word.lower(), name, strict=False)
    start = "".join(other if one != other and fold(one) == fold(other) else one for one, other in pairs)
    return start + word.lower()[len(start) :]


def _composed(word: str) -> str:
    return unicodedata.normalize("NFC", word).replace("İ", "i").replace("œ", "oe").replace("Œ", "oe")


def _clash(one: str, other: str) -> bool:
    """Whether two characters are one letter with different accents. A capital may leave its accent out and any
    writer a circumflex; è comes and goes with the ending (complet, complète)."""
    if (one.isascii() and one.isupper()) or "è" in (one, other) or _CIRCUMFLEX.get(one) == other:
        return False
    return one.lower() != other and fold(one) == fold(other)


#: What a word of a text may stand under among names that were cut to stems with `STEM`.
KEYS: dict[Language, Callable[[str], tuple[str, ...]]] = {
    "en": _english_keys,
    "fr": _french_keys,
    "zh": lambda word: (word,),
    "tr": turkish_bases,
}


def turkish_forms(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A name, and a compound name without its possessive ending: "ışın tedavi(si)" also begins "ışın tedavileri"."""
    yield words
    if len(words) > 1 and len(words[-1]) > 4 and _COMPOUND.search(words[-1]):
        yield (*words[:-1], _COMPOUND.sub("", words[-1]))
