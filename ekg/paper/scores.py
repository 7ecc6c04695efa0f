"""Scores of a run as tables: read from `metrics.json`, or computed from saved predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.levels import LEVELS
from ekg.paper.run_files import RunFiles
from ekg.paper.tables import with_interval

LEVEL_NAMES = {
    "record_weighted": "record-weighted",
    "per_image": "per image",
    "per_record": "per record (mean)",
    "per_record_majority": "per record (vote)",
}
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "macro_f1": "Macro F1",
    "macro_auroc": "Macro AUROC",
    "macro_average_precision": "Macro average precision",
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
}
CLASS_METRIC_NAMES = {
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "specificity": "Specificity",
    "auroc": "AUROC",
    "average_precision": "Average precision",
}

Figures = Mapping[str, Any]


def fold_figures(run: RunFiles, fold: str) -> dict[str, Any] | None:
    """Return every figure of a fold by level, None when nothing was saved for it.

    `metrics.json` is taken as it is; where it is missing (the published model) the figures and
    their intervals are computed from the saved predictions by the same code.
    """
    if run.metrics.get(fold):
        return dict(run.metrics[fold])
    predictions = run.predictions(fold)
    return None if predictions is None else evaluate_predictions(predictions, run.classes)


def levels_in_words() -> str:
    """Return what the levels mean, for a caption."""
    return " ".join(f"{name.capitalize()}: {LEVELS[level]}." for level, name in LEVEL_NAMES.items())


def levels_of_figures(figures: Figures) -> list[str]:
    """Return the levels that were evaluated, the paper's first."""
    return [level for level in LEVEL_NAMES if level in figures and level in LEVELS]


def interval_of(figures: Figures, metric: str) -> Sequence[float | None] | None:
    """Return [low, high] of a metric, None where there is none."""
    found = (figures.get("intervals") or {}).get(metric)
    return None if found is None else list(found)


def summary_table(figures: Figures) -> pd.DataFrame:
    """Return one row a metric, one column a level, with intervals as text."""
    levels = levels_of_figures(figures)
    rows = []
    for metric, name in METRIC_NAMES.items():
        values = [
            with_interval(figures[level].get(metric), interval_of(figures[level], metric))
            for level in levels
        ]
        if any(value != "–" for value in values):
            rows.append([name, *values])
    return pd.DataFrame(rows, columns=["metric", *(LEVEL_NAMES[level] for level in levels)])


def class_table(figures: Figures, level: str, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a class: records, images, then each metric with its interval as text."""
    by_class = figures[level]["per_class"]
    rows: list[dict[str, Any]] = []
    for name in classes:
        row: dict[str, Any] = {
            "class": name,
            "records": figures.get("records_by_class", {}).get(name),
            "images": figures.get("images_by_class", {}).get(name),
        }
        entry = by_class.get(name) or {}
        for metric, title in CLASS_METRIC_NAMES.items():
            if any(metric in (by_class.get(other) or {}) for other in classes):
                row[title] = with_interval(entry.get(metric), interval_of(entry, metric))
        rows.append(row)
    return pd.DataFrame(rows)


def class_scores(
    figures: Figures, level: str, classes: Sequence[str], metric: str, series: str
) -> pd.DataFrame:
    """Return one metric by class with its interval, in the form `score_figure` takes."""
    rows = []
    for name in classes:
        entry = figures[level]["per_class"].get(name) or {}
        low, high = interval_of(entry, metric) or (None, None)
        rows.append((name, series, entry.get(metric), low, high))
    return pd.DataFrame(rows, columns=["row", "series", "value", "low", "high"])


def curve_areas(
    level: Figures,
) -> dict[str, dict[str, tuple[float | None, Sequence[float | None] | None]]]:
    """Return AUROC and average precision of each class with its interval, for legends."""
    return {
        metric: {
            name: (entry.get(metric), interval_of(entry, metric))
            for name, entry in level["per_class"].items()
        }
        for metric in ("auroc", "average_precision")
    }


def records_by_class(figures: Figures, classes: Sequence[str]) -> list[int] | None:
    """Return the number of records of each class, None when it was not saved."""
    found = figures.get("records_by_class")
    return None if found is None else [int(found.get(name, 0)) for name in classes]


def calibration_table(figures: Figures) -> pd.DataFrame:
    """Return log loss, ECE and Brier score before and after the temperature, by level."""
    names = {"log_loss": "Log loss (nats)", "ece": "ECE", "brier": "Brier score"}
    found = figures.get("calibration") or {}
    rows = [
        [LEVEL_NAMES[level], name, found[level]["before"][figure], found[level]["after"][figure]]
        for level in LEVEL_NAMES
        if level in found
        for figure, name in names.items()
    ]
    return pd.DataFrame(rows, columns=["level", "figure", "uncalibrated", "with temperature"])
