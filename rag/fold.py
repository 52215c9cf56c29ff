"""One spelling to match all spellings by, and the two ways to write Chinese.

`fold` is for matching only: its result is never shown. `repair` is for showing: it mends what a copying
machine broke and changes neither script nor wording.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC

HAN = "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_TONES = "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿăĕĭŏŭĀÁǍÀĒÉĚÈŌÓǑÒ"
# Begins with a plain character set, looks behind after it: the scan stays fast where no bracket follows Han.
_MENDS = re.compile(
    rf"[(（](?<=[{HAN}][(（])"
    rf"(?:(?i:[a-zü]{{0,4}})(?:[{_TONES}]|[aeiouü][\u0300\u0301\u0304\u030c])(?i:[a-zü]{{0,3}})[)）])"
    r"|&(?:(?i:amp|#38|#x26);)*(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"
)
_UNITS = re.compile(r"(?<![a-z])[cdkm]?m[²³]|[a-z][₀-₉]+")
_RAISED = "²³₀₁₂₃₄₅₆₇₈₉"
_UNIT_DIGITS = str.maketrans(_RAISED, "230123456789")

#: Characters whose fold Unicode's compatibility mapping does not give, or gives wrongly for matching words.
_SPECIAL = {
    **dict.fromkeys("’‘ʼʹ′＇`´‛", "'"),
    **dict.fromkeys("‐‑‒–−﹣－", "-"),
    **dict.fromkeys("™®©℠", ""),
    **dict.fromkeys("&＆﹠", " "),  # so that folding twice never finds an entity that folding once made
    **dict(zip("ıİøØłŁ", "iiooll", strict=True)),
    **dict(zip("œŒæÆ", ("oe", "oe", "ae", "ae"), strict=True)),
    # Variants that OpenCC leaves alone or changes by phrase only, so that both spellings of a word meet.
    **dict(zip("著妳牠甦佈証綫纔喫甚痺睪谘瞭覆藉像痲葯", "着你它苏布证线才吃什痹睾咨了复借象麻药", strict=True)),
}
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
# OpenCC takes "and for" for "merged into".
_AND_FOR = re.compile("(?<![合歸归吞兼裁一])併為")
_IS_HAN = re.compile(f"[{HAN}]")


@cache
def _opencc(name: str) -> OpenCC:
    from opencc import OpenCC

    return OpenCC(name)


def _fold_once(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    kind = unicodedata.category(char)
    if kind in ("Cf", "Cs") or _ACCENTS.match(char):
        return ""
    plain = unicodedata.normalize("NFKC", char)
    # "10²" is not 102 and "2½" not 21/2: only a true digit may become an ASCII digit.
    if kind != "Nd" and any(c.isdecimal() for c in plain):
        return char
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", plain.casefold())))
    return _opencc("t2s").convert(plain) if _IS_HAN.match(plain) else plain


class _FoldTable(dict[int, str]):
    """`str.translate` table that learns each character at its first use."""

    def __missing__(self, code: int) -> str:
        folded, before = _fold_once(chr(code)), chr(code)
        while folded != before:
            folded, before = "".join(map(_fold_once, folded)), folded
        self[code] = folded
        return folded


@cache
def _table() -> _FoldTable:
    return _FoldTable()


def _mend(match: re.Match[str]) -> str:
    return html.unescape(f"&{match[1]};") if match[1] else ""


def repair(text: str) -> str:
    """`text` with stray pinyin (`穩(wěn)定`) and HTML entities mended; everything else as it was."""
    return _MENDS.sub(_mend, text)


def _fold_characters(text: str) -> str:
    folded = text.translate(_table())
    # Twelve scans for a character cost far less than one for a pattern.
    if not any(mark in folded for mark in _RAISED):
        return folded
    return _UNITS.sub(lambda m: m[0].translate(_UNIT_DIGITS), folded)


def fold(text: str) -> str:
    """`text` in the one spelling that matching compares: lower case, half width, no accents, one i, one
    apostrophe, simplified characters, no stray pinyin, no entities, no format characters. Folding twice
    changes nothing. The length may change; `align` keeps track."""
    if text.isascii() and "&" not in text:
        return text.lower()
    return _fold_characters(repair(text))


def align(text: str) -> tuple[str, Sequence[int]]:
    """`fold(text)` and, for each of its characters, where it comes from in `text`; one more entry, the
    length of `text`, closes the list: the folded span [a, b) comes from [at[a], at[b])."""
    table = _table()
    mends = list(_MENDS.finditer(text))
    if not mends and all(len(table[ord(c)]) == 1 for c in set(text)):
        return _fold_characters(text), range(len(text) + 1)
    at: list[int] = []
    done = 0
    for mend in mends:
        at += _origins(text, done, mend.start())
        at += [mend.start()] * sum(len(table[ord(c)]) for c in _mend(mend))
        done = mend.end()
    at += _origins(text, done, len(text))
    return fold(text), [*at, len(text)]


def _origins(text: str, start: int, end: int) -> Iterator[int]:
    table = _table()
    for i in range(start, end):
        yield from (i,) * len(table[ord(text[i])])


def to_simplified(text: str) -> str:
    """Simplified characters; words stay the same."""
    return _opencc("t2s").convert(text)


def to_traditional(text: str) -> str:
    """Traditional characters as Taiwan writes them; words stay the same. Traditional text is left alone."""
    return text if is_traditional(text) else _AND_FOR.sub("並為", _opencc("s2tw").convert(text))


def is_traditional(text: str) -> bool:
    """Whether more of the Chinese characters are written only traditionally than only simplified."""
    han = "".join(_IS_HAN.findall(text))
    if not han:
        return False
    traditional = sum(a != b for a, b in zip(han, _by_character("t2s", han), strict=True))
    simplified = sum(a != b for a, b in zip(han, _by_character("s2t", han), strict=True))
    return traditional > simplified


def _by_character(name: str, han: str) -> str:
    # Single characters: a phrase may change its length, and a mixed text must count on both sides.
    table = {c: _opencc(name).convert(c) for c in set(han)}
    return "".join(table[c] for c in han)
