"""Metrics of a run and of a comparison as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.levels import LEVELS
from ekg.paper.figures.comparison import shown_names
from ekg.paper.run_files import FOLD_NAMES, RunFiles, count_of, name_of_dataset
from ekg.paper.tables import with_interval
from ekg.paths import PUBLISHED_MODEL

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

Metrics = Mapping[str, Any]


def fold_metrics(run: RunFiles, fold: str) -> dict[str, Any] | None:
    """Return every metric of a fold by level, None when nothing was saved for it.

    `metrics.json` is taken as it is; where it is missing (the published model) the metrics and
    their intervals are computed from the saved predictions by the same code.
    """
    if found := run.fold_metrics(fold):
        return {**found}
    predictions = run.predictions(fold)
    return None if predictions is None else evaluate_predictions(predictions, run.classes)


def levels_in_words() -> str:
    """Return what the levels mean, for a caption."""
    return " ".join(f"{name.capitalize()}: {LEVELS[level]}." for level, name in LEVEL_NAMES.items())


def levels_of_metrics(metrics: Metrics) -> list[str]:
    """Return the levels that were evaluated, the paper's first."""
    return [level for level in LEVEL_NAMES if level in metrics and level in LEVELS]


def interval_of(metrics: Metrics, metric: str) -> Sequence[float | None] | None:
    """Return [low, high] of a metric, None where there is none."""
    found = (metrics.get("intervals") or {}).get(metric)
    return None if found is None else list(found)


def summary_table(metrics: Metrics) -> pd.DataFrame:
    """Return one row a metric, one column a level, with intervals as text."""
    levels = levels_of_metrics(metrics)
    rows = []
    for metric, name in METRIC_NAMES.items():
        values = [
            with_interval(metrics[level].get(metric), interval_of(metrics[level], metric))
            for level in levels
        ]
        if any(value != "–" for value in values):
            rows.append([name, *values])
    return pd.DataFrame(rows, columns=["metric", *(LEVEL_NAMES[level] for level in levels)])


def class_table(metrics: Metrics, level: str, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a class: records, images, then each metric with its interval as text."""
    by_class = metrics[level]["per_class"]
    rows: list[dict[str, Any]] = []
    for name in classes:
        row: dict[str, Any] = {
            "class": name,
            "records": metrics.get("records_by_class", {}).get(name),
            "images": metrics.get("images_by_class", {}).get(name),
        }
        entry = by_class.get(name) or {}
        for metric, title in CLASS_METRIC_NAMES.items():
            if any(metric in (by_class.get(other) or {}) for other in classes):
                row[title] = with_interval(entry.get(metric), interval_of(entry, metric))
        rows.append(row)
    return pd.DataFrame(rows)


def class_scores(
    metrics: Metrics, level: str, classes: Sequence[str], metric: str, series: str
) -> pd.DataFrame:
    """Return one metric by class with its interval, in the form `score_figure` takes."""
    rows = []
    for name in classes:
        entry = metrics[level]["per_class"].get(name) or {}
        low, high = interval_of(entry, metric) or (None, None)
        rows.append((name, series, entry.get(metric), low, high))
    return pd.DataFrame(rows, columns=["row", "series", "value", "low", "high"])


def curve_areas(
    level: Metrics,
) -> dict[str, dict[str, tuple[float | None, Sequence[float | None] | None]]]:
    """Return AUROC and average precision of each class with its interval, for legends."""
    return {
        metric: {
            name: (entry.get(metric), interval_of(entry, metric))
            for name, entry in level["per_class"].items()
        }
        for metric in ("auroc", "average_precision")
    }


def records_by_class(metrics: Metrics, classes: Sequence[str]) -> list[int] | None:
    """Return the number of records of each class, None when it was not saved."""
    found = metrics.get("records_by_class")
    return None if found is None else [int(found.get(name, 0)) for name in classes]


def calibration_table(metrics: Metrics) -> pd.DataFrame:
    """Return log loss, ECE and Brier score before and after the temperature, by level."""
    names = {"log_loss": "Log loss (nats)", "ece": "ECE", "brier": "Brier score"}
    found = metrics.get("calibration") or {}
    rows = [
        [LEVEL_NAMES[level], name, found[level]["before"][metric], found[level]["after"][metric]]
        for level in LEVEL_NAMES
        if level in found
        for metric, name in names.items()
    ]
    return pd.DataFrame(rows, columns=["level", "metric", "uncalibrated", "with temperature"])


COMPARED = {
    key: METRIC_NAMES[key]
    for key in (
        "accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "macro_auroc",
    )
}
RECORDS_SHOWN = 50

Comparison = Mapping[str, Any]


def comparisons_of(content: Comparison) -> dict[str, dict[str, Any]]:
    """Return the comparisons in a `comparison.json`: with the named model, with the published one.

    `content`: The file's content; empty gives nothing.
    """
    found = {}
    if content:
        found["compared"] = dict(content)
        if content.get("published"):
            found["published"] = dict(content["published"])
    return found


def names_of(content: Comparison) -> dict[str, str]:
    """Return what to call the two sides."""
    return shown_names(content, (PUBLISHED_MODEL,))


def title_of(content: Comparison, dataset: str) -> str:
    """Return a title: data and fold, n (of both sides where they differ), a warning if need be."""
    fold = FOLD_NAMES[content["fold"]]
    a, b = content["a"], content["b"]
    if not content["comparable"]:
        data = (
            dataset
            if a["dataset"] == b["dataset"]
            else (f"{dataset} beside {name_of_dataset(b['dataset'])}")
        )
        sizes = f"n = {count_of(a['records'], 'record')} beside {count_of(b['records'], 'record')}"
        return f"{data}, {fold} fold\n{sizes}\n{content['statement']}"
    return (
        f"{dataset}, {fold} fold\nn = {count_of(a['records'], 'record')}, "
        f"{count_of(a['images'], 'image')}"
    )


def metrics_table(content: Comparison, level: str) -> pd.DataFrame:
    """Return the main metrics of both sides, with difference and p where they can be given."""
    entries = content["levels"][level]["figures"]
    rows = [
        [name, *_cells(content, entries[key], with_p=True)]
        for key, name in METRIC_NAMES.items()
        if key in entries
    ]
    return pd.DataFrame(rows, columns=["metric", *_heads(content, with_p=True)])


def classes_table(content: Comparison, level: str) -> pd.DataFrame:
    """Return the per-class metrics of both sides, and their difference where it can be given."""
    rows = [
        [class_, name, *_cells(content, entries[key], with_p=False)]
        for class_, entries in content["levels"][level]["per_class"].items()
        for key, name in CLASS_METRIC_NAMES.items()
        if key in entries
    ]
    return pd.DataFrame(rows, columns=["class", "metric", *_heads(content, with_p=False)])


def _heads(content: Comparison, *, with_p: bool) -> list[str]:
    heads = list(names_of(content).values())
    if content["comparable"]:
        heads.append("difference")
    return [*heads, "p"] if with_p and content["paired"] else heads


def _cells(content: Comparison, entry: Mapping[str, Any], *, with_p: bool) -> list[str]:
    cells = [with_interval(entry[side], entry[f"{side}_interval"]) for side in ("a", "b")]
    if content["comparable"]:
        cells.append(_signed(entry))
    if with_p and content["paired"]:
        p = entry["p"]
        cells.append("–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}")
    return cells


def _signed(entry: Mapping[str, Any]) -> str:
    if entry["difference"] is None:
        return "–"
    text = f"{entry['difference']:+.3f}"
    if entry["interval"]:
        low, high = entry["interval"]
        text += f" ({low:+.3f} to {high:+.3f})"
    return text.replace("-", "−")


def differing_table(content: Comparison) -> pd.DataFrame:
    """Return the records that the two sides read differently, in natural order."""
    names = names_of(content)
    rows = [[r["record"], r["label"], r["a"], r["b"]] for r in content["differing_records"]]
    return pd.DataFrame(rows, columns=["record", "label", names["a"], names["b"]])
