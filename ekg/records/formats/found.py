"""What a file of another machine holds: signals as stored, and what is no EKG in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ekg.errors import RecordError

MILLIVOLTS: Mapping[str, float] = {"nV": 1e-6, "uV": 1e-3, "mV": 1.0, "V": 1e3}
"""Millivolts by unit."""
EDGE_SECONDS = 0.2
"""All leads alike at the beginning or end for so long: padding or a calibration pulse."""
_PULSE = (0.4, 2.1)
"""mV; a calibration pulse is 1 mV, at half or double gain 0.5 or 2 mV."""
_LEAST_LEADS = 6
"""Fewer leads may well be alike by chance."""


@dataclass(frozen=True)
class FoundSignal:
    """One signal: `counts * step + offset` is its value in `unit`."""

    name: str
    counts: np.ndarray
    """float64, as stored; NaN where the file says that a sample is missing."""
    step: float
    unit: str
    """One of `MILLIVOLTS`, or as the file has it where that is none of them."""
    offset: float = 0.0

    def millivolts(self) -> np.ndarray:
        """Return the signal in millivolts."""
        scale = MILLIVOLTS[self.unit]
        return self.counts * (self.step * scale) + self.offset * scale


@dataclass(frozen=True)
class FoundRecording:
    """One recording as its file states it."""

    path: Path
    format: str
    """Name of the format."""
    signals: tuple[FoundSignal, ...]
    sampling_frequency: float
    """Hz, exactly as stated."""
    notes: tuple[str, ...] = ()
    """What reading changed, left out or doubts, for people; never text from the file."""
    statements: tuple[str, ...] = ()
    """The machine's own statements, where they are read; none that a person wrote."""
    age: int | None = None
    sex: str = ""
    """Male or Female."""
    personal: Mapping[str, str] = field(default_factory=dict)
    """Everything else that it says of patient and place: for `--keep-metadata` alone."""

    def with_notes(self, *notes: str) -> FoundRecording:
        """Return the recording with notes added."""
        return replace(self, notes=(*self.notes, *notes))


def check_found(found: FoundRecording) -> FoundRecording:
    """Refuse what no reader can use, and cut off what is no EKG at either end."""
    for signal in found.signals:
        if signal.unit not in MILLIVOLTS:
            # What a file says of its unit may be anything: it is not repeated.
            raise RecordError(
                f"field `unit` of signal {signal.name} is {'missing' if not signal.unit else 'no '}"
                f"{'' if not signal.unit else 'voltage'}",
                path=found.path,
                remedy="export the recording again with its amplitude in uV or mV",
            )
        if not np.isfinite(signal.step) or signal.step == 0 or not np.isfinite(signal.offset):
            raise RecordError(
                f"field `amplitude of a step` of signal {signal.name} is {signal.step:g}",
                path=found.path,
                remedy="export the recording again",
            )
    lengths = {len(signal.counts) for signal in found.signals}
    if len(lengths) != 1 or lengths == {0}:
        raise RecordError(
            "its signals have different lengths" if len(lengths) > 1 else "it has no samples",
            path=found.path,
            remedy="export the recording again",
        )
    return _level_throughout(_without_edges(found))


def _without_edges(found: FoundRecording) -> FoundRecording:
    """Cut missing samples, padding and calibration pulses off both ends.

    Philips files, for one, end with some zeros and a pulse of 1 mV in all leads at once.
    """
    if len(found.signals) < _LEAST_LEADS:
        return found
    values = np.stack([signal.millivolts() for signal in found.signals])
    alike = _alike(values)
    if alike.all():
        return found
    notes = []
    first, last = int(np.argmin(alike)), len(alike) - int(np.argmin(alike[::-1]))
    least = EDGE_SECONDS * found.sampling_frequency
    absent = np.isnan(values).all(axis=0)
    # Samples that are missing are no EKG however few they are.
    if first < least:
        first = int(np.argmin(absent))
    if len(alike) - last < least:
        last = len(alike) - int(np.argmin(absent[::-1]))
    for place, part in (("first", slice(0, first)), ("last", slice(last, len(alike)))):
        length = part.stop - part.start
        if length:
            notes.append(
                f"the {place} {length / found.sampling_frequency:.2f} s are "
                f"{_what(values[:, part])} in all leads and left out"
            )
    if not notes:
        return found
    signals = tuple(replace(signal, counts=signal.counts[first:last]) for signal in found.signals)
    return replace(found, signals=signals).with_notes(*notes)


def _alike(values: np.ndarray) -> np.ndarray:
    """Return where all leads have one value, or none has any."""
    missing = np.isnan(values)
    return missing.all(axis=0) | (~missing.any(axis=0) & (np.ptp(values, axis=0) < 1e-9))


def _what(part: np.ndarray) -> str:
    levels = np.abs(part[np.isfinite(part)])
    if not len(levels):
        return "missing samples"
    low, high = _PULSE
    return "a calibration pulse" if low <= levels.max() - levels.min() <= high else "padding"


def _level_throughout(found: FoundRecording) -> FoundRecording:
    """Note where all leads stop at once in the middle of a recording."""
    if len(found.signals) < _LEAST_LEADS:
        return found
    steady = np.ones(len(found.signals[0].counts) - 1, bool)
    for signal in found.signals:
        steady &= np.diff(signal.counts) == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], steady, [False]]).astype(np.int8)))
    seconds = (edges[1::2] - edges[::2]) / found.sampling_frequency
    if not len(seconds) or not seconds.max() >= EDGE_SECONDS or steady.all():
        return found
    longest = int(seconds.argmax())
    begin = edges[::2][longest] / found.sampling_frequency
    return found.with_notes(
        f"no lead changes for  {seconds[longest]:.2f} s from {begin:.2f} s on: samples are missing"
    )


def saturated(found: FoundRecording, low: float, high: float) -> FoundRecording:
    """Note which signals reach the limits of their converter."""
    reached = [
        signal.name
        for signal in found.signals
        if bool(((signal.counts <= low) | (signal.counts >= high)).any())
    ]
    if not reached:
        return found
    plural = "s" if len(reached) > 1 else ""
    return found.with_notes(
        f"lead{plural} {', '.join(reached)} reach{'' if plural else 'es'} the limit of the "
        "converter (saturated)"
    )
