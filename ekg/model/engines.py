"""What turns pictures into probabilities: torch, or onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from ekg.errors import ModelError
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
        from ekg.model.inference import for_inference

        self.model = model
        self._fast = for_inference(model)
        self.name = model.name
        self.classes = model.classes
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
        What `load_model` takes, or an exported `.onnx` file. For the engine "onnx" a folder
        means the `model.onnx` in it.
    engine
        "torch" or "onnx"; by default what the file's name says.

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
    if engine == "torch":
        if is_onnx:
            raise ModelError(
                "torch does not read ONNX files", path=path, remedy="leave --engine out"
            )
        from ekg.model.loading import load_model

        return TorchEngine(load_model(path))
    from ekg.model.onnx_engine import OnnxEngine

    if path.is_dir():
        path = path / ONNX_FILE
    if path.suffix.lower() != ONNX_SUFFIX or not path.is_file():
        raise ModelError(
            "no exported model here",
            path=path,
            remedy="make one: python -m ekg export --model MODEL --out model.onnx",
        )
    return OnnxEngine(path)
