"""Any text as one line of Markdown that renders as that text, and as nothing else."""

from __future__ import annotations

import re

_WORD_JOINER = "\u2060"
# Control characters, and format characters that reorder text or that Chainlit takes for its cursor.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SPECIAL = re.compile(r"[\\`*_\[\]<~|$]|&(?=[#A-Za-z])|:(?=[^\W\d]|[:/])")
_AT_START = re.compile(r"[#>+=-]|[0-9]{1,9}(?=[.)])")
# GFM makes links of bare addresses after it has read the backslashes, so something must stand in between.
_AUTOLINK = re.compile(r"(?<=//)(?=\S)|(?<=www)(?=\.)|(?<=@)(?=\S)", re.IGNORECASE)


def escape(text: str) -> str:
    """Holds under CommonMark, GFM, directives and Chainlit's cursor; white space is folded to single spaces.

    Only what could be read as Markdown where it stands gets a backslash, since readers copy answers. A word joiner
    (U+2060) breaks bare addresses. Invisible controls, those that turn the reading direction included, are left out.
    """
    line = " ".join(_INVISIBLE.sub("", text).split())
    line = _AUTOLINK.sub(_WORD_JOINER, line)
    start = _AT_START.match(line)
    if start is None:
        return _SPECIAL.sub(r"\\\g<0>", line)
    number = start.group() if start.group()[0].isdigit() else ""
    rest = line[len(number) :]
    return f"{number}\\{rest[0]}" + _SPECIAL.sub(r"\\\g<0>", rest[1:])
