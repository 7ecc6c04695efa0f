"""`saliency.npz`: an example of each class, means over records, a check with random weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import nn

from ekg.data.image_sources import ImageSource, open_source
from ekg.data.loader import batches_of
from ekg.evaluation.intervals import FEWEST_RECORDS, percentile_interval
from ekg.evaluation.predictions import PROBABILITY_PREFIX
from ekg.evaluation.resampling import resample_counts
from ekg.files import atomic_open
from ekg.model import EkgModel
from ekg.paths import natural_key
from ekg.predict.saliency import (
    Explanation,
    explain_images,
    gradcam,
    occlusion_by_lead,
    probabilities_of,
)
from ekg.progress import Progress
from ekg.records.record import LEADS
from ekg.run import SALIENCY_FILE
from ekg.seeds import generator_for

RECORDS_PER_CLASS = 6
"""Records of each class in the means: each costs 13 runs of the network."""


def stages_from_the_top(network: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """Return the network's stages, last one first, each with its layers that can be redrawn.

    A stage is a child of the network, or a member of `features` where there is one.
    """
    stages: dict[str, list[nn.Module]] = {}
    for name, module in network.named_modules():
        if callable(getattr(module, "reset_parameters", None)):
            parts = name.split(".")
            stage = ".".join(parts[:2]) if parts[0] == "features" else parts[0]
            stages.setdefault(stage, []).append(module)
    return list(stages.items())[::-1]


def cascade(model: EkgModel, seed: int) -> Iterator[tuple[str, EkgModel]]:
    """Yield ever more randomised copies of a model, from the last stage to the first.

    Adebayo et al. 2018, "Sanity Checks for Saliency Maps" (cascading randomisation).
    """
    device = model.mean.device
    randomised = copy.deepcopy(model).eval()
    for index, (stage, layers) in enumerate(stages_from_the_top(randomised.network)):
        # On the CPU, so that a GPU gets the same weights and keeps its own random state.
        randomised.cpu()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + index)
            for layer in layers:
                layer.reset_parameters()  # type: ignore[operator]
        yield stage, randomised.to(device)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over images of Spearman's correlation of two maps; NaN where constant.

    `first, second`: float (n, ...): a map an image.
    """
    values = [
        spearmanr(a.ravel(), b.ravel()).statistic if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan
        for a, b in zip(first, second, strict=True)
    ]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def randomised_correlations(
    model: EkgModel, images: np.ndarray, targets: np.ndarray, seed: int
) -> tuple[list[str], np.ndarray, float]:
    """Compare saliency of the model with that of randomised copies.

    Returns `gradcam`: float (n_stages,): mean rank correlation of the Grad-CAM maps (before the
    rectifier) with those of the model. Near 0 means: the maps depend on what was learnt.
    """
    original = gradcam(model, images, targets)
    stages, correlations = [], []
    last = model
    for stage, last in cascade(model, seed):
        stages.append(stage)
        correlations.append(rank_correlation(original, gradcam(last, images, targets)))

    def occlusion(which: EkgModel) -> np.ndarray:
        chosen = probabilities_of(which, images)[np.arange(len(images)), targets]
        return occlusion_by_lead(which, images, targets, chosen)

    return (
        stages,
        np.array(correlations, np.float32),
        rank_correlation(occlusion(model), occlusion(last)),
    )


def choose_examples(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return one image a class: the surest correct one or, if none is, the surest at all.

    Surest: the largest probability of the true class; of equals, the first name in natural
    order. Classes without an image are left out.
    """
    chosen = []
    for class_ in classes:
        rows = predictions[predictions["label"] == class_]
        if not len(rows):
            continue
        right = rows[rows["pred"] == class_]
        rows = right if len(right) else rows
        best = rows[rows[PROBABILITY_PREFIX + class_] == rows[PROBABILITY_PREFIX + class_].max()]
        chosen.append(min(best.index, key=lambda row: natural_key(predictions["image"][row])))
    return predictions.loc[chosen]


def choose_sample(
    predictions: pd.DataFrame, classes: Sequence[str], seed: int, per_class: int
) -> pd.DataFrame:
    """Return the first image of up to `per_class` records of each class.

    Which records depends on the seed and the records' own names.
    """
    firsts = predictions.drop_duplicates("record")
    chosen: list[int] = []
    for class_ in classes:
        rows = firsts[firsts["label"] == class_]
        draw = {
            row: generator_for(seed, f"saliency/{record}").random()
            for row, record in rows["record"].items()
        }
        chosen += sorted(draw, key=draw.__getitem__)[:per_class]  # type: ignore[arg-type]
    return predictions.loc[sorted(chosen)]


def save_saliency(
    model: EkgModel,
    images: Path,
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    out: Path,
    *,
    dataset: str,
    fold: str,
    seed: int,
    resamples: int,
) -> list[str]:
    """Compute saliency and write `saliency.npz`.

    Arrays: for each example (one a class) image, record, label, pred, probability (of pred,
    uncalibrated), images uint8 (n, S, S), gradcam float16 (n, h, w), occlusion float32 (n, 12).
    Over the sample, one image a record: mean_occlusion_by_lead (12,), its 95 % interval
    mean_occlusion_interval (12, 2; NaN for fewer than 10 records), mean_occlusion_by_class
    (n_classes, 12; NaN without a record), mean_occlusion_records_by_class,
    mean_occlusion_records. randomised_stage, randomised_correlation (Grad-CAM) and
    randomised_occlusion_correlation compare with randomised weights over the examples. leads,
    classes, dataset, fold, model name what it is about.
    """
    classes = model.classes
    examples = choose_examples(predictions, classes)
    sample = choose_sample(predictions, classes, seed, RECORDS_PER_CLASS)
    source = open_source(images, rows, size=model.image_size)
    pictures = source.read(examples.index.to_numpy(), 0)
    shown = explain_images(model, pictures)
    stages, correlation, occlusion_correlation = randomised_correlations(
        model, pictures, shown.targets, seed
    )
    labels = sample["label"].map(classes.index).to_numpy(np.int64)
    arrays: dict[str, Any] = {
        **_example_arrays(examples, pictures, shown),
        **_mean_arrays(_occlusions(model, source, sample), labels, len(classes), seed, resamples),
        "leads": np.array(LEADS),
        "classes": np.array(classes),
        "randomised_stage": np.array(stages),
        "randomised_correlation": correlation,
        "randomised_occlusion_correlation": np.array(occlusion_correlation, np.float32),
        "dataset": np.array(dataset),
        "fold": np.array(fold),
        "model": np.array(model.name),
    }
    with atomic_open(out / SALIENCY_FILE, "wb") as stream:
        np.savez_compressed(stream, **arrays)
    return [
        "saliency against randomised weights, mean rank correlation over "
        f"{len(examples)} examples: Grad-CAM {correlation[0]:.2f} (last stage randomised) to "
        f"{correlation[-1]:.2f} (all), occlusion by lead {occlusion_correlation:.2f} (all)",
    ] + [
        f"saliency: no image of {row['label']} is read correctly; its example is a wrong one"
        for _, row in examples[examples["label"] != examples["pred"]].iterrows()
    ]


def _example_arrays(
    examples: pd.DataFrame, images: np.ndarray, shown: Explanation
) -> dict[str, np.ndarray]:
    named = {name: _text(examples[name]) for name in ("image", "record", "label", "pred")}
    return {
        **named,
        "probability": shown.probabilities.astype(np.float32),
        "images": images,
        "gradcam": shown.gradcam.astype(np.float16),
        "occlusion": shown.occlusion,
    }


def _mean_arrays(
    drops: np.ndarray, labels: np.ndarray, n_classes: int, seed: int, resamples: int
) -> dict[str, np.ndarray]:
    by_class = [
        drops[labels == k].mean(axis=0) if (labels == k).any() else np.full(len(LEADS), np.nan)
        for k in range(n_classes)
    ]
    return {
        "mean_occlusion_by_lead": drops.mean(axis=0),
        "mean_occlusion_interval": _interval_of_means(drops, seed, resamples),
        "mean_occlusion_by_class": np.stack(by_class).astype(np.float32),
        "mean_occlusion_records_by_class": np.bincount(labels, minlength=n_classes),
        "mean_occlusion_records": np.array(len(drops)),
    }


def _occlusions(model: EkgModel, source: ImageSource, sample: pd.DataFrame) -> np.ndarray:
    parts = []
    with Progress(len(sample), "occluding leads", "record") as progress:
        for piece in batches_of(sample.index.to_numpy(), 8):
            parts.append(_occlusion(model, source, piece))
            progress.update(len(piece))
    return np.concatenate(parts)


def _occlusion(model: EkgModel, source: ImageSource, rows: np.ndarray) -> np.ndarray:
    images = source.read(rows, 0)
    probabilities = probabilities_of(model, images)
    targets = probabilities.argmax(axis=1)
    chosen = probabilities[np.arange(len(targets)), targets]
    return occlusion_by_lead(model, images, targets, chosen)


def _text(values: pd.Series) -> np.ndarray:
    return np.array(values.tolist(), dtype=str)


def _interval_of_means(drops: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Return the 95 % interval of each lead's mean over records, float32 (12, 2)."""
    empty = np.full((drops.shape[1], 2), np.nan, np.float32)
    if len(drops) < FEWEST_RECORDS or resamples < 1:
        return empty
    means = resample_counts(len(drops), resamples, seed) @ drops / len(drops)
    return np.array([percentile_interval(column) for column in means.T], np.float32)
