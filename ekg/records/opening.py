"""Any recording by its content: WFDB, or a file of another machine; here or at an address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ekg.errors import RecordError
from ekg.files import files_below
from ekg.paths import Address, Place, place_of
from ekg.records import record as wfdb_records
from ekg.records.addresses import local_copy, records_at
from ekg.records.formats.reading import header_of, open_recording, record_of
from ekg.records.formats.sniff import format_of
from ekg.records.record import Header, Record


def read_record(
    path: str | Path,
    sampling_frequency: float = 500.0,
    *,
    begin: float | None = None,
    end: float | None = None,
    fs: float | None = None,
    unit: str | None = None,
    gaps: bool = False,
) -> Record:
    """Read the twelve standard leads of a recording, in millivolts.

    Parameters
    ----------
    path
        A WFDB record (its header, its signal file, or the name without extension), or a file of
        another machine: DICOM, SCP-ECG, HL7 aECG, GE MUSE XML, Philips Sierra XML, Schiller XML,
        EDF, EDF+, BDF, ISHNE, MFER, CSV or NPY. Its content tells which, never its suffix. An
        address (`http://...`) is copied to be read.
    sampling_frequency
        Hz; a recording of another rate is resampled to it (polyphase filter, as in
        `scipy.signal.resample_poly`, which also removes what is above the new Nyquist
        frequency).
    begin, end
        Seconds from the recording's begin: read this part of it alone.
    fs, unit
        Sampling frequency (Hz) and unit (mV, uV, V or nV) of a table of numbers (CSV, NPY),
        which does not state them. Other formats state their own.
    gaps
        Also read a record that `ekg read` has made of a printed page, with NaN where a lead is
        not shown.

    Returns
    -------
    Record
        With the signal as float64 of shape (12, N), leads in the order of `LEADS`; other
        signals are left out. `warnings` says what was computed, left out or doubted.

    Raises
    ------
    RecordError
        If a file is missing, damaged, truncated or of a format that is not read, a lead is
        missing, a unit is unknown, or a sample of the twelve leads is not a number.
    """
    path = place_of(path)
    if isinstance(path, Address):
        with local_copy(path) as copied, _named(path):
            options: dict[str, Any] = {"begin": begin, "end": end, "fs": fs, "unit": unit}
            record = read_record(copied, sampling_frequency, **options, gaps=gaps)
            return replace(record, header=replace(record.header, path=path))
    form = format_of(path)
    if form is None:
        return wfdb_records.read_record(path, sampling_frequency, begin=begin, end=end, gaps=gaps)
    return record_of(open_recording(path, form, fs, unit), sampling_frequency, begin, end)


def read_header(path: str | Path, *, fs: float | None = None, unit: str | None = None) -> Header:
    """Read what a recording says of itself, without its signals.

    Parameters
    ----------
    path, fs, unit
        As for `read_record`.

    Raises
    ------
    RecordError
        If the file is missing or cannot be read.
    """
    path = place_of(path)
    if isinstance(path, Address):
        with local_copy(path, signals=False) as copied, _named(path):
            return replace(read_header(copied, fs=fs, unit=unit), path=path)
    form = format_of(path)
    if form is None:
        return wfdb_records.read_header(path)
    return header_of(open_recording(path, form, fs, unit))


@contextlib.contextmanager
def _named(address: Address) -> Iterator[None]:
    """Name the address in an error, not the copy that was read."""
    try:
        yield
    except RecordError as error:
        raise RecordError(error.problem, path=address, remedy=error.remedy) from None


def named_records(folder: str | Path, *, arrays: bool = False) -> Mapping[str, Place]:
    """Return the recordings in a folder and the folders below it, by record name.

    Parameters
    ----------
    folder
        The folder; links to folders are followed. At an address: WFDB records alone.
    arrays
        Also take tables of numbers (CSV, NPY) for recordings.

    Returns
    -------
    dict
        WFDB headers and files of other machines; see `ekg.records.record.names_of_files`.

    Raises
    ------
    RecordError
        If there is folder not found, it has no recording, two would share one name, or a link or
        folder in it cannot be read.
    """
    folder = place_of(folder)
    if isinstance(folder, Address):
        found = records_at(folder)
        if not found:
            raise RecordError(
                "no WFDB header (*.hea) there, or the folder cannot be listed", path=folder
            )
        return wfdb_records.names_of_files(folder, found)
    headers = wfdb_records.headers_below(folder)
    others = other_files(folder, arrays=arrays)
    if not others:
        return wfdb_records.named_records(folder)
    return wfdb_records.names_of_files(folder, [*headers, *others])


def other_files(folder: str | Path, *, arrays: bool = False) -> list[Path]:
    """Return the files of other machines in a folder and below it, in no particular order."""
    found = []
    files = files_below(folder)
    headers = {path.with_suffix("") for path in files if path.suffix.lower() == ".hea"}
    for path in files:
        # A signal beside its header needs no look into it: there is one for every record.
        ending = path.suffix.lower()
        if ending == ".hea" or (ending in (".mat", ".dat") and path.with_suffix("") in headers):
            continue
        form = format_of(path)
        if form is not None and (arrays or not form.is_array):
            found.append(path)
    return found
