"""Recordings as mere numbers: CSV and NPY, whose rate and unit the user states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ekg.errors import RecordError
from ekg.files import DAMAGE
from ekg.records.formats.found import FoundRecording, FoundSignal
from ekg.records.formats.sniff import Format, is_number_table
from ekg.records.header_checks import MAX_SAMPLES
from ekg.records.record import LEADS

UNITS = ("mV", "uV", "V", "nV")
LARGEST_ARRAY = 120 * 2**20
"""Bytes: twelve leads of a million samples in double precision are 96 MB."""
_LARGEST_CSV = 64 * 2**20
_EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
_TIMES = re.compile(r"t|time.*|sample.*|seconds?|ms|index|", re.IGNORECASE)


def read_array(path: Path, form: Format, fs: float | None, unit: str | None) -> FoundRecording:
    """Read a table of numbers as a recording.

    `fs`: Sampling frequency, Hz.
    """
    if fs is None or unit is None:
        missing = [name for name, given in (("--fs", fs), ("--unit", unit)) if given is None]
        raise RecordError(
            f"is a table of numbers ({form.name}): its "
            f"{'sampling frequency' if fs is None else 'unit'} is not stated in it",
            path=path,
            remedy=f"give {' and '.join(missing)}, as in --fs 500 --unit mV",
        )
    if unit not in UNITS:
        raise RecordError(
            f"the unit {unit!r} is not one of {', '.join(UNITS)}",
            path=path,
            remedy="correct --unit",
        )
    names, table = _read_npy(path) if form.key == "npy" else _read_csv(path)
    names, table = _oriented(path, names, table)
    signals = tuple(
        FoundSignal(name, np.ascontiguousarray(table[:, n], dtype=np.float64), 1.0, unit)
        for n, name in enumerate(names)
    )
    return FoundRecording(path, form.name, signals, float(fs))


def _read_npy(path: Path) -> tuple[list[str], np.ndarray]:
    _check_size(path, LARGEST_ARRAY)
    try:
        # The header's shape is compared with the file's size before anything is read.
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (*DAMAGE, OSError):
        raise RecordError(
            "is not an NPY file of plain numbers", path=path, remedy="save it again with numpy.save"
        ) from None
    if not is_number_table(table):
        raise RecordError(
            f"is an array of shape {table.shape} and type {table.dtype}, expected two axes of "
            "numbers",
            path=path,
            remedy="save one recording, samples by leads",
        )
    return [], np.asarray(table)


def _read_csv(path: Path) -> tuple[list[str], np.ndarray]:
    _check_size(path, _LARGEST_CSV)
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        first = stream.readline()
    separator = max(",;\t", key=first.count)
    if separator not in first:
        separator = " "
    words = [word.strip().strip("\"'") for word in first.strip().split(separator)]
    names = words if any(_is_name(word) for word in words) else []
    try:
        table = np.loadtxt(
            path,
            delimiter=None if separator == " " else separator,
            skiprows=1 if names else 0,
            ndmin=2,
            encoding="utf-8-sig",
            comments=None,
            max_rows=MAX_SAMPLES + 1,
        )
    except (*DAMAGE, OSError):
        raise RecordError(
            "has a line without one number per column",
            path=path,
            remedy="write one sample per line, columns separated by commas",
        ) from None
    if names and len(names) != table.shape[1]:
        raise RecordError(
            f"names {len(names)} columns and has {table.shape[1]}",
            path=path,
            remedy="correct the header line",
        )
    return names, table


def _is_name(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return bool(word)
    return False


def _check_size(path: Path, largest: int) -> None:
    size = path.stat().st_size
    if size > largest:
        raise RecordError(
            f"has {size:,} bytes, more than {largest:,}: too long to be read at once",
            path=path,
            remedy="cut the recording into parts",
        )


def _oriented(path: Path, names: list[str], table: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return lead names and the table as samples by leads, without a column of times."""
    if names:
        kept = [n for n, name in enumerate(names) if not _TIMES.fullmatch(name)]
        return [names[n] for n in kept], table[:, kept]
    orders: dict[int, Sequence[str]] = {len(LEADS): LEADS, len(_EIGHT): _EIGHT}
    rows, columns = table.shape
    if columns in orders and rows not in orders:
        return list(orders[columns]), table
    if rows in orders and columns not in orders:
        return list(orders[rows]), table.T
    raise RecordError(
        f"has {rows} rows and {columns} columns: 12 leads, or 8 (I, II, V1 to V6), are expected "
        "on one side",
        path=path,
        remedy="name the leads in a header line, or put them in standard order",
    )
