"""Keep a run as a stored model: its files and a model card."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EvaluationError
from ekg.evaluation.summary import with_interval
from ekg.files import atomic_path, read_json, write_text

KEPT_FILES = (
    "weights.safetensors",
    "config.toml",
    "train_results.csv",
    "environment.json",
    "finished.json",
    "calibration.json",
    "predictions_val.csv",
    "predictions_test.csv",
    "metrics.json",
)
"""`metrics.json` comes last: a folder counts as a stored model once it is there."""

EXTERNAL = "external"
"""Folder of a run for `external.json` files of `python -m ekg external`, one a source, and of
other models on the same slices."""

_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")


def store_model(run: Path, folder: Path, command: str) -> list[str]:
    """Copy a finished and evaluated run into a folder and write its model card.

    Parameters
    ----------
    run
        The run's folder.
    folder
        Where the model goes, `best_model_for_paper/<date>_<name>`; made when missing.
    command
        The command that made the run, for the card.

    Returns
    -------
    list of str
        Names of the files written.

    Raises
    ------
    EvaluationError
        If a file of the run is missing.
    """
    missing = [name for name in KEPT_FILES if not (run / name).is_file()]
    if missing:
        raise EvaluationError(
            f"{', '.join(missing)} missing",
            path=run,
            remedy="train it to its end and evaluate it on the folds val and test",
        )
    external = [
        path.relative_to(run).as_posix() for path in sorted((run / EXTERNAL).glob("*.json"))
    ]
    for name in (*external, *KEPT_FILES[:-1]):
        _copy(run / name, folder / name)
    write_text(folder / "README.md", model_card(run, folder.name, command))
    _copy(run / KEPT_FILES[-1], folder / KEPT_FILES[-1])
    return [*external, *KEPT_FILES, "README.md"]


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def model_card(run: Path, name: str, command: str) -> str:
    """Return the model card: intended use, data, training, figures with intervals, limits.

    Every figure comes from the run's files.
    """
    metrics = read_json(run / "metrics.json")
    done = read_json(run / "finished.json")
    environment = read_json(run / "environment.json")
    history = pd.read_csv(run / "train_results.csv")
    dataset = metrics["test"]["dataset"]
    lines = [
        f"# {name}",
        "",
        "A MobileNetV3 of 151,463 parameters that names one of seven diagnoses on an 800 x 800",
        f"picture of 2.5 s of a 12-lead EKG. Trained from scratch on the data set `{dataset}`.",
        "**Not for clinical use.**",
        "",
        "## Intended use",
        "",
        "A reference to compare runs with (`make compare`), and an example for `predict`, `export`",
        "and the saliency maps. It is not meant to read anybody's EKG.",
        "",
        "## Data and training",
        "",
        f"* Made by `{command}`.",
        f"* {done['epochs']} epochs in {done['minutes']:.1f} minutes on "
        f"{environment['device']}; {done['reason']}; weights of epoch {done['best_epoch']}, "
        f"validation loss {done['best_val_loss']:.4f}; "
        f"{history['images_per_second'].median():.0f} images/s.",
        f"* Seed {environment['seed']}; torch {environment['packages']['torch']}; "
        "`environment.json` and `config.toml` have the rest.",
        f"* Validation: {_size(metrics['val'])}; test: {_size(metrics['test'])}; no record is in",
        "  two folds.",
        "",
        "## Figures",
        "",
        "95 % intervals resample whole records.",
        "",
        "| fold, level | " + " | ".join(f.replace("_", " ") for f in _FIGURES) + " |",
        "|---|" + "---|" * len(_FIGURES),
    ]
    for fold in ("val", "test"):
        for level in ("per_image", "record_weighted", "per_record"):
            figures = metrics[fold][level]
            cells = [with_interval(figures.get(f), figures["intervals"].get(f)) for f in _FIGURES]
            lines.append(f"| {fold}, {level.replace('_', ' ')} | " + " | ".join(cells) + " |")
    lines += ["", "By class, test, per record:", ""]
    lines += _by_class(metrics["test"]["per_record"])
    lines += _on_recordings(run)
    lines += [
        "",
        "## Limits",
        "",
        "* A simulated EKG is a textbook's idea of a disease with noise on it: these figures say"
        if dataset == "synthetic"
        else "* These figures hold for this data set alone: they say",
        "  nothing about patients. `make external MODEL=... RECORDS=...` measures a model on",
        "  recordings of hospitals.",
        "* It must choose one of seven labels, whatever it is shown; ectopic beats, several",
        "  diagnoses at once and everything else are not among them.",
        "* Slices of one record are not independent; no figure here treats them so.",
        "",
    ]
    return "\n".join(lines)


def _on_recordings(run: Path) -> list[str]:
    """Return the section on recordings of hospitals, empty where none were read."""
    rows = []
    for path in sorted((run / EXTERNAL).glob("*.json")):
        content = read_json(path)
        figures = content["external"]["per_record"]
        cells = [with_interval(figures.get(f), figures["intervals"].get(f)) for f in _FIGURES]
        mix = ", ".join(f"{c} {n}" for c, n in content["data"]["class_mix"].items() if n)
        rows.append(
            f"| {content['dataset']} | {content['external']['records']} ({mix}) "
            f"| {content['model']} | " + " | ".join(cells) + " |"
        )
    if not rows:
        return []
    return [
        "",
        "## On recordings of hospitals",
        "",
        "Per record, the same slices for each model (`python -m ekg external`; the JSON files in",
        f"`{EXTERNAL}/`). Records with one diagnosis of the seven. No recording was trained on by",
        "this model, but the ranges of the simulator were set with an eye on the class medians of",
        "the same CPSC 2018 recordings, so those are no blind test of it. Most of the CPSC 2018",
        "records were in the published model's training set. Few records, wide intervals.",
        "",
        "| source | records | model | " + " | ".join(f.replace("_", " ") for f in _FIGURES) + " |",
        "|---|---|---|" + "---|" * len(_FIGURES),
        *rows,
    ]


def _size(fold: dict[str, Any]) -> str:
    return f"{fold['images']:,} images of {fold['records']:,} records"


def _by_class(level: dict[str, Any]) -> list[str]:
    names = ("precision", "recall", "f1", "specificity", "auroc")
    lines = ["| class | records | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for label, figures in level["per_class"].items():
        cells = [with_interval(figures.get(n), figures["intervals"].get(n), 2) for n in names]
        lines.append(f"| {label} | {figures['support']:.0f} | " + " | ".join(cells) + " |")
    return lines
