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
from ekg.evaluation.intervals import evaluate_predictions, with_interval
from ekg.evaluation.levels import Units
from ekg.evaluation.metrics import metrics_of
from ekg.evaluation.predictions import read_predictions
from ekg.files import read_json, write_json, write_text
from ekg.hackathon.ptbdb import HACKATHON_CLASSES
from ekg.hackathon.split import ACQUAINTANCE, PROTOCOLS, acquaintance, leakage
from ekg.hackathon.training import TRAIN_PARTS
from ekg.markdown import render
from ekg.run import CONFIG_FILE, FINISHED_FILE, Run

_LEVELS = {
    "per_image": "every image",
    "per_record": "every record (mean probability)",
    "per_patient": "every patient (mean probability)",
}


def page_of(report: dict[str, Any]) -> str:
    """Return the page."""
    runs, published = report["runs"], report["published"]
    parts = {t: [r for r in runs if r["train"] == t] for t in TRAIN_PARTS}
    shown = [
        (f"{TRAIN_PARTS[train]}, {how}", run, test, images)
        for train, own in parts.items()
        if own
        for how, run, test, images in [
            _published_entry(published[train]),
            *((f"by {r['protocol']}", r, r["test"]["per_image"], r["test"]["images"]) for r in own),
        ]
    ]
    return render(
        "ekg.hackathon",
        "hackathon.md.j2",
        **report,
        PROTOCOLS=PROTOCOLS,
        LEVELS=_LEVELS,
        TRAIN_PARTS=TRAIN_PARTS,
        class_rows=[
            (name, *(f"{count[unit]:,}" for unit in ("records", "patients", "images")))
            for name, count in report["records"]["by_class"].items()
        ],
        result_rows=[_row(*entry) for entry in shown],
        sizes=[int(sum(row)) for row in published["all"]["test"]["confusion_matrix"]],
        leakage_rows=[_leakage_row(run) for run in runs],
        run_names=[run["run"].rpartition("/")[2] for run in runs],
        acquaintance_rows=[
            (text, *(_accuracy_of(run["accuracy_by_acquaintance"][kind]) for run in runs))
            for kind, text in ACQUAINTANCE.items()
        ],
        matrices=[
            (
                title,
                [
                    (name, *(f"{number:g}" for number in row))
                    for name, row in zip(report["classes"], test["confusion_matrix"], strict=True)
                ],
            )
            for title, _, test, _ in shown
        ],
    )


def _published_entry(published: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any], int]:
    return "published", published, published["test"], published["test"]["images"]


def _row(name: str, run: dict[str, Any], test: dict[str, Any], images: int) -> Sequence[str]:
    final = run["final"]
    return (
        name,
        f"{run['best_val_accuracy']:.4f}",
        *(f"{final[f'{fold}_{what}']:.4f}" for fold in ("train", "val") for what in _FINAL),
        f"{run['minutes']:.1f}",
        f"{images:,}",
        _with_interval(test, "accuracy"),
        _with_interval(test, "macro_f1"),
    )


_FINAL = ("loss", "accuracy")


def _leakage_row(run: dict[str, Any]) -> Sequence[str]:
    leak = run["leakage"]["test"]
    known = leak["images"] - leak["images_by_acquaintance"]["stranger"]
    return (
        f"{TRAIN_PARTS[run['train']]}, by {run['protocol']}",
        *(_with_interval(run["test"][level], "accuracy") for level in _LEVELS),
        f"{leak['patients_in_train']} of {leak['patients']}",
        f"{leak['records_in_train']} of {leak['records']}",
        f"{known} of {leak['images']}",
    )


def _accuracy_of(found: dict[str, Any]) -> str:
    return "none" if found["accuracy"] is None else f"{found['accuracy']:.3f} ({found['images']})"


def _with_interval(metrics: dict[str, Any], name: str) -> str:
    return with_interval(metrics[name], metrics.get("intervals", {}).get(name), to=" to ")


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


RECORDS_FILE, IMAGES_FILE = "records.csv", "images.csv"
RUNS_FOLDER = "runs"
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
        if (run := Run(out / RUNS_FOLDER / run_name(train, protocol))).has(FINISHED_FILE)
        and run.predictions_file("test").is_file()
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
    history, finished = Run(run).history, Run(run).finished
    assert history is not None
    assert finished is not None
    last = history.iloc[-1]
    images = pd.read_csv(out / split_file_name(protocol), dtype={"record": str, "patient": str})
    predictions = read_predictions(Run(run).predictions_file("test"), HACKATHON_CLASSES)
    tested = images[images["fold"] == "test"].set_index("image")
    if set(predictions["image"]) != set(tested.index):
        raise EvaluationError(
            "is of other images than the folds name",
            path=Run(run).predictions_file("test"),
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
