"""What is there and what is not, each with the fix: Python, packages, documents, index, weights, browser, model."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rag.errors import RagError
from rag.remote import Patience
from rag.settings import Settings

_LOCK = Path(__file__).parents[1] / "requirements.lock"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Finding:
    """`needed` is False where the assistant is whole without it. `detail` says the fix when it is not good."""

    what: str
    good: bool
    detail: str
    needed: bool = True


def examine(settings: Settings) -> Iterator[Finding]:
    """One finding after the other; none raises, none sends anything but to the configured endpoints."""
    for what, look in _LOOKS.items():
        try:
            yield look(settings)
        except RagError as error:
            yield Finding(what, False, str(error))
        except Exception as error:  # a doctor that falls over helps nobody
            yield Finding(what, False, f"{type(error).__name__}; run `make install` again")


def _python(_settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] == (3, 11)
    return Finding("Python", good, version if good else f"{version}; use Python 3.11 (make PYTHON=/path/to/python3.11)")


def _packages(_settings: Settings) -> Finding:
    locked = dict(re.findall(r"^([a-z0-9.-]+)==([^\s;\\]+)", _LOCK.read_text(encoding="utf-8"), re.M))
    wrong = [name for name, version in locked.items() if _installed(name) != version]
    detail = f"missing or other: {', '.join(wrong[:5])}; run `make install`" if wrong else f"{len(locked)} as locked"
    return Finding("packages", not wrong, detail)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _documents(settings: Settings) -> Finding:
    from rag.corpus import load_corpus

    corpus = load_corpus(settings.corpus)
    found = [f"{len(corpus.sources)} in {settings.corpus}", *(f"{p.name} {p.message}" for p in corpus.problems)]
    return Finding("documents", not corpus.problems, "; ".join(found))


def _translations(settings: Settings) -> Finding:
    from rag.translations import load_translations

    found = load_translations(settings.corpus)
    text = f"{len(found.rows)} sentences" if found.rows else "none; answers quote the document's own language"
    broken = f"; broken: {', '.join(found.broken[:5])}" if found.broken else ""
    return Finding("translations", bool(found.rows) and not broken, text + broken, needed=bool(broken))


def _expansions(settings: Settings) -> Finding:
    from rag.corpus import load_corpus, passages_of
    from rag.expansions import load_expansions

    found, sources = load_expansions(settings.corpus), load_corpus(settings.corpus).sources
    sentences = [s for source in sources for passage in passages_of(source) for s in passage.sentences]
    expanded, gaps = sum(bool(found.of(s)) for s in sentences), sum(bool(found.gaps_of(source)) for source in sources)
    stale = len(found.rows) - expanded - gaps
    parts = [f"{expanded} of {len(sentences)} sentences, known gaps of {gaps} of {len(sources)} documents"]
    parts += [f"{stale} stale: their text was changed"] if stale else []
    parts += [f"broken: {', '.join(found.broken[:5])}"] if found.broken else []
    return Finding("expansions", not found.broken and not stale, "; ".join(parts), needed=bool(found.broken))


def _index(settings: Settings) -> Finding:
    from rag.index import peek

    info = peek(settings)
    if info is None:
        return Finding("index", False, "none yet, or stale; `rag index` or the first question builds it", needed=False)
    return Finding("index", True, f"{info.passages} passages, {info.model or 'no embeddings'}, built {info.built}")


def _weights(settings: Settings) -> Finding:
    from rag.embed import embed, open_embedder
    from rag.multilingual import load_multilingual

    if settings.embedding == "none":
        return Finding("embedding", True, "none: words alone find the passages", needed=False)
    embedder = open_embedder(settings)
    if settings.embedding == "openai":
        size = len(embed(embedder, ["ok"])[0]) if embedder else 0
        return Finding("embedding", True, f"{settings.embedding_model} answers, vectors of {size} numbers")
    found = f"{getattr(embedder, 'model_name', '')}, hash as upstream's; {load_multilingual().model_name}"
    return Finding("model weights", True, found)


def _browser(_settings: Settings) -> Finding:
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    missing = "no chromium; `make test` needs Debian's (apt install chromium)"
    return Finding("browser", bool(found), found or missing, needed=False)


def _prompts(settings: Settings) -> Finding:
    from rag.prompts import load

    templates = load(settings.prompts)
    templates.get(settings.prompt)
    broken = "; ".join(str(error) for error in templates.broken)
    return Finding("prompts", not broken, broken or ", ".join(templates.good))


def _model(settings: Settings) -> Finding:
    """Asks it for one word; what that word is does not matter."""
    if not settings.has_model:
        missing = "RAG_MODEL" if settings.openai_api_key or settings.openai_base_url else "RAG_MODEL and OPENAI_API_KEY"
        extractive = f"none, so answers are extractive, and whole; set {missing} for a model's"
        return Finding("language model", False, extractive, needed=False)
    from rag.llm import ChatEndpoint

    endpoint, began = ChatEndpoint.open(settings, Patience(attempts=1)), time.monotonic()
    endpoint.complete([("user", "Reply with the word OK.")])
    where = urlsplit(settings.openai_base_url or "").hostname or "its usual address"
    return Finding("language model", True, f"{settings.model} at {where} answers in {time.monotonic() - began:.1f} s")


_LOOKS: dict[str, Callable[[Settings], Finding]] = {
    "Python": _python,
    "packages": _packages,
    "documents": _documents,
    "translations": _translations,
    "expansions": _expansions,
    "prompts": _prompts,
    "model weights": _weights,
    "index": _index,
    "browser": _browser,
    "language model": _model,
}
