"""When a verdict is withheld, and which classes remain possible: rules fixed on known records."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ekg.evaluation.calibration import with_temperature
from ekg.evaluation.levels import levels_of
from ekg.evaluation.predictions import probabilities_of
from ekg.predict.verdict_rules import Rules

COVERAGE = 0.8
"""Share of records of the kind it was fixed on that keep a verdict."""
PROMISED = 0.9
"""Share of records whose class is in the set of possible classes."""
FEWEST_RECORDS = 50
"""Fewer records fix no rule."""


def calibrated_means(
    predictions: pd.DataFrame, temperature: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean calibrated probabilities of each record (n, n_classes), and its class (n,).

    Each image is calibrated before the mean is taken, as `predict` does.
    """
    if temperature is not None:
        predictions = with_temperature(predictions, temperature)
    assert probabilities_of(predictions) is not None
    units = levels_of(predictions)["per_record"]
    assert units.probabilities is not None
    return units.probabilities, units.labels


def fix_rules(
    predictions: pd.DataFrame, temperature: float | None, weights_sha256: str, fixed_on: str
) -> dict[str, Any] | None:
    """Return the content of `abstention.json`; None for too few records.

    `least_probability` is exceeded by the largest mean probability of `COVERAGE` of the records.
    `least_in_set` comes from split conformal prediction (Vovk et al. 2005, chapter 2; Angelopoulos
    and Bates 2023, section 1.1): the ceil((n + 1) * PROMISED)-th smallest of 1 - p(true class).
    """
    probabilities, labels = calibrated_means(predictions, temperature)
    n = len(labels)
    if n < FEWEST_RECORDS:
        return None
    largest = np.sort(probabilities.max(axis=1))
    scores = np.sort(1.0 - probabilities[np.arange(n), labels])
    rank = min(math.ceil((n + 1) * PROMISED), n)
    return {
        "schema": 1,
        "least_probability": float(largest[n - math.floor(COVERAGE * n)]),
        "least_in_set": float(1.0 - scores[rank - 1]),
        "coverage": COVERAGE,
        "promised": PROMISED,
        "fixed_on": fixed_on,
        "records": n,
        "temperature": temperature,
        "weights_sha256": weights_sha256,
    }


def risk_and_coverage(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Return accuracy for each share of records that keep a verdict, surest first.

    Columns `coverage`, `least_probability` and `accuracy`, one row a record.
    """
    largest = probabilities.max(axis=1)
    order = np.argsort(-largest, kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    kept = np.arange(1, len(labels) + 1)
    return pd.DataFrame(
        {
            "coverage": kept / len(labels),
            "least_probability": largest[order],
            "accuracy": np.cumsum(right) / kept,
        }
    )


def effect_of(
    rules: Rules, probabilities: np.ndarray, labels: np.ndarray | None = None
) -> dict[str, Any]:
    """Return what the rules do to records: share kept, accuracy of those, coverage of the sets.

    `labels`: None for records that show none of the classes: then every verdict kept is wrong.
    """
    kept = ~rules.withheld(probabilities)
    possible = rules.possible(probabilities)
    content: dict[str, Any] = {
        "records": len(kept),
        "kept": float(kept.mean()),
        "classes_in_set": float(possible.sum(axis=1).mean()),
    }
    if labels is not None:
        right = probabilities.argmax(axis=1) == labels
        content |= {
            "accuracy": float(right.mean()),
            "accuracy_of_kept": float(right[kept].mean()) if kept.any() else None,
            "class_in_set": float(possible[np.arange(len(labels)), labels].mean()),
        }
    return content
