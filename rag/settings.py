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

    def __post_init__(self) -> None:
        for name, allowed in (("language", LANGUAGE_CHOICES), ("engine", ENGINES), ("embedding", EMBEDDINGS)):
            value = getattr(self, name)
            if value not in allowed:
                raise SettingsError(f"{name} is {value!r}", hint=f"use one of {', '.join(allowed)}")

    def __repr__(self) -> str:
        """Never shows the key: settings end up in logs and tracebacks."""
        return f"Settings(corpus={str(self.corpus)!r}, store={str(self.store)!r}, embedding={self.embedding!r})"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, **overrides: object) -> Settings:
        """Settings from `RAG_*`, `OPENAI_*` and `CHROMA_URL`; `overrides` that are None are left out."""
        kind, _, model = environ.get("RAG_EMBEDDING", "local").partition(":")
        found: dict[str, object] = {
            "embedding": kind,
            "chroma_url": environ.get("CHROMA_URL") or None,
            "model": environ.get("RAG_MODEL") or None,
            "openai_api_key": environ.get("OPENAI_API_KEY") or None,
            "openai_base_url": environ.get("OPENAI_BASE_URL") or None,
        }
        if model:
            found["embedding_model"] = model
        for name in ("corpus", "store", "prompts"):
            if f"RAG_{name.upper()}" in environ:
                found[name] = Path(environ[f"RAG_{name.upper()}"])
        for name in ("prompt", "language", "engine"):
            if f"RAG_{name.upper()}" in environ:
                found[name] = environ[f"RAG_{name.upper()}"]
        return replace(cls(**found), **{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        """Identifies what an index is built with: any change here makes an index stale (16 hex digits)."""
        model = {"local": "all-MiniLM-L6-v2", "openai": f"{self.openai_base_url}|{self.embedding_model}", "none": ""}
        parts = [INDEX_FORMAT, self.embedding, model[self.embedding]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
