"""Which recordings a model is adapted to, in which fold of the cross-validation each is."""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from ekg.datasets.labels import (
    LEAST_LIKELIHOOD,
    Statements,
    label_of,
    record_name,
    statements_of,
)
from ekg.errors import EkgError, RecordError
from ekg.files import atomic_open
from ekg.paths import natural_key
from ekg.progress import Progress
from ekg.records.diagnoses import CLASSES
from ekg.records.formats.found import FoundRecording, FoundSignal
from ekg.records.formats.wfdb_writer import write_wfdb
from ekg.records.opening import named_records, read_header, read_record
from ekg.records.record import LEADS

_MICROVOLT = 0.001  # mV


@dataclass(frozen=True)
class Recording:
    """One recording that a model may learn from."""

    record: str
    folder: str
    """Name of the folder it comes from."""
    diagnosis: str
    sha256: str
    """Of its samples as read: int32 microvolts (12, N) at 500 Hz, little-endian."""
    fold: int = 0
    """Fold of the cross-validation, from 1."""


@dataclass(frozen=True)
class Left:
    """A recording found that is not used, and why."""

    record: str
    reason: str


def collect(
    folders: Sequence[Path],
    table: Mapping[str, Statements],
    out: Path,
    *,
    excluded: Iterable[str] = (),
    allow_findings: bool = False,
    least_likelihood: float = LEAST_LIKELIHOOD,
) -> tuple[list[Recording], list[Left]]:
    """Copy every usable recording to `out` as WFDB: signals and class, nothing of the person.

    `excluded`: Names of recordings that must not be used; a part behind `/` is taken for the name.
    """
    never = {record_name(name) for name in excluded}
    kept: dict[str, Recording] = {}
    left: list[Left] = []
    found = [(folder, name, path) for folder in folders for name, path in _sorted(folder)]
    with Progress(len(found), "reading recordings", "record") as progress:
        for folder, name, path in found:
            progress.update()
            if name in never:
                left.append(Left(name, "excluded by name"))
                continue
            if name in kept:
                raise RecordError(
                    f"two recordings are called {name}", path=path, remedy="rename one of them"
                )
            try:
                header = replace(read_header(path), name=name)
                label = label_of(
                    statements_of(header, table),
                    allow_findings=allow_findings,
                    least_likelihood=least_likelihood,
                )
                if label.diagnosis is None:
                    left.append(Left(name, label.reason))
                    continue
                microvolts = _microvolts(path)
            except EkgError as error:
                left.append(Left(name, error.problem))
                continue
            _write(microvolts, out, name, label.diagnosis, path)
            digest = hashlib.sha256(microvolts.astype("<i4").tobytes()).hexdigest()
            kept[name] = Recording(name, folder.resolve().name, label.diagnosis, digest)
    return sorted(kept.values(), key=lambda one: natural_key(one.record)), left


def _sorted(folder: Path) -> list[tuple[str, Path]]:
    found = named_records(folder)
    return [(name, Path(str(found[name]))) for name in sorted(found, key=natural_key)]


def _microvolts(path: Path) -> np.ndarray:
    return np.rint(read_record(path).signal / _MICROVOLT).astype(np.int32)


def _write(microvolts: np.ndarray, out: Path, name: str, diagnosis: str, path: Path) -> None:
    signals = tuple(
        FoundSignal(lead, samples.astype(np.float64), _MICROVOLT, "mV")
        for lead, samples in zip(LEADS, microvolts, strict=True)
    )
    write_wfdb(
        FoundRecording(path, "a recording", signals, 500.0), out, name, diagnoses=[diagnosis]
    )


def with_folds(
    recordings: Sequence[Recording], n_folds: int, seed: int, patients: Mapping[str, str]
) -> list[Recording]:
    """Put the recordings in folds: classes alike in each, all recordings of a patient in one.

    `patients`: Patient by record; one that is not named is a patient of its own.
    """
    counts = {name: sum(one.diagnosis == name for one in recordings) for name in CLASSES}
    if sum(count > 0 for count in counts.values()) < 2 or len(recordings) < 2 * n_folds:
        raise RecordError(
            f"{len(recordings)} usable recordings of {sum(c > 0 for c in counts.values())} classes",
            remedy=f"give recordings of two classes, at least {2 * n_folds}",
        )
    # scikit-learn goes through the groups in their order: it comes from seed and name.
    ordered = sorted(recordings, key=lambda one: natural_key(one.record))
    labels = [CLASSES.index(one.diagnosis) for one in ordered]
    named = (patients.get(one.record) or f"record {one.record}" for one in ordered)
    groups = [hashlib.sha256(f"{seed}/{name}".encode()).hexdigest() for name in named]
    folds = {}
    with warnings.catch_warnings():
        # A class with fewer recordings than folds is in some of them only; `adapt` says how many.
        warnings.simplefilter("ignore", UserWarning)
        divided = StratifiedGroupKFold(n_folds).split(labels, labels, groups)
        for number, (_, held_out) in enumerate(divided, start=1):
            folds.update(dict.fromkeys((ordered[i].record for i in held_out), number))
    return [replace(one, fold=folds[one.record]) for one in recordings]


def write_recordings(path: Path, recordings: Iterable[Recording]) -> None:
    """Write the list by which anyone with the same data can repeat an adaptation."""
    with atomic_open(path) as stream:
        names = [field.name for field in fields(Recording)]
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in recordings)


def read_names(path: Path) -> list[str]:
    """Return the names of a list: the first column of a CSV, or one name a line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise EkgError("file not found", path=path, remedy="check --exclude") from None
    names = [line.split(",", 1)[0].strip() for line in lines]
    return [name for name in names if name and name != "record"]
