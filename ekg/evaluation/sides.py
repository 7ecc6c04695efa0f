"""The two sides of a comparison, and how both get predictions of the same images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EvaluationError, ModelError
from ekg.evaluation.predictions import classes_of, fingerprints, read_predictions
from ekg.evaluation.published import DATASET as PUBLISHED_DATASET
from ekg.evaluation.published import PUBLISHED_METRICS_FILE, read_published_metrics
from ekg.files import read_json, sha256_of_file
from ekg.paths import PUBLISHED_FOLDER, default_model
from ekg.run import Run

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
    metrics: dict[str, Any] | None = None
    """This fold's entry of `metrics.json` or of the published metrics."""
    identity: dict[str, str] = field(default_factory=dict)
    """See `ekg.evaluation.predictions.fingerprints`."""


def load_side(path: str | Path, fold: str) -> Side | None:
    """Return the results of a path for a fold, None where there are none."""
    path = Path(path)
    if not path.exists():
        raise EvaluationError(
            "run or model not found", path=path, remedy="`python -m ekg runs` lists the runs"
        )
    if path.is_file():
        if path.suffix == ".json":
            return _from_metrics(path, fold)
        return _from_predictions(path, fold, path.stem) if path.suffix == ".csv" else None
    run = Run(path)
    saved = run.saved_predictions(fold)
    if saved is not None:
        if saved == run.predictions_file(fold):
            return _from_run(run, fold)
        return _from_predictions(saved, fold, path.resolve().name)
    return _from_metrics(path, fold) if (path / PUBLISHED_METRICS_FILE).is_file() else None


def _from_run(run: Run, fold: str) -> Side:
    folder, metrics = run.folder, run.fold_metrics(fold)
    if metrics is None:
        raise EvaluationError(
            f"predictions of fold {fold} without their metrics.json",
            path=folder,
            remedy="run `python -m ekg evaluate` again",
        )
    classes = tuple(run.metrics["classes"])
    run.check_predictions(fold)
    predictions = read_predictions(run.predictions_file(fold), classes)
    identity = fingerprints(predictions)
    if identity["records_sha256"] != metrics.get("records_sha256"):
        raise EvaluationError(
            f"predictions_{fold}.csv and metrics.json are of different records",
            path=folder,
            remedy="run `python -m ekg evaluate` again",
        )
    identity |= {key: metrics[key] for key in ("slices_sha256", "images_sha256") if key in metrics}
    return Side(
        name=folder.resolve().name,
        dataset=str(metrics["dataset"]),
        fold=fold,
        source=folder.as_posix(),
        classes=classes,
        predictions=predictions,
        metrics=metrics,
        identity=identity,
    )


def _from_predictions(path: Path, fold: str, name: str) -> Side:
    predictions = read_predictions(path)
    identity = fingerprints(predictions)
    published = read_published_metrics()
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


def _from_metrics(path: Path, fold: str) -> Side | None:
    content = read_published_metrics(path)
    if fold not in content:
        return None
    return Side(
        name=str(content["model"]),
        dataset=str(content["dataset"]),
        fold=fold,
        source=path.as_posix(),
        classes=tuple(content["classes"]),
        metrics=content[fold],
        identity={"records_sha256": content[fold]["records_sha256"]},
    )


def relation(a: Side, b: Side) -> str:
    """Describe how the data of two sides are related."""
    if a.classes != b.classes or a.identity["records_sha256"] != b.identity["records_sha256"]:
        return DIFFERENT
    for kind, key in ((SAME_IMAGES, "images_sha256"), (SAME_SLICES, "slices_sha256")):
        if key in a.identity and a.identity[key] == b.identity.get(key):
            return kind
    return DIFFERENT if SYNTHETIC in (a.dataset, b.dataset) else SAME_RECORDS


_CACHE = "compared"


@dataclass(frozen=True)
class ImageSet:
    """Images that a model can be run on, with their folds."""

    images: Path
    split: Path


def baseline_of(model: Path) -> Path:
    """Return what a model is compared with: the default one, the published one for that itself."""
    default = default_model()
    return PUBLISHED_FOLDER if default.resolve() == model.resolve() else default


def image_set_of(folder: Path) -> ImageSet | None:
    """Return the image set that a run was evaluated on, None where it is not available."""
    metrics = Run(folder).metrics
    if not metrics.get("images_folder") or not metrics.get("split_file"):
        return None
    found = ImageSet(Path(metrics["images_folder"]), Path(metrics["split_file"]))
    return found if (found.images / "manifest.csv").is_file() and found.split.is_file() else None


def first_side(path: Path, fold: str, images: ImageSet | None, cache: Path) -> Side:
    """Return side A: its saved results or, without them, its weights run on the images."""
    side = load_side(path, fold)
    if side is not None:
        return side
    if images is None or not has_weights(path):
        raise EvaluationError(
            f"no results for fold {fold}",
            path=path,
            remedy=f"run `python -m ekg evaluate --fold {fold}`, or give --images and --split",
        )
    return run_on(path, fold, images, cache)


def second_side(a: Side, path: Path, images: ImageSet | None, cache: Path) -> Side:
    """Return side B on the data of side A, if there is a way.

    Saved predictions on the same data come first; else the weights are run on the same images
    (kept below `cache` for the next time); else whatever is known of B.
    """
    side = load_side(path, a.fold)
    if side is not None and relation(a, side) != DIFFERENT and side.predictions is not None:
        return side
    obstacle = "" if images is None or not has_weights(path) else misfit(a, path, images)
    if images is not None and has_weights(path) and not obstacle:
        return run_on(path, a.fold, images, cache)
    if side is None:
        raise EvaluationError(
            f"no results for fold {a.fold}" + (f", and it {obstacle}" if obstacle else ""),
            path=path,
            remedy="evaluate it first, or give --images and --split that it can read",
        )
    return side


def misfit(a: Side, path: Path, images: ImageSet) -> str:
    """Return why a model cannot be run on side A's images, empty if it can."""
    from ekg.model import load_model

    model = load_model(path)
    description = images.images / "dataset.json"
    size = read_json(description).get("size") if description.is_file() else model.image_size
    if size != model.image_size:
        return f"expects images of {model.image_size} pixels, not {size}"
    if model.classes != a.classes:
        return f"has other classes ({', '.join(model.classes)})"
    return ""


def has_weights(path: Path) -> bool:
    """Return whether a path is or holds weights that can be loaded."""
    from ekg.model.model_files import weights_file_of

    if path.suffix in (".csv", ".json"):
        return False
    try:
        weights_file_of(path)
    except ModelError:
        return False
    return True


def run_on(path: Path, fold: str, images: ImageSet, cache: Path) -> Side:
    """Run a model on a fold of an image set, or take what a run before left in `cache`."""
    from ekg.evaluation.evaluate import EvaluationSettings, evaluate
    from ekg.model.model_files import weights_file_of

    name = path.resolve().name if path.is_dir() else path.stem
    out = cache / _CACHE / name
    run = Run(out)
    known = run.metrics
    current = (
        fold in known
        and run.predictions_file(fold).is_file()
        and known["weights_sha256"] == sha256_of_file(weights_file_of(path))
        and known["manifest_sha256"] == sha256_of_file(images.images / "manifest.csv")
        and known["split_sha256"] == sha256_of_file(images.split)
    )
    if not current:
        # Without intervals: the comparison draws its own, for both sides at once.
        evaluate(
            EvaluationSettings(
                model=path,
                images=images.images,
                split=images.split,
                folds=(fold,),
                out=out,
                resamples=0,
            )
        )
    side = load_side(out, fold)
    assert side is not None
    return replace(side, name=name, source=path.as_posix())
