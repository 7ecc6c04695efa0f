"""EDF, EDF+ and BDF: one header of fixed fields, samples of two or three bytes.

The library for the other formats has no BDF, rounds the sampling frequency, and keeps every
annotation of an EDF+ in memory (22 MB of them take 1.5 GB).

Source: Kemp et al. 1992 and 2003 (edfplus.info); BioSemi's description of BDF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ekg.errors import RecordError
from ekg.records.formats.found import FoundRecording, FoundSignal, saturated

_FIXED, _PER_SIGNAL = 256, 256
_WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Bytes of a signal's fields: label, transducer, unit, ranges (4), filters, samples, reserved."""
_MOST_SIGNALS = 512
_ONSET = re.compile(rb"([+-]\d+(?:\.\d*)?)[\x14\x15]")
_UNITS = {"uv": "uV", "\u00b5v": "uV", "\u03bcv": "uV", "mv": "mV", "nv": "nV", "v": "V"}


@dataclass(frozen=True)
class _Channel:
    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    samples: int
    """In one data record."""
    start: int
    """First sample within a data record."""

    @property
    def is_annotation(self) -> bool:
        return self.label in ("EDF Annotations", "BDF Annotations")


def read_edf(path: Path, largest: int) -> FoundRecording:
    """Read an EDF, EDF+ or BDF file."""
    size = path.stat().st_size
    if size > largest:
        raise RecordError(
            f"has {size:,} bytes, more than {largest:,}: too long to be read at once",
            path=path,
            remedy="cut the recording into parts",
        )
    content = path.read_bytes()
    is_bdf = content.startswith(b"\xff")
    width = 3 if is_bdf else 2
    channels = _channels(path, content)
    records, seconds = _records(path, content, channels, width)
    per_record = sum(channel.samples for channel in channels)
    begin = _FIXED + _PER_SIGNAL * len(channels)
    raw = np.frombuffer(content, np.uint8, records * per_record * width, begin)
    blocks = raw.reshape(records, per_record, width)
    _check_no_gaps(path, content, channels, blocks, seconds)
    used = [channel for channel in channels if not channel.is_annotation]
    # Respiration, temperature and the like have rates of their own; an EKG's leads share one.
    per_lead = max((channel.samples for channel in used), default=0)
    signals = []
    for channel in used:
        if channel.samples == per_lead:
            signals.append(_signal(path, channel, blocks))
    if not signals:
        raise RecordError(
            "contains annotations only", path=path, remedy="give the recording itself"
        )
    patient = content[8:88].decode("latin-1").strip()
    identity = content[88:168].decode("latin-1").strip()
    is_plus = content[192:195] in (b"EDF", b"BDF")
    words = patient.split()
    found = FoundRecording(
        path,
        ("BDF" if is_bdf else "EDF") + ("+" if is_plus else ""),
        tuple(signals),
        per_lead / seconds,
        sex={"M": "Male", "F": "Female"}.get(words[1], "") if is_plus and len(words) > 1 else "",
        personal={"patient": patient, "recording": identity},
    )
    limits = [channel.digital for channel in used]
    return saturated(found, min(low for low, _ in limits), max(high for _, high in limits))


def _number(path: Path, text: str, field: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise RecordError(
            f"field `{field}` is not a number", path=path, remedy="export the recording again"
        )
    return value


def _channels(path: Path, content: bytes) -> list[_Channel]:
    count = int(_number(path, content[252:256].decode("latin-1"), "number of signals"))
    if not 1 <= count <= _MOST_SIGNALS or len(content) < _FIXED + _PER_SIGNAL * count:
        raise RecordError(
            f"field `number of signals` is {count}, or the header is truncated",
            path=path,
            remedy="fetch the file again",
        )
    place, columns = _FIXED, []
    for width in _WIDTHS:
        part = content[place : place + width * count].decode("latin-1")
        columns.append([part[n * width : (n + 1) * width].strip(" \0") for n in range(count)])
        place += width * count
    channels: list[_Channel] = []
    start = 0
    for label, _, unit, low, high, least, most, _, samples, _ in zip(*columns, strict=True):
        number = len(channels) + 1
        in_record = int(_number(path, samples, f"samples of signal {number}"))
        if not 1 <= in_record <= len(content):
            raise RecordError(
                f"field `samples` of signal {number} is {in_record}",
                path=path,
                remedy="export the recording again",
            )
        channel = _Channel(
            label,
            _UNITS.get(unit.lower(), ""),
            (_number(path, low, "physical minimum"), _number(path, high, "physical maximum")),
            (
                int(_number(path, least, "digital minimum")),
                int(_number(path, most, "digital maximum")),
            ),
            in_record,
            start,
        )
        channels.append(channel)
        start += in_record
    return channels


def _records(path: Path, content: bytes, channels: list[_Channel], width: int) -> tuple[int, float]:
    """Return the number of data records and the seconds of one."""
    records = int(_number(path, content[236:244].decode("latin-1"), "number of data records"))
    seconds = _number(path, content[244:252].decode("latin-1"), "duration of a data record")
    size = sum(channel.samples for channel in channels) * width
    held = (len(content) - _FIXED - _PER_SIGNAL * len(channels)) // size
    # -1: the recorder had not finished when the file was copied; what is there is whole.
    if records == -1:
        records = held
    if records < 1 or held < records:
        raise RecordError(
            f"has {held} of the {records} data records that its header declares",
            path=path,
            remedy="fetch the file again",
        )
    if seconds <= 0:
        raise RecordError(
            f"field `duration of a data record` is {seconds:g}",
            path=path,
            remedy="export the recording again",
        )
    return records, seconds


def _check_no_gaps(
    path: Path, content: bytes, channels: list[_Channel], blocks: np.ndarray, seconds: float
) -> None:
    """Refuse an EDF+ whose data records do not follow each other in time."""
    if content[192:197] not in (b"EDF+D", b"BDF+D"):
        return
    annotations = [channel for channel in channels if channel.is_annotation]
    if not annotations:
        return
    first = annotations[0]
    onsets = []
    for block in blocks[:, first.start : first.start + first.samples]:
        onset = _ONSET.match(block.tobytes())
        if onset is None:
            break
        onsets.append(float(onset.group(1)))
    expected = onsets[0] + seconds * np.arange(len(blocks)) if onsets else np.zeros(0)
    if len(onsets) != len(blocks) or not np.allclose(onsets, expected, atol=1e-4):
        raise RecordError(
            "is discontinuous (EDF+D): there are gaps between its data records",
            path=path,
            remedy="export a continuous part of the recording",
        )


def _signal(path: Path, channel: _Channel, blocks: np.ndarray) -> FoundSignal:
    (low, high), (least, most) = channel.physical, channel.digital
    if most == least or high == low:
        raise RecordError(
            "a signal's physical or digital range is empty: its amplitude is not stated",
            path=path,
            remedy="export the recording again",
        )
    part = blocks[:, channel.start : channel.start + channel.samples]
    if part.shape[2] == 2:
        counts = np.ascontiguousarray(part).view("<i2").astype(np.float64).ravel()
    else:
        # Three bytes, the sign in the last: shifted up to four and back down.
        four = np.zeros((*part.shape[:2], 4), np.uint8)
        four[:, :, 1:] = part
        counts = (four.view("<i4") >> 8).astype(np.float64).ravel()
    step = (high - low) / (most - least)
    return FoundSignal(channel.label, counts, step, channel.unit, low - step * least)
