"""Points of the curves: ROC, precision and recall, reliability, from one unit a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from ekg.evaluation.levels import Units
from ekg.evaluation.metrics import RELIABILITY_BINS, reliability_bins
from ekg.waveform.slicing import generator_for

RESAMPLES = 2000
SMALLEST_BIN = 5
"""A reliability bin with fewer records is drawn without an interval."""


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


@dataclass(frozen=True)
class Reliability:
    """Accuracy against confidence, one entry a filled bin.

    Parameters
    ----------
    confidence, accuracy
        Means in the bin, float (n_bins,).
    low, high
        95 % interval of the accuracy, float (n_bins,); NaN in bins too small for one.
    records
        Records in the bin, int (n_bins,).
    edges
        Edges of all bins, float (RELIABILITY_BINS + 1,).
    histogram
        Records in each of all bins, int (RELIABILITY_BINS,).
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    records: np.ndarray
    edges: np.ndarray
    histogram: np.ndarray


def reliability(units: Units, seed: int = 44) -> Reliability:
    """Return the reliability curve of one unit a record, with intervals.

    Notes
    -----
    The intervals are percentiles over resamples of the records, drawn with replacement and
    binned again, so that both the number in a bin and the share of hits vary.
    """
    assert units.probabilities is not None
    place = reliability_bins(units.probabilities)
    confidence = units.probabilities.max(axis=1)
    correct = (units.labels == units.predictions).astype(float)
    histogram = np.bincount(place, minlength=RELIABILITY_BINS)
    filled = np.flatnonzero(histogram)
    n = len(place)
    generator = generator_for(seed, "reliability")
    draws = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float32)
    member = (place[:, None] == filled[None, :]).astype(np.float32)
    totals = draws @ member
    hits = draws @ (member * correct[:, None].astype(np.float32))
    shares = np.divide(hits, totals, out=np.full_like(hits, np.nan), where=totals > 0)
    low, high = np.nanpercentile(shares, [2.5, 97.5], axis=0)
    small = histogram[filled] < SMALLEST_BIN
    return Reliability(
        confidence=np.bincount(place, confidence, RELIABILITY_BINS)[filled] / histogram[filled],
        accuracy=np.bincount(place, correct, RELIABILITY_BINS)[filled] / histogram[filled],
        low=np.where(small, np.nan, low),
        high=np.where(small, np.nan, high),
        records=histogram[filled],
        edges=np.linspace(0, 1, RELIABILITY_BINS + 1),
        histogram=histogram,
    )
