"""Predictions on disk: one row an image, our own form and the published one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ekg.errors import EvaluationError
from ekg.files import atomic_open
from ekg.records.diagnoses import CLASSES

PROBABILITY_PREFIX = "p_"
OWN_COLUMNS = ("image", "record", "label", "pred", "weight")
PUBLISHED_COLUMNS = ("label", "pred", "is_correct", "fname", "weight")

_IMAGE_NAME = re.compile(r"^(?P<record>.+)-s\d+(?:_PIL)?\.png$")
_TOLERANCE = 1e-4


def record_of_image(image: str) -> str | None:
    """Return the record of an image name such as `all/AF/A0004-s01_PIL.png`, None if unlike."""
    match = _IMAGE_NAME.match(image.replace("\\", "/").rsplit("/", 1)[-1])
    return match["record"] if match else None


def classes_of(predictions: pd.DataFrame) -> tuple[str, ...]:
    """Return the classes, in index order, that the probability columns name.

    Hard labels alone carry no class list: then it is the seven classes of the paper.
    """
    named = tuple(
        column.removeprefix(PROBABILITY_PREFIX)
        for column in predictions.columns
        if column.startswith(PROBABILITY_PREFIX)
    )
    return named or CLASSES


def has_probabilities(predictions: pd.DataFrame) -> bool:
    """Return whether probabilities were saved beside the hard labels."""
    return any(column.startswith(PROBABILITY_PREFIX) for column in predictions.columns)


def probabilities_of(predictions: pd.DataFrame) -> np.ndarray | None:
    """Return the probabilities, float64 (n_images, n_classes), or None for hard labels."""
    if not has_probabilities(predictions):
        return None
    columns = [PROBABILITY_PREFIX + name for name in classes_of(predictions)]
    return predictions[columns].to_numpy(np.float64)


def record_weights(records: Sequence[str] | pd.Series | np.ndarray) -> np.ndarray:
    """Return 1 / (images of that record) for each image: every record counts once."""
    index, _ = pd.factorize(np.asarray(records))
    weights: np.ndarray = 1.0 / np.bincount(index)[index]
    return weights


def make_predictions(
    images: Sequence[str],
    records: Sequence[str],
    labels: Sequence[str],
    probabilities: np.ndarray,
    classes: Sequence[str] = CLASSES,
) -> pd.DataFrame:
    """Put a model's output for one fold into the form of `predictions_<fold>.csv`.

    `probabilities`: Uncalibrated probabilities, (n, n_classes), each row summing to 1.
    """
    probabilities = np.asarray(probabilities, np.float64)
    frame = pd.DataFrame(
        {
            "image": list(images),
            "record": list(records),
            "label": list(labels),
            "pred": np.asarray(classes, dtype=object)[probabilities.argmax(axis=1)],
        }
    )
    for index, name in enumerate(classes):
        frame[PROBABILITY_PREFIX + name] = probabilities[:, index]
    frame["weight"] = record_weights(frame["record"])
    return check_predictions(frame, classes, "predictions")


def write_predictions(path: str | Path, predictions: pd.DataFrame) -> None:
    """Write predictions atomically; probabilities keep every digit, so that ranks survive."""
    with atomic_open(path) as stream:
        predictions.to_csv(stream, index=False, lineterminator="\n")


def read_predictions(path: str | Path, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """Read predictions, our own form or the published one, and check them.

    `classes`: Classes in index order; by default those that the probability columns name, else the
    paper's seven.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise EvaluationError(
            "predictions not found", path=path, remedy="run `python -m ekg evaluate` first"
        ) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise EvaluationError(f"not a CSV of predictions ({error})", path=path) from None
    if table.empty:
        raise EvaluationError("the file has no predictions", path=path)
    published = set(PUBLISHED_COLUMNS) <= set(table.columns)
    if not published and (missing := [c for c in OWN_COLUMNS if c not in table.columns]):
        raise EvaluationError(
            f"column `{missing[0]}` is missing", path=path, remedy=f"needed: {list(OWN_COLUMNS)}"
        )
    classes = tuple(classes or classes_of(table))
    if published:
        table = _from_published(table, classes, path)
    for column in table.columns:
        if column == "weight" or column.startswith(PROBABILITY_PREFIX):
            numbers = pd.to_numeric(table[column], errors="coerce")
            if not np.isfinite(numbers).all():
                row = int(np.flatnonzero(~np.isfinite(numbers))[0])
                raise EvaluationError(f"line {row + 2}: `{column}` is not a number", path=path)
            table[column] = numbers.astype(np.float64)
    return check_predictions(table, classes, path)


def _from_published(
    table: pd.DataFrame, classes: tuple[str, ...], path: str | Path
) -> pd.DataFrame:
    abbreviation = {str(index): name for index, name in enumerate(classes)}
    for column in ("label", "pred"):
        if unknown := sorted(set(table[column]) - set(abbreviation)):
            raise EvaluationError(
                f"`{column}` {unknown[0]!r} is not a class index 0..{len(classes) - 1}", path=path
            )
    correct = np.where(table["label"] == table["pred"], "1", "0")
    if (wrong := np.flatnonzero(table["is_correct"] != correct)).size:
        raise EvaluationError(f"line {wrong[0] + 2}: `is_correct` contradicts `pred`", path=path)
    records = table["fname"].map(record_of_image)
    if records.isna().any():
        name = table["fname"][records.isna()].iloc[0]
        raise EvaluationError(f"`fname` {name!r} is not <record>-sNN_PIL.png", path=path)
    return pd.DataFrame(
        {
            "image": table["fname"],
            "record": records,
            "label": table["label"].map(abbreviation),
            "pred": table["pred"].map(abbreviation),
            "weight": table["weight"],
        }
    )


def check_predictions(
    table: pd.DataFrame, classes: Sequence[str], path: str | Path
) -> pd.DataFrame:
    """Return predictions unchanged when they hold together."""
    for column in ("label", "pred"):
        if unknown := sorted(set(table[column]) - set(classes)):
            raise EvaluationError(
                f"`{column}` {unknown[0]!r} is not one of the classes {', '.join(classes)}",
                path=path,
            )
    if table["image"].duplicated().any():
        name = table["image"][table["image"].duplicated()].iloc[0]
        raise EvaluationError(f"duplicate image {name!r}", path=path)
    labels_per_record = table.groupby("record", sort=False)["label"].nunique()
    if (labels_per_record > 1).any():
        record = labels_per_record.index[labels_per_record > 1][0]
        raise EvaluationError(f"record {record!r} has two different labels", path=path)
    weights = record_weights(table["record"])
    if (wrong := np.flatnonzero(np.abs(table["weight"] - weights) > _TOLERANCE)).size:
        raise EvaluationError(
            f"line {wrong[0] + 2}: `weight` is not 1/(images of that record)",
            path=path,
            remedy="the file is incomplete or joined from several; evaluate again",
        )
    if has_probabilities(table):
        _check_probabilities(table, classes, path)
    # The exact fraction, whatever the number of digits in the file.
    return table.assign(weight=weights)


def _check_probabilities(table: pd.DataFrame, classes: Sequence[str], path: str | Path) -> None:
    if tuple(classes) != classes_of(table):
        raise EvaluationError(
            f"probability columns name {', '.join(classes_of(table))}, expected "
            f"{', '.join(classes)}",
            path=path,
        )
    probabilities = probabilities_of(table)
    assert probabilities is not None
    bad = (probabilities < 0).any(axis=1) | (probabilities > 1 + _TOLERANCE).any(axis=1)
    bad |= np.abs(probabilities.sum(axis=1) - 1) > _TOLERANCE
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise EvaluationError(
            f"line {row + 2}: probabilities must be in 0..1 and sum to 1", path=path
        )
    index = pd.Series(range(len(classes)), index=list(classes))
    chosen = probabilities[np.arange(len(table)), index[table["pred"]].to_numpy()]
    if (chosen < probabilities.max(axis=1) - _TOLERANCE).any():
        row = int(np.flatnonzero(chosen < probabilities.max(axis=1) - _TOLERANCE)[0])
        raise EvaluationError(
            f"line {row + 2}: `pred` is not the class of the largest probability", path=path
        )


def digest_of_lines(lines: Iterable[str]) -> str:
    """Return the SHA-256 over sorted lines, each with a line feed."""
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def fingerprints(predictions: pd.DataFrame, rows: pd.DataFrame | None = None) -> dict[str, str]:
    """Return what tells whether two folds are the same data.

    Parameters
    ----------
    predictions
        Columns record and label.
    rows
        The fold's manifest rows, if available.

    Returns
    -------
    dict
        `records_sha256` over `record,label`; with manifest rows also `slices_sha256` over
        `record,diagnosis,start` and `images_sha256` over `record,slice,sha256` of the pixels.
    """
    pairs = predictions[["record", "label"]].drop_duplicates()
    found = {
        "records_sha256": digest_of_lines(
            f"{record},{label}" for record, label in pairs.itertuples(index=False)
        )
    }
    if rows is not None:
        for name, columns in (
            ("slices_sha256", ["record", "diagnosis", "start"]),
            ("images_sha256", ["record", "slice", "sha256"]),
        ):
            if set(columns) <= set(rows.columns):
                found[name] = digest_of_lines(
                    ",".join(map(str, row)) for row in rows[columns].itertuples(index=False)
                )
    return found
