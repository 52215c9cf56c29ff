"""One frozen value holds every setting; the only reader of the environment."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rag.errors import SettingsError

#: Raised by one whenever cleaning, splitting, tokens or embedding text change what an index holds.
INDEX_FORMAT = 1

ENGINES = ("auto", "extractive", "model")
LANGUAGE_CHOICES = ("auto", "en", "fr", "zh", "tr")
EMBEDDINGS = ("local", "openai", "none")
_PATHS = ("corpus", "store", "prompts")
#: Numbers that must be above 0, each of its type.
_WHOLE = ("model_window", "answer_tokens", "tokens_per_day")
_SECONDS = ("connect_seconds", "first_token_seconds", "token_seconds", "answer_seconds")
_VARIABLES = {
    **{f"RAG_{n.upper()}": n for n in (*_PATHS, "prompt", "language", "engine", "model", *_WHOLE, *_SECONDS)},
    "OPENAI_API_KEY": "openai_api_key",
    "OPENAI_BASE_URL": "openai_base_url",
    "CHROMA_URL": "chroma_url",
}


@dataclass(frozen=True, slots=True)
class Settings:
    corpus: Path = Path("seeds")
    store: Path = Path(".store")
    prompts: Path = Path(__file__).parents[1] / "prompts"
    prompt: str = "plain"
    language: str = "auto"
    engine: str = "auto"
    embedding: str = "local"  # RAG_EMBEDDING: local | none | openai | openai:<model>
    embedding_model: str = "text-embedding-3-small"
    chroma_url: str | None = None
    model: str | None = None
    openai_api_key: str | None = None
    openai_base_url: str | None = None
    passages: int = 12  # hits handed to the answerer
    model_window: int = 8192  # tokens of a prompt and its answer together
    answer_tokens: int = 800  # most that the model may write for one answer
    second_opinion: bool = False  # RAG_SECOND_OPINION: ask the model, too, where words cannot judge its sentence
    tokens_per_day: int | None = None  # most that one process may spend in 24 hours; None: no limit
    connect_seconds: float = 10.0
    first_token_seconds: float = 30.0
    token_seconds: float = 15.0  # between two tokens
    answer_seconds: float = 90.0  # for an answer in all, attempts and pauses included

    def __post_init__(self) -> None:
        for name, allowed in (("language", LANGUAGE_CHOICES), ("engine", ENGINES), ("embedding", EMBEDDINGS)):
            value = getattr(self, name)
            if value not in allowed:
                raise SettingsError(f"{name} is {value!r}", hint=f"use one of {', '.join(allowed)}")
        for name in (*_WHOLE, *_SECONDS):
            if (number := getattr(self, name)) is not None and not 0 < number < 1e9:
                raise SettingsError(f"{name} is {number!r}", hint="give a number above 0")
        if self.answer_tokens > self.model_window // 2:
            hint = "RAG_ANSWER_TOKENS may be half of RAG_MODEL_WINDOW at most"
            raise SettingsError(f"answer_tokens is {self.answer_tokens}", hint=hint)

    @property
    def has_model(self) -> bool:
        """Whether a language model is configured: its name, and a key or an address."""
        return bool(self.model and (self.openai_api_key or self.openai_base_url))

    def __repr__(self) -> str:
        """Never shows the key: settings end up in logs and tracebacks."""
        return f"Settings(corpus={str(self.corpus)!r}, store={str(self.store)!r}, embedding={self.embedding!r})"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
        """Settings from `RAG_*`, `OPENAI_*` and `CHROMA_URL`; an empty variable is none, `overrides` that are None are
        left out. Raises SettingsError for a value that is not allowed."""
        given = variables(environ)
        found: dict[str, object] = {field: given[name] for name, field in _VARIABLES.items() if name in given}
        found |= {field: Path(str(found[field])) for field in _PATHS if field in found}
        found |= {field: _number(field, str(found[field])) for field in (*_WHOLE, *_SECONDS) if field in found}
        if "RAG_SECOND_OPINION" in given:
            found["second_opinion"] = _yes_or_no("RAG_SECOND_OPINION", given["RAG_SECOND_OPINION"])
        kind, _, model = given.get("RAG_EMBEDDING", "local").partition(":")
        found |= {"embedding": kind, **({"embedding_model": model} if model else {})}
        return replace(cls(**found), **{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        """Identifies what an index is built with: any change here makes an index stale (16 hex digits)."""
        model = {"local": "all-MiniLM-L6-v2", "openai": f"{self.openai_base_url}|{self.embedding_model}", "none": ""}
        parts = [INDEX_FORMAT, self.embedding, model[self.embedding]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Every variable that is not empty."""
    return {name: value.strip() for name, value in environ.items() if value.strip()}


def distrust_proxies() -> None:
    """uvicorn believes what any program on this machine says of where a request comes from; `rag.proxies` believes
    those that are named."""
    os.environ["FORWARDED_ALLOW_IPS"] = ""


def _number(field: str, text: str) -> float:
    try:
        return int(text) if field in _WHOLE else float(text)
    except ValueError:
        raise SettingsError(f"{field} is {text[:40]!r}", hint="give a number above 0") from None


def _yes_or_no(name: str, text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise SettingsError(f"{name} is {text[:40]!r}", hint="use yes or no")
    return text.lower() == "yes"
