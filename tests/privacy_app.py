"""The application as it is, with one part that breaks on a word, and a look through all that the process holds: at
SIGUSR1 it writes to the file `WALK` names where a text stands that matches `CANARY`."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import rag.pipeline
from rag.query import Query
from rag.retrieve import Found, Retriever

CANARY = re.compile(os.environ["CANARY"], re.IGNORECASE)
_BYTES = re.compile(os.environ["CANARY_BYTES"].encode(), re.IGNORECASE)


class Breaking(Retriever):
    """Fails on a question with this word, and says the question in its error."""

    def find(self, query: Query, k: int) -> Found:
        if "breakthis" in repr(query).lower():
            raise ValueError(f"cannot search {query!r}")
        return super().find(query, k)


def _is_canary(value: Any) -> bool:
    """Looks for two letters first: there are millions of texts."""
    if isinstance(value, str):
        return ("qv" in value or "\u9f98" in value) and CANARY.search(value) is not None
    if isinstance(value, bytes | bytearray):
        return (b"qv" in value or b"\x9f\x98" in value) and _BYTES.search(value) is not None
    return False


def walk() -> list[str]:
    """What holds a canary, and what holds that. Containers of plain values alone are not tracked by the collector, so
    each is looked into."""
    gc.collect()
    return [_chain(holder) for holder in Own(_holders())]


class Own(list[Any]):
    """A list of this module, to be told from those of the application."""


def _holders() -> list[Any]:
    todo: list[Any] = gc.get_objects()
    seen, found = {id(one) for one in todo}, []
    mine = {id(todo), id(seen), id(found)}
    plain = (dict, list, tuple, set, frozenset)
    while todo:
        holder = todo.pop()
        for one in gc.get_referents(holder):
            kind = type(one)
            if kind in (str, bytes, bytearray):
                if _is_canary(one) and id(holder) not in mine:
                    found.append(holder)
            elif kind in plain and id(one) not in seen and id(one) not in mine:
                seen.add(id(one))
                todo.append(one)
    return found[:12]


def _chain(one: Any) -> str:
    """The kinds of what holds it, from the inside, along the first way that is not this module's own."""
    names, seen = [_name(one)], set[int]()
    for _ in range(9):
        seen.add(id(one))
        others = [more for more in gc.get_referrers(one) if id(more) not in seen and not _is_own(more)]
        if not others:
            break
        one = others[0]
        names.append(_name(one))
        del others
    return " < ".join(names)


def _is_own(one: Any) -> bool:
    return type(one) is Own or (type(one).__name__ == "frame" and one.f_code.co_filename == __file__)


def _name(one: Any) -> str:
    kind = f"{type(one).__module__}.{type(one).__name__}"
    if type(one) is dict:
        return f"{kind} {[key for key in list(one)[:5] if isinstance(key, str) and not _is_canary(key)]}"
    return f"{kind} {getattr(one, '__qualname__', '')}{len(one) if isinstance(one, list | tuple) else ''}".strip()


def _report(*_: object) -> None:
    partial = Path(os.environ["WALK"] + ".part")
    partial.write_text(json.dumps(walk()), encoding="utf-8")
    partial.rename(os.environ["WALK"])


rag.pipeline.Retriever = Breaking  # type: ignore[misc]
signal.signal(signal.SIGUSR1, _report)

import app as app  # noqa: E402 - chainlit wants the handlers that this import sets
