"""Files of other machines written as WFDB records, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ekg.datasets.labels import label_of, machine_statements_of
from ekg.errors import EkgError, RecordError
from ekg.paths import natural_key
from ekg.records.formats.reading import header_of, open_recording
from ekg.records.formats.sniff import format_of
from ekg.records.formats.wfdb_writer import record_name, write_wfdb
from ekg.records.opening import other_files


@dataclass(frozen=True)
class Converted:
    """One record written."""

    header: Path
    notes: tuple[str, ...]
    """What reading left out or doubts, and why there is no label."""


def convert(
    paths: Iterable[Path],
    folder: Path,
    *,
    keep_metadata: bool = False,
    machine_labels: bool = False,
    fs: float | None = None,
    unit: str | None = None,
) -> Iterator[tuple[Path, Converted | EkgError]]:
    """Write recordings of other formats as WFDB.

    `fs, unit`: Of tables of numbers (CSV, NPY).
    """
    names: dict[str, Path] = {}
    for path in _files(paths, arrays=fs is not None):
        try:
            name = record_name(path)
            if name in names:
                raise RecordError(
                    f"would overwrite the record of {names[name]}",
                    path=path,
                    remedy="convert it into another folder",
                )
            names[name] = path
            yield path, _convert(path, folder, keep_metadata, machine_labels, fs, unit)
        except EkgError as error:
            yield path, error


def _files(paths: Iterable[Path], *, arrays: bool) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = other_files(path, arrays=arrays)
            yield from sorted(found, key=lambda file: natural_key(file.as_posix()))
        else:
            yield path


def _convert(
    path: Path,
    folder: Path,
    keep_metadata: bool,
    machine_labels: bool,
    fs: float | None,
    unit: str | None,
) -> Converted:
    if not path.is_file():
        raise RecordError("file not found", path=path, remedy="check the path")
    form = format_of(path)
    if form is None:
        raise RecordError(
            "is not a recording in a supported format",
            path=path,
            remedy="see the table in docs/data.md; WFDB records need no conversion",
        )
    found = open_recording(path, form, fs, unit)
    notes = list(found.notes)
    diagnoses: tuple[str, ...] = ()
    if machine_labels:
        label = label_of(machine_statements_of(header_of(found)))
        diagnoses = (label.diagnosis,) if label.diagnosis else ()
        if not diagnoses:
            notes.append(f"no label: {label.reason}")
    header = write_wfdb(
        found, folder, record_name(path), diagnoses=diagnoses, keep_metadata=keep_metadata
    )
    return Converted(header, tuple(notes))
