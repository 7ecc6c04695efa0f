"""Toy predictions, and a toy model with a toy image set."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ekg.evaluation.predictions import make_predictions
from ekg.records.diagnoses import CLASSES

SIZE = 32


def toy_predictions(
    records: int = 60, seed: int = 0, skill: float = 1.5, classes: tuple[str, ...] = CLASSES
) -> pd.DataFrame:
    """Predictions of 1 to 6 images a record, correlated within a record; scores with ties."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, records)
    owner = np.repeat(np.arange(records), sizes)
    labels = rng.integers(0, len(classes), records)
    scores = rng.normal(size=(records, len(classes)))[owner]
    scores += 0.5 * rng.normal(size=(len(owner), len(classes)))
    scores[np.arange(len(owner)), labels[owner]] += skill
    scores = scores.round(1)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = [f"T{k:04d}" for k in range(records)]
    within = np.concatenate([np.arange(n) for n in sizes])
    return make_predictions(
        [f"all/x/{names[r]}-s{s:02d}_PIL.png" for r, s in zip(owner, within, strict=True)],
        [names[r] for r in owner],
        [classes[labels[r]] for r in owner],
        probabilities,
        classes,
    )


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Sixty records with probabilities."""
    return toy_predictions()


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose network has fresh weights for 32-pixel images."""
    import torch

    from ekg.model import EkgModel, build_network, save_weights

    folder = tmp_path_factory.mktemp("runs") / "toy"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = EkgModel(build_network(), image_size=SIZE, mean=0.5, std=0.2)
    save_weights(folder / "weights.safetensors", model.network.state_dict(), model.metadata)
    return folder


def make_toy_images(folder: Path, per_class: int = 5, classes: tuple[str, ...] = CLASSES) -> Path:
    """Write an image set of `per_class` records with two images each, and its split.csv."""
    from PIL import Image

    rng = np.random.default_rng(5)
    rows = []
    for k in range(per_class * len(classes)):
        record, diagnosis = f"R{k:03d}", classes[k % len(classes)]
        for number in range(2):
            name = f"all/{diagnosis}/{record}-s{number:02d}_PIL.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name)
            sum_ = hashlib.sha256(pixels.data).hexdigest()
            rows.append([name, record, diagnosis, number, 1250 * number, sum_, 0.0])
    columns = ["image", "record", "diagnosis", "slice", "start", "sha256", "clipped_fraction"]
    manifest = pd.DataFrame(rows, columns=columns)
    manifest.to_csv(folder / "manifest.csv", index=False)
    (folder / "dataset.json").write_text(json.dumps({"dataset": "toy", "size": SIZE}))
    split = (
        manifest[["record", "diagnosis"]]
        .drop_duplicates()
        .rename(columns={"diagnosis": "diagnoses"})
    )
    place = np.arange(len(split)) // len(classes)
    split["split"] = np.where(place < 2, "test", np.where(place < 4, "val", "train"))
    split.to_csv(folder / "split.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def toy_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image set: 35 records, two images each; test and val have two records a class."""
    return make_toy_images(tmp_path_factory.mktemp("toy") / "im_res_32")
