"""The files of a run, as the figures need them: what is there, and what is not."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd

from ekg.errors import EkgError, EvaluationError
from ekg.evaluation.predictions import classes_of, read_predictions
from ekg.evaluation.published import DATASET as PUBLISHED_DATASET
from ekg.evaluation.published import (
    PUBLISHED_METRICS_FILE,
    prediction_folder,
    read_published_metrics,
)
from ekg.files import DAMAGE, sha256_of_file
from ekg.paths import PUBLISHED_FOLDER
from ekg.records.diagnoses import CLASSES
from ekg.run import FOLDS, HISTORY_FILE, METRICS_FILE, Metrics, Run

PROJECT = Path(__file__).resolve().parents[2]
"""The root of the checkout: relative paths given to a notebook start here."""
FOLD_NAMES = {"train": "training", "val": "validation", "test": "test", "none": "in no fold"}
PUBLISHED = "published"
NAMES_OF_DATASETS = {
    "cpsc2018": "CPSC 2018",
    "synthetic": "Synthetic (simulated)",
    "ptbdb": "PTB Diagnostic",
}


def name_of_dataset(dataset: str) -> str:
    """Return a dataset's name as titles give it."""
    return NAMES_OF_DATASETS.get(dataset, dataset)


def absolute(path: str | Path) -> Path:
    """Return `path` as it is when absolute, else below the project's root."""
    return PROJECT / Path(path).expanduser()


def newest_run(runs: Path | None = None) -> Path:
    """Return the folder of `runs/` that was evaluated or trained last."""
    runs = runs or PROJECT / "runs"
    marks = (METRICS_FILE, HISTORY_FILE)
    found = [
        (max((folder / mark).stat().st_mtime for mark in marks if (folder / mark).exists()), folder)
        for folder in (runs.iterdir() if runs.is_dir() else ())
        if any((folder / mark).exists() for mark in marks)
    ]
    if not found:
        raise EkgError(
            "no runs yet", path=runs, remedy="train one with `make train`, or use RUN=published"
        )
    return max(found)[1]


def find_run(run: str | Path = "") -> Path:
    """Return the folder of a run."""
    if not str(run):
        return newest_run()
    folder = absolute(run)
    if not folder.is_dir() and "/" not in str(run):
        folder = PROJECT / "runs" / run
    if not folder.is_dir() and folder.name == PUBLISHED:
        return prediction_folder()
    if not folder.is_dir():
        raise EkgError(
            "run not found", path=folder, remedy="`python -m ekg runs` lists them; or RUN=published"
        )
    marks = (METRICS_FILE, HISTORY_FILE, "predictions_*.csv", "preds_*.csv")
    if not any(any(folder.glob(mark)) for mark in marks):
        raise EkgError(
            "this folder has no results",
            path=folder,
            remedy="train and evaluate first (`make evaluate RUN=...`)",
        )
    return folder


class RunFiles(Run):
    """A run with the image set behind it, as figures show them.

    Parameters
    ----------
    folder
        The run's folder, as `find_run` returns it.
    images
        The image set's folder, None where only results are available.
    title
        The dataset's name for titles; by default from the results.
    """

    def __init__(self, folder: str | Path, images: Path | None = None, title: str = ""):
        super().__init__(folder)
        self.images, self.title = images, title

    @property
    def name(self) -> str:
        """The run's name."""
        return "published model" if self.is_published else self.folder.name

    @cached_property
    def metrics(self) -> Metrics:
        """`metrics.json`, for the published model its stored figures; empty without either."""
        if self.is_published and not self.has(METRICS_FILE):
            stored = PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE
            return cast(Metrics, read_published_metrics()) if stored.is_file() else {}
        return Run(self.folder).metrics

    @cached_property
    def dataset_info(self) -> dict[str, Any]:
        """The image set's `dataset.json`, empty when there is none."""
        return Run(self.images).dataset_facts if self.images else {}

    @cached_property
    def dataset(self) -> str:
        """The dataset's short name, from the results."""
        if self.is_published:
            return PUBLISHED_DATASET
        found = self.metrics.get("dataset") or self.dataset_info.get("dataset")
        return str(found or "unnamed dataset")

    @property
    def dataset_title(self) -> str:
        """The dataset's name for titles."""
        return self.title or name_of_dataset(self.dataset)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Classes in index order, as the metrics or the predictions name them."""
        if self.metrics.get("classes"):
            return tuple(str(name) for name in self.metrics["classes"])
        for fold in FOLDS:
            path = self.saved_predictions(fold)
            if path is not None:
                return classes_of(read_predictions(path))
        return CLASSES

    def predictions(self, fold: str) -> pd.DataFrame | None:
        """Return a fold's predictions, None when they were not saved."""
        path = self.saved_predictions(fold)
        return None if path is None else read_predictions(path, self.classes)

    @property
    def folds(self) -> tuple[str, ...]:
        """The folds whose predictions were saved: validation and test at most.

        The training fold's metrics would show memorisation.
        """
        return tuple(fold for fold in ("val", "test") if self.saved_predictions(fold) is not None)

    @cached_property
    def manifest(self) -> pd.DataFrame | None:
        """The image set's manifest with the fold of each record (`split`), None without images."""
        path = self.images / "manifest.csv" if self.images else None
        if path is None or not path.exists():
            return None
        table = _read_table(path, dtype={"image": str, "record": str, "diagnosis": str})
        folds = self.split_of_records
        split = table["record"].map(folds) if folds is not None else None
        return table.assign(split=split)

    @cached_property
    def records(self) -> pd.DataFrame | None:
        """The image set's `records.csv`: every record found, kept or not."""
        path = self.images / "records.csv" if self.images else None
        if path is None or not path.exists():
            return None
        return _read_table(
            path, dtype={"record": str, "diagnoses": str, "reason": str}, keep_default_na=False
        )

    @cached_property
    def split_of_records(self) -> pd.Series[Any] | None:
        """Fold of each record, by name: of the split file that the run used, if it is here."""
        named = self.metrics.get("split_file") or self.environment.get("split")
        paths = [absolute(str(named))] if named else []
        if self.images:
            paths.append(self.images / "split.csv")
        for path in paths:
            if path.is_file():
                table = _read_table(path, dtype=str, keep_default_na=False)
                if {"record", "split"} <= set(table.columns):
                    return table.drop_duplicates("record").set_index("record")["split"]
                raise EkgError("columns `record` and `split` are needed", path=path)
        return None

    def fold_title(self, fold: str, what: str = "") -> str:
        """Return a two-line title: dataset, fold and subject; n records and images."""
        head = f"{self.dataset_title}, {FOLD_NAMES[fold]} fold" + (f": {what}" if what else "")
        numbers = self.numbers(fold)
        if numbers is None:
            return head
        return f"{head}\nn = {count_of(numbers[0], 'record')}, {count_of(numbers[1], 'image')}"

    def fold_numbers(self, fold: str) -> str:
        """Return `test n = 784 records` for a title that names several folds."""
        numbers = self.numbers(fold)
        return FOLD_NAMES[fold] + (f" n = {count_of(numbers[0], 'record')}" if numbers else "")

    def numbers(self, fold: str) -> tuple[int, int] | None:
        """Return the records and images of a fold, None when nothing tells."""
        figures = self.fold_metrics(fold) or {}
        if "records" in figures and "images" in figures:
            return int(figures["records"]), int(figures["images"])
        table = self.predictions(fold)
        return None if table is None else (table["record"].nunique(), len(table))


def _read_table(path: Path, **options: Any) -> pd.DataFrame:
    try:
        return pd.read_csv(path, **options)
    except (OSError, *DAMAGE) as error:
        raise EkgError(f"not a CSV file ({error})", path=path) from None


def count_of(count: int, word: str) -> str:
    """Return `1 record`, `3,311 images`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def open_run(run: str | Path = "", images: str | Path = "", title: str = "") -> RunFiles:
    """Return the files of a run for a notebook, with every default filled in."""
    folder = find_run(run)
    if not str(images):
        return RunFiles(folder, _own_images(RunFiles(folder)), title)
    images_folder = absolute(images)
    if not (images_folder / "manifest.csv").is_file():
        raise EvaluationError(
            "not an image set: manifest.csv is missing",
            path=images_folder,
            remedy="leave it out, or draw one with `python -m ekg images`",
        )
    return RunFiles(folder, images_folder, title)


def _own_images(run: RunFiles) -> Path | None:
    """Return the image set that the run was made from, if it is still here and unchanged."""
    if run.is_published:
        return None
    named = run.metrics.get("images_folder") or run.environment.get("images")
    expected = run.metrics.get("manifest_sha256") or run.environment.get("manifest_sha256")
    manifest = absolute(str(named)) / "manifest.csv" if named else None
    if manifest is None or not manifest.is_file() or sha256_of_file(manifest) != expected:
        return None
    return manifest.parent
