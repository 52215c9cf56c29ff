"""Tokens as language models count them, with the vocabulary that ships with llama-index-core."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken


def tokens(text: str) -> int:
    """How many tokens of o200k_base a text has; a model with another vocabulary counts somewhat otherwise."""
    return len(_encoding().encode_ordinary(text))


@cache
def _encoding() -> tiktoken.Encoding:
    """The vocabulary on disk: tiktoken itself would download it."""
    import importlib.util

    found = importlib.util.find_spec("llama_index.core")
    assert found and found.submodule_search_locations
    os.environ.setdefault(
        "TIKTOKEN_CACHE_DIR", str(Path(found.submodule_search_locations[0], "_static", "tiktoken_cache"))
    )
    import tiktoken

    return tiktoken.get_encoding("o200k_base")
