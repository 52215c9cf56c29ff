"""Settings: from the environment, overridden, and never showing the key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import RagError, SettingsError
from rag.settings import EMBEDDINGS, ENGINES, LANGUAGE_CHOICES, Settings

ALL = {
    "RAG_CORPUS": "texts",
    "RAG_STORE": "index",
    "RAG_PROMPTS": "styles",
    "RAG_PROMPT": "brief",
    "RAG_LANGUAGE": "fr",
    "RAG_ENGINE": "extractive",
    "RAG_EMBEDDING": "openai:some-model",
    "RAG_MODEL": "m",
    "RAG_MODEL_WINDOW": "4096",
    "RAG_ANSWER_TOKENS": "300",
    "RAG_TOKENS_PER_DAY": "50000",
    "RAG_SECOND_OPINION": "yes",
    "RAG_CONNECT_SECONDS": "1",
    "RAG_FIRST_TOKEN_SECONDS": "2",
    "RAG_TOKEN_SECONDS": "0.5",
    "RAG_ANSWER_SECONDS": "20",
    "OPENAI_API_KEY": "sk-secret",
    "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    "CHROMA_URL": "http://127.0.0.1:2",
}
READ = Settings(
    corpus=Path("texts"),
    store=Path("index"),
    prompts=Path("styles"),
    prompt="brief",
    language="fr",
    engine="extractive",
    embedding="openai",
    embedding_model="some-model",
    model="m",
    openai_api_key="sk-secret",
    openai_base_url="http://127.0.0.1:1/v1",
    chroma_url="http://127.0.0.1:2",
    model_window=4096,
    answer_tokens=300,
    tokens_per_day=50_000,
    second_opinion=True,
    connect_seconds=1.0,
    first_token_seconds=2.0,
    token_seconds=0.5,
    answer_seconds=20.0,
)


def test_every_variable_is_read():
    assert Settings.from_environment(ALL) == READ


def test_nothing_set_is_the_defaults():
    assert Settings.from_environment({}) == Settings()
    assert (Settings().corpus, Settings().store) == (Path("seeds"), Path(".store"))


@pytest.mark.parametrize("name", ALL)
def test_an_empty_variable_is_none(name: str):
    assert (
        Settings.from_environment({name: "", "HOME": "/root"}) == Settings.from_environment({name: " "}) == Settings()
    )


def test_what_is_said_in_the_call_wins_and_none_says_nothing():
    found = Settings.from_environment(ALL, corpus=Path("other"), language="tr", prompt=None, engine=None)
    assert found == replace(READ, corpus=Path("other"), language="tr")


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [
        ({"RAG_LANGUAGE": "de"}, LANGUAGE_CHOICES),
        ({"RAG_ENGINE": "magic"}, ENGINES),
        ({"RAG_EMBEDDING": "word2vec"}, EMBEDDINGS),
    ],
)
def test_an_unknown_value_is_an_error_that_names_the_known_ones(environ: dict[str, str], allowed: tuple[str, ...]):
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(environ)
    assert all(word in raised.value.hint for word in allowed)
    assert next(iter(environ.values())) in str(raised.value)
    assert isinstance(raised.value, RagError) and raised.value.exit_status == 2


NUMBERS = [name for name, value in ALL.items() if name.endswith(("_SECONDS", "_TOKENS", "_WINDOW", "_DAY"))]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", "1e12"])
def test_a_number_that_is_none_or_not_above_0_is_an_error(name: str, value: str):
    with pytest.raises(SettingsError, match=name.removeprefix("RAG_").lower()) as raised:
        Settings.from_environment({name: value})
    assert "above 0" in raised.value.hint


@pytest.mark.parametrize("value", ["1", "true", "maybe"])
def test_yes_or_no_is_said_so(value: str):
    with pytest.raises(SettingsError, match="RAG_SECOND_OPINION") as raised:
        Settings.from_environment({"RAG_SECOND_OPINION": value})
    assert "yes or no" in raised.value.hint


def test_an_answer_leaves_room_for_its_prompt():
    with pytest.raises(SettingsError, match="answer_tokens"):
        Settings.from_environment({"RAG_ANSWER_TOKENS": "5000"})


@pytest.mark.parametrize(
    ("environ", "has_model"),
    [
        ({}, False),
        ({"RAG_MODEL": "m"}, False),
        ({"OPENAI_API_KEY": "k"}, False),
        ({"RAG_MODEL": "m", "OPENAI_API_KEY": "k"}, True),
        ({"RAG_MODEL": "m", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, True),
    ],
)
def test_a_model_needs_a_name_and_somewhere_to_ask(environ: dict[str, str], has_model: bool):
    assert Settings.from_environment(environ).has_model is has_model


def test_the_key_is_never_shown():
    assert "secret" not in f"{READ!r} {READ} {[READ]}"


def test_the_fingerprint_follows_what_is_embedded_and_nothing_else():
    one = Settings()
    same = [replace(one, corpus=Path("x")), replace(one, prompt="brief"), replace(one, openai_api_key="k")]
    other = [replace(one, embedding="none"), replace(one, embedding="openai"), READ]
    other.append(replace(READ, embedding_model="another"))
    other.append(replace(READ, openai_base_url="http://127.0.0.1:9/v1"))
    assert {settings.fingerprint() for settings in same} == {one.fingerprint()}
    assert len({settings.fingerprint() for settings in [one, *other]}) == len(other) + 1


NAMES = st.sampled_from([*ALL, "PATH", "RAG_", "RAG_UNKNOWN"])


@given(st.dictionaries(NAMES, st.text(max_size=20)))
def test_any_environment_gives_settings_or_says_what_is_off(environ: dict[str, str]):
    try:
        found = Settings.from_environment(environ)
    except SettingsError as error:
        assert error.hint
    else:
        assert found.language in LANGUAGE_CHOICES and found.engine in ENGINES and found.embedding in EMBEDDINGS
