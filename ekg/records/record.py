"""WFDB records in, millivolts out: any lead order, rate, gain and unit."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ekg.errors import EkgError, RecordError
from ekg.files import files_below
from ekg.paths import Address, Place, natural_key
from ekg.records.derived_leads import complete_limb_leads, computed_warning, derivable
from ekg.records.diagnoses import diagnoses_of_comments
from ekg.records.header_checks import LARGEST_MILLIVOLTS, check_header, check_length
from ekg.records.header_text import HeaderText, read_header_text
from ekg.records.plain_wfdb import PlainRecord, plain_header
from ekg.records.signal_files import check_signal_files, find_signal_files
from ekg.records.wfdb_reading import Reading, call_wfdb, check_sums, readable_by_wfdb, wfdb_header

if TYPE_CHECKING:
    import wfdb

LEADS: tuple[str, ...] = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve standard leads in the order of the image."""
AnyPlace = TypeVar("AnyPlace", Path, Address)
LEAD_PREFIX = re.compile(r"^((mdc|ecg|ekg|lead)[\s_]+)+")
"""What may be before a lead's name, in small letters."""


FROM_PAGE = "read from a printed page; not for clinical use"
"""Comment in the header of a record that `ekg read` has made."""


@dataclass(frozen=True)
class Header:
    """What a header file says, without its signals."""

    name: str
    """The record's name: the header file's name without `.hea`."""
    path: Place
    """The header file, or the address that it was copied from."""
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
    units: tuple[str | None, ...] = ()
    """Units of all signals, as written; None where the header names none."""
    format: str = "WFDB"
    """Name of the file's format."""
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
    gains: tuple[float, ...] = ()
    """Steps a millivolt of the leads that were recorded, in the order of `LEADS`."""
    warnings: tuple[str, ...] = ()
    """What was noticed while reading: a file of another name, leads that were computed."""

    @property
    def name(self) -> str:
        """The record's name."""
        return self.header.name

    @property
    def diagnoses(self) -> tuple[str, ...]:
        """The record's diagnoses, as abbreviations."""
        return self.header.diagnoses


def find_records(folder: str | Path) -> list[Path]:
    """Return the header files in a folder and the folders below it; see `named_records`."""
    return list(named_records(folder).values())


def named_records(folder: str | Path) -> dict[str, Path]:
    """Return the header files in a folder and the folders below it, by record name.

    See `names_of_files`.

    Raises
    ------
    RecordError
        If there is folder not found, it has no header, or a link or folder in it cannot be read.
    """
    headers = headers_below(folder)
    if not headers:
        raise RecordError(
            "no WFDB header (*.hea) in this folder",
            path=folder,
            remedy="check the path of the records",
        )
    return names_of_files(folder, headers)


def headers_below(folder: str | Path) -> list[Path]:
    """Return the header files in a folder and the folders below it, possibly none."""
    if not Path(folder).is_dir():
        raise RecordError("folder not found", path=folder, remedy="check the path of the records")
    try:
        return files_below(folder, {".hea"})
    except EkgError as error:
        raise RecordError(error.problem, path=error.path, remedy=error.remedy) from None


def names_of_files(folder: str | Path, files: Sequence[AnyPlace]) -> dict[str, AnyPlace]:
    """Give each record its own name.

    Returns
    -------
    dict
        In natural order of the names, then of the paths: never in the file system's. Records
        that share a name are told apart by their folders: `ward2_A1` for `ward2/A1.hea`.

    Raises
    ------
    RecordError
        If two records would still have one name.
    """
    shared = Counter(path.stem for path in files)
    named: dict[str, AnyPlace] = {}
    for path in files:
        inner = PurePath(path).relative_to(folder).with_suffix("")
        name = "_".join(inner.parts) if shared[path.stem] > 1 else path.stem
        if name in named or (name != path.stem and name in shared):
            raise RecordError(
                f"two records would be named {name}: {path} and "
                f"{named.get(name) or 'one of that very name'}",
                path=folder,
                remedy="give a folder in which every record name is unique",
            )
        named[name] = path
    order = sorted(named, key=lambda name: (natural_key(name), natural_key(str(named[name]))))
    return {name: named[name] for name in order}


def header_path(path: str | Path) -> Path:
    """Return the header file of a record given with or without `.hea`, `.mat` or `.dat`."""
    path = Path(path)
    if path.suffix.lower() in {".mat", ".dat"}:
        path = path.with_suffix(".hea")
    if path.suffix.lower() != ".hea":
        path = path.with_name(path.name + ".hea")
    if not path.is_file():
        upper = path.with_suffix(".HEA")
        if upper.is_file():
            return upper
        raise RecordError("header file not found", path=path, remedy="check the path of the record")
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


def _read_header(path: Path) -> tuple[Header, PlainRecord | wfdb.Record, HeaderText]:
    text = read_header_text(path)
    fields: PlainRecord | wfdb.Record | None = plain_header(text.for_wfdb())
    if fields is None:
        fields = wfdb_header(path, text)
    check_header(path, fields)
    header = Header(
        name=path.stem,
        path=path,
        leads=tuple(str(name or "").strip() for name in fields.sig_name),
        sampling_frequency=float(fields.fs),
        n_samples=None if fields.sig_len is None else int(fields.sig_len),
        comments=text.comments,
        diagnoses=diagnoses_of_comments(text.comments),
        units=tuple(signal.unit for signal in text.signals),
    )
    return header, fields, text


def read_record(
    path: str | Path,
    sampling_frequency: float = 500.0,
    *,
    begin: float | None = None,
    end: float | None = None,
    gaps: bool = False,
) -> Record:
    """Read the twelve standard leads of a record, in millivolts.

    Parameters
    ----------
    path
        The record: its header, its signal file, or the name without extension.
    sampling_frequency
        Hz; a record of another rate is resampled to it as by `scipy.signal.resample_poly`,
        which also removes what is above the new Nyquist frequency.
    begin, end
        Seconds from the recording's begin: read this part of it alone.
    gaps
        Read what `ekg read` has made of a printed page too: NaN where a lead is not shown.

    Returns
    -------
    Record
        With the signal as float64 of shape (12, N), leads in the order of `LEADS`; other
        signals are left out. III, aVR, aVL and aVF are computed where the record lacks them.

    Raises
    ------
    RecordError
        If a file is missing, damaged, truncated or of another kind, a lead is missing or named
        twice, a gain is 0, a unit is unknown, the header's checksums contradict the samples, a
        sample is not a number, or it is longer than is read at once.
    """
    path = header_path(path)
    header, fields, text = _read_header(path)
    places = _places_of_leads(header)
    scales = _millivolts_per_unit(path, places, text)
    rates = (header.sampling_frequency, sampling_frequency)
    if header.n_samples is not None:  # before its files are looked for
        first, last = part_of(path, header.n_samples, rates[0], begin, end)
        check_length(path, last - first, *rates)
    files = find_signal_files(path, text)
    whole = check_signal_files(path, fields, files)
    first, last = part_of(path, whole, rates[0], begin, end)
    check_length(path, last - first, *rates)
    with contextlib.ExitStack() as stack:
        folder = None
        if not isinstance(fields, PlainRecord):
            folder = stack.enter_context(readable_by_wfdb(text, files))
        reading = Reading(path, folder, fields, files, list(places.values()))
        wfdb_record = reading.samples(first, None if last == whole else last)
        check_sums(reading, list(places), fields, files, wfdb_record, whole)
    call_wfdb(wfdb_record.dac, path, inplace=True)
    stated = None if header.n_samples is None else last - first
    signal = _signal_of(wfdb_record, stated, path)
    _to_millivolts(path, list(places), signal, scales, gaps and FROM_PAGE in header.comments)
    leads, computed = complete_limb_leads(dict(zip(places, signal, strict=True)))
    if computed:
        signal = np.stack([leads[lead] for lead in LEADS])
    if header.sampling_frequency != sampling_frequency:
        signal = resample(signal, header.sampling_frequency, sampling_frequency)
    return Record(
        header=header,
        signal=signal,
        sampling_frequency=float(sampling_frequency),
        gains=tuple(
            float(text.signals[place].gain or 0.0) / scale
            for place, scale in zip(places.values(), scales, strict=True)
        ),
        warnings=(
            *(file.warning for file in files if file.is_moved),
            *([computed_warning(computed)] if computed else []),
        ),
    )


def _signal_of(wfdb_record: Any, stated: int | None, path: Path) -> np.ndarray:
    """Return the samples by lead; refuse another number of them than is stated."""
    signal = np.ascontiguousarray(np.asarray(wfdb_record.p_signal, dtype=np.float64).T)
    if stated is not None and signal.shape[1] != stated:
        raise RecordError(
            f"the signal has {signal.shape[1]} samples, the header says {stated}",
            path=path,
            remedy="correct the header or the signal file",
        )
    return signal


def part_of(
    path: Path, whole: int, rate: float, begin: float | None, end: float | None
) -> tuple[int, int]:
    """Return the first sample of the part that is asked for and the one after its last."""
    if begin is None and end is None:
        return 0, whole
    begin, end = begin or 0.0, whole / rate if end is None else end
    first, last = round(begin * rate), min(round(end * rate), whole)
    if not 0 <= first < last:
        raise RecordError(
            f"there is nothing from {begin:g} to {end:g} s: it lasts {whole / rate:g} s", path=path
        )
    return first, last


def standard_lead(written: str) -> str | None:
    """Return which of `LEADS` a signal's name means, None where it means none of them.

    Letter case is free, and so is a prefix: `Lead I`, `ECG_LEAD_I` and `MDC_ECG_LEAD_I` (IEEE
    11073) are lead I.
    """
    plain = LEAD_PREFIX.sub("", written.strip().lower()).strip()
    return next((lead for lead in LEADS if lead.lower() == plain), None)


def _places_of_leads(header: Header) -> dict[str, int]:
    """Return where each lead is among the header's signals, in the order of `LEADS`."""
    places: dict[str, int] = {}
    for index, written in enumerate(header.leads):
        lead = standard_lead(written)
        if lead in places:
            raise RecordError(
                f"two signals are named {lead}: the {places[lead] + 1}. and the {index + 1}.",
                path=header.path,
                remedy="rename the wrong one",
            )
        if lead is not None:
            places[lead] = index
    missing = [lead for lead in LEADS if lead not in places]
    if missing and not derivable(missing):
        raise RecordError(
            f"lead{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing "
            f"(the header has {len(header.leads)}: {', '.join(header.leads)})",
            path=header.path,
            remedy="a standard 12-lead recording is needed, or I, II and V1 to V6",
        )
    return {lead: places[lead] for lead in LEADS if lead in places}


def _millivolts_per_unit(path: Path, places: dict[str, int], text: HeaderText) -> list[float]:
    """Return the scale of each lead; refuse a gain of 0 and units that are none."""
    scales = []
    for lead, place in places.items():
        signal = text.signals[place]
        if signal.gain is None:
            raise RecordError(
                f"lead {lead}: field `gain` is 0 or missing: the signal is not calibrated",
                path=path,
                remedy="write the steps in one millivolt into the header, such as 1000/mV",
            )
        scale = signal.millivolts
        if scale is None:
            raise RecordError(
                f"lead {lead} has unknown unit {signal.unit!r}", path=path, remedy="use mV or uV"
            )
        scales.append(scale)
    return scales


def _to_millivolts(
    path: Path, leads: list[str], signal: np.ndarray, scales: Sequence[float], gaps: bool
) -> None:
    """Scale each row in place; refuse what is not a number or cannot be a voltage of a body."""
    for row, (lead, scale) in enumerate(zip(leads, scales, strict=True)):
        if scale != 1.0:
            signal[row] *= scale
        known = signal[row][~np.isnan(signal[row])] if gaps else signal[row]
        largest = float(np.abs(known).max(initial=0.0))
        if not np.isfinite(largest):
            bad = int(np.count_nonzero(~np.isfinite(signal[row])))
            raise RecordError(
                f"lead {lead} has {bad} samples that are not numbers",
                path=path,
                remedy="repair or leave out the recording",
            )
        if largest > LARGEST_MILLIVOLTS:
            raise RecordError(
                f"lead {lead} reaches {largest:.3g} mV: its gain or unit is wrong",
                path=path,
                remedy="correct the header",
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
    import scipy.signal

    return scipy.signal.resample_poly(
        signal, ratio.numerator, ratio.denominator, axis=-1, padtype=padding
    )
