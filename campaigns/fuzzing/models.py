"""Model files from outside: safetensors, torch files, checkpoints, ONNX."""

from __future__ import annotations

import functools
import io
import json
import pickletools
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import torch

from campaigns.fuzzing.case import Target
from ekg.config import TrainConfig, config_to_dict
from ekg.model.engines import OnnxEngine
from ekg.model.loading import load_model
from ekg.model.weights import load_weights
from ekg.training.checkpoint import check_same, load_checkpoint, save_checkpoint
from ekg.training.distributed import World
from ekg.training.state import State

_TENSORS = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}


def _safetensors(data: bytes, folder: Path) -> None:
    path = folder / "weights.safetensors"
    if data[:1] >= b"\x80":  # the header's length is put right: more is reached
        length = data.rfind(b"}") - 8
        data = struct.pack("<Q", max(length, 0)) + data[9:]
    else:
        data = data[1:]
    path.write_bytes(data)
    load_weights(path)


def _safetensors_seeds() -> list[bytes]:
    from safetensors.torch import save

    plain = save(_TENSORS, {"network": "mobilenetv3_small_custom", "classes": '["AF"]'})
    return [b"\x00" + plain, b"\x80" + plain]


def _metadata(data: bytes, folder: Path) -> None:
    """Load a model whose metadata come from outside."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        table = {"network": data.decode("utf-8", errors="replace")}
    if not isinstance(table, dict):
        table = {"classes": table}
    header = json.dumps({"__metadata__": {str(k): json.dumps(v) for k, v in table.items()}})
    path = folder / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode())
    load_model(path)


def _in_zip(pickled: bytes) -> bytes:
    """Return a torch file that holds this pickle and a few tensors' bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key in range(4):
            archive.writestr(f"archive/data/{key}", bytes(64))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return stream.getvalue()


def _torch_bytes(data: bytes) -> bytes:
    return _in_zip(data[1:]) if data[:1] >= b"\x40" else data[1:]


def _torch_file(data: bytes, folder: Path) -> None:
    path = folder / "network.model"
    path.write_bytes(_torch_bytes(data))
    load_weights(path)


def _checkpoint(data: bytes, folder: Path) -> None:
    path = folder / "checkpoint.pt"
    path.write_bytes(_torch_bytes(data))
    content = load_checkpoint(path)
    check_same(path, content["config"], config_to_dict(TrainConfig()))
    _fresh_state().from_checkpoint(content, World())


def _fresh_state() -> State:
    network = torch.nn.Linear(3, 2)
    state = SimpleNamespace(network=network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    return State(state, optimizer, scaler, None)  # type: ignore[arg-type]


def _pickle_of(file: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        return pickletools.optimize(archive.read(name))


def _torch_seeds() -> list[bytes]:
    found = []
    for content in (_TENSORS, {"state_dict": _TENSORS}, {"a": [1, 2.5, None, "x"]}):
        for zipped in (True, False):
            stream = io.BytesIO()
            torch.save(content, stream, _use_new_zipfile_serialization=zipped)
            found.append(b"\x00" + stream.getvalue())
            if zipped:
                found.append(b"\x80" + _pickle_of(stream.getvalue()))
    return found


@functools.cache
def _checkpoint_content() -> dict[str, Any]:
    state = _fresh_state()
    content = state.to_checkpoint(World())
    return {"config": config_to_dict(TrainConfig()), **content}


def _checkpoint_seeds() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        save_checkpoint(path, _checkpoint_content())
        file = path.read_bytes()
    return [b"\x80" + _pickle_of(file), b"\x00" + file]


def _onnx(data: bytes, folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(data)
    engine = OnnxEngine(path, threads=1)
    if 0 < engine.image_size <= 16:
        engine.probabilities(np.zeros((1, engine.image_size, engine.image_size), np.uint8))


def _onnx_seeds() -> list[bytes]:
    kind = onnx.TensorProto
    nodes = [
        onnx.helper.make_node("Cast", ["images"], ["x"], to=kind.FLOAT),
        onnx.helper.make_node("Flatten", ["x"], ["y"]),
        onnx.helper.make_node("Softmax", ["y"], ["probabilities"]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("images", kind.UINT8, ["n", 1, 4, 4])],
        [onnx.helper.make_tensor_value_info("probabilities", kind.FLOAT, ["n", 16])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    model.ir_version = 9
    entries = {"classes": '["AF"]', "image_size": "4", "name": "x", "temperature": "null"}
    onnx.helper.set_model_props(model, entries)
    return [model.SerializeToString()]


TARGETS = (
    Target(
        "safetensors",
        _safetensors,
        _safetensors_seeds,
        (
            b'"dtype":"F32"',
            b'"shape":[',
            b'"data_offsets":[',
            b"__metadata__",
            b"{",
            b"}",
            b"18446744073709551615",
            b'"F64"',
            b'"BOOL"',
            b"[" * 300,
        ),
        1500,
    ),
    Target(
        "metadata",
        _metadata,
        lambda: [
            b'{"network": "mobilenetv3_small_custom", "classes": ["AF", "STE"], '
            b'"image_size": 800, "mean": 0.9, "std": [0.2], "network_options": {}}',
            b'{"network": "resnet101", "network_options": {"channels": 1}}',
        ],
        (
            b'"classes"',
            b'"network_options": {',
            b'"plain": true',
            b'"width"',
            b"99999999999",
            b'"n_classes"',
            b"null",
            b"1e999",
            b"[]",
            b'"temperature"',
            b"alexnet",
        ),
        800,
    ),
    Target(
        "torch_file",
        _torch_file,
        _torch_seeds,
        (
            b"cos\nsystem\n",
            b"ctorch\n",
            b"R.",
            b"cbuiltins\neval\n",
            b"\x80\x02",
            b"ccollections\nOrderedDict\n",
            b"tR",
            b"Q",
            b"X\x04\x00\x00\x00",
        ),
        3000,
    ),
    Target(
        "checkpoint",
        _checkpoint,
        _checkpoint_seeds,
        (
            b"version",
            b"model",
            b"optimizer",
            b"K\x01",
            b"N",
            b"}",
            b"sums",
            b"cos\nsystem\n",
            b"rows",
            b"random",
            b"plan",
        ),
        16000,
    ),
    Target(
        "onnx",
        _onnx,
        _onnx_seeds,
        (b"classes", b"image_size", b"Softmax", b"Cast", b"Flatten", b"images"),
        1000,
    ),
)
