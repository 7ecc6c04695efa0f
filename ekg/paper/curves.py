"""Points of the ROC and precision-recall curves, from one unit a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from ekg.evaluation.levels import Units


@dataclass(frozen=True)
class Curve:
    """One class's curve: the class, x and y in 0..1, and the class's share of the units."""

    name: str
    index: int
    x: np.ndarray
    y: np.ndarray
    prevalence: float


def _positives(units: Units) -> list[tuple[int, str, np.ndarray]]:
    """Return index, name and positives of every class that is there and is not all there is."""
    found = [(k, name, units.labels == k) for k, name in enumerate(units.classes)]
    return [(k, name, hit) for k, name, hit in found if hit.any() and not hit.all()]


def roc_curves(units: Units) -> list[Curve]:
    """Return each class's ROC curve, that class against the rest: x = 1 - specificity, y = recall.

    Parameters
    ----------
    units
        One unit a record, with probabilities.
    """
    assert units.probabilities is not None
    curves = []
    for k, name, hit in _positives(units):
        false_positive, true_positive, _ = roc_curve(
            hit, units.probabilities[:, k], sample_weight=units.weights
        )
        curves.append(Curve(name, k, false_positive, true_positive, float(hit.mean())))
    return curves


def precision_recall_curves(units: Units) -> list[Curve]:
    """Return each class's precision (y) against recall (x), that class against the rest."""
    assert units.probabilities is not None
    curves = []
    for k, name, hit in _positives(units):
        precision, recall, _ = precision_recall_curve(
            hit, units.probabilities[:, k], sample_weight=units.weights
        )
        curves.append(Curve(name, k, recall, precision, float(hit.mean())))
    return curves
