"""The page's own words in the reader's language, from `rag/data/<language>/page.yaml`, and whose language that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rag.language import is_traditional, to_traditional
from rag.types import LANGUAGES, Answer, Language

_DATA = Path(__file__).parent / "data"
_PREFERENCE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?))?\s*")
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
#: The name under which Chainlit keeps its own words, by reader.
CHAINLIT_TAGS: Mapping[str, str] = {"en": "en-US", "fr": "fr-FR", "zh": "zh-CN", "zh-Hant": "zh-TW", "tr": "tr-TR"}


@dataclass(frozen=True, slots=True)
class Labels:
    """`tag` is a key of CHAINLIT_TAGS and good for an HTML `lang`; `words` holds the sections of page.yaml."""

    tag: str
    words: Mapping[str, Any]

    def say(self, key: str, **values: object) -> str:
        """The text of `section.name` with its {braces} filled in. KeyError where there is none."""
        section, name = key.split(".")
        return str(self.words[section][name]).format_map(values)

    def name_of(self, language: Language) -> str:
        return str(self.words["languages"][language])

    def write(self, text: str) -> str:
        """Chinese of ours that stands elsewhere, in the reader's characters; any other text as it is."""
        return to_traditional(text) if self.tag == "zh-Hant" else text

    @property
    def language(self) -> Language:
        return self.tag.partition("-")[0]  # type: ignore[return-value]


@cache
def labels_for(tag: str) -> Labels:
    """The words of one reader: English for a tag that is not ours."""
    if tag not in CHAINLIT_TAGS:
        return labels_for("en")
    language = tag.partition("-")[0]
    text = (_DATA / language / "page.yaml").read_text(encoding="utf-8")
    return Labels(tag, yaml.safe_load(to_traditional(text) if tag == "zh-Hant" else text))


def labels_of(answer: Answer) -> Labels:
    """The words that go with an answer: in its language, in the characters of its question."""
    traditional = answer.language == "zh" and is_traditional(answer.question)
    return labels_for("zh-Hant" if traditional else answer.language)


def preferred(accept_language: str | None) -> str:
    """The first of our languages in an `Accept-Language` header (RFC 9110, 12.5.4), as a tag; English if none is."""
    found = [_PREFERENCE.fullmatch(part) for part in (accept_language or "")[:500].split(",")]
    ranked = sorted((m for m in found if m), key=lambda m: -float(m.group(2) or 1))
    return next((tag for m in ranked if (tag := _tag(m.group(1)))), "en")


def _tag(name: str) -> str | None:
    language, *rest = name.lower().split("-")
    if language not in LANGUAGES:
        return None
    return "zh-Hant" if language == "zh" and _TRADITIONAL & set(rest) and "hans" not in rest else language
