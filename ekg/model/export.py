"""A model as one ONNX file: grey image in, probabilities out."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ekg._version import __version__
from ekg.errors import ModelError
from ekg.files import atomic_path, sha256_of_file
from ekg.images.renderer import Renderer
from ekg.model.ekg_model import EkgModel
from ekg.model.engines import OnnxEngine
from ekg.model.model_files import ONNX_SUFFIX
from ekg.model.torch_engine import for_inference
from ekg.seeds import generator_for

LARGEST_DIFFERENCE = 1e-4
"""Between torch's and onnxruntime's probabilities."""
INPUT_NAME, OUTPUT_NAME = "images", "probabilities"
OPSET = 18
NOTICE = "Research software: not for clinical use."
_SEED = 44
_CHECK_IMAGES = 6


@dataclass(frozen=True)
class ExportReport:
    """What was exported and how well it agrees with torch."""

    path: Path
    largest_difference: float
    """Of any probability, over all images it was checked on."""
    images: int
    """How many images it was checked on."""
    size_bytes: int


class _Probabilities(nn.Module):
    """What the file computes: normalisation, network, temperature, softmax."""

    def __init__(self, model: EkgModel):
        super().__init__()
        self.model = for_inference(model).to(memory_format=torch.contiguous_format)

    def forward(self, images: Tensor) -> Tensor:
        return self.model.probabilities(images)


def check_images(size: int) -> np.ndarray:
    """Draw a few made-up strips to compare two engines on.

    Spikes of several rates, widths and heights on a wandering line; the same every time.
    """
    renderer = Renderer(size)
    times = renderer.layout.times
    images = []
    for index in range(_CHECK_IMAGES):
        random = generator_for(_SEED, f"export check {index}")
        beats = np.arange(random.uniform(0.1, 0.4), times[-1], random.uniform(0.4, 1.2))
        signal = 0.02 * random.standard_normal((12, len(times)))
        signal += random.uniform(-0.5, 0.5, (12, 1)) * np.sin(2 * np.pi * times / 2.5)
        for width in (0.02, 0.06):
            waves = np.exp(-(((times - beats[:, None]) / width) ** 2)).sum(axis=0)
            signal += random.uniform(-1.5, 2.0, (12, 1)) * waves
        images.append(renderer.draw(signal))
    return np.stack(images)


def export_onnx(
    model: EkgModel,
    path: str | Path,
    *,
    weights: str | Path | None = None,
    images: np.ndarray | None = None,
) -> ExportReport:
    """Write a model as ONNX, check it against torch, and only then put it in its place.

    Input `images`: uint8 (N, 1, size, size), grey, any N. Output `probabilities`: float32
    (N, number of classes), in the order of the metadata's `classes`.
    """
    path = Path(path)
    if path.suffix.lower() != ONNX_SUFFIX:
        raise ModelError("an exported model is named *.onnx", path=path, remedy="rename it")
    images = check_images(model.image_size) if images is None else images
    proto = _traced(model)
    onnx.helper.set_model_props(proto, _metadata(model, weights))
    proto.doc_string = NOTICE
    proto.producer_name, proto.producer_version = "ekg", __version__
    onnx.checker.check_model(proto)
    with atomic_path(path) as temporary:
        temporary.write_bytes(proto.SerializeToString(deterministic=True))
        difference = largest_difference(model, OnnxEngine(temporary), images)
        if not difference <= LARGEST_DIFFERENCE:
            raise ModelError(
                f"onnxruntime and torch differ by {difference:.2g} in a probability, at most "
                f"{LARGEST_DIFFERENCE:g} is allowed; nothing was written",
                path=path,
                remedy="use the torch engine",
            )
    return ExportReport(path, difference, len(images), path.stat().st_size)


def largest_difference(model: EkgModel, engine: OnnxEngine, images: np.ndarray) -> float:
    """Return the largest difference of any probability, in batches and one by one."""
    with torch.inference_mode():
        expected = np.concatenate(
            [model.probabilities(batch).numpy() for batch in torch.from_numpy(images).split(8)]
        )
    together = engine.probabilities(images)
    singly = np.concatenate([engine.probabilities(image[None]) for image in images])
    return float(max(np.abs(together - expected).max(), np.abs(singly - expected).max()))


def _metadata(model: EkgModel, weights: str | Path | None) -> dict[str, str]:
    settings = model.metadata
    return {
        "name": model.name,
        "classes": json.dumps(settings["classes"]),
        "image_size": str(settings["image_size"]),
        "network": settings["network"],
        "mean": json.dumps(settings["mean"]),
        "std": json.dumps(settings["std"]),
        "temperature": json.dumps(settings["temperature"]),
        "ekg_version": __version__,
        "weights_sha256": "" if weights is None else sha256_of_file(weights),
        "notice": NOTICE,
    }


def _traced(model: EkgModel) -> onnx.ModelProto:
    example = torch.zeros(2, 1, model.image_size, model.image_size, dtype=torch.uint8)
    free = {0: torch.export.Dim("batch")}
    module = _Probabilities(model)
    return traced(module, model.network_name, example, (INPUT_NAME, OUTPUT_NAME), free)


def traced(
    module: nn.Module,
    name: str,
    example: Tensor,
    ends: tuple[str, str],
    free: dict[int, Any],
) -> onnx.ModelProto:
    """Return a module with one input and one output as ONNX, without notes of this machine.

    `ends` names input and output; `free` gives the axes of the input whose length is open.
    """
    with _quiet_exporter():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=[ends[0]],
            output_names=[ends[1]],
            dynamic_shapes=(free,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise ModelError(f"torch could not export network {name}")
    proto = program.model_proto
    # The exporter notes source lines of the machine it ran on; they are nobody's business.
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    return proto


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's chatter off the screen; its errors are exceptions."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
