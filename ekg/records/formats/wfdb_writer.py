"""A recording of any format written as WFDB: as found, and nothing of the patient."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import wfdb

from ekg.errors import RecordError
from ekg.files import atomic_path, write_text
from ekg.records.formats.found import FoundRecording, FoundSignal

_LIMITS = {"16": 2**15 - 1, "32": 2**31 - 1}
_FINEST = 1e-6
"""Unit of an array's steps, in its own unit: a nanovolt where that is mV."""


def write_wfdb(
    found: FoundRecording,
    folder: Path,
    name: str,
    *,
    diagnoses: Sequence[str] = (),
    keep_metadata: bool = False,
) -> Path:
    """Write a recording as NAME.hea and NAME.dat.

    `found`: The recording. Signals keep their order, unit, rate and steps; samples keep their
    values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = [_stored(found, signal) for signal in found.signals]
    largest = max(int(np.abs(samples).max(initial=0)) for samples, _, _ in stored)
    form = next((form for form, limit in _LIMITS.items() if largest <= limit), None)
    if form is None:
        raise RecordError("a sample does not fit into 32 bits", path=found.path)
    with tempfile.TemporaryDirectory(prefix="ekg-convert-", dir=folder) as scratch:
        wfdb.wrsamp(
            "record",
            fs=found.sampling_frequency,
            units=[signal.unit for signal in found.signals],
            sig_name=_names(found.signals),
            d_signal=np.stack([samples for samples, _, _ in stored], axis=1),
            fmt=[form] * len(stored),
            adc_gain=[gain for _, gain, _ in stored],
            baseline=[baseline for _, _, baseline in stored],
            comments=_comments(found, diagnoses, keep_metadata),
            write_dir=scratch,
        )
        made = (Path(scratch) / "record.hea").read_text(encoding="utf-8")
        first, rest = made.split("\n", 1)
        lines = rest.replace("record.dat", f"{name}.dat")
        text = f"{name} {first.split(' ', 1)[1]}\n{lines}"
        header = folder / f"{name}.hea"
        _check_not_another(header, text)
        with atomic_path(folder / f"{name}.dat") as target:
            (Path(scratch) / "record.dat").replace(target)
        write_text(header, text)
    return header


def record_name(path: Path) -> str:
    """Return the name that a file's record gets: its own, in characters that WFDB allows."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_") or "record"


def _check_not_another(header: Path, text: str) -> None:
    """Refuse to replace a record by another; the signals' checksums are in the header."""
    if header.exists() and header.read_text(encoding="utf-8", errors="replace") != text:
        raise RecordError(
            "already exists with other content",
            path=header,
            remedy="choose another folder, or remove the record",
        )


def _stored(found: FoundRecording, signal: FoundSignal) -> tuple[np.ndarray, float, int]:
    """Return whole samples, gain and baseline of one signal, of which WFDB makes its values."""
    if not np.isfinite(signal.counts).all():
        raise RecordError(
            f"signal {signal.name} has missing samples", path=found.path, remedy="leave it out"
        )
    step, counts = signal.step, signal.counts
    if not np.array_equal(counts, np.rint(counts)):  # values, not steps
        step, counts = step * _FINEST, counts / _FINEST
    # An offset that is no whole number of steps goes into the samples' finest unit too.
    baseline = -signal.offset / step
    if abs(baseline - round(baseline)) > 1e-6 * max(1.0, abs(baseline)):
        counts, step = (counts * step + signal.offset) / _FINEST, _FINEST
        baseline = 0.0
    # A negative step (some EDF) is no gain that readers agree on: the samples turn instead.
    if step < 0:
        counts, step, baseline = -counts, -step, -baseline
    return np.rint(counts).astype(np.int64), 1.0 / step, round(baseline)


def _names(signals: Sequence[FoundSignal]) -> list[str]:
    """Return names that WFDB can hold: one line, each once."""
    names: list[str] = []
    for signal in signals:
        plain = " ".join("".join(c for c in signal.name if c.isprintable()).split())
        name = plain or "signal"
        while name in names:
            name += "'"
        names.append(name)
    return names


def _comments(found: FoundRecording, diagnoses: Sequence[str], keep: bool) -> list[str]:
    comments = [f"Converted from {found.format}", *found.notes]
    if diagnoses:
        comments.insert(0, f"Dx: {','.join(diagnoses)}")
    if keep:
        given = {
            "Age": "" if found.age is None else str(found.age),
            "Sex": found.sex,
            **{field.capitalize(): text for field, text in found.personal.items()},
        }
        comments += [
            f"{field}: {' '.join(text.split())}" for field, text in given.items() if text.strip()
        ]
        comments += [f"Statement: {statement}" for statement in found.statements]
    return [comment.encode("ascii", "replace").decode() for comment in comments]
