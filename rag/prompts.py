"""Prompt templates: one Markdown file each in `prompts/`, front matter and LlamaIndex `RichPromptTemplate` blocks.

A template shapes the extractive answer (sentences, layout, show_original) and is what a model is told. Files are
read again for each new chat; a broken one is named with its line and does not take the others down.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from rag.errors import PromptError
from rag.types import LANGUAGES, Language

LAYOUTS = ("prose", "list", "quotes", "by_source")
VARIABLES = frozenset({"question", "sources", "history", "language", "sentences"})
_NEEDED = frozenset({"question", "sources"})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_CHAT = re.compile(r"{%-?\s*chat\s+role\s*=\s*[\"'](\w+)[\"']\s*-?%}")
_KEYS = frozenset({"title", "description", "sentences", "layout", "show_original", "order"})


@dataclass(frozen=True, slots=True)
class Template:
    """`sentences` is the most that an answer holds, 1 to 8; `title` and `description` are by language."""

    name: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    sentences: int
    layout: str
    show_original: bool
    order: int
    body: str

    def title_in(self, language: Language) -> str:
        return self.title.get(language) or self.title["en"]

    def description_in(self, language: Language) -> str:
        return self.description.get(language) or self.description["en"]

    def messages(self, **values: str) -> list[tuple[str, str]]:
        """The rendered (role, text) pairs. Values are data: braces in them are not read as template."""
        from llama_index.core.prompts import RichPromptTemplate

        missing = VARIABLES - values.keys()
        rendered = RichPromptTemplate(self.body).format_messages(**values, **dict.fromkeys(missing, ""))
        return [(str(message.role.value), str(message.content or "")) for message in rendered]


@dataclass(frozen=True, slots=True)
class Templates:
    """The good templates by name, in the order of their `order` and name, and what is wrong with the others."""

    good: Mapping[str, Template]
    broken: tuple[PromptError, ...] = ()

    def get(self, name: str) -> Template:
        if name in self.good:
            return self.good[name]
        broken = next((error for error in self.broken if error.message.startswith(f"{name}.md")), None)
        if broken:
            raise broken
        raise PromptError(f"there is no prompt {name!r}", hint=f"use one of {', '.join(self.good) or 'none'}")


def load(folder: Path) -> Templates:
    """Every template of `folder`. Raises PromptError only where there is no folder."""
    if not folder.is_dir():
        raise PromptError(f"{folder} is not a folder", hint="name the folder of templates with RAG_PROMPTS")
    good, broken = [], []
    for path in sorted(folder.glob("*.md")):
        try:
            good.append(_read(path, _stamp(path)))
        except PromptError as error:
            broken.append(error)
    ordered = sorted(good, key=lambda template: (template.order, template.name))
    return Templates({template.name: template for template in ordered}, tuple(broken))


def _fail(path: Path, line: int, what: str, fix: str) -> PromptError:
    return PromptError(f"{path.name}, line {line}: {what}", hint=fix)


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is written."""
    with suppress(OSError):
        seen = path.stat()
        return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino
    return ()


@lru_cache(maxsize=64)
def _read(path: Path, _stamp: tuple[int, ...]) -> Template:
    """Reading YAML and Jinja takes longer than answering; files are looked at for every question, mostly the same."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _fail(path, 1, "cannot be read as UTF-8", "save it as UTF-8 text") from error
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> Template:
    if not _NAME.fullmatch(path.stem):
        raise _fail(path, 1, f"the name {path.stem!r} is off", "use small letters, digits, - and _ in the file's name")
    front = _FRONT.match(text)
    if not front:
        raise _fail(
            path, 1, "no front matter", "begin the file with --- lines around title, description, sentences, layout"
        )
    values = _front_matter(path, front.group(1))
    body_line = text[: front.end()].count("\n") + 1
    body = text[front.end() :]
    _check_body(path, body, body_line)
    return Template(name=path.stem, body=body, **values)


def _front_matter(path: Path, text: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 2
        raise _fail(path, line, "the front matter is no YAML", "write it as `name: value` lines") from error
    if not isinstance(data, dict):
        raise _fail(path, 2, "the front matter is no YAML mapping", "write it as `name: value` lines")
    unknown = sorted(set(map(str, data)) - _KEYS)
    if unknown:
        raise _fail(path, _line_of(text, unknown[0]), f"{unknown[0]!r} is unknown", f"use {', '.join(sorted(_KEYS))}")
    for key, is_good, fix in _CHECKS:
        if not is_good(data.get(key)):
            raise _fail(path, _line_of(text, key), f"{key} is missing or off", fix)
    by_language = {key: v if isinstance(v := data[key], dict) else {"en": v} for key in ("title", "description")}
    shape = {"sentences": data["sentences"], "layout": data["layout"], "order": data.get("order", 50)}
    return {**by_language, **shape, "show_original": data.get("show_original", False)}


def _is_text(value: object) -> bool:
    if isinstance(value, dict):
        return "en" in value and set(value) <= set(LANGUAGES) and all(_is_text(v) for v in value.values())
    return isinstance(value, str) and 0 < len(value.strip()) <= 300


def _is_number(low: int, high: int, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_CHECKS = (
    ("title", _is_text, "give a text, or one for each of en, fr, zh, tr"),
    ("description", _is_text, "give a text, or one for each of en, fr, zh, tr"),
    ("sentences", lambda v: _is_number(1, 8, v), "give a whole number from 1 to 8"),
    ("layout", lambda v: v in LAYOUTS, f"use one of {', '.join(LAYOUTS)}"),
    ("show_original", lambda v: v is None or isinstance(v, bool), "use true or false"),
    ("order", lambda v: v is None or _is_number(0, 999, v), "give a whole number, smaller comes first"),
)


def _line_of(text: str, key: str) -> int:
    found = next((n for n, line in enumerate(text.splitlines()) if line.startswith(f"{key}:")), 0)
    return found + 2


def _check_body(path: Path, body: str, first_line: int) -> None:
    """Jinja that parses, known variables only, a system and a user block, question and sources in the user's."""
    import jinja2
    import jinja2.meta

    chats = list(_CHAT.finditer(body))
    roles = [chat.group(1) for chat in chats]
    for role in ("system", "user"):
        if roles.count(role) != 1:
            fix = f'write one {{% chat role="{role}" %}} ... {{% endchat %}}'
            raise _fail(path, first_line, f"{roles.count(role)} {role} blocks instead of one", fix)
    plain = re.sub(r"{%-?\s*(?:end)?chat\b[^%]*%}", "", body)
    try:
        tree = jinja2.Environment(autoescape=False).parse(plain)  # noqa: S701 - prompts are no HTML
    except jinja2.TemplateSyntaxError as error:
        raise _fail(
            path, first_line + error.lineno - 1, f"the template does not parse: {error.message}", "mend it"
        ) from error
    used = jinja2.meta.find_undeclared_variables(tree)
    for name in sorted(used - VARIABLES):
        line = first_line + body[: re.search(rf"\b{re.escape(name)}\b", body).start()].count("\n")  # type: ignore[union-attr]
        raise _fail(path, line, f"the variable {name!r} is unknown", f"use {', '.join(sorted(VARIABLES))}")
    for name in sorted(_NEEDED - used):
        raise _fail(path, first_line, f"{{{{ {name} }}}} is missing", f"write {{{{ {name} }}}} in the user block")
    if body.count("{%") and len(re.findall(r"{%-?\s*endchat\s*-?%}", body)) != len(chats):
        raise _fail(path, first_line, "a chat block is not closed", "write {% endchat %} after each")
