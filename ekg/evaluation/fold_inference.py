"""A model over the images of a fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from ekg.data.folds import labels_of
from ekg.data.image_sources import ImageSource
from ekg.data.loader import Loader, batches_of
from ekg.model import EkgModel
from ekg.progress import Progress

BATCH_SIZE = 32


def pick_device() -> torch.device:
    """Return the first GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def logits_of_images(
    model: EkgModel,
    source: ImageSource,
    rows: pd.DataFrame,
    *,
    batch_size: int = BATCH_SIZE,
    device: torch.device | None = None,
    what: str = "evaluating",
) -> np.ndarray:
    """Run a model over images in their order.

    Parameters
    ----------
    model
        In eval mode; it is moved to the device.
    source
        Gives the image of each row.
    rows
        Manifest rows of the fold.
    batch_size
        Images at once; it does not change the result beyond rounding.
    device
        By default the first GPU, else the CPU.
    what
        For the progress line.

    Returns
    -------
    numpy.ndarray
        float64 (n_images, n_classes).
    """
    device = device or pick_device()
    model = model.to(device).eval()
    batches = batches_of(np.arange(len(rows)), batch_size)
    parts = []
    with (
        torch.inference_mode(),
        Loader(source, labels_of(rows, model.classes)) as loader,
        Progress(len(rows), what, "image") as progress,
    ):
        for batch in loader.batches(batches):
            images = torch.from_numpy(batch.images).to(device)
            parts.append(model(images).float().cpu().numpy())
            progress.update(len(batch.rows))
    return np.concatenate(parts).astype(np.float64)
