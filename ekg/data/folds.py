"""Which images of a set belong to which fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ekg.data.split import FOLDS, read_split
from ekg.errors import SplitError
from ekg.paths import natural_key
from ekg.records.diagnoses import CLASSES

_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Folds:
    """The images of each fold, and what was noticed on the way."""

    rows: dict[str, pd.DataFrame]
    """Manifest rows by fold, in natural order of record and slice, whatever the file's order."""
    notes: tuple[str, ...]
    """Plain lines for the user: missing records, classes without an image."""

    def fold(self, name: str) -> pd.DataFrame:
        """Return the rows of one fold."""
        return self.rows[name]


def divide(
    manifest: pd.DataFrame,
    split_file: str | Path,
    *,
    needed: Iterable[str] = FOLDS,
    classes: Sequence[str] = CLASSES,
) -> Folds:
    """Divide the images of a set into folds, by record.

    `needed`: Folds that must have an image; `classes`: Every image of a fold must be of one of
    them.
    """
    folds_of = read_split(split_file)
    records = sorted(set(manifest["record"]), key=natural_key)
    unnamed = [record for record in records if record not in folds_of]
    if unnamed:
        raise SplitError(
            f"{len(unnamed)} of the image set's {len(records)} records are missing: "
            f"{_some(unnamed)}",
            path=split_file,
            remedy="make the split from this image set, or add them",
        )
    notes = []
    absent = sum(folds_of[name] in FOLDS for name in folds_of.keys() - set(records))
    if absent:
        notes.append(f"{absent:,} records of the split file's folds are not in the image set")
    place = {record: index for index, record in enumerate(records)}
    fold_of_row = manifest["record"].map(folds_of)
    rows = {}
    for fold in FOLDS:
        chosen = manifest[fold_of_row == fold]
        order = np.lexsort((chosen["slice"].astype(int), chosen["record"].map(place)))
        rows[fold] = chosen.iloc[order].reset_index(drop=True)
    for fold in needed:
        _check(fold, rows[fold], classes, split_file)
    for fold in dict.fromkeys(needed):
        missing = [name for name in classes if name not in set(rows[fold]["diagnosis"])]
        if missing:
            notes.append(
                f"fold {fold} has no image of {', '.join(missing)}: weight 0, left out of averages"
            )
    return Folds(rows, tuple(notes))


def _check(fold: str, rows: pd.DataFrame, classes: Sequence[str], split_file: str | Path) -> None:
    if not len(rows):
        raise SplitError(
            f"fold {fold} has no image in this set",
            path=split_file,
            remedy="use more records, or another split",
        )
    strange = rows[~rows["diagnosis"].isin(classes)]
    if len(strange):
        raise SplitError(
            f"fold {fold} has records of other classes than {', '.join(classes)}: "
            f"{_some(strange['record'].unique())} ({strange['diagnosis'].iloc[0]})",
            path=split_file,
            remedy="make the image set and the split with the same exclusions",
        )


def _some(names: Sequence[str] | np.ndarray) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown + (", ..." if len(names) > _NAMES_SHOWN else "")


def labels_of(rows: pd.DataFrame, classes: Sequence[str] = CLASSES) -> np.ndarray:
    """Return the class index of each row, int64."""
    return rows["diagnosis"].map({name: i for i, name in enumerate(classes)}).to_numpy(np.int64)


def thin_out(rows: pd.DataFrame, n_images: int) -> pd.DataFrame:
    """Keep about `n_images` rows, the same share of every class and, within it, of every record.

    Later slices of a record go first, so that as many records as can be stay. 0 keeps all.
    """
    if n_images <= 0 or n_images >= len(rows):
        return rows
    kept: list[int] = []
    for name in sorted(rows["diagnosis"].unique()):
        members = rows[rows["diagnosis"] == name]
        share = max(round(n_images * len(members) / len(rows)), 1)
        rank = members.groupby("record", sort=False).cumcount().to_numpy()
        kept += list(members.index[np.argsort(rank, kind="stable")[:share]])
    return rows.loc[sorted(kept)].reset_index(drop=True)
