"""The hackathon's results from saved files: hackathon.json and hackathon.md."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ekg.config import load_config
from ekg.errors import EvaluationError
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.levels import Units
from ekg.evaluation.metrics import metrics_of
from ekg.evaluation.predictions import read_predictions
from ekg.files import read_json, write_json, write_text
from ekg.hackathon.ptbdb import HACKATHON_CLASSES
from ekg.hackathon.split import ACQUAINTANCE, PROTOCOLS, acquaintance, leakage
from ekg.hackathon.training import TRAIN_PARTS
from ekg.markdown import table
from ekg.run import CONFIG_FILE, FINISHED_FILE, HISTORY_FILE

_LEVELS = {
    "per_image": "every image",
    "per_record": "every record (mean probability)",
    "per_patient": "every patient (mean probability)",
}


def page_of(report: dict[str, Any]) -> str:
    """Return the page."""
    parts = [
        "# The hackathon of October 2019, rebuilt",
        "",
        "Not for clinical use. Every metric here is printed by `python -m ekg hackathon` from the "
        "files beside this page; the published ones are those of its result files "
        f"({report['published']['source']}).",
        "",
        *_provenance(report),
        *_data(report),
        *_results(report),
        *_meaning(report),
        *_matrices(report),
    ]
    return "\n".join(parts).rstrip() + "\n"


def summary_lines(report: dict[str, Any]) -> list[str]:
    """Return a few lines for the terminal: test accuracy of each run beside the published one."""
    lines = []
    for run in report["runs"]:
        published = report["published"][run["train"]]["test"]["accuracy"]
        test = run["test"]
        lines.append(
            f"{TRAIN_PARTS[run['train']]}, divided by {run['protocol']}: test accuracy "
            f"{test['per_image']['accuracy']:.3f} by image, "
            f"{test['per_patient']['accuracy']:.3f} by patient "
            f"(published, divided by images: {published:.3f} by image)"
        )
    return lines


def _provenance(report: dict[str, Any]) -> list[str]:
    lines = []
    if report["settings"]["simulated"]:
        lines.append(
            "**These records are simulated.** The metrics show that the pipeline works and what "
            "dividing by image does; they say nothing about patients and cannot be compared with "
            "the published ones."
        )
    for run in report["runs"]:
        kind = f"{run['network']} with weights {run['weights']}"
        if run["network"] != "resnet101" or run["weights"].startswith("none"):
            lines.append(
                f"**`{run['run']}` is not the hackathon's network:** {kind}, {run['epochs']} "
                f"epochs, images of {run['image_size']} pixels."
            )
    return [line for text in lines for line in (text, "")]


def _data(report: dict[str, Any]) -> list[str]:
    records, settings = report["records"], report["settings"]
    lines = [
        "## Records and images",
        "",
        f"{records['found']:,} records found, {records['used']:,} used, of "
        f"{records['used_patients']:,} patients; {settings['per_record']} slices of "
        f"{settings['seconds']:g} s a record at random starts (seed {settings['seed']}), of which "
        "each class keeps as many as the rarest has.",
        "",
        *table(
            ("class", "records", "patients", "images"),
            [
                (name, f"{c['records']:,}", f"{c['patients']:,}", f"{c['images']:,}")
                for name, c in records["by_class"].items()
            ],
        ),
        "",
    ]
    if records["left_out"]:
        lines += ["Left out (each record and its reason: `records.csv`):", ""]
        lines += [f"* {number:,}: {why}" for why, number in records["left_out"].items()]
        lines.append("")
    lines += [f"Note: {note}." for note in settings["notes"]]
    return [*lines, ""] if settings["notes"] else lines


def _results(report: dict[str, Any]) -> list[str]:
    rows = []
    for train, part in TRAIN_PARTS.items():
        published = report["published"][train]
        if any(run["train"] == train for run in report["runs"]):
            rows.append(_row(f"{part}, published", published, published["test"], {}))
        rows += [
            _row(f"{part}, by {run['protocol']}", run, run["test"]["per_image"], run["test"])
            for run in report["runs"]
            if run["train"] == train
        ]
    header = (
        "training",
        "best val accuracy",
        "last epoch: train loss",
        "train accuracy",
        "val loss",
        "val accuracy",
        "minutes",
        "test images",
        "test accuracy",
        "macro F1",
    )
    return [
        "## Results",
        "",
        "The epoch of the best validation accuracy is tested. In brackets: 95 % interval, "
        "resampling patients.",
        "",
        *table(header, rows),
        "",
        "The published test images were " + _share_of_images(report) + " The published rates "
        "carry no interval: which images were of one patient is not known.",
        "",
    ]


def _share_of_images(report: dict[str, Any]) -> str:
    matrix = report["published"]["all"]["test"]["confusion_matrix"]
    sizes = [int(sum(row)) for row in matrix]
    total = sum(sizes)
    return (
        f"{total} ({', '.join(map(str, sizes))} by class); with a fifth of all images in test "
        f"that makes about {5 * total:,} images, so far more slices a record were taken from the "
        "rare classes than the stored code takes."
    )


def _row(
    name: str, run: dict[str, Any], test: dict[str, Any], counts: dict[str, Any]
) -> Sequence[str]:
    final, intervals = run["final"], test.get("intervals", {})
    return (
        name,
        f"{run['best_val_accuracy']:.4f}",
        f"{final['train_loss']:.4f}",
        f"{final['train_accuracy']:.4f}",
        f"{final['val_loss']:.4f}",
        f"{final['val_accuracy']:.4f}",
        f"{run['minutes']:.1f}",
        f"{counts.get('images', test.get('images', 0)):,}",
        _with_interval(test["accuracy"], intervals.get("accuracy")),
        _with_interval(test["macro_f1"], intervals.get("macro_f1")),
    )


def _meaning(report: dict[str, Any]) -> list[str]:
    lines = ["## What the two ways of splitting mean", ""]
    lines += [f"* **{name}**: {text}." for name, text in PROTOCOLS.items()]
    lines.append("")
    rows = []
    for run in report["runs"]:
        test, leak = run["test"], run["leakage"]["test"]
        known = leak["images"] - leak["images_by_acquaintance"]["stranger"]
        rows.append(
            (
                f"{TRAIN_PARTS[run['train']]}, by {run['protocol']}",
                *(
                    _with_interval(
                        test[level]["accuracy"],
                        test[level].get("intervals", {}).get("accuracy"),
                    )
                    for level in _LEVELS
                ),
                f"{leak['patients_in_train']} of {leak['patients']}",
                f"{leak['records_in_train']} of {leak['records']}",
                f"{known} of {leak['images']}",
            )
        )
    header = (
        "test accuracy over",
        *_LEVELS.values(),
        "test patients also in train",
        "test records also in train",
        "test images of a patient known from train",
    )
    lines += [*table(header, rows), ""]
    for train, gap in report["gaps"].items():
        image, patient = gap["per_image"]["accuracy"], gap["per_patient"]["accuracy"]
        lines += [f"{TRAIN_PARTS[train].capitalize()}: {_gap_sentence(image, patient)}", ""]
    lines += [
        "Divided by image, slices of one recording, and even the same seconds of it, are on "
        "both sides, and most patients tested were also learned from. A network that has learned "
        "to know a person's trace then looks as if it knew the disease. Only the metrics divided "
        "by patient say what to expect of a person never seen before, and the published metrics "
        "were not obtained in that way.",
        "",
        "Test images by their nearest training slice, and how many were read correctly:",
        "",
    ]
    runs = report["runs"]
    header = ("nearest training slice", *(r["run"].rpartition("/")[2] for r in runs))
    body = []
    for kind, text in ACQUAINTANCE.items():
        cells = [run["accuracy_by_acquaintance"][kind] for run in runs]
        body.append(
            (
                text,
                *(
                    "none" if c["accuracy"] is None else f"{c['accuracy']:.3f} ({c['images']})"
                    for c in cells
                ),
            )
        )
    return [*lines, *table(header, body), ""]


def _gap_sentence(image: float, patient: float) -> str:
    direction = "higher" if image >= 0 else "lower"
    other = "higher" if patient >= 0 else "lower"
    return (
        f"dividing by image gives a test accuracy that is {abs(image):.3f} {direction} by image, "
        f"and {abs(patient):.3f} {other} by patient, than dividing by patient. The two have "
        "different test images, so part of the difference is chance; the intervals above say how "
        "much, where there are enough patients for any."
    )


def _matrices(report: dict[str, Any]) -> list[str]:
    lines = ["## Confusion matrices of the test images", "", "Rows: true class.", ""]
    for train, part in TRAIN_PARTS.items():
        runs = [run for run in report["runs"] if run["train"] == train]
        if not runs:
            continue
        published = report["published"][train]["test"]["confusion_matrix"]
        tables = [(f"{part}, published", published)]
        tables += [
            (f"{part}, by {run['protocol']}", run["test"]["per_image"]["confusion_matrix"])
            for run in runs
        ]
        for title, matrix in tables:
            rows = [
                (name, *(f"{number:g}" for number in row))
                for name, row in zip(report["classes"], matrix, strict=True)
            ]
            lines += [f"### {title[0].upper()}{title[1:]}", ""]
            lines += [*table(("true class", *report["classes"]), rows), ""]
    return lines


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    if not interval:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


RECORDS_FILE, IMAGES_FILE = "records.csv", "images.csv"
RUNS_FOLDER = "runs"
PREDICTIONS_FILE = "predictions_test.csv"
REPORT_JSON, REPORT_PAGE = "hackathon.json", "hackathon.md"

_SCHEMA = 1
_SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "confusion_matrix", "per_class")


def run_name(train: str, protocol: str) -> str:
    """Return the name of a run's folder, e.g. final-images."""
    return f"{train}-{protocol}"


def split_file_name(protocol: str) -> str:
    """Return the name of the file with the folds, e.g. folds_images.csv."""
    return f"folds_{protocol}.csv"


def published_hackathon() -> dict[str, Any]:
    """Return what was published in 2019, with the metrics that follow from its matrices."""
    file = resources.files("ekg.hackathon").joinpath("published.toml")
    facts = tomllib.loads(file.read_text(encoding="utf-8"))
    for train in TRAIN_PARTS:
        matrix = np.array(facts[train].pop("test_confusion_matrix"))
        facts[train]["test"] = _chosen(metrics_of(_units_of_matrix(matrix)))
        facts[train]["test"]["images"] = int(matrix.sum())
    return facts


def _units_of_matrix(matrix: np.ndarray) -> Units:
    """Return units that have this confusion matrix: one for each cell, weighted by its count."""
    labels, predictions = np.nonzero(matrix)
    return Units(
        labels,
        predictions,
        None,
        matrix[labels, predictions].astype(float),
        np.zeros(len(labels), np.int64),
        ("all",),
        HACKATHON_CLASSES,
    )


def write_report(out: Path, *, resamples: int, seed: int) -> dict[str, Any]:
    """Write hackathon.json and hackathon.md from what is in `out`, and return the former."""
    records = pd.read_csv(out / RECORDS_FILE, dtype=str, keep_default_na=False)
    runs = [
        _run_report(out, train, protocol, resamples=resamples, seed=seed)
        for train in TRAIN_PARTS
        for protocol in PROTOCOLS
        if (out / RUNS_FOLDER / run_name(train, protocol) / FINISHED_FILE).is_file()
        and (out / RUNS_FOLDER / run_name(train, protocol) / PREDICTIONS_FILE).is_file()
    ]
    if not runs:
        raise EvaluationError("no finished run", path=out / RUNS_FOLDER, remedy="train one first")
    report = {
        "schema": _SCHEMA,
        "classes": list(HACKATHON_CLASSES),
        "settings": read_json(out / "settings.json"),
        "records": _records_report(records),
        "runs": runs,
        "gaps": _gaps(runs),
        "published": published_hackathon(),
    }
    write_json(out / REPORT_JSON, report)
    # Read back, so that the page shows what the file holds.
    write_text(out / REPORT_PAGE, page_of(read_json(out / REPORT_JSON)))
    return report


def _records_report(records: pd.DataFrame) -> dict[str, Any]:
    used = records[records["status"] == "used"]
    out = records[records["status"] != "used"]
    return {
        "found": len(records),
        "used": len(used),
        "used_patients": used["patient"].nunique(),
        "by_class": {
            name: {
                "records": len(rows),
                "patients": rows["patient"].nunique(),
                "images": int(rows["images"].astype(int).sum()),
            }
            for name, rows in used.groupby("class", sort=True)
        },
        "left_out": {str(k): int(n) for k, n in out["why"].value_counts(sort=True).items()},
    }


def _run_report(
    out: Path, train: str, protocol: str, *, resamples: int, seed: int
) -> dict[str, Any]:
    run = out / RUNS_FOLDER / run_name(train, protocol)
    config = load_config(run / CONFIG_FILE)
    history = pd.read_csv(run / HISTORY_FILE)
    last, finished = history.iloc[-1], read_json(run / FINISHED_FILE)
    images = pd.read_csv(out / split_file_name(protocol), dtype={"record": str, "patient": str})
    predictions = read_predictions(run / PREDICTIONS_FILE, HACKATHON_CLASSES)
    tested = images[images["fold"] == "test"].set_index("image")
    if set(predictions["image"]) != set(tested.index):
        raise EvaluationError(
            "is of other images than those of the folds",
            path=run / PREDICTIONS_FILE,
            remedy="run the same command again",
        )
    by_patient = _with_patients(predictions, tested)
    per_image = evaluate_predictions(by_patient, HACKATHON_CLASSES, resamples=resamples, seed=seed)
    per_record = evaluate_predictions(predictions, HACKATHON_CLASSES, resamples=0, seed=seed)
    return {
        "train": train,
        "protocol": protocol,
        "run": f"{RUNS_FOLDER}/{run.name}",
        "network": config.network.name,
        "weights": config.network.weights or "none (fresh)",
        "image_size": config.data.image_size,
        "batch_size": config.training.batch_size,
        "epochs": len(history),
        "best_epoch": finished["best_epoch"],
        "best_val_accuracy": finished["best_val_accuracy"],
        "minutes": finished["minutes"],
        "final": {
            name: float(last[name])
            for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        },
        "images": {name: int((images["fold"] == name).sum()) for name in ("train", "val", "test")},
        "test": {
            "images": per_image["images"],
            "records": per_record["records"],
            "patients": per_image["records"],
            "per_image": _chosen(per_image["per_image"], intervals=True),
            "per_record": _chosen(per_record["per_record"]),
            "per_patient": _chosen(per_image["per_record"], intervals=True),
            "intervals": f"95 %, {per_image['resampling']['resamples']} resamples of patients",
        },
        "leakage": {fold: leakage(images, images["fold"], fold) for fold in ("val", "test")},
        "accuracy_by_acquaintance": _by_acquaintance(images, predictions),
    }


def _with_patients(predictions: pd.DataFrame, tested: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions with patients in the place of records: the unit of resampling.

    A patient with records of two classes counts once in each.
    """
    patients = predictions["image"].map(tested["patient"])
    labels = predictions["label"].groupby(patients).transform("nunique")
    names = patients.where(labels == 1, patients + " (" + predictions["label"] + ")")
    return predictions.assign(record=names)


def _chosen(metrics: dict[str, Any], *, intervals: bool = False) -> dict[str, Any]:
    chosen = {name: metrics[name] for name in _SHOWN}
    chosen["per_class"] = {
        name: {key: values[key] for key in ("precision", "recall", "f1", "support")}
        for name, values in metrics["per_class"].items()
    }
    if intervals:
        chosen["intervals"] = {
            name: metrics["intervals"][name]
            for name in ("accuracy", "balanced_accuracy", "macro_f1")
            if name in metrics["intervals"]
        }
    return chosen


def _by_acquaintance(images: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, Any]:
    """Return how accurate the network is on images that it knows more or less closely."""
    kinds = acquaintance(images, images["fold"])
    kind_of = dict(zip(images.loc[kinds.index, "image"], kinds, strict=True))
    right = (predictions["label"] == predictions["pred"]).to_numpy()
    kind = predictions["image"].map(kind_of).to_numpy()
    return {
        name: {
            "images": int((kind == name).sum()),
            "accuracy": float(right[kind == name].mean()) if (kind == name).any() else None,
        }
        for name in ACQUAINTANCE
    }


def _gaps(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return, for each part trained, what dividing by image adds to each test metric."""
    found = {(run["train"], run["protocol"]): run["test"] for run in runs}
    gaps: dict[str, Any] = {}
    for train in TRAIN_PARTS:
        if (train, "images") not in found or (train, "patients") not in found:
            continue
        then, now = found[train, "images"], found[train, "patients"]
        gaps[train] = {
            level: {
                name: then[level][name] - now[level][name]
                for name in ("accuracy", "balanced_accuracy", "macro_f1")
            }
            for level in ("per_image", "per_record", "per_patient")
        }
    return gaps
