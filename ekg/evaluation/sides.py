"""The two sides of a comparison: what is known of a run, a stored model or published figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EvaluationError
from ekg.evaluation.predictions import classes_of, read_predictions
from ekg.evaluation.published import DATASET as PUBLISHED_DATASET
from ekg.evaluation.published import FIGURES_FILE, read_published_figures
from ekg.evaluation.results import check_predictions_file, fingerprints, read_metrics

SAME_IMAGES = "same images"
SAME_SLICES = "same slices"
SAME_RECORDS = "same records"
DIFFERENT = "different data"
SYNTHETIC = "synthetic"
"""Simulated records of another seed carry the same names: names alone do not identify them."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison, for one fold."""

    name: str
    dataset: str
    fold: str
    source: str
    """The file or folder it was read from."""
    classes: tuple[str, ...]
    predictions: pd.DataFrame | None = None
    figures: dict[str, Any] | None = None
    """This fold's entry of `metrics.json` or of the published figures."""
    identity: dict[str, str] = field(default_factory=dict)
    """See `ekg.evaluation.results.fingerprints`."""


def load_side(path: str | Path, fold: str) -> Side | None:
    """Return what a path says of a fold, None where it has no result for this fold.

    Parameters
    ----------
    path
        A run folder, a folder of `best_model_for_paper/`, a file of predictions, or a file of
        published figures.
    fold
        train, val or test.

    Raises
    ------
    EvaluationError
        If there is no such path, or a file in it cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise EvaluationError(
            "no such run or model", path=path, remedy="`python -m ekg runs` lists the runs"
        )
    if path.is_file():
        if path.suffix == ".json":
            return _from_figures(path, fold)
        return _from_predictions(path, fold, path.stem) if path.suffix == ".csv" else None
    if (path / f"predictions_{fold}.csv").is_file():
        return _from_run(path, fold)
    if (path / f"preds_{fold}.csv").is_file():
        return _from_predictions(path / f"preds_{fold}.csv", fold, path.resolve().name)
    return _from_figures(path, fold) if (path / FIGURES_FILE).is_file() else None


def _from_run(folder: Path, fold: str) -> Side:
    metrics = read_metrics(folder)
    if metrics is None or fold not in metrics:
        raise EvaluationError(
            f"predictions of fold {fold} without their metrics.json",
            path=folder,
            remedy="run `python -m ekg evaluate` again",
        )
    figures = metrics[fold]
    classes = tuple(metrics["classes"])
    file = folder / f"predictions_{fold}.csv"
    check_predictions_file(file, figures)
    predictions = read_predictions(file, classes)
    identity = fingerprints(predictions)
    if identity["records_sha256"] != figures.get("records_sha256"):
        raise EvaluationError(
            f"predictions_{fold}.csv and metrics.json are of different records",
            path=folder,
            remedy="run `python -m ekg evaluate` again",
        )
    identity |= {key: figures[key] for key in ("slices_sha256", "images_sha256") if key in figures}
    return Side(
        name=folder.resolve().name,
        dataset=str(figures["dataset"]),
        fold=fold,
        source=folder.as_posix(),
        classes=classes,
        predictions=predictions,
        figures=figures,
        identity=identity,
    )


def _from_predictions(path: Path, fold: str, name: str) -> Side:
    predictions = read_predictions(path)
    identity = fingerprints(predictions)
    published = read_published_figures()
    known = any(
        published[f]["records_sha256"] == identity["records_sha256"] for f in ("test", "val")
    )
    return Side(
        name=name,
        dataset=PUBLISHED_DATASET if known else "unnamed dataset",
        fold=fold,
        source=path.as_posix(),
        classes=classes_of(predictions),
        predictions=predictions,
        identity=identity,
    )


def _from_figures(path: Path, fold: str) -> Side | None:
    content = read_published_figures(path)
    if fold not in content:
        return None
    return Side(
        name=str(content["model"]),
        dataset=str(content["dataset"]),
        fold=fold,
        source=path.as_posix(),
        classes=tuple(content["classes"]),
        figures=content[fold],
        identity={"records_sha256": content[fold]["records_sha256"]},
    )


def relation(a: Side, b: Side) -> str:
    """Say how the data of two sides are related.

    Returns
    -------
    str
        `SAME_IMAGES`: the same pixels. `SAME_SLICES`: the same stretches of the same records,
        drawn at another size or in another style. `SAME_RECORDS`: the same records with the
        same labels, cut elsewhere (the published slices cannot be recovered). `DIFFERENT`:
        anything else.
    """
    if a.classes != b.classes or a.identity["records_sha256"] != b.identity["records_sha256"]:
        return DIFFERENT
    for kind, key in ((SAME_IMAGES, "images_sha256"), (SAME_SLICES, "slices_sha256")):
        if key in a.identity and a.identity[key] == b.identity.get(key):
            return kind
    return DIFFERENT if SYNTHETIC in (a.dataset, b.dataset) else SAME_RECORDS
