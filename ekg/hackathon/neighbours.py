"""What knowing the person is worth: the nearest training slice decides, without any network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ekg.config import PAPER_SEED
from ekg.hackathon.ptbdb import read_ptbdb
from ekg.hackathon.split import PER_RECORD, PROTOCOLS, SECONDS, balance, divide, plan_images
from ekg.records.record import read_record

QUANTILES = (0.002, 0.02, 0.98, 0.998)
"""Of each lead's voltages in a slice: how far its waves reach, and nothing else."""


def neighbour_accuracy(
    folder: str | Path, per_record: int = PER_RECORD, seed: int = PAPER_SEED
) -> dict[str, dict[str, float]]:
    """Return how often a test slice has the class of the training slice nearest to it.

    Nearest is meant by the ranges of the twelve leads alone. They say little about a disease
    and much about a body, so a high figure shows that a way of dividing rewards knowing people.
    """
    records, _ = read_ptbdb(folder)
    headers = {one.record: one.header for one in records}
    images = balance(plan_images(records, per_record, seed), seed)
    features = _features(images, headers)
    classes = images["diagnosis"].to_numpy()
    result = {}
    for protocol in PROTOCOLS:
        folds = divide(images, protocol, seed).to_numpy()
        train, test = folds == "train", folds == "test"
        nearest = [np.linalg.norm(features[train] - own, axis=1).argmin() for own in features[test]]
        result[protocol] = {
            "accuracy": float((classes[train][nearest] == classes[test]).mean()),
            "images": int(test.sum()),
            "patients": int(images.loc[test, "patient"].nunique()),
        }
    return result


def _features(images: pd.DataFrame, headers: dict[str, Path]) -> np.ndarray:
    """Return the quantiles of each slice's leads, float64 (n_images, 12 x 4)."""
    features = np.empty((len(images), 12 * len(QUANTILES)))
    for name, rows in images.groupby("record"):
        rate = float(rows["sampling_frequency"].iloc[0])
        signal = read_record(headers[str(name)], rate).signal
        for place, start in zip(rows.index, rows["start"], strict=True):
            part = signal[:, start : start + round(SECONDS * rate)]
            features[place] = np.quantile(part, QUANTILES, axis=1).ravel()
    return features
