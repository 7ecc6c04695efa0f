"""Runs as tables: a fold's main metrics, what differs between runs, the summary of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EvaluationError
from ekg.evaluation.intervals import with_interval
from ekg.evaluation.levels import LEVELS
from ekg.evaluation.published import reproduced_lines
from ekg.paths import natural_key
from ekg.run import CONFIG_FILE, FOLDS, HISTORY_FILE, METRICS_FILE, Run

MAIN_METRICS = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_auroc")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return aligned lines: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]


def fold_summary(metrics: dict[str, Any], fold: str) -> list[str]:
    """Return a heading with the dataset's name and one row a level."""
    content = metrics[fold]
    lines = [
        f"{metrics['model']} on {content['dataset']}, fold {fold}: "
        f"{content['records']:,} records, {content['images']:,} images"
        + (", 95 % intervals by resampling records" if content["resampling"]["resamples"] else "")
    ]
    rows = [
        [level]
        + [
            with_interval(content[level].get(name), content[level]["intervals"].get(name))
            for name in MAIN_METRICS
        ]
        for level in LEVELS
        if level in content
    ]
    return lines + table(["", *MAIN_METRICS], rows)


_MARKS = (CONFIG_FILE, HISTORY_FILE, METRICS_FILE)
_LEVEL = "record_weighted"
_METRICS = ("accuracy", "macro_f1", "macro_auroc")
NOT_EVALUATED = "not evaluated"


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


@dataclass(frozen=True)
class RunEntry:
    """What the table of runs shows of one; None where the run has not come to it."""

    name: str
    dataset: str
    epochs: int | None
    best_epoch: int | None
    best_val_loss: float | None
    minutes: float | None
    metrics: dict[str, dict[str, Any]]
    """By fold: value and interval of each main metric, record-weighted."""
    config: dict[str, Any]
    """The configuration, flat: `train.batch_size` to its value."""


def read_run(folder: Path) -> RunEntry:
    """Return a run's entry of the table."""
    run = Run(folder)
    history = run.history
    best = None if history is None else history.iloc[int(history["val_loss"].argmin())]
    main: dict[str, dict[str, Any]] = {}
    for fold in ("val", "test"):
        if (found := run.fold_metrics(fold)) is not None:
            level = found[_LEVEL]
            intervals = level.get("intervals", {})
            main[fold] = {name: (level.get(name), intervals.get(name)) for name in _METRICS}
    return RunEntry(
        name=folder.name,
        dataset=str(run.metrics.get("dataset", NOT_EVALUATED)),
        epochs=None if history is None else len(history),
        best_epoch=None if best is None else int(best["epoch"]),
        best_val_loss=None if best is None else float(best["val_loss"]),
        minutes=None if history is None else float(history["elapsed_time"].max()),
        metrics=main,
        config=flatten(run.settings),
    )


def find_runs(folder: Path) -> list[Path]:
    """Return the run folders in a folder, in natural order; the folder itself if it is one."""
    if not folder.is_dir():
        raise EvaluationError("folder not found", path=folder, remedy="train one with `make train`")
    candidates = [folder, *folder.iterdir()] if _is_run(folder) else list(folder.iterdir())
    runs = [child for child in candidates if _is_run(child)]
    if not runs:
        raise EvaluationError("no runs yet", path=folder, remedy="train one with `make train`")
    return sorted(runs, key=lambda run: natural_key(run.name))


def _is_run(folder: Path) -> bool:
    return folder.is_dir() and any((folder / mark).is_file() for mark in _MARKS)


def differences(entries: list[RunEntry]) -> dict[str, dict[str, Any]]:
    """Return, by run, the settings in which the runs differ; a missing one is None."""
    keys = sorted({key for entry in entries for key in entry.config})
    varying = [
        key
        for key in keys
        if len({repr(entry.config.get(key)) for entry in entries if entry.config}) > 1
    ]
    return {
        entry.name: {key: entry.config.get(key) for key in varying}
        for entry in entries
        if entry.config
    }


def run_lines(entries: list[RunEntry]) -> list[str]:
    """Return the table for the terminal: one part a dataset, then what differs.

    Metrics of different datasets never share a table.
    """
    lines: list[str] = []
    for dataset in sorted({entry.dataset for entry in entries}):
        head = ["run", "epochs", "best", "val loss", "minutes"]
        head += [f"{fold} {name}" for fold in ("val", "test") for name in _METRICS[:2]]
        rows = [_row(entry) for entry in entries if entry.dataset == dataset]
        lines += [f"{dataset} (record-weighted, 95 % intervals by resampling records)"]
        lines += [*table(head, rows), ""]
    varying = differences(entries)
    settings = [f"  {name}: {_settings(values)}" for name, values in varying.items() if values]
    if settings:
        lines += ["settings that differ:", *settings]
    return lines


def _row(entry: RunEntry) -> list[str]:
    def shown(value: float | int | None, digits: int = 0) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    cells = [entry.name, shown(entry.epochs), shown(entry.best_epoch)]
    cells += [shown(entry.best_val_loss, 4), shown(entry.minutes, 1)]
    for fold in ("val", "test"):
        for name in _METRICS[:2]:
            cells.append(with_interval(*entry.metrics.get(fold, {}).get(name, (None, None))))
    return cells


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items() if value is not None)


def as_json(entries: list[RunEntry]) -> list[dict[str, Any]]:
    """Return one object a run, with its metrics and the settings that differ."""
    varying = differences(entries)
    return [
        {
            "run": entry.name,
            "dataset": entry.dataset,
            "epochs": entry.epochs,
            "best_epoch": entry.best_epoch,
            "best_val_loss": entry.best_val_loss,
            "minutes": entry.minutes,
            "figures": {
                fold: {
                    name: {"value": value, "interval": interval}
                    for name, (value, interval) in metrics.items()
                }
                for fold, metrics in entry.metrics.items()
            },
            "settings": varying.get(entry.name, {}),
        }
        for entry in entries
    ]


_SHOWN_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
_LEVELS = {"record_weighted": "record-weighted", "per_record": "per record"}


def run_summary(folder: Path, images: Path | None = None, figures: Path | None = None) -> list[str]:
    """Return the summary's lines, made from saved results alone."""
    run = Run(folder)
    if not run.has(METRICS_FILE):
        raise EvaluationError(
            f"no {METRICS_FILE}",
            path=folder,
            remedy="run `make evaluate` or `python -m ekg evaluate`",
        )
    metrics: dict[str, Any] = {**run.metrics}
    folds = [fold for fold in FOLDS[1:] if fold in metrics]
    dataset = metrics[folds[0]]["dataset"] if folds else metrics.get("dataset", "")
    lines = ["", f"Data: {dataset}. Not for clinical use.", ""]
    if images is not None and (images / "manifest.csv").is_file():
        lines += [_counts(images), ""]
    lines += _training(run)
    lines += _results(metrics, folds)
    if reproduced := reproduced_lines(metrics):
        lines += ["", *reproduced]
    lines += _comparison(run)
    lines += ["", *_places(folder, images, figures)]
    return lines


def _counts(images: Path) -> str:
    manifest = pd.read_csv(images / "manifest.csv", usecols=["record", "diagnosis"], dtype=str)
    counts = Counter(manifest["diagnosis"]).most_common()
    classes = ", ".join(f"{name} {count:,}" for name, count in counts)
    return f"images    {len(manifest):,} of {manifest['record'].nunique():,} records: {classes}"


def _training(run: Run) -> list[str]:
    done = run.finished
    if done is None:
        return []
    return [
        f"training  {done['epochs']} epochs in {done['minutes']:.1f} minutes ({done['reason']}); "
        f"best epoch {done['best_epoch']}, validation loss {done['best_val_loss']:.4f}",
        "",
    ]


def _results(metrics: dict[str, Any], folds: list[str]) -> list[str]:
    rows = []
    for fold in folds:
        content = metrics[fold]
        for level, name in _LEVELS.items():
            if level in content:
                intervals = content[level].get("intervals", {})
                rows.append(
                    [f"{fold} ({content['records']} records), {name}"]
                    + [
                        with_interval(content[level].get(f), intervals.get(f))
                        for f in _SHOWN_METRICS
                    ]
                )
    return table(["", *(metric.replace("_", " ") for metric in _SHOWN_METRICS)], rows)


def _comparison(run: Run) -> list[str]:
    """Return what the run was compared with, and both sides' main metrics."""
    content = run.comparison
    if not content:
        return []
    lines = ["", f"compared  {content['heading']}"]
    metrics = content["levels"].get("record_weighted", {}).get("figures", {})
    for name in ("accuracy", "macro_f1"):
        if (entry := metrics.get(name)) is None:
            continue
        line = " against ".join(
            with_interval(entry[side], entry[f"{side}_interval"]) for side in ("a", "b")
        )
        if content["comparable"] and entry["difference"] is not None:
            line += f", difference {entry['difference']:+.3f}"
        lines.append(f"          {_LEVELS['record_weighted']} {name.replace('_', ' ')} {line}")
    return [*lines, f"details:  {run.folder / 'comparison.md'}"]


def _gigabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def _places(run: Path, images: Path | None, figures: Path | None) -> list[str]:
    places = [f"run       {run}"]
    if images is not None:
        places.append(f"images    {images} ({_gigabytes(images):.1f} GB)")
    if figures is not None and (figures / "report.html").is_file():
        places.append(f"report    {figures / 'report.html'} (open this first)")
    return places
