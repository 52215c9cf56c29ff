"""Text that costs more than it says: what rendering, matching or counting may stumble over, at any length."""

from __future__ import annotations

#: A beginning, what is repeated, and an end, by name.
_PARTS = {
    "accents on one letter": ("a", "\u0301", ""),
    "many accents": ("", "e\u0301\u0323\u0302\u0308\u20dd", ""),
    "from right to left": ("", "\u202e", ""),
    "words from right to left": ("", "\u202eabc\u202c ", ""),
    "isolates": ("", "\u2067", "\u2069"),
    "nothing to see": ("x", "\u200b\u2060\ufeff", "x"),
    "one family": ("", "👩\u200d👩\u200d👧\u200d", ""),
    "variants": ("a", "\ufe0f\U000e0100", ""),
    "tags nobody sees": ("a", "\U000e0041", ""),
    "one character that stands for eighteen": ("", "\ufdfa", ""),
    "quotes in quotes": ("", "> ", "a"),
    "brackets": ("", "[", "]"),
    "images": ("", "![a](", ""),
    "links in links": ("", "[a](b ", ")"),
    "stars": ("", "*a _b", ""),
    "code": ("", "`a ``b", ""),
    "elements": ("", "<b><!--", ""),
    "lists in lists": ("", "- 1. ", "a"),
    "tables": ("", "|a|\n|-|\n", ""),
    "entities": ("", "&amp;&#", ""),
    "formulas": ("", "$x$$", ""),
    "backslashes": ("", "\\", ""),
    "directives": ("", ":::a[", "]"),
    "addresses": ("", "www.a@http://", ""),
    "markers": ("", "[1][^1]", ""),
    "a long word": ("", "x", ""),
    "spaces": ("", " ", "x"),
    "line breaks": ("", "\r\n", "x"),
    "apostrophes": ("", "l'", ""),
    "stops": ("", "e.g. ", ""),
    "figures": ("", "9", ""),
    "Chinese": ("", "瘤", "。"),
    "pinyin": ("", "醫(yī)", ""),
    "a term": ("", "chemotherapy ", ""),
}


def floods(length: int) -> dict[str, str]:
    """Each of so many characters, or a few less."""
    found = {}
    for name, (start, part, end) in _PARTS.items():
        count = (length - len(start)) // (len(part) + len(end))
        found[name] = start + part * count + end * count
    return found
