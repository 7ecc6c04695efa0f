"""The whole pipeline of the 2019 hackathon: records, images, folds, training, test, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from scipy.special import softmax

from ekg.config import TrainConfig
from ekg.errors import EvaluationError, ModelError
from ekg.evaluation.evaluate import logits_of_images
from ekg.evaluation.intervals import RESAMPLES
from ekg.evaluation.predictions import make_predictions, write_predictions
from ekg.files import atomic_open, folder_lock, read_json, sha256_of_file, write_json
from ekg.hackathon.images import ColourSource, draw_images
from ekg.hackathon.ptbdb import PtbdbRecord, read_ptbdb
from ekg.hackathon.report import (
    IMAGES_FILE,
    RECORDS_FILE,
    RUNS_FOLDER,
    run_name,
    split_file_name,
    write_report,
)
from ekg.hackathon.split import COLUMNS, PROTOCOLS, SECONDS, balance, divide, plan_images
from ekg.hackathon.training import build_colour_model, load_colour_model, train_hackathon
from ekg.run import FINISHED_FILE, Run
from ekg.training.compute import set_up

PICTURES_FOLDER = "pictures"


@dataclass(frozen=True)
class HackathonSettings:
    """What to rebuild, from what, and where."""

    records: Path
    """A folder laid out as ptbdb."""
    out: Path
    """Everything goes here."""
    configs: Mapping[str, TrainConfig]
    """Training settings by part trained (final, all)."""
    protocols: Sequence[str] = tuple(PROTOCOLS)
    per_record: int = 5
    """Slices a record."""
    seed: int = 44
    jobs: int = 1
    resamples: int = RESAMPLES


def run_hackathon(
    settings: HackathonSettings, log: Callable[[str], None] | None = None
) -> dict[str, object]:
    """Do everything that is not done yet and write the report.

    A killed run resumes when it is called again with the same settings.
    """
    log = log or _log
    out = settings.out
    with folder_lock(out, "rebuilding the hackathon"):
        _check_weights(settings)
        images = _prepare(settings, log)
        for train, config in settings.configs.items():
            for protocol in settings.protocols:
                log(f"training: {train}, protocol: {protocol} ({PROTOCOLS[protocol]})")
                _train_and_test(settings, images, train, config, protocol, log)
        return write_report(out, resamples=settings.resamples, seed=settings.seed)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _check_weights(settings: HackathonSettings) -> None:
    """Find out that the initial weights are not available before anything long is begun."""
    for train, config in settings.configs.items():
        runs = [settings.out / RUNS_FOLDER / run_name(train, p) for p in settings.protocols]
        if all(Run(run).has(FINISHED_FILE) for run in runs):
            continue
        try:
            build_colour_model(config)
        except ModelError as error:
            if not config.network.weights:
                raise
            raise ModelError(
                error.problem,
                path=error.path,
                remedy="fetch the file elsewhere and pass it with --weights FILE, or start from "
                "random weights: --weights none (that is then not the hackathon's network)",
            ) from None


def _prepare(settings: HackathonSettings, log: Callable[[str], None]) -> pd.DataFrame:
    """Choose and draw the images, and write down records, images and folds."""
    out = settings.out
    records, notes = read_ptbdb(settings.records)
    for note in notes:
        log(f"note: {note}")
    headers = {one.record: one.header for one in records}
    sizes = {config.data.image_size for config in settings.configs.values()}
    if len(sizes) != 1:
        raise EvaluationError(
            f"field `data.image_size` differs between the trainings: {sorted(sizes)}",
            remedy="use one size",
        )
    size = sizes.pop()
    while True:
        images = balance(plan_images(records, settings.per_record, settings.seed), settings.seed)
        folds = {name: divide(images, name, settings.seed) for name in settings.protocols}
        failed = draw_images(
            out / PICTURES_FOLDER,
            images,
            headers,
            seconds=SECONDS,
            size=size,
            seed=settings.seed,
            jobs=settings.jobs,
        )
        if not failed:
            break
        # Others take their place, so that the classes stay balanced.
        records = [
            replace(one, diagnosis=None, left_out=failed[one.record])
            if one.record in failed
            else one
            for one in records
        ]
    _write_records(out / RECORDS_FILE, records, images)
    _write_table(out / IMAGES_FILE, images)
    for protocol, fold in folds.items():
        _write_table(out / split_file_name(protocol), images.assign(fold=fold))
    used = images["record"].nunique()
    log(
        f"{len(records):,} records, {sum(one.diagnosis is not None for one in records):,} of the "
        f"five classes, {used:,} used; {len(images):,} images, the same number of each class"
    )
    write_json(
        out / "settings.json",
        {
            "records": str(settings.records),
            "per_record": settings.per_record,
            "seconds": SECONDS,
            "seed": settings.seed,
            "simulated": _is_simulated(settings.records),
            "notes": notes,
            "images_sha256": sha256_of_file(out / IMAGES_FILE),
        },
    )
    return images


def _is_simulated(folder: Path) -> bool:
    """Return whether `ekg.hackathon.simulated` made the records."""
    path = folder / "settings.json"
    return path.is_file() and "patients_per_class" in read_json(path)


def _write_records(path: Path, records: list[PtbdbRecord], images: pd.DataFrame) -> None:
    """Write one row for every record found: used or left out, and why."""
    counts = images["record"].value_counts()
    rows = []
    for one in records:
        number = int(counts.get(one.record, 0))
        why = one.left_out
        if not why and not number:
            why = (
                f"shorter than {SECONDS:g} s"
                if one.n_samples < round(SECONDS * one.sampling_frequency)
                else "none of its slices was sampled: its class has more than needed"
            )
        status = "used" if number else "left out"
        rows.append((one.record, one.patient, one.reason, one.diagnosis or "", number, status, why))
    columns = ["record", "patient", "reason_for_admission", "class", "images", "status", "why"]
    _write_table(path, pd.DataFrame(rows, columns=columns))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_open(path) as stream:
        table.to_csv(stream, index=False, lineterminator="\n")


def _train_and_test(
    settings: HackathonSettings,
    images: pd.DataFrame,
    train: str,
    config: TrainConfig,
    protocol: str,
    log: Callable[[str], None],
) -> None:
    out = settings.out
    run = out / RUNS_FOLDER / run_name(train, protocol)
    split_file = out / split_file_name(protocol)
    folds = pd.read_csv(split_file, dtype={"fold": str})["fold"]
    _check_same_images(run, split_file)
    train_hackathon(config, out / PICTURES_FOLDER, images, folds, run, split_file, log=log)
    rows = images.loc[folds == "test", list(COLUMNS)].reset_index(drop=True)
    model = load_colour_model(run, config)
    logits = logits_of_images(
        model,
        ColourSource(out / PICTURES_FOLDER, rows, config.data.image_size),
        rows,
        device=set_up(config.compute).device,
        what=f"testing {run.name}",
    )
    predictions = make_predictions(
        rows["image"].tolist(),
        rows["record"].tolist(),
        rows["diagnosis"].tolist(),
        softmax(logits, axis=1),
        model.classes,
    )
    write_predictions(Run(run).predictions_file("test"), predictions)


def _check_same_images(run: Path, split_file: Path) -> None:
    """Refuse to continue a run that was begun on other images or folds."""
    before = Run(run).environment.get("split_sha256")
    if before is not None and before != sha256_of_file(split_file):
        raise EvaluationError(
            "was started with other images or folds (another seed, number of slices or records)",
            path=run,
            remedy="choose another --out, or delete this folder",
        )
