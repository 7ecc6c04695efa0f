"""The golden images and the logits that the published network gives for them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from ekg.model import EkgModel, load_model


@dataclass(frozen=True)
class Golden:
    images: torch.Tensor
    logits: np.ndarray


@pytest.fixture(scope="session")
def published_file(shared: Path) -> Path:
    return shared / "published_model" / "mobilenetv3_small_custom_37.model"


@pytest.fixture(scope="session")
def published(published_file: Path) -> EkgModel:
    return load_model(published_file)


@pytest.fixture(scope="session")
def golden(shared: Path) -> Golden:
    """The 24 golden images that are stored as files."""
    table = pd.read_csv(shared / "golden" / "golden.csv").set_index(["record", "start"])
    columns = [column for column in table if column.startswith("logit_")]
    images, logits = [], []
    for path in sorted((shared / "golden" / "images").glob("*.png")):
        record, start = path.stem.rsplit("_", 1)
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("L")))
        logits.append(table.loc[(record, int(start)), columns].to_numpy(dtype=np.float64))
    assert len(images) == 24
    return Golden(torch.from_numpy(np.stack(images)[:, None]), np.stack(logits))
