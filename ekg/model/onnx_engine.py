"""An exported model in onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime

from ekg.errors import ModelError
from ekg.model.engines import BATCH_SIZE

_ERRORS_ONLY = 3


class OnnxEngine:
    """A model exported by `ekg.model.export`, on the CPU.

    Parameters
    ----------
    path
        The `.onnx` file.
    threads
        Threads to compute with; all cores by default.

    Raises
    ------
    ModelError
        If the file is missing, damaged, or was not made by this project's export.
    """

    def __init__(self, path: str | Path, threads: int = 0):
        self.path = path = Path(path)
        if not path.is_file():
            raise ModelError("no such file", path=path, remedy="check the path")
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
                "its metadata does not name classes and image size, or it takes no picture",
                path=path,
                remedy="use a file made by python -m ekg export",
            ) from None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 pictures (N, size, size)."""
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
