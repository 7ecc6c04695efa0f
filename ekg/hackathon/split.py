"""The hackathon's slices, their balance over the classes, and its two ways to divide them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ekg.config import PAPER_SEED
from ekg.data.split import FOLDS
from ekg.errors import SplitError
from ekg.hackathon.ptbdb import HACKATHON_CLASSES, PtbdbRecord
from ekg.paths import natural_key
from ekg.seeds import generator_for

SECONDS = 5.0
PER_RECORD = 5
"""Slices a record in the hackathon's stored code; those behind its results are lost."""

PROTOCOLS: dict[str, str] = {
    "images": "images are split at random, regardless of patient, as in 2019",
    "patients": "patients are split: nobody is in two folds",
}
ACQUAINTANCE: dict[str, str] = {
    "seconds": "a training slice overlaps it",
    "record": "a training slice is from elsewhere in the same recording",
    "patient": "a training slice is of another recording of the same patient",
    "stranger": "no training slice is of this patient",
}
"""How close the nearest training slice is to a test image, the closest first."""

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
COLUMNS = ("image", "record", "patient", "diagnosis", "slice", "start", "sampling_frequency")
_FEWEST_PATIENTS = len(FOLDS)


def random_starts(record: str, n_samples: int, length: int, count: int, seed: int) -> np.ndarray:
    """Return where the slices of a record start: at random, so they may overlap.

    Returns int64 (count,), not in order of time; empty for a record shorter than a slice.
    """
    if n_samples < length:
        return np.zeros(0, np.int64)
    generator = generator_for(seed, f"hackathon/{record}")
    return generator.integers(0, n_samples - length + 1, size=count)


def plan_images(
    records: Sequence[PtbdbRecord],
    per_record: int = PER_RECORD,
    seed: int = PAPER_SEED,
    seconds: float = SECONDS,
) -> pd.DataFrame:
    """Return one row a slice of every record that has a class.

    Columns `COLUMNS`; start in samples at the record's own sampling frequency.
    """
    if per_record < 1:
        raise SplitError(f"{per_record} slices per record requested", remedy="use 1 or more")
    rows = []
    for one in records:
        if one.diagnosis is None:
            continue
        length = round(seconds * one.sampling_frequency)
        starts = random_starts(one.record, one.n_samples, length, per_record, seed)
        folder = one.diagnosis.lower().replace(" ", "_")
        for number, start in enumerate(starts.tolist()):
            name = f"all/{folder}/{one.record}-s{number:02d}.png"
            rows.append(
                (
                    name,
                    one.record,
                    one.patient,
                    one.diagnosis,
                    number,
                    start,
                    one.sampling_frequency,
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def balance(images: pd.DataFrame, seed: int = PAPER_SEED) -> pd.DataFrame:
    """Keep equal numbers of images of every class: as many as the rarest class has.

    Which ones is drawn at random for each image by its own name: leaving a record out changes
    nothing about the others but who moves up.
    """
    counts = images["diagnosis"].value_counts()
    if absent := [name for name in HACKATHON_CLASSES if name not in counts]:
        raise SplitError(
            f"no record of {', '.join(absent)} that is long enough for one slice",
            remedy="all five classes are needed: give more records",
        )
    lots = np.array([generator_for(seed, f"balance/{name}").random() for name in images["image"]])
    rank = pd.Series(lots, index=images.index).groupby(images["diagnosis"]).rank(method="first")
    return images[rank <= counts.min()].reset_index(drop=True)


def divide(images: pd.DataFrame, protocol: str, seed: int = PAPER_SEED) -> pd.Series:
    """Return the fold of each image: 70 % train, 10 % val and 20 % test within each class."""
    if protocol not in PROTOCOLS:
        raise SplitError(f"unknown protocol {protocol!r}", remedy=f"use {' or '.join(PROTOCOLS)}")
    by_image = protocol == "images"
    folds = _by_image(images, seed) if by_image else _by_patient(images, seed)
    for diagnosis, of_class in folds.groupby(images["diagnosis"]):
        if empty := [fold for fold in FOLDS if fold not in set(of_class)]:
            units = images.loc[of_class.index, "image" if by_image else "patient"].nunique()
            raise SplitError(
                f"class {diagnosis} has {units} {protocol if units != 1 else protocol[:-1]}: "
                f"none is left for fold {', '.join(empty)}",
                remedy="give more records"
                + (
                    " or take more slices a record (--per-record)"
                    if by_image
                    else f": each class needs {_FEWEST_PATIENTS} patients"
                ),
            )
    return folds


def _by_image(images: pd.DataFrame, seed: int) -> pd.Series:
    lots = np.array([generator_for(seed, f"fold/{name}").random() for name in images["image"]])
    folds = pd.Series("train", index=images.index)
    for _, members in images.groupby("diagnosis", sort=True):
        order = members.index[np.argsort(lots[members.index], kind="stable")]
        # At least one where there are three, so that a small set can be divided at all.
        least = int(len(order) >= len(FOLDS))
        n_test = max(round(SHARES["test"] * len(order)), least)
        n_val = max(round(SHARES["val"] * len(order)), least)
        folds[order[:n_test]] = "test"
        folds[order[n_test : n_test + n_val]] = "val"
    return folds


def _by_patient(images: pd.DataFrame, seed: int) -> pd.Series:
    patients_of = images.groupby("diagnosis")["patient"].nunique()
    fold_of: dict[str, str] = {}
    for diagnosis in sorted(patients_of.index, key=lambda name: (patients_of[name], name)):
        members = images[images["diagnosis"] == diagnosis]
        sizes = members["patient"].value_counts()
        have = dict.fromkeys(FOLDS, 0)
        for patient, size in sizes.items():
            if patient in fold_of:
                have[fold_of[patient]] += int(size)
        waiting = [name for name in sorted(sizes.index, key=natural_key) if name not in fold_of]
        waiting.sort(key=lambda name: generator_for(seed, f"fold/{name}").random())
        for patient in waiting:
            # The share of its due that a fold still lacks; the largest fold first among equals.
            lack = {fold: 1 - have[fold] / (SHARES[fold] * len(members)) for fold in FOLDS}
            fold = max(FOLDS, key=lambda name: (lack[name], SHARES[name]))
            fold_of[patient] = fold
            have[fold] += int(sizes[patient])
    return images["patient"].map(fold_of)


def acquaintance(
    images: pd.DataFrame, folds: pd.Series, fold: str = "test", seconds: float = SECONDS
) -> pd.Series:
    """Return the nearest training slice of each image of a fold."""
    train, rows = images[folds == "train"], images[folds == fold]
    patients = set(train["patient"])
    begins = {name: members["start"].to_numpy() for name, members in train.groupby("record")}
    lengths = np.round(seconds * rows["sampling_frequency"].to_numpy()).astype(int)
    kinds = []
    for record, patient, start, length in zip(
        rows["record"], rows["patient"], rows["start"], lengths, strict=True
    ):
        if record in begins and bool((np.abs(begins[record] - start) < length).any()):
            kinds.append("seconds")
        elif record in begins:
            kinds.append("record")
        else:
            kinds.append("patient" if patient in patients else "stranger")
    return pd.Series(kinds, index=rows.index, dtype=str)


def leakage(
    images: pd.DataFrame, folds: pd.Series, fold: str = "test", seconds: float = SECONDS
) -> dict[str, Any]:
    """Count how much of a fold is close to training slices."""
    train, rows = images[folds == "train"], images[folds == fold]
    kinds = acquaintance(images, folds, fold, seconds)
    return {
        "images": len(rows),
        "records": rows["record"].nunique(),
        "patients": rows["patient"].nunique(),
        "records_in_train": len(set(rows["record"]) & set(train["record"])),
        "patients_in_train": len(set(rows["patient"]) & set(train["patient"])),
        "images_by_acquaintance": {kind: int((kinds == kind).sum()) for kind in ACQUAINTANCE},
    }
