"""For every test: no way out of this machine, for it and for what it starts, and no settings from outside."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

OFFLINE = str(Path(__file__).parent / "offline")
sys.path.insert(0, OFFLINE)
import sitecustomize  # noqa: E402

if not hasattr(sitecustomize, "is_local"):  # the interpreter brought its own
    import importlib.util

    spec = importlib.util.spec_from_file_location("offline_guard", Path(OFFLINE) / "sitecustomize.py")
    assert spec and spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))

os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [OFFLINE, os.environ.get("PYTHONPATH")]))
for name in [n for n in os.environ if n.startswith(("RAG_", "OPENAI_", "CHAINLIT_")) or n == "CHROMA_URL"]:
    del os.environ[name]

# One folder for the index of the five seeds, whichever process of the run comes first builds it; the others wait.
if "SEEDS_STORE" not in os.environ:
    os.environ["SEEDS_STORE"] = tempfile.mkdtemp(prefix="citewell-seeds-")
    atexit.register(shutil.rmtree, os.environ["SEEDS_STORE"], ignore_errors=True)

from hypothesis import settings  # noqa: E402

# How long an example takes says more of the machine than of the code; `benchmarks/` measures speed.
settings.register_profile("whatever the machine", deadline=None)
settings.load_profile("whatever the machine")
