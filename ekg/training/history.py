"""The history of a run: one row an epoch, in the published columns and a few more."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ekg.files import atomic_open

PUBLISHED_COLUMNS = (
    "epoch",
    "train_loss",
    "val_loss",
    "best_val_loss",
    "delta_per_best",
    "saved_model",
    "elapsed_time",
    "epoch_time",
    "cuda_mem_alloc",
    "cuda_mem_cached",
)
"""Times in minutes, memory in bytes (the most reserved at once for `cuda_mem_cached`)."""

NEW_COLUMNS = (
    "learning_rate",
    "images_per_second",
    "train_accuracy",
    "val_accuracy",
    "val_macro_f1",
    "steps",
)

MEASURED_COLUMNS = (
    "elapsed_time",
    "epoch_time",
    "cuda_mem_alloc",
    "cuda_mem_cached",
    "images_per_second",
)
"""Measured by a clock or the allocator; all other columns are equal in equal runs."""

COLUMNS = PUBLISHED_COLUMNS + NEW_COLUMNS


def write_history(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write all rows, atomically; numbers in full precision."""
    with atomic_open(path) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def line_of(row: dict[str, Any]) -> str:
    """Return the plain line that is printed after an epoch."""
    return (
        f"epoch {row['epoch']:3d}  train loss {row['train_loss']:.4f}  "
        f"val loss {row['val_loss']:.4f}{' *' if row['saved_model'] else '  '}  "
        f"val accuracy {row['val_accuracy']:.3f}  val macro F1 {row['val_macro_f1']:.3f}  "
        f"{row['images_per_second']:,.1f} images/s  {row['elapsed_time']:.1f} min"
    )
