"""Cross-validation of an adaptation, and the adapted model itself: every file in one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.adapt.recordings import (
    Left,
    Recording,
    collect,
    read_names,
    with_folds,
    write_recordings,
)
from ekg.cluster import open_workers
from ekg.config import TrainConfig, config_to_dict, load_config
from ekg.data.split import read_labels, split_records, write_split
from ekg.datasets.labels import LEAST_LIKELIHOOD, patients_in, read_label_table
from ekg.errors import EkgError, TrainingError
from ekg.evaluation.calibration import before_and_after, fit_calibration
from ekg.evaluation.comparison import compare_sides
from ekg.evaluation.comparison_report import markdown_report
from ekg.evaluation.evaluate import EvaluationSettings, apply_rules, evaluate
from ekg.evaluation.intervals import RESAMPLES, SEED
from ekg.evaluation.predictions import fingerprints, read_predictions, write_predictions
from ekg.evaluation.sides import Side
from ekg.files import folder_lock, read_json, sha256_of_file, write_json, write_text
from ekg.images.image_set import make_image_set, read_manifest
from ekg.images.record_images import ImageSetConfig
from ekg.model import load_model
from ekg.model.model_files import weights_file_of
from ekg.progress import log_line
from ekg.records.diagnoses import CLASSES
from ekg.run import (
    ADAPTATION_FILE,
    ADAPTED_FILES,
    AFTER_FILE,
    BEFORE_FILE,
    CHECKPOINT_FILE,
    FINISHED_FILE,
    HELD_OUT_FILE,
    METRICS_FILE,
    RECORDINGS_FILE,
    Run,
)
from ekg.simulator.record_files import SimulationSettings, simulate_folder
from ekg.workers import Lost, in_order

RECIPE = Path(__file__).with_name("recipe.toml")
CROSS_VALIDATION = "cross_validation"
"""Folder of the cross-validation, and the fold's name in its files."""
FEWEST_SIMULATED = 70
"""With fewer, a class may be missing from the folds that they are divided into."""
FINAL = "model"
"""Folder of the run that learned from every recording."""


@dataclass(frozen=True)
class AdaptSettings:
    """What to adapt, to what, and how."""

    model: Path
    """The model to begin with: a run folder, a stored model or a weights file."""
    records: tuple[Path, ...]
    """Folders of recordings."""
    out: Path
    labels: Path | None = None
    """A table of statements; without one, the headers' own."""
    exclude: Path | None = None
    """A list of names that must not be used."""
    allow_findings: bool = False
    least_likelihood: float = LEAST_LIKELIHOOD
    experiment: Path | None = None
    """Training settings; `RECIPE` without one."""
    overrides: tuple[str, ...] = ()
    folds: int = 5
    simulated: int = 700
    """Simulated records to learn from beside the recordings."""
    size: int | None = None
    """Learn from a random part of this many recordings; the rest is only held out."""
    only_cross_validation: bool = False
    jobs: int = 1
    resamples: int = RESAMPLES
    seed: int = SEED


def adapt(settings: AdaptSettings) -> dict[str, Any]:
    """Cross-validate an adaptation, then train on every recording.

    Writes `recordings.csv`, predictions of held-out recordings before and after, their comparison
    `cross_validation.json` and `.md`, the runs of the folds in `cross_validation/`, and `model/`, a
    run folder that `store` takes.

    Returns
    -------
    dict
        The content of `cross_validation.json`: after (A) against before (B).
    """
    out = settings.out
    if settings.folds < 2 or settings.simulated < FEWEST_SIMULATED:
        raise EkgError(
            f"--folds {settings.folds} and --simulated {settings.simulated}",
            remedy=f"use at least 2 folds and {FEWEST_SIMULATED} simulated records",
        )
    model = load_model(settings.model)
    if set(model.classes) != set(CLASSES):
        raise EkgError(
            f"the model's classes are {', '.join(model.classes)}",
            path=settings.model,
            remedy=f"give a model of the classes {', '.join(CLASSES)}",
        )
    config = _config(settings, model.image_size)
    with folder_lock(out, "adapting a model"):
        _claim(settings, config)
        recordings, left = _recordings(settings)
        _report(recordings, left)
        images = _images(settings, config.data.image_size)
        splits = _splits(settings, recordings, images)
        before = _before(settings, images, splits)
        after = _after(settings, config, images, splits)
        comparison = _compare(settings, before, after)
        if not settings.only_cross_validation:
            _final(settings, config, images, splits["final"], after)
    return comparison


def _config(settings: AdaptSettings, image_size: int) -> TrainConfig:
    weights = str(weights_file_of(settings.model))
    return load_config(
        settings.experiment or RECIPE,
        [
            f"network.weights={json.dumps(weights)}",
            f"data.image_size={image_size}",
            f"training.seed={settings.seed}",
            *settings.overrides,
        ],
    )


def _claim(settings: AdaptSettings, config: TrainConfig) -> None:
    """Refuse a folder in which another adaptation was begun."""
    described = config_to_dict(config)
    described["network"]["weights"] = ""
    wanted = {
        "schema": 1,
        "model": settings.model.resolve().name,
        "weights_sha256": sha256_of_file(weights_file_of(settings.model)),
        "folds": settings.folds,
        "simulated": settings.simulated,
        "size": settings.size,
        "seed": settings.seed,
        "allow_findings": settings.allow_findings,
        "least_likelihood": settings.least_likelihood,
        "config": json.loads(json.dumps(described)),
    }
    path = settings.out / ADAPTATION_FILE
    if path.is_file() and read_json(path) != wanted:
        raise TrainingError(
            "was begun with other settings", path=path, remedy="choose another folder with --out"
        )
    write_json(path, wanted)


def _recordings(settings: AdaptSettings) -> tuple[list[Recording], list[Left]]:
    table = read_label_table(settings.labels) if settings.labels else {}
    patients = patients_in(settings.labels) if settings.labels else {}
    recordings, left = collect(
        settings.records,
        table,
        settings.out / "records" / "real",
        excluded=read_names(settings.exclude) if settings.exclude else (),
        allow_findings=settings.allow_findings,
        least_likelihood=settings.least_likelihood,
    )
    recordings = with_folds(recordings, settings.folds, settings.seed, patients)
    write_recordings(settings.out / RECORDINGS_FILE, recordings)
    return recordings, left


def _report(recordings: Sequence[Recording], left: Sequence[Left]) -> None:
    counts = {name: sum(one.diagnosis == name for one in recordings) for name in CLASSES}
    log_line(
        f"{len(recordings)} recordings: "
        + ", ".join(f"{name} {count}" for name, count in counts.items())
        + f"; {len(left)} left out"
    )


def _images(settings: AdaptSettings, size: int) -> Path:
    """Simulate records and draw an image set of them and the recordings; return its folder."""
    records, images = settings.out / "records", settings.out / "images"
    simulate_folder(
        records / "simulated",
        settings.simulated,
        SimulationSettings(seed=settings.seed, population="hospital"),
        jobs=settings.jobs,
    )
    config = ImageSetConfig(size=size, seed=settings.seed)
    make_image_set(
        records,
        images,
        config,
        jobs=settings.jobs,
        dataset=f"recordings for {settings.out.resolve().name}",
        png=False,
        pack=True,
        unless_current=True,
    )
    return images


def _splits(
    settings: AdaptSettings, recordings: Sequence[Recording], images: Path
) -> dict[str, Path]:
    """Write a split file for each fold, for the final run, and for all recordings held out."""
    drawn = set(read_manifest(images)["record"])
    real = {one.record: one for one in recordings if one.record in drawn}
    labels = read_labels(images / "records.csv")
    simulated = {name: labels[name] for name in drawn - real.keys()}
    parts = split_records(simulated, protocol="stratified", seed=settings.seed)
    without = dict.fromkeys(labels.keys() - drawn, "excluded")
    chosen = part_of(list(real.values()), settings.size, settings.seed)

    def write(name: str, split: dict[str, str]) -> Path:
        path = settings.out / "splits" / f"{name}.csv"
        write_split(path, without | split, labels)
        return path

    learned = {name: "train" if part == "train" else "none" for name, part in parts.items()}
    splits = {
        "before": write("before", dict.fromkeys(simulated, "none") | dict.fromkeys(real, "val")),
        "final": write(
            "final", parts | {name: "train" if name in chosen else "none" for name in real}
        ),
    }
    for number in range(1, settings.folds + 1):
        held_out = {
            name: "val" if one.fold == number else "train" if name in chosen else "none"
            for name, one in real.items()
        }
        splits[f"fold_{number}"] = write(f"fold_{number}", learned | held_out)
    return splits


def part_of(recordings: Sequence[Recording], size: int | None, seed: int) -> set[str]:
    """Return the names to learn from: all, or the same share of each fold and class."""
    ranks: dict[str, float] = {}
    groups: dict[tuple[int, str], list[str]] = {}
    for one in recordings:
        groups.setdefault((one.fold, one.diagnosis), []).append(one.record)
    for names in groups.values():
        names.sort(key=lambda name: _hash(seed, name))
        ranks |= {name: (place + 0.5) / len(names) for place, name in enumerate(names)}
    ordered = sorted(ranks, key=lambda name: (ranks[name], _hash(seed, name)))
    return set(ordered[:size])


def _hash(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}/size/{name}".encode()).hexdigest()


# ------------------------------------------------------------------------------- the folds


def _before(settings: AdaptSettings, images: Path, splits: Mapping[str, Path]) -> pd.DataFrame:
    out = settings.out / CROSS_VALIDATION / "before"
    return _held_out(settings.model, images, splits["before"], out, settings)


def _held_out(
    model: Path, images: Path, split: Path, out: Path, settings: AdaptSettings
) -> pd.DataFrame:
    """Return a model's predictions of a split's held-out recordings."""
    run = Run(out)
    if not run.has(METRICS_FILE):
        evaluate(
            EvaluationSettings(
                model=model,
                images=images,
                split=split,
                folds=("val",),
                out=out,
                resamples=0,
                seed=settings.seed,
            )
        )
    return read_predictions(run.predictions_file("val"), CLASSES)


def _after(
    settings: AdaptSettings, config: TrainConfig, images: Path, splits: Mapping[str, Path]
) -> pd.DataFrame:
    """Train a model without each fold; return its predictions of that fold, all together."""
    names = [f"fold_{number}" for number in range(1, settings.folds + 1)]
    if settings.jobs > 1:
        config = replace(config, compute=replace(config.compute, workers=0))
    work = partial(_one_fold, settings, config, images.resolve())
    parts = []
    with open_workers(max(1, min(settings.jobs, len(names)))) as workers:
        jobs = ((name, (name, splits[name].resolve())) for name in names)
        for name, found in in_order(workers, work, jobs):
            if isinstance(found, Lost):
                raise TrainingError(
                    f"{name}: {found.reason}",
                    path=settings.out,
                    remedy="run the same command again to resume, with fewer processes (-j)",
                )
            parts.append(found)
    return pd.concat(parts, ignore_index=True)


def _one_fold(
    settings: AdaptSettings, config: TrainConfig, images: Path, job: tuple[str, Path]
) -> pd.DataFrame:
    name, split = job
    run = settings.out / CROSS_VALIDATION / name
    _train(settings, config, images, split, run, name)
    return _held_out(run, images, split, run, settings)


def _train(
    settings: AdaptSettings, config: TrainConfig, images: Path, split: Path, run: Path, name: str
) -> None:
    # Imported here: prediction and evaluation need none of it.
    from ekg.training.trainer import train

    if Run(run).has(FINISHED_FILE):
        return
    train(
        config,
        images,
        split,
        run,
        records=settings.out / "records",
        resume=(run / CHECKPOINT_FILE).is_file(),
        log=lambda line: log_line(f"{name}: {line}"),
    )


def _compare(settings: AdaptSettings, before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Compare held-out predictions, after (A) against before (B), and write the tables."""
    order = {image: place for place, image in enumerate(before["image"])}
    after = after.iloc[after["image"].map(order).argsort()].reset_index(drop=True)
    sides = []
    for name, file, predictions in (("after", AFTER_FILE, after), ("before", BEFORE_FILE, before)):
        write_predictions(settings.out / file, predictions)
        sides.append(
            Side(
                name=name,
                dataset=", ".join(sorted({folder.resolve().name for folder in settings.records})),
                fold=CROSS_VALIDATION,
                source=file,
                classes=CLASSES,
                predictions=predictions,
                identity=fingerprints(predictions),
            )
        )
    content = compare_sides(*sides, resamples=settings.resamples, seed=settings.seed)
    write_json(settings.out / HELD_OUT_FILE, content)
    write_text(settings.out / "cross_validation.md", markdown_report(content))
    return content


def _final(
    settings: AdaptSettings, config: TrainConfig, images: Path, split: Path, after: pd.DataFrame
) -> None:
    """Train on every recording; the temperature is that of the held-out predictions."""
    out = settings.out / FINAL
    _train(settings, config, images, split, out, FINAL)
    for name in ADAPTED_FILES:
        write_text(out / name, (settings.out / name).read_text(encoding="utf-8"))
    run = Run(out)
    if run.has(METRICS_FILE):
        return
    metrics, notes = evaluate(
        EvaluationSettings(
            model=out,
            images=images,
            split=split,
            folds=("val", "test"),
            out=out,
            resamples=settings.resamples,
            seed=settings.seed,
        )
    )
    for note in notes:
        log_line(f"{FINAL}: note: {note}")
    calibration = fit_calibration(after, metrics["weights_sha256"])
    if calibration is not None:
        calibration["fitted_on"] = CROSS_VALIDATION
        run.write_calibration(calibration)
        for fold in ("val", "test"):
            predictions = read_predictions(run.predictions_file(fold), CLASSES)
            metrics[fold]["calibration"] = before_and_after(predictions, calibration["temperature"])
    apply_rules(run, metrics, (CROSS_VALIDATION, after))
    write_json(run.file(METRICS_FILE), metrics)
