"""What turns pictures into probabilities: torch, or onnxruntime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np

from ekg.errors import ModelError
from ekg.files import sha256_of_file
from ekg.model.ekg_model import EkgModel

ENGINES = ("torch", "onnx")
ONNX_SUFFIX = ".onnx"
ONNX_FILE = "model.onnx"
BATCH_SIZE = 16


class Engine(Protocol):
    """Reads pictures of one size."""

    name: str
    """The model's name."""
    classes: tuple[str, ...]
    image_size: int
    calibrated: bool
    """Whether a temperature was fitted to the probabilities."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 pictures (N, size, size)."""
        ...


class TorchEngine:
    """A model in torch, with batch norm folded.

    Parameters
    ----------
    model
        Left as it is; it stays at hand as `.model` (for saliency).
    """

    def __init__(self, model: EkgModel):
        from ekg.model.fused import for_inference

        self.model = model
        self._fast = for_inference(model)
        self.name = model.name
        self.classes = model.classes
        self.notes = model.notes
        self.image_size = model.image_size
        self.calibrated = model.temperature is not None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 pictures (N, size, size)."""
        import torch

        with torch.inference_mode():
            parts = [
                self._fast.probabilities(batch).numpy()
                for batch in torch.from_numpy(images).split(BATCH_SIZE)
            ]
        return np.concatenate(parts).astype(np.float64)


def open_engine(path: str | Path, engine: str | None = None) -> Engine:
    """Open a model for reading.

    Parameters
    ----------
    path
        What `load_model` takes, or an exported `.onnx` file.
    engine
        "torch" or "onnx"; by default what the file's name says. For "onnx" a folder or weights
        file means the export of these weights beside them (`model.onnx`, or the weights' name
        with `.onnx`); where there is none, one is made for this once, which takes seconds.

    Raises
    ------
    ModelError
        If the model cannot be had or the engine does not read this kind of file.
    """
    path = Path(path)
    is_onnx = path.suffix.lower() == ONNX_SUFFIX
    engine = engine or ("onnx" if is_onnx else "torch")
    if engine not in ENGINES:
        raise ModelError(f"unknown engine {engine!r}", remedy=f"choose {' or '.join(ENGINES)}")
    if engine == "onnx":
        return _open_onnx(path)
    if is_onnx:
        raise ModelError("torch does not read ONNX files", path=path, remedy="leave --engine out")
    from ekg.model.loading import load_model

    return TorchEngine(load_model(path))


def exported_file_of(path: str | Path) -> Path:
    """Return where the export of a model folder or weights file is kept."""
    path = Path(path)
    return path / ONNX_FILE if path.is_dir() else path.with_suffix(ONNX_SUFFIX)


def _open_onnx(path: Path) -> Engine:
    from ekg.model.onnx_engine import OnnxEngine

    if path.suffix.lower() == ONNX_SUFFIX:
        return OnnxEngine(path)
    from ekg.model.export import export_onnx
    from ekg.model.loading import load_model, weights_file_of

    weights = weights_file_of(path)
    exported = exported_file_of(path)
    if exported.is_file():
        engine = OnnxEngine(exported)
        if engine.weights_sha256 == sha256_of_file(weights):
            return engine
    with tempfile.TemporaryDirectory(prefix="ekg-onnx-") as folder:
        return OnnxEngine(
            export_onnx(load_model(weights), Path(folder) / ONNX_FILE, weights=weights).path
        )
