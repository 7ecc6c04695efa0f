"""A stored model's results on recordings of hospitals: collected, named, and pooled."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.datasets.registry import source_named
from ekg.errors import EvaluationError
from ekg.evaluation.calibration import before_and_after
from ekg.evaluation.external import FOLD
from ekg.evaluation.groups import pooled as pooled_groups
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.predictions import fingerprints, read_predictions
from ekg.evaluation.published import DATASET as PAPERS_DATASET
from ekg.evaluation.published import rounded
from ekg.files import atomic_path, read_json, write_json
from ekg.run import METRICS_SCHEMA, Run

EXTERNAL = "external"
"""Folder of a stored model with the results of `python -m ekg external`, one pair of files
(`<source>.json`, `<source>_predictions.csv`) for each source and model."""
POOLED = "other_hospitals"
"""Name of the pooled source: every one but that of the paper's own data."""
OWN, PUBLISHED = "", "_published"
_PREDICTIONS = "_predictions.csv"


def published_weights() -> str:
    """Return the SHA-256 of the published weights, from the registry of sources."""
    (weights,) = [f for f in source_named("published_model").files if f.path.endswith(".model")]
    return str(weights.sha256)


def collect_external(results: Iterable[Path], folder: Path, weights_sha256: str) -> list[str]:
    """Copy results of `python -m ekg external` into a stored model's folder and pool them."""
    names: list[str] = []
    for result in results:
        if result.name == EXTERNAL and not (result / "external.json").is_file():
            pairs = [(path, path.stem) for path in sorted(result.glob("*.json"))]
        else:
            pairs = [(result / "external.json", "")]
        for path, stem in pairs:
            names += _take(path, stem, folder, weights_sha256)
    for path in (folder / EXTERNAL).glob("*"):
        if f"{EXTERNAL}/{path.name}" not in names:
            path.unlink()  # of an earlier storing: every file there shall be accounted for
    for suffix in (OWN, PUBLISHED):
        names += _pool(folder / EXTERNAL, suffix)
    return names


def _take(path: Path, stem: str, folder: Path, weights_sha256: str) -> list[str]:
    if not path.is_file():
        raise EvaluationError(
            "no external.json", path=path.parent, remedy="run `python -m ekg external --out` there"
        )
    content = read_json(path)
    if "pooled_of" in content:
        return []  # regenerated below
    suffixes = {weights_sha256: OWN, published_weights(): PUBLISHED}
    if content.get("weights_sha256") not in suffixes:
        raise EvaluationError(
            f"results of other weights (field `weights_sha256`, model {content.get('model')})",
            path=path,
            remedy="evaluate the stored model, or the published one, on these records",
        )
    name = str(content["dataset"]) + suffixes[content["weights_sha256"]]
    predictions = path.parent / f"{stem}{_PREDICTIONS}"
    if not stem:
        predictions = Run(path.parent).predictions_file(FOLD)
    if not predictions.is_file():
        raise EvaluationError(
            "results without their predictions", path=predictions, remedy="evaluate again"
        )
    copied = [(path, f"{name}.json"), (predictions, f"{name}{_PREDICTIONS}")]
    for source, target in copied:
        with atomic_path(folder / EXTERNAL / target) as temporary:
            shutil.copyfile(source, temporary)
    return [f"{EXTERNAL}/{target}" for _, target in copied]


def _pool(folder: Path, suffix: str) -> list[str]:
    """Write what all sources but the paper's own say together; nothing for fewer than two."""
    found = sources_of(folder, suffix)
    found.pop(PAPERS_DATASET, None)
    path = folder / f"{POOLED}{suffix}.json"
    if len(found) < 2:
        path.unlink(missing_ok=True)
        return []
    first = next(iter(found.values()))
    tables = []
    for source in found:
        table = read_predictions(folder / f"{source}{suffix}{_PREDICTIONS}", first["classes"])
        table["record"] = f"{source}/" + table["record"]
        tables.append(table)
    predictions = pd.concat(tables, ignore_index=True)
    mix: Counter[str] = Counter(dict.fromkeys(first["classes"], 0))
    for content in found.values():
        mix.update(content["data"]["class_mix"])
    metrics = evaluate_predictions(predictions, first["classes"])
    if "calibration" in first[FOLD]:
        temperature = first[FOLD]["calibration"]["temperature"]
        metrics["calibration"] = before_and_after(predictions, temperature)
    metrics["groups"] = pooled_groups(c[FOLD].get("groups", {}) for c in found.values())
    write_json(
        path,
        {
            "schema": METRICS_SCHEMA,
            "dataset": POOLED,
            "pooled_of": list(found),
            "model": first["model"],
            "classes": first["classes"],
            "weights_sha256": first["weights_sha256"],
            "probabilities": first["probabilities"],
            "data": {
                "found": sum(content["data"]["found"] for content in found.values()),
                "class_mix": dict(mix),
            },
            FOLD: {"dataset": POOLED, **rounded(metrics), **fingerprints(predictions)},
        },
    )
    return [f"{EXTERNAL}/{path.name}"]


def sources_of(folder: Path, suffix: str, *, pooled: bool = False) -> dict[str, dict[str, Any]]:
    """Return the results of one model by source, in order of the sources' names."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        content = read_json(path)
        is_published = path.stem.endswith(PUBLISHED)
        if is_published == (suffix == PUBLISHED) and "pooled_of" not in content:
            found[str(content["dataset"])] = content
    path = folder / f"{POOLED}{suffix}.json"
    if pooled and path.is_file():
        found[POOLED] = read_json(path)
    return found
