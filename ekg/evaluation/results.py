"""`metrics.json`: the metrics of a model, fold by fold, and what they were computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.data.split import FOLDS
from ekg.errors import EvaluationError
from ekg.files import read_json, sha256_of_file
from ekg.paths import natural_key
from ekg.run import METRICS_FILE

SCHEMA = 1
_IDENTITY = ("dataset", "weights_sha256", "manifest_sha256")


def digest_of_lines(lines: Iterable[str]) -> str:
    """Return the SHA-256 over sorted lines, each with a line feed."""
    return hashlib.sha256("".join(f"{line}\n" for line in sorted(lines)).encode()).hexdigest()


def fingerprints(predictions: pd.DataFrame, rows: pd.DataFrame | None = None) -> dict[str, str]:
    """Return the checksums that identify the data of a fold.

    Returns `records_sha256` over `record,label`; with manifest rows also `slices_sha256` over
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


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """Return the content of `metrics.json`, None where there is none."""
    path = folder / METRICS_FILE
    if not path.is_file():
        return None
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise EvaluationError(
            f"field `schema` is not {SCHEMA}", path=path, remedy="delete it and evaluate again"
        )
    for fold in FOLDS:
        if not isinstance(content.get(fold, {}), dict):
            raise EvaluationError(
                f"`{fold}` must be a table of metrics",
                path=path,
                remedy="delete it and evaluate again",
            )
    return content


def merge_fold(
    folder: Path, head: dict[str, Any], folds: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Put folds together with those that `metrics.json` has already; nothing is written."""
    old = read_metrics(folder) or {}
    same = all(old.get(key) == head.get(key) for key in _IDENTITY)
    kept = {name: old[name] for name in FOLDS if name in old and same}
    dropped = [name for name in FOLDS if name in old and not same and name not in folds]
    merged = kept | folds
    content = {"schema": SCHEMA, **head} | {
        name: merged[name] for name in sorted(merged, key=natural_key)
    }
    return content, dropped


def check_predictions_file(path: Path, metrics: dict[str, Any]) -> None:
    """Refuse predictions other than those that a fold's metrics were computed from."""
    if metrics.get("predictions_sha256") not in (None, sha256_of_file(path)):
        raise EvaluationError(
            f"is not the file that {METRICS_FILE} beside it was computed from",
            path=path,
            remedy="run `python -m ekg evaluate` again",
        )
