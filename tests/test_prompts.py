"""Prompt templates: the shipped ones, edits picked up, and what is said of broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import PromptError
from rag.prompts import VARIABLES, load
from rag.types import LANGUAGES

GOOD = """---
title: Mine
description: A template of mine.
sentences: 3
layout: prose
---
{% chat role="system" %}
Be kind. At most {{ sentences }}.
{% endchat %}
{% chat role="user" %}
{{ sources }}
{{ question }}
{% endchat %}
"""


def write(folder: Path, text: str, name: str = "mine.md") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_shipped_templates_are_good_and_differ():
    templates = load(Path("prompts"))
    assert not templates.broken
    assert list(templates.good) == ["plain", "brief", "quotes", "clinician"]
    shapes = {(t.sentences, t.layout, t.show_original) for t in templates.good.values()}
    assert len(shapes) == len(templates.good)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shipped_template_has_its_title_in_every_language(language):
    templates = load(Path("prompts")).good.values()
    assert all(language in t.title and language in t.description for t in templates)


@pytest.mark.parametrize("name", ["plain", "brief", "quotes", "clinician"])
def test_a_shipped_template_renders_every_variable(name):
    values = {variable: f"<{variable}>" for variable in VARIABLES}
    messages = load(Path("prompts")).good[name].messages(**values)
    assert [role for role, _ in messages] == ["system", "user"]
    assert "<question>" in messages[1][1] and "<sources>" in messages[1][1]


def test_a_new_or_edited_file_is_seen_by_the_next_load(tmp_path):
    assert list(load(write(tmp_path, GOOD)).good) == ["mine"]
    write(tmp_path, GOOD.replace("sentences: 3", "sentences: 1"))
    write(tmp_path, GOOD, "other.md")
    assert {t.name: t.sentences for t in load(tmp_path).good.values()} == {"mine": 1, "other": 3}


BROKEN = [
    ("no front matter", GOOD.split("---\n")[2], 1, "front matter"),
    ("front matter is no YAML", GOOD.replace("title: Mine", "title: [Mine"), 3, "YAML"),
    ("front matter is a list", "---\n- a\n---\n", 2, "YAML"),
    ("unknown key", GOOD.replace("layout:", "colour: red\nlayout:"), 5, "colour"),
    ("no title", GOOD.replace("title: Mine\n", ""), 2, "title"),
    ("sentences not a number", GOOD.replace("sentences: 3", "sentences: many"), 4, "sentences"),
    ("too many sentences", GOOD.replace("sentences: 3", "sentences: 99"), 4, "sentences"),
    ("unknown layout", GOOD.replace("layout: prose", "layout: fancy"), 5, "layout"),
    ("unknown variable", GOOD.replace("{{ question }}", "{{ question }} {{ weather }}"), 12, "weather"),
    ("no question", GOOD.replace("{{ question }}", ""), 7, "question"),
    ("no user block", GOOD.split('{% chat role="user" %}')[0], 7, "user"),
    ("two system blocks", GOOD + '{% chat role="system" %}\nx\n{% endchat %}\n', 7, "system"),
    ("broken Jinja", GOOD.replace("{{ sources }}", "{{ sources }"), 11, "parse"),
    ("a chat block left open", GOOD.rsplit("{% endchat %}", 1)[0], 7, "closed"),
]


@pytest.mark.parametrize(("text", "line", "what"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_template_is_named_with_its_line_and_takes_no_other_down(tmp_path, text, line, what):
    write(tmp_path, GOOD, "good.md")
    templates = load(write(tmp_path, text, "broken.md"))
    assert list(templates.good) == ["good"]
    assert len(templates.broken) == 1
    message = str(templates.broken[0])
    assert message.startswith(f"broken.md, line {line}:") and what in message
    with pytest.raises(PromptError, match=r"broken\.md"):
        templates.get("broken")


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "latin.md").write_bytes("é".encode("latin-1"))
    assert "latin.md" in str(load(tmp_path).broken[0])


def test_an_unknown_name_is_an_error_that_lists_the_names(tmp_path):
    with pytest.raises(PromptError, match="mine"):
        load(write(tmp_path, GOOD)).get("none")


@given(st.text(alphabet=st.sampled_from("{}%# abc\n\"'<>"), max_size=80))
def test_a_value_is_data_never_template(question):
    messages = load(Path("prompts")).good["plain"].messages(question=question, sources="s")
    assert question.strip() in messages[1][1]
