"""The last words of `make reproduce`: what a run found, and where everything lies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EvaluationError
from ekg.evaluation.reproduced import reproduced_lines
from ekg.evaluation.summary import table, with_interval
from ekg.files import read_json

_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
_LEVELS = {"record_weighted": "record-weighted", "per_record": "per record"}


def run_summary(run: Path, images: Path | None = None, figures: Path | None = None) -> list[str]:
    """Return the summary's lines, made from saved results alone.

    Parameters
    ----------
    run
        The run's folder, with `metrics.json`.
    images
        The image set's folder; its counts are shown when given.
    figures
        The folder of the figures; named when it has a report.

    Raises
    ------
    EvaluationError
        If the run has not been evaluated.
    """
    if not (run / "metrics.json").is_file():
        raise EvaluationError(
            "no metrics.json", path=run, remedy="run `make evaluate` or `python -m ekg evaluate`"
        )
    metrics = read_json(run / "metrics.json")
    folds = [fold for fold in ("val", "test") if fold in metrics]
    dataset = metrics[folds[0]]["dataset"] if folds else metrics.get("dataset", "")
    lines = ["", f"Data: {dataset}. Not for clinical use.", ""]
    if images is not None and (images / "manifest.csv").is_file():
        lines += [_counts(images), ""]
    lines += _training(run)
    lines += _results(metrics, folds)
    if reproduced := reproduced_lines(metrics):
        lines += ["", *reproduced]
    lines += _comparison(run)
    lines += ["", *_places(run, images, figures)]
    return lines


def _counts(images: Path) -> str:
    manifest = pd.read_csv(images / "manifest.csv", usecols=["record", "diagnosis"], dtype=str)
    counts = Counter(manifest["diagnosis"]).most_common()
    classes = ", ".join(f"{name} {count:,}" for name, count in counts)
    return f"images    {len(manifest):,} of {manifest['record'].nunique():,} records: {classes}"


def _training(run: Path) -> list[str]:
    if not (run / "finished.json").is_file():
        return []
    done = read_json(run / "finished.json")
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
                    + [with_interval(content[level].get(f), intervals.get(f)) for f in _FIGURES]
                )
    return table(["", *(figure.replace("_", " ") for figure in _FIGURES)], rows)


def _comparison(run: Path) -> list[str]:
    """Return what the run was compared with, and both sides' main figures."""
    path = run / "comparison.json"
    if not path.is_file():
        return []
    content = read_json(path)
    lines = ["", f"compared  {content['heading']}"]
    figures = content["levels"].get("record_weighted", {}).get("figures", {})
    for name in ("accuracy", "macro_f1"):
        if (entry := figures.get(name)) is None:
            continue
        line = " against ".join(
            with_interval(entry[side], entry[f"{side}_interval"]) for side in ("a", "b")
        )
        if content["comparable"] and entry["difference"] is not None:
            line += f", difference {entry['difference']:+.3f}"
        lines.append(f"          {_LEVELS['record_weighted']} {name.replace('_', ' ')} {line}")
    return [*lines, f"          in full: {run / 'comparison.md'}"]


def _gigabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def _places(run: Path, images: Path | None, figures: Path | None) -> list[str]:
    places = [f"run       {run}"]
    if images is not None:
        places.append(f"images    {images} ({_gigabytes(images):.1f} GB)")
    if figures is not None and (figures / "report.html").is_file():
        places.append(f"report    {figures / 'report.html'} (open this first)")
    return places
