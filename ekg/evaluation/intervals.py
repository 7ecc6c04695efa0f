"""95 % intervals by resampling whole records, and the full set of metrics with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ekg.evaluation.levels import Units, levels_of
from ekg.evaluation.metrics import metrics_of
from ekg.evaluation.predictions import classes_of
from ekg.evaluation.resampling import all_metrics, confusion_metrics, resample_counts

RESAMPLES = 10_000
SEED = 44
COVERAGE = 0.95
FEWEST_RECORDS = 10
"""Below it (in the fold or, for a class's own metrics, in the class) no interval is given."""


def percentile_interval(values: np.ndarray) -> list[float] | None:
    """Return the central 95 % of a metric's resampled values, None if it has none."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    tail = 100 * (1 - COVERAGE) / 2
    return [float(v) for v in np.percentile(known, [tail, 100 - tail])]


def with_interval(
    value: float | None,
    interval: Sequence[float | None] | None,
    digits: int = 3,
    *,
    to: str = "-",
) -> str:
    """Return `0.790 (0.767-0.813)`: no bracket without an interval, a dash without a value."""
    if value is None or not math.isfinite(value):
        return to if len(to) == 1 else "-"
    ends = [f"{end:.{digits}f}" for end in interval or () if end is not None and math.isfinite(end)]
    return f"{value:.{digits}f}" + (f" ({to.join(ends)})" if len(ends) == 2 else "")


def intervals_of(
    units: Units,
    counts: np.ndarray,
    *,
    confusion_only: bool = False,
) -> dict[str, list[float]]:
    """Return the intervals of one level's metrics.

    `counts`: Resampled counts of the records, (B, n_records).
    """
    if units.n_records < FEWEST_RECORDS:
        return {}
    values = (confusion_metrics if confusion_only else all_metrics)(units, counts)
    sizes = np.bincount(units.record_labels, minlength=len(units.classes))
    small = {name for name, size in zip(units.classes, sizes, strict=True) if size < FEWEST_RECORDS}
    intervals = {}
    for metric, resampled in values.items():
        if metric.partition("/")[2] in small:
            continue
        interval = percentile_interval(resampled)
        if interval is not None:
            intervals[metric] = interval
    return intervals


def metrics_with_intervals(
    units: Units, counts: np.ndarray | None, *, confusion_only: bool = False
) -> dict[str, Any]:
    """Return `metrics_of` with `intervals`, for the level and within each class.

    `counts`: Resampled counts of the records, (B, n_records); None gives no intervals;
    `confusion_only`: Give intervals only to what follows from the confusion matrix.
    """
    result = metrics_of(units)
    found = {} if counts is None else intervals_of(units, counts, confusion_only=confusion_only)
    result["intervals"] = {name: value for name, value in found.items() if "/" not in name}
    for class_, metrics in result["per_class"].items():
        metrics["intervals"] = {
            name.partition("/")[0]: value
            for name, value in found.items()
            if name.partition("/")[2] == class_
        }
    if "reliability" in result:
        result["reliability"]["accuracy_interval"] = [
            found.get(f"reliability/{b}") for b in range(len(result["reliability"]["accuracy"]))
        ]
    return result


def evaluate_predictions(
    predictions: pd.DataFrame,
    classes: Sequence[str] | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Any]:
    """Return every metric of one fold at every level, with intervals.

    `resamples`: Number of resamples; 0 gives no intervals; `classes`: Classes in index order, by
    default those of the predictions.
    """
    classes = tuple(classes or classes_of(predictions))
    levels = levels_of(predictions, classes)
    images = levels["per_image"]
    sizes = np.bincount(images.record_labels, minlength=len(classes))
    left_out = [name for name, size in zip(classes, sizes, strict=True) if size == 0]
    wanted = resamples > 0 and images.n_records >= FEWEST_RECORDS
    counts = resample_counts(images.n_records, resamples, seed) if wanted else None
    result: dict[str, Any] = {
        "records": images.n_records,
        "images": len(images.labels),
        "records_by_class": dict(zip(classes, sizes.tolist(), strict=True)),
        "images_by_class": dict(
            zip(classes, np.bincount(images.labels, minlength=len(classes)).tolist(), strict=True)
        ),
        "left_out": left_out,
        "notes": notes_of(images, resamples),
        "resampling": {
            "unit": "record",
            "method": "percentile interval of plain resamples of the fold's records",
            "coverage": COVERAGE,
            "resamples": resamples if wanted else 0,
            "seed": seed,
        },
    }
    return result | {name: metrics_with_intervals(units, counts) for name, units in levels.items()}


def notes_of(units: Units, resamples: int = RESAMPLES) -> list[str]:
    """Return what a reader of the metrics must know, one sentence each."""
    # These sentences are in stored results, which are compared word for word.
    sizes = np.bincount(units.record_labels, minlength=len(units.classes))
    notes = []
    if absent := [c for c, n in zip(units.classes, sizes, strict=True) if n == 0]:
        notes.append(
            f"no image of {', '.join(absent)} in this fold: left out of all macro averages"
        )
    if resamples > 0 and units.n_records < FEWEST_RECORDS:
        notes.append(
            f"{units.n_records} records: too few for intervals (at least {FEWEST_RECORDS})"
        )
    elif resamples > 0 and (
        few := [
            f"{c} ({n})"
            for c, n in zip(units.classes, sizes, strict=True)
            if 0 < n < FEWEST_RECORDS
        ]
    ):
        notes.append(
            f"fewer than {FEWEST_RECORDS} records of {', '.join(few)}: no intervals for "
            "the figures of these classes"
        )
    if units.probabilities is None:
        notes.append("hard labels only: no figure that needs probabilities")
    return notes
