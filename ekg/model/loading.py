"""From a run folder, a stored model's folder or a weights file to a model that can read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ekg.config import IMAGE_SIZE_LIMITS
from ekg.datasets.registry import source_named
from ekg.errors import EkgWarning, ModelError
from ekg.files import sha256_of_file
from ekg.model.ekg_model import PUBLISHED_MEAN, PUBLISHED_SIZE, PUBLISHED_STD, EkgModel
from ekg.model.model_files import temperature_of, weights_file_of
from ekg.model.networks import PAPER_NETWORK, build_network
from ekg.model.weights import (
    another_network,
    differences,
    fill_network,
    load_weights,
)
from ekg.records.diagnoses import CLASSES
from ekg.run import WEIGHTS_FILE


def load_model(path: str | Path, *, plain: bool = False) -> EkgModel:
    """Load a model, in eval mode, on the CPU."""
    file = weights_file_of(path)
    state_dict, metadata = load_weights(file)
    try:
        name = str(metadata.get("network", PAPER_NETWORK))
        classes = tuple(str(c) for c in metadata.get("classes", CLASSES))
        options = dict(metadata.get("network_options", {}))
        image_size = int(metadata.get("image_size", PUBLISHED_SIZE))
        mean = _floats(metadata.get("mean", PUBLISHED_MEAN))
        std = _floats(metadata.get("std", PUBLISHED_STD))
    except (TypeError, ValueError) as error:
        raise ModelError(f"its metadata cannot be read ({error})", path=file) from None
    if not IMAGE_SIZE_LIMITS[0] <= image_size <= IMAGE_SIZE_LIMITS[1]:
        raise ModelError(
            f"field `image_size` is {image_size}, not {IMAGE_SIZE_LIMITS[0]} to "
            f"{IMAGE_SIZE_LIMITS[1]}",
            path=file,
        )
    if plain:
        options["plain"] = True
    network = _network_for(file, state_dict, name, len(classes), options)
    model = EkgModel(
        network,
        classes,
        image_size,
        mean,
        std,
        temperature_of(file, metadata),
        network_name=name,
        network_options=options,
        name=_model_name(file),
    )
    if "classes" not in metadata and sha256_of_file(file) not in _published_checksums():
        model.notes = (f"{file.name} names no classes: assuming the paper's order",)
        warnings.warn(f"{file}: {model.notes[0]} ({', '.join(CLASSES)})", EkgWarning, stacklevel=2)
    return model.eval()


def _published_checksums() -> set[str]:
    """Return the checksums of the published files, whose order of classes is known."""
    return {file.sha256 for file in source_named("published_model").files}


def _network_for(
    file: Path, state_dict: dict[str, Tensor], name: str, n_classes: int, options: dict[str, Any]
) -> nn.Module:
    """Build the network that the metadata name, and put the weights into it.

    Its shapes are compared first, on torch's device without memory: metadata from outside may
    name a network of any size, and one that is not in the file is never built.
    """
    built_by = _without_download(name, options)
    what = f"{name} with {n_classes} classes"
    try:
        with torch.device("meta"):
            difference = differences(build_network(name, n_classes, **built_by), state_dict)
        if difference:
            raise another_network(difference, path=file, name=what)
        # Fresh weights are drawn and at once overwritten: that must not move the caller's seed.
        with torch.random.fork_rng(devices=[]):
            network = build_network(name, n_classes, **built_by)
        fill_network(network, state_dict, path=file, name=what)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:  # from torch's layers
        raise ModelError(f"its network cannot be built ({error})", path=file) from None
    return network


def _floats(value: Any) -> list[float]:
    return [float(v) for v in (value if isinstance(value, list) else [value])]


def _without_download(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Leave out where the first weights came from: they are about to be replaced."""
    return options if name == PAPER_NETWORK else {**options, "weights": None}


def _model_name(file: Path) -> str:
    return file.resolve().parent.name if file.name == WEIGHTS_FILE else file.stem
