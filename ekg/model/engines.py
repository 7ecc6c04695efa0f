"""What turns images into probabilities: torch, or onnxruntime."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Protocol

import numpy as np

from ekg.errors import ModelError
from ekg.files import sha256_of_file
from ekg.model.model_files import (
    ONNX_SUFFIX,
    exported_file_of,
    metadata_of,
    temperature_of,
    weights_file_of,
)

ENGINES = ("torch", "onnx")
_ERRORS_ONLY = 3


class Engine(Protocol):
    """Reads images of one size."""

    name: str
    """The model's name."""
    classes: tuple[str, ...]
    image_size: int
    calibrated: bool
    """Whether a temperature was fitted to the probabilities."""
    weights_sha256: str
    """Of the weights file; empty where it is not known."""
    folder: Path | None
    """Where the model's other files are."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 images (N, size, size)."""
        ...


class OnnxEngine:
    """A model exported by `ekg.model.export`, on the CPU.

    `threads`: Threads to compute with; all cores by default. `weights`: The weights file that it
    is an export of, where that is beside it.
    """

    def __init__(self, path: str | Path, threads: int = 0, weights: Path | None = None):
        import onnxruntime

        self.path = path = Path(path)
        self.folder: Path | None = path.parent
        self.weights = weights
        if not path.is_file():
            raise ModelError("file not found", path=path, remedy="check the path")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # onnxruntime's own exceptions share no other base class
            raise ModelError(
                f"cannot be read as an ONNX model ({str(error).splitlines()[0]})",
                path=path,
                remedy="export the model again",
            ) from None
        try:
            metadata = dict(self._session.get_modelmeta().custom_metadata_map)
            self.classes: tuple[str, ...] = tuple(json.loads(metadata["classes"]))
            self.image_size = int(metadata["image_size"])
            self.name = metadata["name"]
            self.weights_sha256 = metadata.get("weights_sha256", "")
            self._input = self._session.get_inputs()[0].name
            self.temperature = json.loads(metadata.get("temperature", "null"))
            self.calibrated = self.temperature is not None
        except (LookupError, TypeError, ValueError):
            raise ModelError(
                "its metadata lacks classes or image size, or its input is not an image",
                path=path,
                remedy="use a file from `python -m ekg export`",
            ) from None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 images (N, size, size)."""
        try:
            # One at a time: the layers' results stay in the processor's cache
            # (benchmarks/inference.csv).
            parts = [
                self._session.run(None, {self._input: image[None, None]})[0] for image in images
            ]
        except Exception as error:  # onnxruntime's own exceptions share no other base class
            raise ModelError(
                f"the exported model {self.name} cannot be run ({str(error).splitlines()[0]})",
                path=self.path,
                remedy="export the model again",
            ) from None
        return np.concatenate(parts).astype(np.float64)


def open_engine(
    path: str | Path, engine: str | None = None, threads: int = 0, *, calibrated: bool = True
) -> Engine:
    """Open a model for reading: by default its export where that has the same weights."""
    path = Path(path)
    if engine not in (None, *ENGINES):
        raise ModelError(f"unknown engine {engine!r}", remedy=f"choose {' or '.join(ENGINES)}")
    if path.suffix.lower() == ONNX_SUFFIX:
        if engine == "torch":
            raise ModelError("torch does not read ONNX files", path=path, remedy="omit --engine")
        return OnnxEngine(path, threads)
    weights, exported = weights_file_of(path), exported_file_of(path)
    is_there = exported.is_file() and importlib.util.find_spec("onnxruntime") is not None
    if engine == "onnx" or (engine is None and is_there):
        found = OnnxEngine(exported, threads, weights) if exported.is_file() else None
        problem = "the model has not been exported to ONNX" if found is None else _stale(found)
        if found is not None and not problem:
            return found
        if engine == "onnx":
            remedy = f"run python -m ekg export --model {path}"
            raise ModelError(problem, path=exported, remedy=remedy)
    return _open_torch(weights, threads, calibrated)


def _stale(engine: OnnxEngine) -> str:
    """Say in what an export differs from the weights beside it; empty where in nothing."""
    assert engine.weights is not None
    metadata = metadata_of(engine.weights)
    if engine.weights_sha256 != sha256_of_file(engine.weights):
        return f"is not an export of {engine.weights.name} beside it"
    now = temperature_of(engine.weights, metadata)
    if engine.temperature != now:
        return f"was exported with temperature {engine.temperature}, now it is {now}"
    return ""


def _open_torch(weights: Path, threads: int, calibrated: bool) -> Engine:
    import torch

    from ekg.model.loading import load_model
    from ekg.model.torch_engine import TorchEngine

    if threads:
        torch.set_num_threads(threads)
    model = load_model(weights)
    if not calibrated:
        model.temperature = None
    return TorchEngine(model, sha256_of_file(weights), weights.parent)
