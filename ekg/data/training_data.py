"""The images of a run: which ones, in which fold, and the loaders that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ekg.config import TrainConfig
from ekg.data.folds import divide, labels_of, thin_out
from ekg.data.image_sources import open_source
from ekg.data.loader import Loader
from ekg.images.image_set import read_manifest
from ekg.images.pack import has_pack


@dataclass(frozen=True)
class FoldData:
    """One fold, ready to be read."""

    name: str
    loader: Loader
    labels: np.ndarray
    """int64 (n,): class index of each image."""
    images: np.ndarray
    """Name of each image, for messages."""


@dataclass(frozen=True)
class RunData:
    """What a training reads."""

    train: FoldData
    """Training images as the network learns from them."""
    measured_train: FoldData
    """The same images unchanged, for measuring the training loss."""
    val: FoldData


@contextmanager
def open_run_data(
    config: TrainConfig,
    images: Path,
    split_file: Path,
    records: str | Path | None,
    log: Callable[[str], None],
    *,
    pinned: bool = False,
) -> Iterator[RunData]:
    """Divide an image set into folds and open their loaders."""
    data = config.data
    folds = divide(read_manifest(images), split_file, needed=("train", "val"))
    for note in folds.notes:
        log(f"note: {note}")
    train = thin_out(folds.fold("train"), data.max_train_images)
    val = thin_out(folds.fold("val"), data.max_val_images)
    for name, rows in (("train", train), ("val", val)):
        log(f"{name}: {len(rows):,} images of {rows['record'].nunique():,} records")

    def fold(name: str, rows: pd.DataFrame, *, changed: bool) -> FoldData:
        # Unchanged images are the same pixels from everywhere: drawing them again in each epoch
        # would only take time.
        packed = not changed and data.source == "records" and has_pack(images, data.image_size)
        source = open_source(
            images,
            rows,
            size=data.image_size,
            source="pack" if packed else data.source,
            records=records,
            seed=config.training.seed,
            random_slices=changed and data.slices == "random",
            augmentation=config.augmentation if changed else None,
        )
        labels = labels_of(rows)
        loader = Loader(source, labels, config.compute.workers, pinned=pinned)
        return FoldData(name, loader, labels, rows["image"].to_numpy(str))

    learned = fold("train", train, changed=True)
    changes = data.slices == "random" or config.augmentation.active
    measured = fold("train", train, changed=False) if changes else learned
    validated = fold("val", val, changed=False)
    try:
        yield RunData(learned, measured, validated)
    finally:
        for opened in (learned, measured, validated):
            opened.loader.close()
