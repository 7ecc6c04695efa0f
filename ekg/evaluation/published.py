"""The published model's metrics, from its prediction files, and what counts as reproduced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekg.errors import EvaluationError
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.predictions import fingerprints, read_predictions
from ekg.files import read_json
from ekg.markdown import table
from ekg.paths import PUBLISHED_FOLDER, PUBLISHED_MODEL
from ekg.run import METRICS_SCHEMA, Run

PROJECT = Path(__file__).resolve().parents[2]
PUBLISHED_METRICS_FILE = "published_figures.json"
DATASET = "cpsc2018"
SOURCE = {
    "paper": "Das S, Epland M, Yu J, Suri R. Interpretation of EKG with Image Recognition and "
    "Convolutional Neural Networks. Current Problems in Cardiology, 2023",
    "doi": "10.1016/j.cpcardiol.2023.101744",
    "data_doi": "10.5281/zenodo.7972397",
    "repository": "https://github.com/mepland/mount_sinai_health_hackathon_ekg_img",
    "commit": "cab0817",
}
_DIGITS = 6


def prediction_folder() -> Path:
    """Return the folder with the published prediction files.

    It is the model's folder in `best_model_for_paper/` once they have been fetched, else
    `published_model/` in the folder that EKG_SHARED names.
    """
    shared = Path(os.environ.get("EKG_SHARED") or PROJECT.parent / "shared")
    for folder in (PUBLISHED_FOLDER, shared / "published_model"):
        if (folder / "preds_test.csv").is_file():
            return folder
    raise EvaluationError(
        "the published predictions are missing",
        path=PUBLISHED_FOLDER,
        remedy="fetch them with `python -m ekg best-model`",
    )


def build_published_metrics(folder: Path) -> dict[str, Any]:
    """Compute every published metric from the published files."""
    run = Run(folder)
    info, history = run.model_info, run.history
    if history is None:
        raise EvaluationError("the published history is not here", path=folder)
    best = history.iloc[int(history["val_loss"].to_numpy().argmin())]
    content: dict[str, Any] = {
        "schema": METRICS_SCHEMA,
        "dataset": DATASET,
        "model": PUBLISHED_MODEL,
        "classes": [info["idx_to_class"][str(k)] for k in range(info["n_classes"])],
        "source": SOURCE,
        "how": "computed by scripts/published_figures.py from the published prediction files; "
        "intervals: percentiles over resamples of whole records",
        "model_facts": {
            "network": info["model_name"],
            "parameters": info["total_params"],
            "image_size": info["im_res"],
            "mean": float(info["norm_mean"]),
            "std": float(info["norm_std0"]),
            "epochs_stored": len(history),
            "best_epoch": int(best["epoch"]),
            "best_val_loss": float(best["val_loss"]),
            "minutes_stored": round(float(history["elapsed_time"].max()), 1),
            "seconds_per_epoch": round(60 * float(history["epoch_time"].mean()), 1),
            "gpu_gigabytes_reserved": round(float(history["cuda_mem_cached"].max()) / 1e9, 1),
            "optimizer": _optimizer(info["optimizer"]),
            "loss": "cross entropy" if "CrossEntropy" in info["loss_fn"] else info["loss_fn"],
            "batch_size": info["batch_size"],
            "max_epochs": info["max_epochs"],
            "max_minutes": info["max_time_min"],
            "seed": info["rnd_seed"],
        },
    }
    for fold in ("test", "val"):
        predictions = read_predictions(folder / f"preds_{fold}.csv", content["classes"])
        content[fold] = {
            "dataset": DATASET,
            **evaluate_predictions(predictions, content["classes"]),
            **fingerprints(predictions),
        }
    per_class = content["test"]["record_weighted"]["per_class"]
    precisions = [each["precision"] for each in per_class.values()]
    content["abstract"] = {
        "statement": "precision by class, test, record-weighted, in per cent",
        "lowest": round(100 * min(precisions)),
        "highest": round(100 * max(precisions)),
    }
    result: dict[str, Any] = rounded(content)
    return result


def _optimizer(text: str) -> str:
    """Return `SGD (... lr: 0.001, momentum: 0.9, ...)` in words."""
    name, _, rest = text.partition(" (")
    values = dict(pair.split(": ") for pair in rest.rstrip(")").split(", ") if ": " in pair)
    return (
        f"{name} with learning rate {values['lr']}, momentum {values['momentum']} and weight decay "
        f"{values['weight_decay']}"
    )


def rounded(content: Any) -> Any:
    """Return nested content with 6 digits a number: the last ones depend on the machine."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    return round(content, _DIGITS) if isinstance(content, float) else content


def read_published_metrics(path: Path | None = None) -> dict[str, Any]:
    """Return the stored published metrics.

    `path`: The file or its folder; by default the published model's.
    """
    path = path or PUBLISHED_FOLDER
    path = path / PUBLISHED_METRICS_FILE if path.is_dir() else path
    if not path.is_file():
        raise EvaluationError(
            "no published metrics", path=path, remedy="run scripts/published_figures.py"
        )
    content = read_json(path)
    if not isinstance(content, dict) or content.get("schema") != METRICS_SCHEMA:
        raise EvaluationError(f"field `schema` is not {METRICS_SCHEMA}", path=path)
    return content


FOLD, LEVEL = "test", "record_weighted"
OVERALL_METRICS = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Criterion:
    """One metric of a run beside the published 95 % interval."""

    metric: str
    value: float
    published: float
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """`inside`, `above` or `below` the published interval."""
        if self.value < self.interval[0]:
            return "below"
        return "above" if self.value > self.interval[1] else "inside"


def applies(metrics: dict[str, Any], published: dict[str, Any]) -> bool:
    """Return whether a run can be compared with the paper: its dataset, its test records."""
    return bool(
        metrics.get("dataset") == DATASET
        and FOLD in metrics
        and metrics[FOLD].get("records_sha256") == published[FOLD]["records_sha256"]
    )


def criteria(metrics: dict[str, Any], published: dict[str, Any]) -> Iterator[Criterion]:
    """Yield the run's record-weighted accuracy, macro F1 and each class's recall."""
    own, theirs = metrics[FOLD][LEVEL], published[FOLD][LEVEL]
    for metric in OVERALL_METRICS:
        low, high = theirs["intervals"][metric]
        yield Criterion(metric, own[metric], theirs[metric], (low, high))
    for name, known in theirs["per_class"].items():
        low, high = known["intervals"]["recall"]
        value = own["per_class"][name]["recall"]
        yield Criterion(f"recall {name}", value, known["recall"], (low, high))


def reproduced_lines(metrics: dict[str, Any], published: dict[str, Any] | None = None) -> list[str]:
    """Return the lines on whether a run reproduces the paper; none on other data.

    `published`: The published metrics, by default the stored ones.
    """
    if metrics.get("dataset") != DATASET or FOLD not in metrics:
        return []
    published = published or read_published_metrics()
    if not applies(metrics, published):
        return [
            f"not compared with the paper: these {metrics[FOLD]['records']} "
            f"{FOLD} records are not its {published[FOLD]['records']}"
        ]
    found = list(criteria(metrics, published))
    lines = [f"against the published model ({DATASET}, {FOLD}, record-weighted):"]
    lines += [
        f"  {c.metric:<14} {c.value:.3f}  {c.verdict:<6}  "
        f"published {c.published:.3f} ({c.interval[0]:.3f}-{c.interval[1]:.3f})"
        for c in found
    ]
    below = [c.metric for c in found if c.verdict == "below"]
    lines.append(f"reproduced: {'no, below: ' + ', '.join(below) if below else 'yes'}")
    return lines


def criteria_table(published: dict[str, Any] | None = None) -> list[str]:
    """Return the criteria as a Markdown table, for docs/evaluation.md; by default the stored."""
    published = published or read_published_metrics()
    head = (
        "metric, test, record-weighted",
        "published",
        "95 % interval",
        "a run must not be below",
    )
    rows = (
        [
            c.metric,
            f"{c.published:.3f}",
            f"{c.interval[0]:.3f}-{c.interval[1]:.3f}",
            f"{c.interval[0]:.3f}",
        ]
        for c in criteria(published, published)
    )
    return table(head, rows, numbers_from=1)
