"""From a file of another machine to the twelve leads that everything else works on."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path

import numpy as np

from ekg.errors import RecordError
from ekg.records.derived_leads import complete_limb_leads, computed_warning, derivable
from ekg.records.formats.arrays import read_array
from ekg.records.formats.found import MILLIVOLTS, FoundRecording, check_found
from ekg.records.formats.sniff import Format
from ekg.records.header_checks import LARGEST_MILLIVOLTS, check_length
from ekg.records.record import LEADS, Header, Record, part_of, resample, standard_lead

_REPEATED = re.compile(r"(.+)_\d+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9+_ -]{1,12}")


def open_recording(
    path: Path, form: Format, fs: float | None = None, unit: str | None = None
) -> FoundRecording:
    """Read a file of a recognised format, as it states itself.

    `fs, unit`: Of tables of numbers (CSV, NPY), which do not state them.
    """
    if form.refusal:
        raise RecordError(
            f"is a {form.name} file, which is not read: {form.refusal}",
            path=path,
            remedy=form.remedy,
        )
    if form.needs and importlib.util.find_spec(form.needs) is None:
        raise RecordError(
            f"is a {form.name} file, which {form.needs} reads; it is not installed",
            path=path,
            remedy="install it with `pip install 'ekg-image-reader[formats]'`",
        )
    try:
        found = _read(path, form, fs, unit)
    except OSError as error:
        raise RecordError(f"cannot be read ({error.strerror or error})", path=path) from None
    if not 1 <= found.sampling_frequency <= 100_000 or not math.isfinite(found.sampling_frequency):
        raise RecordError(
            f"field `sampling frequency` is {found.sampling_frequency:g} Hz",
            path=path,
            remedy="correct --fs" if form.is_array else "export the recording again",
        )
    return check_found(found)


def _read(path: Path, form: Format, fs: float | None, unit: str | None) -> FoundRecording:
    from ekg.records.formats.corrections import LARGEST_FILE

    if form.is_array:
        return read_array(path, form, fs, unit)
    if form.key in ("edf", "bdf"):
        from ekg.records.formats.edf import read_edf

        return read_edf(path, LARGEST_FILE)
    if form.key == "dicom":
        from ekg.records.formats.dicom import read_dicom

        return read_dicom(path)
    if form.key == "schiller":
        from ekg.records.formats.schiller import read_schiller

        return read_schiller(path)
    from ekg.records.formats.library import read_with_library

    return read_with_library(path, form)


def header_of(found: FoundRecording) -> Header:
    """Return what a header of WFDB would say: nothing of the patient but age and sex."""
    comments = []
    if found.age is not None:
        comments.append(f"Age: {found.age}")
    if found.sex:
        comments.append(f"Sex: {found.sex}")
    return Header(
        name=found.path.stem,
        path=found.path,
        leads=tuple(
            signal.name if _PLAIN_NAME.fullmatch(signal.name) else f"signal {number}"
            for number, signal in enumerate(found.signals, start=1)
        ),
        sampling_frequency=found.sampling_frequency,
        n_samples=len(found.signals[0].counts),
        comments=tuple(comments),
        diagnoses=(),
        format=found.format,
        units=tuple(signal.unit for signal in found.signals),
        statements=found.statements,
    )


def record_of(
    found: FoundRecording,
    sampling_frequency: float,
    begin: float | None = None,
    end: float | None = None,
) -> Record:
    """Return the twelve standard leads in millivolts at the rate asked for.

    `sampling_frequency`: Hz; another rate is resampled to it.
    """
    header = header_of(found)
    rate = header.sampling_frequency
    first, last = part_of(found.path, len(found.signals[0].counts), rate, begin, end)
    check_length(found.path, last - first, rate, sampling_frequency)
    leads, gains, notes = _standard_leads(found, header)
    signal = np.stack([leads[lead][first:last] for lead in LEADS])
    for lead, row in zip(LEADS, signal, strict=True):
        bad = int(np.count_nonzero(~np.isfinite(row)))
        if bad:
            raise RecordError(
                f"lead {lead} has {bad} samples that are missing or not numbers",
                path=found.path,
                remedy="repair or leave out the recording",
            )
        largest = float(np.abs(row).max(initial=0.0))
        if largest > LARGEST_MILLIVOLTS:
            raise RecordError(
                f"lead {lead} reaches {largest:.3g} mV: its amplitude or unit is wrong",
                path=found.path,
                remedy="export the recording again",
            )
    if rate != sampling_frequency:
        signal = resample(signal, rate, sampling_frequency)
    return Record(header, signal, float(sampling_frequency), gains, (*found.notes, *notes))


def _standard_leads(
    found: FoundRecording, header: Header
) -> tuple[dict[str, np.ndarray], tuple[float, ...], tuple[str, ...]]:
    """Return the twelve leads, the steps a millivolt of those in the file, and notes."""
    leads: dict[str, np.ndarray] = {}
    steps: dict[str, float] = {}
    for signal in found.signals:
        # The library calls a second `II` `II_2`.
        repeated = _REPEATED.fullmatch(signal.name)
        name = standard_lead(signal.name) or (repeated and standard_lead(repeated.group(1)))
        if not name:
            continue
        if name in leads:
            raise RecordError(
                f"lead {name} is a duplicate", path=found.path, remedy="keep one of the two"
            )
        leads[name] = signal.millivolts()
        steps[name] = abs(1.0 / (signal.step * MILLIVOLTS[signal.unit]))
    missing = [lead for lead in LEADS if lead not in leads]
    gains = tuple(steps[lead] for lead in LEADS if lead in steps)
    if not missing:
        return leads, gains, ()
    if not derivable(missing):
        plural = "s" if len(missing) > 1 else ""
        raise RecordError(
            f"lead{plural} {', '.join(missing)} missing (the file has {len(header.leads)} signals: "
            f"{', '.join(header.leads)})",
            path=found.path,
            remedy="a standard recording of 12 leads, or of I, II and V1 to V6, is needed",
        )
    completed, computed = complete_limb_leads(leads)
    return completed, gains, (computed_warning(computed),)
