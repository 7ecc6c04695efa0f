"""Metrics of many resamples of records at once.

Images of one record are never independent, so whole records are resampled: a resample is a
count a record, and every metric is computed from `counts @ (sums over each record's images)`.
Nothing is looped over resamples; precision is that of float32 sums (about six digits), which an
interval does not notice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ekg.evaluation.levels import Units
from ekg.evaluation.metrics import (
    RELIABILITY_BINS,
    SMALLEST_PROBABILITY,
    reliability_bins,
)
from ekg.seeds import generator_for

_BLOCK = 1000
_PAIRS_AT_ONCE = 4_000_000

Metrics = dict[str, np.ndarray]
"""Metric name (`macro_f1`, or `recall/AF` for one class) to its value in each resample, (B,)."""


def resample_counts(n_records: int, resamples: int, seed: int) -> np.ndarray:
    """Draw how often each record is in each resample.

    Returns float32 (B, n_records); each row sums to `n_records`; `resamples`: Number of resamples
    B.
    """
    generator = generator_for(seed, "resampling records")
    return generator.multinomial(
        n_records, np.full(n_records, 1 / n_records), size=resamples
    ).astype(np.float32)


def confusion_metrics(units: Units, counts: np.ndarray) -> Metrics:
    """Return what follows from the confusion matrix, in each resample.

    `counts`: As `resample_counts` gives, (B, n_records).
    """
    n_classes = len(units.classes)
    cells = np.zeros((units.n_records, n_classes * n_classes), np.float32)
    np.add.at(cells, (units.records, units.labels * n_classes + units.predictions), units.weights)
    matrices = (counts @ cells).reshape(-1, n_classes, n_classes)
    total = matrices.sum(axis=(1, 2))
    hit = np.einsum("bkk->bk", matrices)
    true, called = matrices.sum(axis=2), matrices.sum(axis=1)
    # Sums in float32 leave about 1e-5 where an exact sum leaves 0.
    present = true > 1e-4
    negatives = total[:, None] - true
    columns = {
        "precision": _divide(hit, called, present, otherwise=0.0),
        "recall": _divide(hit, true, present),
        "f1": _divide(2 * hit, true + called, present),
        "specificity": _divide(negatives - (called - hit), negatives, present),
    }
    metrics = {"accuracy": hit.sum(axis=1) / total}
    metrics |= _with_macro(columns, units.classes)
    metrics["balanced_accuracy"] = metrics["macro_recall"]
    return metrics


def ranking_metrics(units: Units, counts: np.ndarray) -> Metrics:
    """Return one-vs-rest AUROC and average precision in each resample.

    AUROC is the weighted share of (positive, negative) pairs that are in the right order, a
    tie counting half (Hanley and McNeil 1982): a bilinear form in the counts of the positive
    and the negative records. Average precision is the mean of the precision at each positive's
    score, as in scikit-learn.
    """
    assert units.probabilities is not None
    columns = {
        "auroc": np.full((len(counts), len(units.classes)), np.nan),
        "average_precision": np.full((len(counts), len(units.classes)), np.nan),
    }
    order = np.argsort(units.records, kind="stable")
    records, labels = units.records[order], units.labels[order]
    weights = units.weights[order].astype(np.float32)
    mass = np.bincount(records, weights, units.n_records).astype(np.float32)
    record_labels = units.record_labels
    for k in np.flatnonzero(units.present):
        positive = record_labels == k
        if positive.all():
            continue
        pairs = _pair_sums(units.probabilities[order, k], labels == k, weights, records)
        mine, others = counts[:, positive], counts[:, ~positive]
        pair_mass = (mine @ mass[positive]) * (others @ mass[~positive])
        right = np.concatenate([((m @ pairs) * o).sum(axis=1) for m, o in _blocks(mine, others)])
        columns["auroc"][:, k] = _divide(right, pair_mass, pair_mass > 0)
        columns["average_precision"][:, k] = _average_precision(
            units.probabilities[order, k], labels == k, weights, records, counts
        )
    return _with_macro(columns, units.classes)


def _pair_sums(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray, records: np.ndarray
) -> np.ndarray:
    """Return, per positive and negative record, the weighted pairs in the right order."""
    own, other = scores[positive], scores[~positive]
    # searchsorted would lose which record a negative belongs to: compare every pair, in strips.
    strips = []
    starts_other = np.flatnonzero(np.diff(records[~positive], prepend=-1))
    step = max(1, _PAIRS_AT_ONCE // max(len(other), 1))
    for begin in range(0, len(own), step):
        strip = own[begin : begin + step, None]
        right = (strip > other).astype(np.float32)
        right += np.float32(0.5) * (strip == other)
        right *= weights[~positive]
        strips.append(np.add.reduceat(right, starts_other, axis=1))
    sums = np.concatenate(strips) * weights[positive][:, None]
    starts_own = np.flatnonzero(np.diff(records[positive], prepend=-1))
    return np.add.reduceat(sums, starts_own, axis=0)


def _average_precision(
    scores: np.ndarray,
    positive: np.ndarray,
    weights: np.ndarray,
    records: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Return the average precision of each resample, (B,)."""
    thresholds = np.unique(scores[positive])
    starts = np.flatnonzero(np.diff(records, prepend=-1))
    above = (scores[:, None] >= thresholds).astype(np.float32) * weights[:, None]
    above = np.add.reduceat(above, starts, axis=0)
    own_starts = np.flatnonzero(np.diff(records[positive], prepend=-1))
    own_records = records[positive][own_starts]
    at = (scores[positive][:, None] == thresholds) * weights[positive][:, None]
    at = np.add.reduceat(at, own_starts, axis=0).astype(np.float32)
    own_above = np.ascontiguousarray(above[own_records])
    result = []
    for block, own in _blocks(counts, counts[:, own_records]):
        gained = own @ at
        precision = _divide(own @ own_above, block @ above, gained > 0, otherwise=0.0)
        total = gained.sum(axis=1)
        summed = np.where(gained > 0, gained * precision, 0).sum(axis=1)
        result.append(_divide(summed, total, total > 0))
    return np.concatenate(result)


def probability_metrics(units: Units, counts: np.ndarray) -> Metrics:
    """Return brier, ece and log_loss in each resample, and the accuracy of each bin.

    `counts`: As `resample_counts` gives, (B, n_records).
    """
    probabilities = units.probabilities
    assert probabilities is not None
    rows = np.arange(len(units.labels))
    truth = np.eye(len(units.classes))[units.labels]
    chosen = np.maximum(probabilities[rows, units.labels], SMALLEST_PROBABILITY)
    place = reliability_bins(probabilities)
    in_bin = np.eye(RELIABILITY_BINS)[place] * units.weights[:, None]
    correct = (units.labels == units.predictions)[:, None]
    per_unit = np.column_stack(
        [
            units.weights,
            units.weights * ((probabilities - truth) ** 2).sum(axis=1),
            -units.weights * np.log(chosen),
            in_bin * probabilities.max(axis=1)[:, None],
            in_bin * correct,
            in_bin,
        ]
    )
    sums = np.zeros((units.n_records, per_unit.shape[1]))
    np.add.at(sums, units.records, per_unit)
    resampled = counts @ sums.astype(np.float32)
    total = resampled[:, 0]
    confident, right, filled = np.split(resampled[:, 3:], 3, axis=1)
    accuracy = _divide(right, filled, filled > 1e-4)
    metrics = {
        "brier": resampled[:, 1] / total,
        "log_loss": resampled[:, 2] / total,
        "ece": np.abs(confident - right).sum(axis=1) / total,
    }
    metrics |= {f"reliability/{b}": accuracy[:, b] for b in range(RELIABILITY_BINS)}
    return metrics


def all_metrics(units: Units, counts: np.ndarray) -> Metrics:
    """Return every metric that the units allow, in each resample."""
    metrics = confusion_metrics(units, counts)
    if units.probabilities is not None:
        metrics |= ranking_metrics(units, counts)
        metrics |= probability_metrics(units, counts)
    return metrics


def _with_macro(columns: dict[str, np.ndarray], classes: tuple[str, ...]) -> Metrics:
    metrics: Metrics = {}
    for name, values in columns.items():
        known = np.isfinite(values)
        number = known.sum(axis=1)
        summed = np.where(known, values, 0).sum(axis=1)
        metrics[f"macro_{name}"] = _divide(summed, number, number > 0)
        metrics |= {f"{name}/{class_}": values[:, k] for k, class_ in enumerate(classes)}
    return metrics


def _divide(
    above: np.ndarray, below: np.ndarray, where: np.ndarray, otherwise: float = np.nan
) -> np.ndarray:
    """Return above / below; NaN outside `where`, `otherwise` inside it where below is 0."""
    result = np.where(where, otherwise, np.nan).astype(np.float64)
    return np.divide(above, below, out=result, where=where & (below > 0))


def _blocks(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    for begin in range(0, len(arrays[0]), _BLOCK):
        yield tuple(np.ascontiguousarray(a[begin : begin + _BLOCK]) for a in arrays)
