"""WFDB records in, millivolts out: any lead order, rate, gain and unit."""

from __future__ import annotations

import contextlib
import itertools
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ekg.errors import RecordError
from ekg.paths import natural_key
from ekg.records.derived_leads import complete_limb_leads, computed_warning, derivable
from ekg.records.diagnoses import diagnoses_of_comments
from ekg.records.header_checks import LARGEST_MILLIVOLTS, check_header, check_length
from ekg.records.header_text import HeaderText, read_header_text
from ekg.records.plain_wfdb import PlainRecord, plain_header, read_plain_signals
from ekg.records.signal_files import SignalFile, check_signal_files, find_signal_files, unverified

if TYPE_CHECKING:
    import wfdb

LEADS: tuple[str, ...] = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve standard leads in the order of the picture."""
_SAMPLES_SUMMED = 500_000


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
        upper = path.with_suffix(".HEA")
        if upper.is_file():
            return upper
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


def _read_header(path: Path) -> tuple[Header, PlainRecord | wfdb.Record, HeaderText]:
    text = read_header_text(path)
    fields: PlainRecord | wfdb.Record | None = plain_header(text.for_wfdb())
    if fields is None:
        import wfdb

        with _for_wfdb(text) as folder:
            fields = _call_wfdb(wfdb.rdheader, path, f"{folder}/record")
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


@contextlib.contextmanager
def _for_wfdb(text: HeaderText, files: Sequence[SignalFile] = ()) -> Iterator[str]:
    """Give a folder with a header that wfdb can read, `record`, and links to the signal files."""
    with tempfile.TemporaryDirectory(prefix="ekg-record-") as folder:
        (Path(folder) / "record.hea").write_text(text.for_wfdb(), encoding="ascii")
        for number, file in enumerate(files):
            (Path(folder) / f"f{number}.dat").symlink_to(file.path.absolute())
        yield folder


def _call_wfdb(function: Callable[..., Any], path: Path, *arguments: Any, **options: Any) -> Any:
    """Call wfdb; whatever it raises over a damaged file becomes one clear error."""
    try:
        return function(*arguments, **options)
    except Exception as error:  # wfdb raises many kinds (ValueError, IndexError, TypeError, ...)
        raise RecordError(
            f"cannot be read as a WFDB record ({type(error).__name__}: {error})",
            path=path,
            remedy="correct the header or the signal file",
        ) from error


def read_record(
    path: str | Path,
    sampling_frequency: float = 500.0,
    *,
    begin: float | None = None,
    end: float | None = None,
) -> Record:
    """Read the twelve standard leads of a record, in millivolts.

    Parameters
    ----------
    path
        The record: its header, its signal file, or the name without extension.
    sampling_frequency
        Hz; a record of another rate is resampled to it (polyphase filter, as in
        `scipy.signal.resample_poly`, which also removes what lies above the new Nyquist
        frequency).
    begin, end
        Seconds from the recording's begin: read this part of it alone.

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
        folder = (
            None if isinstance(fields, PlainRecord) else stack.enter_context(_for_wfdb(text, files))
        )
        reading = _Reading(path, folder, fields, files, list(places.values()))
        wfdb_record = reading.samples(first, None if last == whole else last)
        _check_sums(reading, list(places), fields, files, wfdb_record, whole)
    _call_wfdb(wfdb_record.dac, path, inplace=True)
    signal = np.ascontiguousarray(np.asarray(wfdb_record.p_signal, dtype=np.float64).T)
    if header.n_samples is not None and signal.shape[1] != last - first:
        raise RecordError(
            f"the signal has {signal.shape[1]} samples, the header says {last - first}",
            path=path,
            remedy="correct the header or the signal file",
        )
    _to_millivolts(path, list(places), signal, scales)
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


@dataclass(frozen=True)
class _Reading:
    """The leads of one record, read as integers: by ourselves where it is plain, else by wfdb."""

    path: Path
    folder: str | None
    fields: PlainRecord | wfdb.Record
    files: list[SignalFile]
    channels: list[int]

    def samples(self, first: int, last: int | None) -> PlainRecord | wfdb.Record:
        if isinstance(self.fields, PlainRecord):
            files = {f"f{number}.dat": file.path for number, file in enumerate(self.files)}
            return read_plain_signals(files, self.fields, self.channels, first, last)
        import wfdb

        return _call_wfdb(
            wfdb.rdrecord,
            self.path,
            f"{self.folder}/record",
            sampfrom=first,
            sampto=last,
            channels=self.channels,
            physical=False,
            m2s=False,
        )


def standard_lead(written: str) -> str | None:
    """Return which of `LEADS` a signal's name means, None where it means none of them.

    Letter case is free, and so is a prefix: `Lead I`, `ECG_LEAD_I` and `MDC_ECG_LEAD_I` (IEEE
    11073) are lead I.
    """
    plain = re.sub(r"^((mdc|ecg|ekg|lead)[\s_]+)+", "", written.strip().lower()).strip()
    return next((lead for lead in LEADS if lead.lower() == plain), None)


def _places_of_leads(header: Header) -> dict[str, int]:
    """Return where each lead stands among the header's signals, in the order of `LEADS`."""
    places: dict[str, int] = {}
    for index, written in enumerate(header.leads):
        lead = standard_lead(written)
        if lead in places:
            raise RecordError(
                f"two signals are named {lead}: the {places[lead] + 1}. and the {index + 1}.",
                path=header.path,
                remedy="rename the one that is not this lead",
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
    path: Path, leads: list[str], signal: np.ndarray, scales: Sequence[float]
) -> None:
    """Scale each row in place; refuse what is no number or cannot be a voltage of a body."""
    for row, (lead, scale) in enumerate(zip(leads, scales, strict=True)):
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


def _check_sums(
    reading: _Reading,
    leads: list[str],
    fields: PlainRecord | wfdb.Record,
    files: list[SignalFile],
    read: PlainRecord | wfdb.Record,
    whole: int,
) -> None:
    """Compare each lead with the header's checksum: the sum of its samples, modulo 65536.

    Headers whose checksums are all missing or 0 have none. Signals with several samples a
    frame are passed over: the sum is one of all samples, and wfdb gives their means. A file of
    another name than the header's is taken only where the sums of all its leads fit.
    """
    moved = {f"f{number}.dat": file for number, file in enumerate(files) if file.is_moved}
    written = fields.checksum or [None] * fields.n_sig
    sums = [int(written[place] or 0) % 65536 for place in reading.channels]
    given = any(sums)
    if given:
        found = read.d_signal.sum(axis=0, dtype=np.int64)
        if len(read.d_signal) < whole:
            found = np.zeros_like(found)
            for start in range(0, whole, _SAMPLES_SUMMED):
                part = reading.samples(start, min(start + _SAMPLES_SUMMED, whole))
                found += part.d_signal.sum(axis=0, dtype=np.int64)
    for row, (lead, place) in enumerate(zip(leads, reading.channels, strict=True)):
        file = moved.get(fields.file_name[place])
        comparable = given and read.samps_per_frame[row] in (None, 1)
        if file is not None and not comparable:
            raise unverified(
                reading.path, file, "the header has no checksums to tell whether it belongs"
            )
        if not comparable or int(found[row]) % 65536 == sums[row]:
            continue
        problem = f"the samples of lead {lead} do not fit the header's checksum"
        if file is not None:
            raise unverified(reading.path, file, problem)
        raise RecordError(
            problem, path=reading.path, remedy="find out which of the two files was changed"
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
