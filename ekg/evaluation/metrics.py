"""Metrics from saved predictions, with scikit-learn where it has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import metrics as sk

from ekg.evaluation.levels import Units

RELIABILITY_BINS = 10
"""Equal-width bins of the largest probability for the calibration error."""
SMALLEST_PROBABILITY = 1e-30
"""Floor in logarithms: a float32 softmax can give an exact 0."""


def confusion_matrix(units: Units) -> np.ndarray:
    """Return summed weights, float (n_classes, n_classes); rows are the true class."""
    matrix: np.ndarray = sk.confusion_matrix(
        units.labels,
        units.predictions,
        labels=np.arange(len(units.classes)),
        sample_weight=units.weights,
    )
    return matrix.astype(np.float64)


def metrics_of(units: Units) -> dict[str, Any]:
    """Return every metric of one level.

    Parameters
    ----------
    units
        Images or records with their labels, predictions, probabilities and weights.

    Returns
    -------
    dict
        accuracy, balanced_accuracy, macro_precision, macro_recall, macro_f1,
        macro_specificity, per_class (precision, recall, f1, specificity, support) and
        confusion_matrix (rows true). With probabilities also macro_auroc,
        macro_average_precision, brier, ece, log_loss, reliability, and auroc and
        average_precision per class (one class against the rest).

    Notes
    -----
    A class without a unit is left out of every macro average and has no metrics (None). A
    class that is there but never predicted has precision 0. Images called an absent class
    still count as errors.
    """
    classes, present = units.classes, units.present
    labels = np.arange(len(classes))
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        units.labels,
        units.predictions,
        labels=labels,
        sample_weight=units.weights,
        zero_division=0,
    )
    matrix = confusion_matrix(units)
    negatives = matrix.sum() - matrix.sum(axis=1)
    false_positives = matrix.sum(axis=0) - matrix.diagonal()
    specificity = np.divide(
        negatives - false_positives,
        negatives,
        out=np.full(len(classes), np.nan),
        where=negatives > 0,
    )
    columns = {"precision": precision, "recall": recall, "f1": f1, "specificity": specificity}
    result: dict[str, Any] = {
        "accuracy": sk.accuracy_score(units.labels, units.predictions, sample_weight=units.weights),
        # By definition the mean recall; scikit-learn's own function has no list of classes.
        "balanced_accuracy": _mean(recall[present]),
    }
    if units.probabilities is not None:
        columns |= _ranking(units, units.probabilities)
    for name, values in columns.items():
        result[f"macro_{name}"] = _mean(values[present])
    if units.probabilities is not None:
        result |= probability_metrics(units)
    result["per_class"] = {
        name: {
            **{
                metric: _number(values[k]) if present[k] else None
                for metric, values in columns.items()
            },
            "support": round(float(support[k]), 9),
        }
        for k, name in enumerate(classes)
    }
    result["confusion_matrix"] = matrix.round(9).tolist()
    return result


def _ranking(units: Units, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    n_classes = len(units.classes)
    auroc, average_precision = np.full((2, n_classes), np.nan)
    for k in range(n_classes):
        positive = units.labels == k
        if positive.any() and not positive.all():
            score = probabilities[:, k]
            auroc[k] = sk.roc_auc_score(positive, score, sample_weight=units.weights)
            average_precision[k] = sk.average_precision_score(
                positive, score, sample_weight=units.weights
            )
    return {"auroc": auroc, "average_precision": average_precision}


def probability_metrics(units: Units) -> dict[str, Any]:
    """Return brier, ece, log_loss and the reliability curve.

    Notes
    -----
    Brier (1950): mean over units of the squared distance between the probabilities and the
    truth, summed over classes (0..2). Expected calibration error (Naeini 2015, Guo 2017): mean
    distance between confidence (largest probability) and accuracy over equal-width bins,
    weighted by what is in them. Log loss in nats.
    """
    probabilities = units.probabilities
    assert probabilities is not None
    weights = units.weights / units.weights.sum()
    truth = np.eye(len(units.classes))[units.labels]
    chosen = np.maximum(probabilities[np.arange(len(truth)), units.labels], SMALLEST_PROBABILITY)
    curve = reliability_curve(units)
    gaps = [
        weight * abs(confidence - accuracy)
        for weight, confidence, accuracy in zip(
            curve["weight"], curve["confidence"], curve["accuracy"], strict=True
        )
        if confidence is not None
    ]
    return {
        "brier": float(weights @ ((probabilities - truth) ** 2).sum(axis=1)),
        "ece": float(np.sum(gaps)),
        "log_loss": float(-weights @ np.log(chosen)),
        "reliability": curve,
    }


def reliability_bins(probabilities: np.ndarray, bins: int = RELIABILITY_BINS) -> np.ndarray:
    """Return the bin of each unit's largest probability; bin b holds (b/bins, (b+1)/bins]."""
    confidence = probabilities.max(axis=1)
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def reliability_curve(units: Units, bins: int = RELIABILITY_BINS) -> dict[str, list[Any]]:
    """Return accuracy against confidence in equal-width bins; empty bins hold None."""
    assert units.probabilities is not None
    place = reliability_bins(units.probabilities, bins)
    total = np.bincount(place, units.weights, bins)
    confidence = np.bincount(place, units.weights * units.probabilities.max(axis=1), bins)
    correct = np.bincount(place, units.weights * (units.labels == units.predictions), bins)
    filled = total > 0
    safe = np.where(filled, total, 1)

    def listed(values: np.ndarray) -> list[float | None]:
        return [float(v) if there else None for v, there in zip(values, filled, strict=True)]

    return {
        "edges": np.linspace(0, 1, bins + 1).tolist(),
        "weight": (total / total.sum()).tolist(),
        "confidence": listed(confidence / safe),
        "accuracy": listed(correct / safe),
        "units": np.bincount(place, minlength=bins).tolist(),
    }


def _mean(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
