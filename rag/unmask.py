"""What a question says once its disguises are off: for matching by the guard, never shown.

Look-alike letters, letters set apart (`k i l l`), digits for letters (`k1ll`), drawn-out letters and typing
errors in words that matter are put back; base64, hexadecimal digits and rot13 are read where they turn into writing;
punctuation is reduced to where clauses end.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from rag.language import fold
from rag.patterns import Pattern

#: Lower-case letters of other alphabets that look Latin (Unicode's confusables, the common ones), after folding.
_LOOKALIKES = {
    ord(other): latin
    for latin, others in {
        "a": "аαɑᴀ", "b": "вьβʙ", "c": "сϲᴄ", "d": "ԁᴅ", "e": "еεєᴇ", "f": "ғ", "g": "ɡɢ", "h": "нһʜ", "i": "іιɩɪ",
        "j": "јᴊ", "k": "кκᴋ", "l": "ӏʟ", "m": "мᴍ", "n": "пηɴ", "o": "оοσᴏ", "p": "рρᴘ", "q": "ԛ", "r": "гʀ",
        "s": "ѕꜱ", "t": "тτᴛ", "u": "υᴜ", "v": "νѵᴠ", "w": "ԝωᴡ", "x": "хχ", "y": "уγʏ", "z": "ᴢ",
    }.items()
    for other in others
}  # fmt: skip
_LEET = str.maketrans("013457@$!", "oieastasi")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_APART = re.compile(r"(?<![^\W_])[a-z](?:[ ._*|/-]{1,3}[a-z]){3,400}(?![^\W_])")
_HAN_APART = re.compile(rf"(?<=[{_HAN}])[ ._*|/~·-]{{1,3}}(?=[{_HAN}])")
_DRAWN = re.compile(r"([a-hj-z])\1{2,400}")
_TOKEN = re.compile(r"[a-z0-9@$!]{4,24}")
_ENDS = re.compile(r"(?:[?!;\n\r。]|[.:](?!\d)){1,99}")
_OTHER = re.compile(r"[^\w.]|_|(?<!\d)\.|\.(?!\d)")

_CODED = 8_000  # characters of a message that are looked through for a code
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{16,6000}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[ :]?){12,3000}(?![0-9A-Za-z])")
_WORD = re.compile(r"[a-z]+")
#: Words of every other English sentence: a text that has some of them only after a shift by 13 letters was shifted.
_COMMON = frozenset({
    *("the", "and", "you", "your", "all", "any", "to", "of", "is", "are", "was", "me", "my", "not", "no", "do", "in"),
    *("it", "for", "that", "this", "with", "have", "want", "what", "how", "should", "tell", "take", "stop", "ignore"),
    *("rules", "instructions", "kill", "myself"),
})  # fmt: skip
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause in folded words, single spaces between them; `is_asked` when a question mark ended it."""

    text: str
    is_asked: bool


def decoded(text: str) -> str:
    """`text` with what it holds in a code written out."""
    if len(text) > _CODED:
        return text
    text = _HEX.sub(lambda match: _written(match[0], _from_hex), text)
    text = _BASE64.sub(lambda match: _written(match[0], _from_base64), text)
    shifted = codecs.encode(text, "rot13")
    return shifted if _common(shifted) >= max(_ENOUGH, 2 * _common(text)) else text


def _written(code: str, read: Callable[[str], bytes]) -> str:
    """What `code` says where that is writing, with spaces around it; else `code`."""
    try:
        said = read(code).decode("utf-8")
    except (ValueError, binascii.Error):
        return code
    plain = sum(char.isalpha() or char.isspace() for char in said)
    return f" {said} " if " ".join(said.split()).isprintable() and plain >= 0.8 * len(said) else code


def _from_hex(code: str) -> bytes:
    return bytes.fromhex(code.replace(":", " "))


def _from_base64(code: str) -> bytes:
    return base64.b64decode(code.rstrip("=") + "=" * (-len(code.rstrip("=")) % 4), validate=True)


def _common(text: str) -> int:
    return len(_COMMON & set(_WORD.findall(text.lower())))


def unmask(text: str, keys: Collection[str] = (), real: Collection[str] = ()) -> str:
    """`text` folded, with disguises taken off. `keys` are the words worth mending, `real` the words that only
    look like one of them; both folded. Work grows with the length of `text`: cut it first."""
    folded = fold(decoded(text)).translate(_LOOKALIKES)
    folded = _APART.sub(lambda m: _together(m[0], keys), folded)
    folded = _DRAWN.sub(r"\1", _HAN_APART.sub("", folded))
    return _TOKEN.sub(lambda m: _mend(m[0], keys, real), folded) if keys else folded


def clauses(text: str, breaks: Pattern) -> tuple[Clause, ...]:
    """The clauses of unmasked `text`: cut at sentence marks and line ends, and before `breaks` (but, now)."""
    found = []
    start = 0
    for end in [*_ENDS.finditer(text), None]:
        piece = text[start : end.start() if end else len(text)]
        mark = end[0] if end else ""
        parts = [" ".join(_OTHER.sub(" ", part).split()) for part in breaks.split(piece)]
        parts = [part for part in parts if part]
        found += [Clause(part, is_last and "?" in mark) for part, is_last in _with_last(parts)]
        start = end.end() if end else len(text)
    return tuple(found)


def _with_last(parts: list[str]) -> list[tuple[str, bool]]:
    return [(part, number == len(parts) - 1) for number, part in enumerate(parts)]


def _together(run: str, keys: Collection[str]) -> str:
    """Letters set apart, as words: wider gaps part words; without any, known words do."""
    words = [re.sub(r"[^a-z]", "", word) for word in re.split(r"[ ]{2,3}", run)]
    return " ".join(words) if len(words) > 1 else _segment(words[0], keys)


def _segment(letters: str, keys: Collection[str]) -> str:
    """`letters` cut greedily into the longest known words, so that `killmyself` reads `kill myself`."""
    words, at = [""], 0
    while at < len(letters):
        size = next((n for n in range(min(14, len(letters) - at), 2, -1) if letters[at : at + n] in keys), 0)
        if size:
            words += [letters[at : at + size], ""]
        else:
            words[-1] += letters[at]
        at += size or 1
    return " ".join(word for word in words if word)


def _mend(token: str, keys: Collection[str], real: Collection[str]) -> str:
    if token in keys or token in real or token.isdigit():
        return token
    letters = token if token.isalpha() else token.translate(_LEET).strip("!")
    if letters in keys:
        return letters
    return (_nearest(letters, keys) or token) if token.isalpha() else token


def _nearest(token: str, keys: Collection[str]) -> str | None:
    """The key one slip away (two in words of nine letters and more) that starts with the same letter. A longer
    word is no slip: it is the key with an ending."""
    from rapidfuzz import process
    from rapidfuzz.distance import DamerauLevenshtein

    near = [key for key in keys if key[0] == token[0]]
    swapped = [key for key in near if len(key) == len(token) and _is_swap(key, token)]
    near = [key for key in near if len(key) > 4]
    if swapped or len(token) < 5 or any(token.startswith(key) for key in near):
        return swapped[0] if swapped else None
    slips = 2 if len(token) >= 9 else 1
    found = process.extractOne(token, near, scorer=DamerauLevenshtein.distance, score_cutoff=slips)
    return found[0] if found else None


def _is_swap(key: str, token: str) -> bool:
    """Whether two neighbouring letters of `key` changed places: the one slip that is safe to mend in short words."""
    at = [i for i, (a, b) in enumerate(zip(key, token, strict=True)) if a != b]
    return len(at) == 2 and at[1] - at[0] == 1 and key[at[0]] == token[at[1]] and key[at[1]] == token[at[0]]
