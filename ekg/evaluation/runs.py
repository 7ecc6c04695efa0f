"""The table of experiments: what was different, and what came of it."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekg.errors import EvaluationError
from ekg.evaluation.results import METRICS_FILE, read_metrics
from ekg.evaluation.summary import table, with_interval
from ekg.records.record import natural_key

_MARKS = ("config.toml", "train_results.csv", METRICS_FILE)
_LEVEL = "record_weighted"
_FIGURES = ("accuracy", "macro_f1", "macro_auroc")
NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class RunEntry:
    """One run as its files describe it."""

    name: str
    dataset: str
    epochs: int | None
    """Epochs in the history."""
    best_epoch: int | None
    best_val_loss: float | None
    minutes: float | None
    """Time of training."""
    figures: dict[str, dict[str, Any]]
    """By fold: value and interval of each main figure, record-weighted."""
    config: dict[str, Any]
    """The configuration, flat: `train.batch_size` to its value."""


def flatten(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def read_run(folder: Path) -> RunEntry:
    """Read one run; what it has not got yet is None.

    Raises
    ------
    EvaluationError
        If a file is there but cannot be read.
    """
    metrics = read_metrics(folder) or {}
    history = _history(folder / "train_results.csv")
    best = min(history, key=lambda row: row["val_loss"]) if history else None
    figures: dict[str, dict[str, Any]] = {
        fold: {
            name: (
                metrics[fold][_LEVEL].get(name),
                metrics[fold][_LEVEL].get("intervals", {}).get(name),
            )
            for name in _FIGURES
        }
        for fold in ("val", "test")
        if fold in metrics
    }
    return RunEntry(
        name=folder.name,
        dataset=str(metrics.get("dataset", NOT_EVALUATED)),
        epochs=len(history) or None,
        best_epoch=int(best["epoch"]) if best else None,
        best_val_loss=best["val_loss"] if best else None,
        minutes=max(row["elapsed_time"] for row in history) if history else None,
        figures=figures,
        config=_config(folder / "config.toml"),
    )


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [
                {key: float(row[key]) for key in ("epoch", "val_loss", "elapsed_time")}
                for row in csv.DictReader(stream)
            ]
    except (KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"not a training history ({error})", path=path, remedy="train again"
        ) from None


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return flatten(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EvaluationError(f"not a TOML file ({error})", path=path) from None


def find_runs(folder: Path) -> list[Path]:
    """Return the run folders in a folder, in natural order; the folder itself if it is one.

    Raises
    ------
    EvaluationError
        If there is no such folder or no run in it.
    """
    if not folder.is_dir():
        raise EvaluationError("no such folder", path=folder, remedy="make a run: `make train`")
    candidates = [folder, *folder.iterdir()] if _is_run(folder) else list(folder.iterdir())
    runs = [child for child in candidates if _is_run(child)]
    if not runs:
        raise EvaluationError("no run here yet", path=folder, remedy="make one: `make train`")
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

    Figures of different datasets never share a table.
    """
    lines: list[str] = []
    for dataset in sorted({entry.dataset for entry in entries}):
        head = ["run", "epochs", "best", "val loss", "minutes"]
        head += [f"{fold} {name}" for fold in ("val", "test") for name in _FIGURES[:2]]
        rows = [_row(entry) for entry in entries if entry.dataset == dataset]
        lines += [f"{dataset} (record-weighted, 95 % intervals by resampling records)"]
        lines += [*table(head, rows), ""]
    varying = differences(entries)
    settings = [f"  {name}: {_settings(values)}" for name, values in varying.items() if values]
    if settings:
        lines += ["settings in which they differ:", *settings]
    return lines


def _row(entry: RunEntry) -> list[str]:
    def shown(value: float | int | None, digits: int = 0) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    cells = [entry.name, shown(entry.epochs), shown(entry.best_epoch)]
    cells += [shown(entry.best_val_loss, 4), shown(entry.minutes, 1)]
    for fold in ("val", "test"):
        for name in _FIGURES[:2]:
            cells.append(with_interval(*entry.figures.get(fold, {}).get(name, (None, None))))
    return cells


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items() if value is not None)


def as_json(entries: list[RunEntry]) -> list[dict[str, Any]]:
    """Return one object a run, with its figures and the settings that differ."""
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
                    for name, (value, interval) in figures.items()
                }
                for fold, figures in entry.figures.items()
            },
            "settings": varying.get(entry.name, {}),
        }
        for entry in entries
    ]
