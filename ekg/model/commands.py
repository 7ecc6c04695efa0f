"""The verb `export`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model",
        help="run folder, folder of best_model_for_paper/ or weights file "
        "(default: the default model)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="the file, named *.onnx; default: model.onnx in the model's folder, or the weights "
        "file's name with .onnx; needed for the default model",
    )
    parser.add_argument(
        "--check-on",
        metavar="DIR",
        help="folder of images for the comparison with torch; default: a few synthetic ones",
    )


def run_export(arguments: argparse.Namespace) -> int:
    """Write a model as one ONNX file: grey images in, probabilities out."""
    from ekg.errors import ModelError
    from ekg.model.export import LARGEST_DIFFERENCE, export_onnx
    from ekg.model.loading import load_model
    from ekg.model.model_files import exported_file_of, weights_file_of
    from ekg.paths import default_model

    if not (arguments.model or arguments.out):
        raise ModelError(
            "the default model already has its ONNX file",
            path=exported_file_of(default_model()),
            remedy="use --out to write another file, or --model for another model",
        )
    weights = weights_file_of(arguments.model or default_model())
    model = load_model(weights)
    images = _images(arguments.check_on, model.image_size) if arguments.check_on else None
    out = arguments.out or exported_file_of(arguments.model)
    report = export_onnx(model, out, weights=weights, images=images)
    print(
        f"{report.path}: {report.size_bytes / 1e6:.2f} MB, largest difference from torch "
        f"{report.largest_difference:.1e} over {report.images} images "
        f"(allowed {LARGEST_DIFFERENCE:g}), of {model.name}. Not for clinical use."
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
