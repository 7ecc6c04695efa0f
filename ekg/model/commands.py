"""The verb `export`: its arguments, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ekg.options import Option

if TYPE_CHECKING:
    import numpy as np


def run_export(
    *,
    model: Annotated[
        str | None,
        "run folder, folder of best_model_for_paper/ or weights file (default: the default model)",
    ] = None,
    out: Annotated[
        str | None,
        Option(
            "the file, named *.onnx; default: model.onnx in the model's folder, or the weights "
            "file's name with .onnx; needed for the default model",
            "FILE",
        ),
    ] = None,
    check_on: Annotated[
        str | None,
        Option(
            "folder of images for the comparison with torch; default: a few synthetic ones", "DIR"
        ),
    ] = None,
) -> int:
    """Write a model as one ONNX file: grey images in, probabilities out."""
    from ekg.errors import ModelError
    from ekg.model.export import LARGEST_DIFFERENCE, export_onnx
    from ekg.model.loading import load_model
    from ekg.model.model_files import exported_file_of, weights_file_of
    from ekg.paths import default_model

    if not (model or out):
        raise ModelError(
            "the default model already has its ONNX file",
            path=exported_file_of(default_model()),
            remedy="use --out to write another file, or --model for another model",
        )
    weights = weights_file_of(model or default_model())
    loaded = load_model(weights)
    images = _images(check_on, loaded.image_size) if check_on else None
    target = out or exported_file_of(model or default_model())
    report = export_onnx(loaded, target, weights=weights, images=images)
    print(
        f"{report.path}: {report.size_bytes / 1e6:.2f} MB, largest difference from torch "
        f"{report.largest_difference:.1e} over {report.images} images "
        f"(allowed {LARGEST_DIFFERENCE:g}), of {loaded.name}. Not for clinical use."
    )
    return 0


def _images(folder: str, size: int) -> np.ndarray:
    import numpy as np

    from ekg.errors import ImageError
    from ekg.images.image_checks import read_external_image

    files = sorted(Path(folder).glob("*.png"))
    if not files:
        raise ImageError("no *.png in this folder", path=folder, remedy="check the path")
    return np.stack([read_external_image(file, size) for file in files])
