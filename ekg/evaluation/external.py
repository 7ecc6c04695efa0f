"""A model on another hospital's records: what was read, what was left out, how well it did."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ekg._version import __version__
from ekg.cluster import open_workers
from ekg.datasets.labels import (
    LEAST_LIKELIHOOD,
    Statements,
    label_of,
    machine_statements_of,
    matched,
    read_label_table,
    statements_of,
    units_of,
)
from ekg.errors import EkgError, EvaluationError, RecordError
from ekg.evaluation.abstention import calibrated_means, effect_of
from ekg.evaluation.calibration import apply_temperature, before_and_after
from ekg.evaluation.external_report import report_of
from ekg.evaluation.groups import Person, metrics_by_group, person_of
from ekg.evaluation.intervals import RESAMPLES, SEED, evaluate_predictions
from ekg.evaluation.predictions import fingerprints, make_predictions, write_predictions
from ekg.files import atomic_open, folder_lock, sha256_of_file, write_json, write_text
from ekg.images.journal import Journal
from ekg.images.record_images import ImageSetConfig, fingerprint, glance
from ekg.model import EkgModel, load_model
from ekg.model.model_files import weights_file_of
from ekg.paths import Place
from ekg.predict.many import ReadingSettings, predictor_of
from ekg.predict.verdict_rules import read_priors, read_rules, with_priors
from ekg.progress import Progress
from ekg.records.diagnoses import CLASSES
from ekg.records.opening import named_records, read_header, read_record
from ekg.records.quality import warnings_of
from ekg.run import METRICS_SCHEMA, RULES_FILE, Run
from ekg.seeds import generator_for
from ekg.workers import Lost, in_order

OUTSIDE = "outside the seven classes"
"""Kind of the reason why a record that shows none of the classes is left out."""
FOLD = "external"
"""The name under which the metrics and predictions are filed, beside train, val and test."""
RECORDS_FILE = "records.csv"
_READ = ".read.jsonl"
"""What was read so far; gone when the run is finished."""


@dataclass(frozen=True)
class ExternalSettings:
    """What to read, with what, and by which rule."""

    model: Path
    """A run folder, a stored model's folder or a weights file."""
    records: Place
    """A folder of recordings, or its address."""
    out: Path
    labels: Path | None = None
    """A table of statements; without one, the headers' own."""
    machine_labels: bool = False
    """Take the machine's own statements where a file has them and the table has none."""
    name: str | None = None
    """The data's name in the report; the folder's name by default."""
    allow_findings: bool = False
    least_likelihood: float = LEAST_LIKELIHOOD
    fs: float | None = None
    unit: str | None = None
    """Of tables of numbers (CSV, NPY)."""
    priors: str | None = None
    """How frequent each class is where the model is used (see `read_priors`): metrics with it are
    reported beside those without."""
    outside: bool = False
    """Also read recordings that show none of the classes: which verdicts the rules withhold."""
    jobs: int = 1
    scheduler: str | None = None
    """Of a Dask cluster that reads the records instead."""
    limit: int | None = None
    """Read a random sample of this many kept records."""
    resamples: int = RESAMPLES
    seed: int = SEED


@dataclass
class ExternalRecord:
    """One record found, and what became of it."""

    name: str
    path: Place
    statements: Statements = field(default_factory=dict)
    status: str = "skipped"
    """kept, outside (read, but of none of the classes), excluded (its labels), left (not in the
    sample) or skipped (cannot be read)."""
    diagnosis: str = ""
    reason: str = ""
    others: tuple[str, ...] = ()
    sampling_frequency: float | None = None
    seconds: float | None = None
    units: str = ""
    person: Person = field(default_factory=Person)
    slices: int = 0
    prediction: str = ""
    warnings: tuple[str, ...] = ()


def evaluate_external(settings: ExternalSettings) -> dict[str, Any]:
    """Evaluate a model on records of another source.

    Writes `external.json`, `external.md`, `predictions_external.csv` (uncalibrated
    probabilities, one row a slice) and `records.csv` (every record found, with its fate) to
    `settings.out`. An interrupted run goes on where it was when it is started again.
    """
    weights = weights_file_of(settings.model)
    model = load_model(settings.model)
    if set(model.classes) != set(CLASSES):
        raise EvaluationError(
            f"the model's classes are {', '.join(model.classes)}",
            path=settings.model,
            remedy=f"give a model of the classes {', '.join(CLASSES)}",
        )
    if settings.priors is not None:
        read_priors(settings.priors, model.classes)  # a mistake is said before anything is read
    temperature, model.temperature = model.temperature, None
    # Saved predictions are what the network itself says; what its temperature would make of
    # them is beside, under `calibration`.
    table = read_label_table(settings.labels) if settings.labels else {}
    found = named_records(settings.records, arrays=settings.fs is not None)
    rows = _rows_matched(settings, table, found)
    records = [examine(path, table, settings, name) for name, path in found.items()]
    draw_sample(records, settings)
    if not any(record.status == "kept" for record in records):
        reasons = Counter(kind_of(record.reason) for record in records).most_common(1)
        raise EvaluationError(
            f"none of {len(records)} records has exactly one of the seven classes "
            f"(mostly: {reasons[0][0]})",
            path=settings.records,
            remedy="give their labels with --labels, see docs/data.md",
        )
    sha256 = sha256_of_file(weights)
    with folder_lock(settings.out, "evaluating"):
        with Journal(settings.out / _READ) as journal:
            read = list(_read_kept(records, model.classes, settings, sha256, journal))
        write_records(settings.out / RECORDS_FILE, records)
        if not any(label for _, _, label, _ in read):
            raise EvaluationError(
                f"none of the kept records could be read; see {RECORDS_FILE}",
                path=settings.out,
            )
        outside: dict[str, list[np.ndarray]] = {}
        for _, record, label, row in read:
            if not label:
                outside.setdefault(record, []).append(row)
        read = [row for row in read if row[2]]
        images, names, labels, probabilities = zip(*read, strict=True)
        predictions = make_predictions(
            images, names, labels, np.stack(probabilities), model.classes
        )
        write_predictions(Run(settings.out).predictions_file(FOLD), predictions)
        content = _content(settings, model, sha256, records, rows)
        content[FOLD] |= _metrics(settings, model, temperature, predictions, records)
        content[FOLD] |= _by_rules(settings, content, temperature, predictions, outside)
        write_json(settings.out / "external.json", content)
        write_text(settings.out / "external.md", report_of(content))
        (settings.out / _READ).unlink()
    return content


def _rows_matched(
    settings: ExternalSettings, table: Mapping[str, Statements], records: Mapping[str, Place]
) -> dict[str, int] | None:
    """Return how many rows of the label table name a record here; None without a table."""
    if settings.labels is None:
        return None
    stems = Counter(path.stem for path in records.values())
    shared = [name for name in table if stems[name] > 1 and name not in records]
    if shared:
        raise EvaluationError(
            f"row {shared[0]} matches {stems[shared[0]]} records of that name",
            path=settings.labels,
            remedy="put the folder before the name, as in records.csv: folder_name",
        )
    try:
        return {"rows": len(table), "rows_of_records_here": len(matched(table, records))}
    except EkgError as error:
        raise EvaluationError(error.problem, path=settings.labels, remedy=error.remedy) from None


def _content(
    settings: ExternalSettings,
    model: EkgModel,
    sha256: str,
    records: list[ExternalRecord],
    rows: dict[str, int] | None,
) -> dict[str, Any]:
    """Return `external.json` without the metrics."""
    folder = settings.records
    name = settings.name or (folder.resolve() if isinstance(folder, Path) else folder).name
    return {
        "schema": METRICS_SCHEMA,
        "dataset": name,
        "model": model.name,
        "classes": list(model.classes),
        "weights_sha256": sha256,
        "probabilities": "uncalibrated (softmax of the logits)",
        "rule": {
            "allow_findings": settings.allow_findings,
            "least_likelihood": settings.least_likelihood,
            "sample": settings.limit,
            "seed": settings.seed,
        },
        "data": describe(records) | ({} if rows is None else {"label_table": rows}),
        FOLD: {"dataset": name},
    }


def _metrics(
    settings: ExternalSettings,
    model: EkgModel,
    temperature: float | None,
    predictions: pd.DataFrame,
    records: list[ExternalRecord],
) -> dict[str, Any]:
    """Return the metrics, what the temperature changes, and the metrics of groups of people."""
    metrics = evaluate_predictions(
        predictions, model.classes, resamples=settings.resamples, seed=settings.seed
    )
    if temperature is not None:
        metrics["calibration"] = before_and_after(predictions, temperature)
    metrics["groups"] = metrics_by_group(
        (record.person, record.prediction == record.diagnosis)
        for record in records
        if record.slices
    )
    return {**metrics, **fingerprints(predictions)}


def _by_rules(
    settings: ExternalSettings,
    content: dict[str, Any],
    temperature: float | None,
    predictions: pd.DataFrame,
    outside: Mapping[str, list[np.ndarray]],
) -> dict[str, Any]:
    """Return what the stated priors and the model's own rules for withholding change."""
    found: dict[str, Any] = {}
    means, labels = calibrated_means(predictions, temperature)
    if settings.priors is not None:
        priors = read_priors(settings.priors, content["classes"])
        columns = [column for column in predictions.columns if column.startswith("p_")]
        table = predictions[columns].to_numpy(np.float64)
        table = with_priors(apply_temperature(table, temperature or 1.0), priors)
        weighted = make_predictions(
            predictions["image"].tolist(),
            predictions["record"].tolist(),
            predictions["label"].tolist(),
            table,
            content["classes"],
        )
        found["with_priors"] = {
            "priors": dict(zip(content["classes"], priors.tolist(), strict=True)),
            "per_record": evaluate_predictions(
                weighted, content["classes"], resamples=settings.resamples, seed=settings.seed
            )["per_record"],
        }
    path = weights_file_of(settings.model).parent / RULES_FILE
    rules = read_rules(path, content["weights_sha256"]) if path.is_file() else None
    if rules is not None:
        found["abstention"] = effect_of(rules, means, labels)
        if outside:
            tables = [apply_temperature(np.stack(t), temperature or 1.0) for t in outside.values()]
            shown = np.stack([table.mean(axis=0) for table in tables])
            found["abstention"]["outside"] = effect_of(rules, shown) | {
                "verdicts": {
                    name: int((shown.argmax(axis=1) == k).sum())
                    for k, name in enumerate(content["classes"])
                }
            }
    return found


def examine(
    path: Place, table: Mapping[str, Statements], settings: ExternalSettings, name: str = ""
) -> ExternalRecord:
    """Read one header and decide by its statements; a header that cannot be read is skipped."""
    record = ExternalRecord(name=name or path.stem, path=path)
    try:
        header = read_header(path, fs=settings.fs, unit=settings.unit)
    except RecordError as error:
        record.reason = error.problem
        return record
    record.statements = statements_of(replace(header, name=record.name), table)
    if settings.machine_labels and not record.statements:
        record.statements = machine_statements_of(header)
    record.sampling_frequency = header.sampling_frequency
    if header.n_samples is not None:
        record.seconds = header.n_samples / header.sampling_frequency
    record.units = units_of(header)
    record.person = person_of(header.comments)
    label = label_of(
        record.statements,
        allow_findings=settings.allow_findings,
        least_likelihood=settings.least_likelihood,
    )
    record.status = "kept" if label.diagnosis else "excluded"
    if settings.outside and kind_of(label.reason) == OUTSIDE:
        record.status = "outside"
    record.diagnosis = label.diagnosis or ""
    record.reason, record.others = label.reason, label.others
    return record


def draw_sample(records: Iterable[ExternalRecord], settings: ExternalSettings) -> None:
    """Mark what is not in the sample: drawn from the names, so the same in any order."""
    kept = [record for record in records if record.status == "kept"]
    if settings.limit is None or len(kept) <= settings.limit:
        return
    kept.sort(key=lambda record: generator_for(settings.seed, record.name).random())
    for record in kept[settings.limit :]:
        record.status, record.reason = "left", f"not in the sample of {settings.limit}"


def _read_one(
    reading: ReadingSettings, settings: ExternalSettings, path: Place
) -> tuple[np.ndarray, tuple[str, ...]] | str:
    """Return the probabilities of a record's slices and its warnings, or why it cannot be read."""
    predictor = predictor_of(reading)
    try:
        content = read_record(path, fs=settings.fs, unit=settings.unit)
        _, images = predictor.images(content)
    except RecordError as error:
        return error.problem
    return predictor.engine.probabilities(images), tuple(warnings_of(content))


def _read_kept(
    records: list[ExternalRecord],
    classes: Sequence[str],
    settings: ExternalSettings,
    sha256: str,
    journal: Journal,
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Yield image name, record, label and probabilities of every slice of the kept records.

    `sha256`: Of the weights. What the journal has of the same files is not read again.
    """
    made_with = [__version__, sha256, settings.fs, settings.unit]

    def state_of(record: ExternalRecord) -> list[Any]:
        files = glance(record.path, ImageSetConfig()).files
        return [*made_with, fingerprint(record.path, files)]

    kept = [record for record in records if record.status in {"kept", "outside"}]
    reading = ReadingSettings(str(settings.model.absolute()), calibrated=False)
    read = partial(_read_one, reading, settings)
    with (
        Progress(len(kept), "reading records", "record") as progress,
        open_workers(max(1, min(settings.jobs, len(kept))), settings.scheduler) as workers,
    ):
        known = {
            record.name: before
            for record in kept
            if (before := _read_before(journal, record.name, partial(state_of, record)))
        }
        work = ((r, None if r.name in known else r.path.absolute()) for r in kept)
        for record, found in in_order(workers, read, work):
            progress.update()
            if isinstance(found, Lost | str):
                record.status = "skipped"
                record.reason = found if isinstance(found, str) else found.reason
                continue
            if found is not None:
                table, warnings = found
                journal.append(
                    {
                        "record": record.name,
                        "state": state_of(record),
                        "probabilities": table.tolist(),
                        "warnings": warnings,
                    }
                )
            probabilities, record.warnings = found or known[record.name]
            record.slices = len(probabilities)
            record.prediction = classes[int(probabilities.mean(axis=0).argmax())]
            for number, row in enumerate(probabilities):
                image = f"all/{record.diagnosis}/{record.name}-s{number:02d}_PIL.png"
                yield image, record.name, record.diagnosis, row


def _read_before(
    journal: Journal, name: str, state: Callable[[], list[Any]]
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Return what an interrupted run read of a record, None where that is no longer it."""
    entry = journal.get(name)
    if entry is None or entry["state"] != state():
        return None
    return np.array(entry["probabilities"]), tuple(entry["warnings"])


def kind_of(reason: str) -> str:
    """Return the kind of a reason without its details: `conflict with AF: ...` is a conflict."""
    return re.split(r":| with | beside ", reason, maxsplit=1)[0]


def describe(records: list[ExternalRecord]) -> dict[str, Any]:
    """Return what the records are: how many, why some are out; rate, length, units, mix."""
    used = [record for record in records if record.status == "kept"]
    seconds = [record.seconds for record in used if record.seconds is not None]

    def counts(values: Iterable[object]) -> dict[str, int]:
        return {str(value): count for value, count in Counter(values).most_common()}

    out = [record for record in records if record.status in {"excluded", "skipped"}]
    return {
        "found": len(records),
        "status": counts(record.status for record in records),
        "left_out": counts(
            "cannot be read" if record.status == "skipped" else kind_of(record.reason)
            for record in out
        ),
        "reasons": counts(record.reason for record in out),
        "sampling_frequency_hz": counts(f"{record.sampling_frequency:g}" for record in used),
        "seconds": dict(
            zip(
                ("shortest", "median", "longest"),
                np.percentile(seconds, [0, 50, 100]).round(2).tolist(),
                strict=True,
            )
        )
        if seconds
        else {},
        "units": counts(record.units for record in used),
        "class_mix": {name: sum(record.diagnosis == name for record in used) for name in CLASSES},
        "with_other_statements": sum(bool(record.others) for record in used),
        "with_warnings": sum(bool(record.warnings) for record in used),
        "slices": sum(record.slices for record in used),
    }


def write_records(path: Path, records: list[ExternalRecord]) -> None:
    """Write one row for every record found, with what became of it and why."""
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            [
                "record",
                "statements",
                "status",
                "diagnosis",
                "prediction",
                "reason",
                "others",
                "sampling_frequency",
                "seconds",
                "units",
                "slices",
                "warnings",
            ]
        )
        for record in records:
            statements = (
                name if likelihood is None else f"{name} {likelihood:g}"
                for name, likelihood in record.statements.items()
            )
            writer.writerow(
                [
                    record.name,
                    ", ".join(statements),
                    record.status,
                    record.diagnosis,
                    record.prediction,
                    record.reason,
                    "; ".join(record.others),
                    "" if record.sampling_frequency is None else f"{record.sampling_frequency:g}",
                    "" if record.seconds is None else f"{record.seconds:.3f}",
                    record.units,
                    record.slices,
                    "; ".join(record.warnings),
                ]
            )
