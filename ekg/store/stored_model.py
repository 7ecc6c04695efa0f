"""Keep a run as a stored model: its files, an ONNX file and a model card."""

from __future__ import annotations

import hashlib
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ekg.config import load_config
from ekg.errors import EvaluationError
from ekg.evaluation.recomputed import check_metrics
from ekg.files import atomic_path, json_text, sha256_of_file, write_json, write_text
from ekg.model import load_model
from ekg.model.export import export_onnx
from ekg.run import (
    ADAPTED_FILES,
    CONFIG_FILE,
    DATASET_FILE,
    METRICS_FILE,
    ONNX_FILE,
    RULES_FILE,
    STORED_FILE,
    WEIGHTS_FILE,
    Run,
)
from ekg.store.cards import model_card
from ekg.store.stored_external import EXTERNAL, collect_external
from ekg.training.provenance import dataset_of_run

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

OPTIONAL_FILES = (RULES_FILE, *ADAPTED_FILES)
"""Kept where the run has them."""

CARD_FILE = "README.md"


def store_model(
    run: Path, folder: Path, command: str | None = None, external: Sequence[Path] = ()
) -> list[str]:
    """Copy a finished and evaluated run into a folder; add ONNX, data facts and a model card.

    `command`: The command that made the run, for the card; by default what a stored model says, or
    the training's own command line.
    """
    missing = [name for name in KEPT_FILES if not (run / name).is_file()]
    if missing:
        raise EvaluationError(
            f"{', '.join(missing)} missing",
            path=run,
            remedy="train it to its end and evaluate it on the folds val and test",
        )
    source = Run(run)
    metrics: dict[str, Any] = {**source.metrics}
    for fold in ("val", "test"):
        source.check_predictions(fold)
        check_metrics(run, metrics, fold)
    made_by = _made_by(run, folder, command)
    dataset = dataset_of_run(run, load_config(run / CONFIG_FILE).data)
    kept = [*KEPT_FILES[:-1], *(name for name in OPTIONAL_FILES if (run / name).is_file())]
    for name in kept:
        _copy(run / name, folder / name)
    write_json(folder / DATASET_FILE, dataset)
    weights = folder / WEIGHTS_FILE
    model = load_model(folder)
    report = export_onnx(model, folder / ONNX_FILE, weights=weights)
    results = list(external) or [path for path in [run / EXTERNAL] if path.is_dir()]
    names = [
        *kept,
        METRICS_FILE,
        DATASET_FILE,
        ONNX_FILE,
        *collect_external(results, folder, sha256_of_file(weights)),
    ]
    sums = {name: sha256_of_file(folder / name) for name in names if name != METRICS_FILE}
    text = json_text(metrics)
    sums[METRICS_FILE] = hashlib.sha256(text.encode()).hexdigest()
    write_json(
        folder / STORED_FILE,
        {
            "name": folder.name,
            **made_by,
            "parameters": sum(p.numel() for p in model.network.parameters()),
            "onnx_checked_on": report.images,
            "sha256": dict(sorted(sums.items())),
        },
    )
    write_text(folder / CARD_FILE, model_card(folder, metrics))
    write_text(folder / METRICS_FILE, text)
    return [*names, STORED_FILE, CARD_FILE]


def _made_by(run: Path, folder: Path, command: str | None) -> dict[str, str]:
    """Return the command that made the run, and the one that stores it."""
    known = Run(run).stored
    if known and command in (None, known["made_by"]):
        return {key: str(known[key]) for key in ("made_by", "stored_by")}
    if command is None:
        said = [str(word) for word in Run(run).environment["command"]]
        command = shlex.join(["python", "-m", "ekg", *said[1:]])
    words = ["python", "-m", "ekg", "store", "--run", f"runs/{run.name}"]
    words += ["--out", f"best_model_for_paper/{folder.name}", "--command", command]
    return {"made_by": command, "stored_by": shlex.join(words)}


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
