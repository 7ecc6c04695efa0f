"""A small image set that a network can learn within seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ekg.config import TrainConfig, config_from_dict
from ekg.records.diagnoses import CLASSES

SIZE = 32


def write_set(folder: Path, per_class: int = 12, classes=CLASSES, size: int = SIZE) -> Path:
    """Write images (one bright bar a class, at its own height, with noise) and a split."""
    generator = np.random.default_rng(7)
    rows = []
    for index, name in enumerate(classes):
        for number in range(per_class):
            record = f"T{index}{number // 2:03d}"
            image = f"all/{name}/{record}-s{number % 2:02d}_PIL.png"
            pixels = generator.integers(180, 255, (size, size)).astype(np.uint8)
            height = size // 8 + CLASSES.index(name) * size // 8
            pixels[height : height + size // 10, :] = 0
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / image)
            rows.append((image, record, name, number % 2, 0, "", 0.0))
    columns = ["image", "record", "diagnosis", "slice", "start", "sha256", "clipped_fraction"]
    manifest = pd.DataFrame(rows, columns=columns)
    manifest.to_csv(folder / "manifest.csv", index=False)
    records = manifest.drop_duplicates("record")
    number = records["record"].str[2:].astype(int)
    folds = np.where(number % 3 == 0, "val", np.where(number % 6 == 5, "test", "train"))
    split = pd.DataFrame(
        {"record": records["record"], "diagnoses": records["diagnosis"], "split": folds}
    )
    split.to_csv(folder / "split.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def toy_set(tmp_path_factory) -> Path:
    return write_set(tmp_path_factory.mktemp("toy") / "set")


def toy_config(**sections) -> TrainConfig:
    """The paper's recipe with a toy's size; sections are changed field by field."""
    values = {
        "data": {"image_size": SIZE, "source": "png"},
        "training": {"epochs": 2, "batch_size": 16},
        "compute": {"device": "cpu", "threads": 1, "workers": 0},
    }
    for section, changes in sections.items():
        values.setdefault(section, {}).update(changes)
    return config_from_dict(values)


@pytest.fixture
def said() -> list[str]:
    """Lines that a training has spoken."""
    return []


@pytest.fixture(scope="session")
def small_records(tmp_path_factory) -> Path:
    """Simulated records, their images at 64 pixels, and a split."""
    from ekg.images.image_set import make_image_set
    from ekg.images.record_images import ImageSetConfig
    from ekg.simulator.record_files import SimulationSettings, simulate_folder

    folder = tmp_path_factory.mktemp("small")
    simulate_folder(folder / "records", 14, SimulationSettings(classes=CLASSES))
    make_image_set(folder / "records", folder / "set", ImageSetConfig(size=64), pack=True)
    records = sorted(p.stem for p in (folder / "records").glob("*.hea"))
    lines = [f"{r},X,{'val' if i % 3 == 2 else 'train'}\n" for i, r in enumerate(records)]
    (folder / "split.csv").write_text("record,diagnoses,split\n" + "".join(lines))
    return folder
