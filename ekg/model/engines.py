"""What turns images into probabilities: torch, or onnxruntime."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ekg.errors import ModelError
from ekg.files import sha256_of_file
from ekg.model.ekg_model import EkgModel
from ekg.model.loading import load_model, weights_file_of
from ekg.run import ONNX_FILE

ENGINES = ("torch", "onnx")
ONNX_SUFFIX = ".onnx"
BATCH_SIZE = 16
_ERRORS_ONLY = 3


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy for inference, in which batch norm is part of the layer before it.

    In eval mode batch norm is a fixed scale and shift of each channel: the convolution before
    it can do both at no cost. The copy also uses channels-last memory, in which torch's CPU
    and GPU kernels filter narrow images faster.
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for module in folded.modules():
        if isinstance(module, nn.Hardswish | nn.ReLU):
            module.inplace = True  # no gradient will ask for what it overwrites
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            layer, norm = module[index], module[index + 1]
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(layer, norm)
            elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                module[index] = fuse_linear_bn_eval(layer, norm)
            else:
                continue
            module[index + 1] = nn.Identity()
    return folded.to(memory_format=torch.channels_last)


def for_inference(model: EkgModel) -> EkgModel:
    """Return a copy of a model, of the same kind, with a folded network; see `fold_batch_norm`."""
    fast = copy.deepcopy(model)
    fast.network = fold_batch_norm(model.network)
    return fast.eval()


class Engine(Protocol):
    """Reads images of one size."""

    name: str
    """The model's name."""
    classes: tuple[str, ...]
    image_size: int
    calibrated: bool
    """Whether a temperature was fitted to the probabilities."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 images (N, size, size)."""
        ...


class TorchEngine:
    """A model in torch, with batch norm folded."""

    def __init__(self, model: EkgModel):
        self.model = model
        self._fast = for_inference(model)
        self.name = model.name
        self.classes = model.classes
        self.notes = model.notes
        self.image_size = model.image_size
        self.calibrated = model.temperature is not None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 images (N, size, size)."""
        with torch.inference_mode():
            parts = [
                self._fast.probabilities(batch).numpy()
                for batch in torch.from_numpy(images).split(BATCH_SIZE)
            ]
        return np.concatenate(parts).astype(np.float64)


class OnnxEngine:
    """A model exported by `ekg.model.export`, on the CPU.

    `threads`: Threads to compute with; all cores by default.
    """

    def __init__(self, path: str | Path, threads: int = 0):
        import onnxruntime

        self.path = path = Path(path)
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
            self.calibrated = metadata.get("temperature", "null") != "null"
        except (LookupError, TypeError, ValueError):
            raise ModelError(
                "its metadata lacks classes or image size, or its input is not an image",
                path=path,
                remedy="use a file from `python -m ekg export`",
            ) from None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 images (N, size, size)."""
        try:
            parts = [
                self._session.run(None, {self._input: images[first : first + BATCH_SIZE, None]})[0]
                for first in range(0, len(images), BATCH_SIZE)
            ]
        except Exception as error:  # onnxruntime's own exceptions share no other base class
            raise ModelError(
                f"the exported model {self.name} cannot be run ({str(error).splitlines()[0]})",
                path=self.path,
                remedy="export the model again",
            ) from None
        return np.concatenate(parts).astype(np.float64)


def open_engine(path: str | Path, engine: str | None = None) -> Engine:
    """Open a model for reading."""
    path = Path(path)
    is_onnx = path.suffix.lower() == ONNX_SUFFIX
    engine = engine or ("onnx" if is_onnx else "torch")
    if engine not in ENGINES:
        raise ModelError(f"unknown engine {engine!r}", remedy=f"choose {' or '.join(ENGINES)}")
    if engine == "onnx":
        return _open_onnx(path)
    if is_onnx:
        raise ModelError("torch does not read ONNX files", path=path, remedy="omit --engine")
    return TorchEngine(load_model(path))


def exported_file_of(path: str | Path) -> Path:
    """Return where the export of a model folder or weights file is kept."""
    path = Path(path)
    return path / ONNX_FILE if path.is_dir() else path.with_suffix(ONNX_SUFFIX)


def _open_onnx(path: Path) -> Engine:
    if path.suffix.lower() == ONNX_SUFFIX:
        return OnnxEngine(path)
    weights, exported = weights_file_of(path), exported_file_of(path)
    remedy = f"run python -m ekg export --model {path}"
    if not exported.is_file():
        raise ModelError("the model has not been exported to ONNX", path=exported, remedy=remedy)
    engine = OnnxEngine(exported)
    if engine.weights_sha256 != sha256_of_file(weights):
        raise ModelError(
            f"is not an export of {weights.name} beside it", path=exported, remedy=remedy
        )
    return engine
