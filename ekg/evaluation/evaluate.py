"""From a model and an image set to predictions, metrics and a temperature on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

from ekg.data.folds import divide, labels_of
from ekg.data.image_sources import ImageSource, open_source
from ekg.data.loader import Loader, batches_of
from ekg.errors import EvaluationError
from ekg.evaluation.abstention import calibrated_means, effect_of, fix_rules
from ekg.evaluation.calibration import (
    FITTED_ON,
    before_and_after,
    fit_calibration,
)
from ekg.evaluation.intervals import RESAMPLES, SEED, evaluate_predictions
from ekg.evaluation.predictions import (
    fingerprints,
    make_predictions,
    read_predictions,
    write_predictions,
)
from ekg.files import folder_lock, read_json, sha256_of_file, write_json
from ekg.model import EkgModel, load_model
from ekg.model.model_files import weights_file_of
from ekg.predict.verdict_rules import read_rules
from ekg.progress import Progress
from ekg.run import FOLDS, METRICS_FILE, RULES_FILE, FoldMetrics, Metrics, Run

BATCH_SIZE = 32


def pick_device() -> torch.device:
    """Return the first GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def logits_of_images(
    model: EkgModel,
    source: ImageSource,
    rows: pd.DataFrame,
    *,
    batch_size: int = BATCH_SIZE,
    device: torch.device | None = None,
    what: str = "evaluating",
) -> np.ndarray:
    """Run a model over images in their order.

    Returns float64 (n_images, n_classes); `device`: By default the first GPU, else the CPU.
    """
    device = device or pick_device()
    model = model.to(device).eval()
    batches = batches_of(np.arange(len(rows)), batch_size)
    parts = []
    with (
        torch.inference_mode(),
        Loader(source, labels_of(rows, model.classes)) as loader,
        Progress(len(rows), what, "image") as progress,
    ):
        for batch in loader.batches(batches):
            images = torch.from_numpy(batch.images).to(device)
            parts.append(model(images).float().cpu().numpy())
            progress.update(len(batch.rows))
    return np.concatenate(parts).astype(np.float64)


@dataclass(frozen=True)
class EvaluationSettings:
    """What to evaluate, on what, and how."""

    model: Path
    """A run folder, a stored model's folder or a weights file."""
    images: Path
    """The image set."""
    split: Path
    """Which record is in which fold."""
    folds: tuple[str, ...]
    """train, val, test."""
    out: Path
    """Where the results go; the run's own folder as a rule."""
    resamples: int = RESAMPLES
    seed: int = SEED
    batch_size: int = BATCH_SIZE
    saliency: bool = False


def evaluate(settings: EvaluationSettings) -> tuple[dict[str, Any], list[str]]:
    """Evaluate folds and leave everything in `settings.out`.

    Writes `predictions_<fold>.csv` (uncalibrated probabilities), merges the folds into
    `metrics.json`, fits `calibration.json` when the validation fold is among them, and
    `saliency.npz` when asked for.
    """
    if not (settings.images / "manifest.csv").is_file():
        raise EvaluationError(
            "not an image set: manifest.csv is missing",
            path=settings.images,
            remedy="draw one with `python -m ekg images`",
        )
    # Imported here: the drawing code brings matplotlib with it.
    from ekg.images.image_set import read_manifest

    weights = weights_file_of(settings.model)
    model = load_model(settings.model)
    manifest = read_manifest(settings.images)
    folds = divide(manifest, settings.split, needed=settings.folds, classes=model.classes)
    notes = [note for note in folds.notes if "has no image of" not in note]
    head = head_of(settings, model, weights)
    notes += unlike_training(settings, head)
    out = Run(settings.out)
    with folder_lock(settings.out, "training or evaluating"):
        computed: dict[str, FoldMetrics] = {}
        for fold in settings.folds:
            rows = folds.fold(fold)
            predictions = predict_fold(model, settings, rows, fold)
            saved = out.predictions_file(fold)
            write_predictions(saved, predictions)
            computed[fold] = {
                "predictions_sha256": sha256_of_file(saved),
                "dataset": head["dataset"],
                **evaluate_predictions(
                    predictions, model.classes, resamples=settings.resamples, seed=settings.seed
                ),
                **fingerprints(predictions, rows),
            }
            notes += [f"fold {fold}: {note}" for note in computed[fold]["notes"]]
        metrics, dropped = out.merged_metrics(head, computed)
        notes += [
            f"fold {fold}: its metrics were of other data or weights and have been removed"
            for fold in dropped
        ]
        notes += calibrate_folds(out, metrics)
        apply_rules(out, metrics)
        if settings.saliency:
            from ekg.evaluation.saliency_file import save_saliency

            # The examples are shown as evidence: of the fold named last, test as a rule.
            fold = settings.folds[-1]
            notes += save_saliency(
                model,
                settings.images,
                folds.fold(fold),
                read_predictions(out.predictions_file(fold), model.classes),
                settings.out,
                dataset=head["dataset"],
                fold=fold,
                seed=settings.seed,
                resamples=settings.resamples,
            )
        # The metrics appear last: whoever finds them finds all that belongs to them.
        write_json(out.file(METRICS_FILE), metrics)
        for fold in dropped:
            out.predictions_file(fold).unlink(missing_ok=True)
    return metrics, notes


def head_of(settings: EvaluationSettings, model: EkgModel, weights: Path) -> Metrics:
    """Return the part of `metrics.json` that concerns all folds."""
    description = settings.images / "dataset.json"
    dataset = read_json(description) if description.is_file() else {}
    return {
        "dataset": str(dataset.get("dataset") or settings.images.resolve().parent.name),
        "model": model.name,
        "classes": list(model.classes),
        "image_size": model.image_size,
        "images_folder": settings.images.as_posix(),
        "split_file": settings.split.as_posix(),
        "weights_sha256": sha256_of_file(weights),
        "manifest_sha256": sha256_of_file(settings.images / "manifest.csv"),
        "split_sha256": sha256_of_file(settings.split),
        "probabilities": "uncalibrated (softmax of the logits)",
    }


def unlike_training(settings: EvaluationSettings, head: Metrics) -> list[str]:
    """Warn if a run is evaluated on the images it was trained on, but under another split."""
    trained = Run(settings.model).environment
    if trained.get("manifest_sha256") != head["manifest_sha256"]:
        return []
    if trained.get("split_sha256") == head["split_sha256"]:
        return []
    return [
        f"{settings.split.name} is not the split that the model was trained with (same images, "
        "another checksum): records that it learned from may be among these"
    ]


def predict_fold(
    model: EkgModel, settings: EvaluationSettings, rows: pd.DataFrame, fold: str
) -> pd.DataFrame:
    """Run the model over one fold's images and return its predictions."""
    source = open_source(settings.images, rows, size=model.image_size)
    logits = logits_of_images(
        model, source, rows, batch_size=settings.batch_size, what=f"evaluating {fold}"
    )
    # Without the temperature: saved predictions are what the network itself says.
    return make_predictions(
        rows["image"].tolist(),
        rows["record"].tolist(),
        rows["diagnosis"].tolist(),
        softmax(logits, axis=1),
        model.classes,
    )


def apply_rules(
    run: Run, metrics: dict[str, Any], fixed_on: tuple[str, pd.DataFrame] | None = None
) -> None:
    """Fix when a verdict is withheld, and measure what that does to every fold.

    Writes `abstention.json` and adds `abstention` to each fold of `metrics`. `fixed_on`: Name and
    predictions of the records that decide; by default the validation fold, if it was evaluated.
    """
    classes, weights_sha256 = metrics["classes"], metrics["weights_sha256"]
    temperature = run.temperature(weights_sha256)
    if fixed_on is None and FITTED_ON in metrics:
        fixed_on = FITTED_ON, read_predictions(run.predictions_file(FITTED_ON), classes)
    if fixed_on is not None:
        name, predictions = fixed_on
        run.write_rules(fix_rules(predictions, temperature, weights_sha256, name))
    path = run.file(RULES_FILE)
    rules = read_rules(path, weights_sha256) if path.is_file() else None
    if rules is None:
        return
    for fold in FOLDS:
        if fold in metrics:
            predictions = read_predictions(run.predictions_file(fold), classes)
            means, labels = calibrated_means(predictions, temperature)
            metrics[fold]["abstention"] = effect_of(rules, means, labels)


def calibrate_folds(run: Run, metrics: dict[str, Any]) -> list[str]:
    """Fit the temperature if validation was evaluated, and say what it does to every fold.

    Writes `calibration.json` and adds `calibration` to each fold of `metrics`.
    """
    weights_sha256 = metrics["weights_sha256"]
    notes = []
    if FITTED_ON in metrics:
        validation = read_predictions(run.predictions_file(FITTED_ON), metrics["classes"])
        calibration = fit_calibration(validation, weights_sha256)
        run.write_calibration(calibration)
        if calibration is None:
            notes.append(
                "too few validation records or errors to fit a temperature: left uncalibrated"
            )
        elif calibration["at_limit"]:
            notes.append(
                f"the temperature {calibration['temperature']:.3g} is at the edge of the "
                "search range: too few data or errors"
            )
    temperature = run.temperature(weights_sha256)
    if temperature is None:
        return notes
    for fold in FOLDS:
        if fold in metrics:
            predictions = read_predictions(run.predictions_file(fold), metrics["classes"])
            metrics[fold]["calibration"] = before_and_after(predictions, temperature)
    return notes
