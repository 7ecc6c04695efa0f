"""WFDB records in, millivolts out: any lead order, rate, gain and unit."""

from __future__ import annotations

import contextlib
import glob
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import wfdb

from ekg.errors import RecordError
from ekg.waveform.diagnoses import diagnoses_of_comments
from ekg.waveform.record_checks import (
    LARGEST_MILLIVOLTS,
    MAX_SAMPLES,
    check_header,
    check_signal_files,
)

LEADS: tuple[str, ...] = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve standard leads in the order of the picture."""

_MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3, "": 1.0}


@dataclass(frozen=True)
class Header:
    """What a header file says, without its signals."""

    name: str
    """The record's name: the header file's name without `.hea`."""
    path: Path
    """The header file."""
    leads: tuple[str, ...]
    """Names of all signals, as written."""
    sampling_frequency: float
    """Hz."""
    n_samples: int | None
    """Samples per signal, None where the header does not say."""
    comments: tuple[str, ...]
    """Comment lines without `#`."""
    diagnoses: tuple[str, ...]
    """Abbreviations; unknown codes as written; empty when none is given."""
    format: str = "WFDB"
    """Name of the file's format."""
    units: tuple[str, ...] = ()
    """Of the signals, as a file of another format than WFDB states them."""
    statements: tuple[str, ...] = ()
    """The machine's own, in its words; no label unless one asks for them."""


@dataclass(frozen=True)
class Record:
    """A 12-lead recording."""

    header: Header
    signal: np.ndarray
    """float64, shape (12, N): millivolts, leads in the order of `LEADS`."""
    sampling_frequency: float
    """Hz, after resampling."""
    notes: tuple[str, ...] = ()
    """What reading changed, computed, left out or doubts."""

    @property
    def name(self) -> str:
        """The record's name."""
        return self.header.name

    @property
    def diagnoses(self) -> tuple[str, ...]:
        """The record's diagnoses, as abbreviations."""
        return self.header.diagnoses


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key under which `A2` comes before `A10`, equal on every platform."""
    return [
        (0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def find_records(folder: str | Path) -> list[Path]:
    """Return the header files in a folder and the folders below it.

    Returns
    -------
    list of Path
        In natural order of the record's name, then of the path: never in the file system's.

    Raises
    ------
    RecordError
        If there is no such folder, it has no header, or two headers share one record name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RecordError("no such folder", path=folder, remedy="check the path of the records")
    headers = sorted(
        (
            path
            for path in folder.rglob("*.hea")
            if path.is_file() and not path.name.startswith(".")
        ),
        key=lambda path: (natural_key(path.stem), natural_key(path.relative_to(folder).as_posix())),
    )
    if not headers:
        raise RecordError(
            "no WFDB header (*.hea) in this folder",
            path=folder,
            remedy="check the path of the records",
        )
    for first, second in itertools.pairwise(headers):
        if first.stem == second.stem:
            raise RecordError(
                f"two records are named {first.stem}: {first.parent} and {second.parent}",
                path=folder,
                remedy="give a folder in which every record name is unique",
            )
    return headers


def header_path(path: str | Path) -> Path:
    """Return the header file of a record given with or without `.hea`, `.mat` or `.dat`."""
    path = Path(path)
    if path.suffix.lower() in {".mat", ".dat"}:
        path = path.with_suffix(".hea")
    if path.suffix.lower() != ".hea":
        path = path.with_name(path.name + ".hea")
    if not path.is_file():
        raise RecordError("no such header file", path=path, remedy="check the path of the record")
    return path


def read_header(path: str | Path) -> Header:
    """Read a header file.

    Parameters
    ----------
    path
        The record, with or without `.hea`.

    Raises
    ------
    RecordError
        If the file is missing or is not a usable WFDB header.
    """
    return _read_header(header_path(path))[0]


def _read_header(path: Path) -> tuple[Header, wfdb.Record]:
    with _readable_by_wfdb(path) as stem:
        fields = _call_wfdb(wfdb.rdheader, path, str(stem))
    if isinstance(fields, wfdb.MultiRecord):
        raise RecordError(
            "is a multi-segment record",
            path=path,
            remedy="give the headers of its segments instead",
        )
    check_header(path, fields)
    comments = tuple(str(comment).lstrip("#").strip() for comment in fields.comments or [])
    return Header(
        name=path.stem,
        path=path,
        leads=tuple(str(name or "").strip() for name in fields.sig_name),
        sampling_frequency=float(fields.fs),
        n_samples=None if fields.sig_len is None else int(fields.sig_len),
        comments=comments,
        diagnoses=diagnoses_of_comments(comments),
    ), fields


@contextlib.contextmanager
def _readable_by_wfdb(path: Path) -> Iterator[Path]:
    """Give the path (without `.hea`) under which wfdb can read a record.

    wfdb refuses headers whose record name ends in `.mat`, as some published ones do. They are
    read through a corrected copy in a temporary folder, with links to the signal files.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RecordError(f"cannot be read ({error.strerror})", path=path) from None
    record_line = next(
        (line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"), ""
    )
    name = record_line.split()[0] if record_line.split() else ""
    if not re.fullmatch(r"[\w-]+\.(mat|dat|hea)", name) and path.suffix == ".hea":
        yield path.with_suffix("")
        return
    with tempfile.TemporaryDirectory(prefix="ekg-header-") as folder:
        corrected = record_line.replace(name, "record", 1)
        (Path(folder) / "record.hea").write_text(
            text.replace(record_line, corrected, 1), encoding="utf-8"
        )
        for neighbour in path.parent.glob(glob.escape(path.stem) + ".*"):
            if neighbour != path:
                (Path(folder) / neighbour.name).symlink_to(neighbour.resolve())
        yield Path(folder) / "record"


def _call_wfdb(function: Callable[..., Any], path: Path, *arguments: Any, **options: Any) -> Any:
    """Call wfdb; whatever it raises over a damaged file becomes one clear error."""
    try:
        return function(*arguments, **options)
    except FileNotFoundError as error:
        raise RecordError(
            f"signal file {Path(error.filename or '?').name} is missing",
            path=path,
            remedy="fetch it again or remove the header",
        ) from None
    except Exception as error:  # wfdb raises many kinds (ValueError, IndexError, TypeError, ...)
        raise RecordError(
            f"cannot be read as a WFDB record ({type(error).__name__}: {error})",
            path=path,
            remedy="fetch the header and its signal file again",
        ) from error


def read_record(path: str | Path, sampling_frequency: float = 500.0) -> Record:
    """Read the twelve standard leads of a record, in millivolts.

    Parameters
    ----------
    path
        The record: its header, its signal file, or the name without extension.
    sampling_frequency
        Hz; a record of another rate is resampled to it (polyphase filter, as in
        `scipy.signal.resample_poly`, which also removes what lies above the new Nyquist
        frequency).

    Returns
    -------
    Record
        With the signal as float64 of shape (12, N), leads in the order of `LEADS`; other
        signals are left out.

    Raises
    ------
    RecordError
        If a file is missing, damaged or truncated, a lead is missing, a unit is unknown, or a
        sample of the twelve leads is not a number.
    """
    path = header_path(path)
    header, fields = _read_header(path)
    channels = _channels_of_leads(header)
    n_samples = check_signal_files(path, fields)
    if n_samples * max(1.0, sampling_frequency / header.sampling_frequency) > MAX_SAMPLES:
        raise RecordError(
            f"{n_samples:,} samples at {header.sampling_frequency:g} Hz are more than "
            f"{MAX_SAMPLES:,} at {sampling_frequency:g} Hz",
            path=path,
            remedy="cut the recording into parts",
        )
    with _readable_by_wfdb(path) as stem:
        wfdb_record = _call_wfdb(
            wfdb.rdrecord, path, str(stem), channels=channels, physical=False, m2s=False
        )
    _check_sums(path, wfdb_record)
    _call_wfdb(wfdb_record.dac, path, inplace=True)
    signal = np.ascontiguousarray(np.asarray(wfdb_record.p_signal, dtype=np.float64).T)
    if header.n_samples is not None and signal.shape[1] != header.n_samples:
        raise RecordError(
            f"the signal has {signal.shape[1]} samples, the header says {header.n_samples}",
            path=path,
            remedy="fetch the signal file again",
        )
    for row, (lead, unit) in enumerate(zip(LEADS, wfdb_record.units, strict=True)):
        scale = _MILLIVOLTS.get(str(unit or "").strip().lower())
        if scale is None:
            raise RecordError(
                f"lead {lead} has unknown unit {unit!r}", path=path, remedy="use mV or uV"
            )
        if scale != 1.0:
            signal[row] *= scale
        bad = int(np.count_nonzero(~np.isfinite(signal[row])))
        if bad:
            raise RecordError(
                f"lead {lead} has {bad} samples that are not numbers",
                path=path,
                remedy="repair the recording or leave it out",
            )
        largest = float(np.abs(signal[row]).max(initial=0.0))
        if largest > LARGEST_MILLIVOLTS:
            raise RecordError(
                f"lead {lead} reaches {largest:.3g} mV: its gain or unit is wrong",
                path=path,
                remedy="correct the header",
            )
    if header.sampling_frequency != sampling_frequency:
        signal = resample(signal, header.sampling_frequency, sampling_frequency)
    return Record(header=header, signal=signal, sampling_frequency=float(sampling_frequency))


def _channels_of_leads(header: Header) -> list[int]:
    """Return where each of `LEADS` stands among the header's signals; letter case is free."""
    places: dict[str, int] = {}
    for index, lead in enumerate(header.leads):
        places.setdefault(re.sub(r"^(ecg|lead)[\s_]+", "", lead.lower()), index)
    missing = [lead for lead in LEADS if lead.lower() not in places]
    if missing:
        raise RecordError(
            f"lead{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing "
            f"(the header has {len(header.leads)}: {', '.join(header.leads)})",
            path=header.path,
            remedy="a standard 12-lead recording is needed",
        )
    return [places[lead.lower()] for lead in LEADS]


def _check_sums(path: Path, wfdb_record: wfdb.Record) -> None:
    """Compare each lead with the header's checksum: the sum of its samples, modulo 65536.

    Headers whose checksums are all missing or 0 have none. Signals with several samples a
    frame are passed over: the sum is one of all samples, and wfdb gives their means.
    """
    sums = [0 if value is None else int(value) % 65536 for value in wfdb_record.checksum or []]
    if not any(sums):
        return
    found = wfdb_record.d_signal.sum(axis=0, dtype=np.int64) % 65536
    for lead, wanted, given, per_frame in zip(
        LEADS, sums, found.tolist(), wfdb_record.samps_per_frame, strict=True
    ):
        if given != wanted and per_frame in (None, 1):
            raise RecordError(
                f"the samples of lead {lead} do not fit the header's checksum",
                path=path,
                remedy="fetch the header and its signal file again",
            )


def resample(signal: np.ndarray, old: float, new: float) -> np.ndarray:
    """Resample along the last axis by the exact ratio of the two rates."""
    ratio = (
        Fraction(new).limit_denominator(1000) / Fraction(old).limit_denominator(1000)
    ).limit_denominator(100_000)
    # The signal is held at its first and last value beyond its ends: padding with zero would
    # ring where a baseline is off zero.
    # One sample alone makes no line.
    padding = "line" if signal.shape[-1] > 1 else "mean"
    return scipy.signal.resample_poly(
        signal, ratio.numerator, ratio.denominator, axis=-1, padtype=padding
    )
