"""How the images that a stored model was judged on can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekg.config import SliceConfig
from ekg.errors import EvaluationError
from ekg.files import read_json
from ekg.images.selection import ImageSetConfig
from ekg.simulator.record_files import SimulationSettings
from ekg.training.dataset_facts import DATASET_FILE


@dataclass(frozen=True)
class DataFacts:
    """Seeds and settings of simulated records and of the images drawn from them."""

    simulation: SimulationSettings
    images: ImageSetConfig
    source: str
    """Where they are from, for the reader."""


def data_facts(folder: Path, metrics: dict[str, Any]) -> DataFacts | None:
    """Return how a stored model's validation and test images were made.

    Parameters
    ----------
    folder
        The stored model's.
    metrics
        Its `metrics.json`, which says by checksum which image set it was judged on.

    Returns
    -------
    DataFacts or None
        From `dataset.json` where that is of the same image set; else the project's default
        seeds, which the predictions themselves then confirm or refute. None where the records
        were not simulated.

    Raises
    ------
    EvaluationError
        If `dataset.json` cannot be understood.
    """
    path = folder / DATASET_FILE
    content = read_json(path) if path.is_file() else {}
    if not content or content.get("manifest_sha256") != metrics.get("manifest_sha256"):
        missing = "is of other images" if content else "is not here"
        source = f"default seeds, for {DATASET_FILE} {missing}"
        return DataFacts(SimulationSettings(), ImageSetConfig(), source)
    if content.get("simulation") is None:
        return None
    try:
        simulation, images = dict(content["simulation"]), dict(content["image_set"])
        if simulation.get("classes") is not None:
            simulation["classes"] = tuple(simulation["classes"])
        return DataFacts(
            SimulationSettings(**simulation),
            ImageSetConfig(
                size=int(images["size"]),
                seed=int(images["seed"]),
                slices=SliceConfig(**images["slices"]),
            ),
            f"seeds {simulation['seed']} and {images['seed']} of {DATASET_FILE}",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"does not say how its images were made ({error!r})", path=path
        ) from None
