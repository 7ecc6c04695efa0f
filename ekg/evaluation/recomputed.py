"""Metrics checked against those that their own predictions give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ekg.errors import EvaluationError
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.predictions import read_predictions
from ekg.evaluation.runs import flatten
from ekg.run import METRICS_FILE, Run

TOLERANCE = 2e-6
"""Metrics are stored with six digits."""
INTERVAL_TOLERANCE = 2e-5
"""Resampled sums in float32 differ in the last bits between processors."""
_NAMES_SHOWN = 3


def differing(stored: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Compare two nested tables of metrics.

    `found`: Computed now; every key of it must be in `stored`.
    """
    old, new = flatten(stored), flatten(found)
    wrong = [
        name
        for name, value in new.items()
        if name not in old
        or not _equal(old[name], value, INTERVAL_TOLERANCE if ".intervals." in name else TOLERANCE)
    ]
    return len(new), wrong


def differing_in_fold(folder: Path, metrics: Mapping[str, Any], fold: str) -> tuple[int, list[str]]:
    """Compute a fold's metrics from its saved predictions again and compare."""
    try:
        classes = [str(name) for name in metrics["classes"]]
        resamples, seed = (int(metrics[fold]["resampling"][key]) for key in ("resamples", "seed"))
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"field `classes` or `{fold}.resampling` is missing or invalid ({error})",
            path=folder / METRICS_FILE,
            remedy="run `python -m ekg evaluate` again",
        ) from None
    computed = evaluate_predictions(
        read_predictions(Run(folder).predictions_file(fold), classes),
        classes,
        resamples=resamples,
        seed=seed,
    )
    return differing(metrics[fold], computed)


def check_metrics(folder: Path, metrics: Mapping[str, Any], fold: str) -> None:
    """Refuse metrics other than those of the saved predictions."""
    _, wrong = differing_in_fold(folder, metrics, fold)
    if wrong:
        named = ", ".join(f"{fold}.{name}" for name in wrong[:_NAMES_SHOWN])
        raise EvaluationError(
            f"{len(wrong)} metrics differ from the saved predictions: {named}"
            + (", ..." if len(wrong) > _NAMES_SHOWN else ""),
            path=folder / METRICS_FILE,
            remedy="run `python -m ekg evaluate` again",
        )


def _equal(stored: Any, found: Any, tolerance: float) -> bool:
    if isinstance(found, float) and not math.isfinite(found):
        return stored is None  # JSON has no NaN
    if isinstance(found, bool) or isinstance(stored, bool):
        return stored is found
    if isinstance(found, int | float) and isinstance(stored, int | float):
        return abs(stored - found) <= tolerance * max(1.0, abs(found))
    if isinstance(found, list | tuple) and isinstance(stored, list | tuple):
        return len(found) == len(stored) and all(
            _equal(a, b, tolerance) for a, b in zip(stored, found, strict=True)
        )
    if isinstance(found, Mapping) and isinstance(stored, Mapping):
        return found.keys() == stored.keys() and all(
            _equal(stored[key], value, tolerance) for key, value in found.items()
        )
    return bool(stored == found)
