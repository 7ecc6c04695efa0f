"""The levels at which predictions are evaluated: every image, record-weighted, per record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ekg.evaluation.predictions import classes_of, probabilities_of, record_weights
from ekg.paths import natural_key

LEVELS: dict[str, str] = {
    "per_image": "every image counts once",
    "record_weighted": "every image counts 1/(images of its record): the paper's metrics",
    "per_record": "one decision a record: the largest mean probability over its images",
    "per_record_majority": "most votes of a record's images; a tied record counts in equal parts "
    "as each of its tied classes",
}


@dataclass(frozen=True)
class Units:
    """What is evaluated at one level: images or records (a tied record in parts)."""

    labels: np.ndarray  # class indices, int (n,)
    predictions: np.ndarray  # class indices, int (n,)
    # float (n, n_classes), None where only hard labels (or votes) exist
    probabilities: np.ndarray | None
    weights: np.ndarray  # float (n,)
    records: np.ndarray  # index of each unit's record, int (n,), into `record_names`
    record_names: tuple[str, ...]  # names in natural order
    classes: tuple[str, ...]  # classes in index order

    @property
    def n_records(self) -> int:
        """Number of records: the number of independent observations."""
        return len(self.record_names)

    @property
    def record_labels(self) -> np.ndarray:
        """True class index of each record, int (n_records,)."""
        labels = np.zeros(self.n_records, np.int64)
        labels[self.records] = self.labels
        return labels

    @property
    def present(self) -> np.ndarray:
        """Whether each class has a unit here, bool (n_classes,)."""
        return np.bincount(self.labels, minlength=len(self.classes)) > 0


def levels_of(predictions: pd.DataFrame, classes: Sequence[str] | None = None) -> dict[str, Units]:
    """Return the units of every level that these predictions allow.

    Without probabilities there is no mean to take, so `per_record` is left out.

    `classes`: Classes in index order, by default those of the predictions.
    """
    classes = tuple(classes or classes_of(predictions))
    # One order for all, whatever that of the file: records naturally, images by name within.
    names_of_rows = list(zip(predictions["record"], predictions["image"], strict=True))
    order = sorted(
        range(len(predictions)),
        key=lambda row: tuple(natural_key(name) for name in names_of_rows[row]),
    )
    predictions = predictions.iloc[order]
    records, names = pd.factorize(predictions["record"])
    index = {name: position for position, name in enumerate(classes)}
    labels = predictions["label"].map(index).to_numpy(np.int64)
    voted = predictions["pred"].map(index).to_numpy(np.int64)
    probabilities = probabilities_of(predictions)
    record_names = tuple(str(name) for name in names)

    def units(weights: np.ndarray) -> Units:
        return Units(labels, voted, probabilities, weights, records, record_names, classes)

    first = np.flatnonzero(np.diff(records, prepend=-1))
    one_each = np.ones(len(record_names))
    own = np.arange(len(record_names))
    levels = {
        "per_image": units(np.ones(len(labels))),
        "record_weighted": units(record_weights(records)),
    }
    if probabilities is not None:
        sizes = np.diff(first, append=len(labels))
        means = np.add.reduceat(probabilities, first, axis=0) / sizes[:, None]
        levels["per_record"] = Units(
            labels[first], means.argmax(axis=1), means, one_each, own, record_names, classes
        )
    tied_records, tied_classes, shares = shared_votes(records, voted, len(classes))
    levels["per_record_majority"] = Units(
        labels[first][tied_records],
        tied_classes,
        None,
        shares,
        tied_records,
        record_names,
        classes,
    )
    return levels


def count_votes(records: np.ndarray, votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return how many images of each record voted for each class, int (n_records, n_classes)."""
    counts = np.zeros((int(records.max()) + 1, n_classes), np.int64)
    np.add.at(counts, (records, votes), 1)
    return counts


def shared_votes(
    records: np.ndarray, votes: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the most voted classes of each record, with equal shares where several tie.

    This is the mean over all ways of breaking the ties: it favours no class, needs no
    probabilities and draws no lots.
    """
    counts = count_votes(records, votes, n_classes)
    most = counts == counts.max(axis=1, keepdims=True)
    chosen_records, chosen_classes = np.nonzero(most)
    return chosen_records, chosen_classes, 1.0 / most.sum(axis=1)[chosen_records]


def majority_vote(records: np.ndarray, votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return one most voted class a record, for tests that need a single decision.

    Returns int (n_records,). Of several classes with the most votes, the one whose image comes
    first; `votes`: Predicted class index of each image, int (n,).
    """
    counts = count_votes(records, votes, n_classes)
    first_seen = np.full(counts.shape, len(votes), np.int64)
    np.minimum.at(first_seen, (records, votes), np.arange(len(votes)))
    # One key a class: votes decide, the earlier image breaks ties.
    return (counts * (len(votes) + 1) - first_seen).argmax(axis=1)
