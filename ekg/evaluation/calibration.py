"""One temperature for a model's probabilities, fitted on the validation fold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ekg.evaluation.intervals import FEWEST_RECORDS
from ekg.evaluation.levels import levels_of
from ekg.evaluation.metrics import SMALLEST_PROBABILITY, probability_metrics

FITTED_ON = "val"
TEMPERATURE_LIMITS = (0.05, 20.0)
_METRICS = ("log_loss", "ece", "brier")


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log(p) / temperature): the same as dividing the logits.

    `probabilities`: Uncalibrated, float (n, n_classes). Logits differ from log-probabilities by a
    constant in each row, which the softmax takes out.
    """
    logs = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    scaled: np.ndarray = np.exp(log_softmax(logs / temperature, axis=1))
    return scaled


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return the temperature with the smallest weighted log loss (Guo et al. 2017).

    The log loss is convex in 1/temperature, so that its minimum is the only one. It is sought
    within `TEMPERATURE_LIMITS`.
    """
    logs = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logs / math.exp(log_temperature), axis=1)
        return float(-(weights @ scaled[rows, labels]) / weights.sum())

    low, high = (math.log(limit) for limit in TEMPERATURE_LIMITS)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return math.exp(found.x)


def with_temperature(predictions: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Return the same predictions with each image's probabilities calibrated."""
    columns = [c for c in predictions.columns if c.startswith("p_")]
    scaled = apply_temperature(predictions[columns].to_numpy(np.float64), temperature)
    return predictions.assign(**dict(zip(columns, scaled.T, strict=True)))


def before_and_after(predictions: pd.DataFrame, temperature: float) -> dict[str, Any]:
    """Return log loss, calibration error and Brier score of a fold, raw and calibrated."""
    raw = levels_of(predictions)
    calibrated = levels_of(with_temperature(predictions, temperature))
    result: dict[str, Any] = {"temperature": temperature}
    for level, units in raw.items():
        if units.probabilities is not None:
            result[level] = {
                name: {metric: values[metric] for metric in _METRICS}
                for name, values in (
                    ("before", probability_metrics(units)),
                    ("after", probability_metrics(calibrated[level])),
                )
            }
    return result


def fit_calibration(predictions: pd.DataFrame, weights_sha256: str) -> dict[str, Any] | None:
    """Fit the temperature on validation predictions; the content of `calibration.json`."""
    units = levels_of(predictions)["record_weighted"]
    if units.probabilities is None or units.n_records < FEWEST_RECORDS:
        return None
    if (units.predictions == units.labels).all():
        return None
    temperature = fit_temperature(units.probabilities, units.labels, units.weights)
    levels = before_and_after(predictions, temperature)
    del levels["temperature"]
    at_limit = min(abs(math.log(temperature / limit)) for limit in TEMPERATURE_LIMITS) < 1e-3
    return {
        "temperature": temperature,
        "at_limit": at_limit,
        "fitted_on": FITTED_ON,
        "records": units.n_records,
        "images": len(units.labels),
        "loss": "log loss, every record counting once",
        "weights_sha256": weights_sha256,
        "levels": levels,
    }
