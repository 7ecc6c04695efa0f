"""Headers and signal files of the plainest WFDB kind, read without importing wfdb.

Nearly every published 12-lead record is of this kind: one segment, one sample per frame, formats
16 or 212 (also inside a MATLAB v4 file), every field of every signal written out. wfdb takes half
a second to import; everything else is left to it. Tests compare both readers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_RECORD_LINE = re.compile(
    r"(?P<name>[-\w]+)(?:\.(?:mat|dat|hea))?[ \t]+(?P<n_sig>\d+)[ \t]+(?P<fs>\d+(?:\.\d+)?)[ \t]+"
    r"(?P<sig_len>\d+)(?:[ \t].*)?",
    re.ASCII,
)
_SIGNAL_LINE = re.compile(
    r"(?P<file_name>[-\w]+\.\w+)[ \t]+(?P<fmt>16|212)(?:x1)?(?:\+(?P<byte_offset>\d+))?[ \t]+"
    r"(?P<adc_gain>\d+(?:\.\d+)?)(?:\((?P<baseline>-?\d+)\))?(?:/(?P<units>[\w^%?-]+))?[ \t]+"
    r"(?P<adc_res>\d+)[ \t]+(?P<adc_zero>-?\d+)[ \t]+(?P<init_value>-?\d+)[ \t]+"
    r"(?P<checksum>-?\d+)[ \t]+(?P<block_size>\d+)[ \t]+(?P<sig_name>\S[^\t]*)",
    re.ASCII,
)
_INVALID = {"16": -(2**15), "212": -(2**11)}
"""The value that stands for a missing sample, by format."""


@dataclass
class PlainRecord:
    """A header's fields under the names that `wfdb.Record` gives them."""

    n_sig: int
    fs: float
    sig_len: int
    comments: list[str]
    file_name: list[str] = field(default_factory=list)
    fmt: list[str] = field(default_factory=list)
    byte_offset: list[int | None] = field(default_factory=list)
    adc_gain: list[float] = field(default_factory=list)
    baseline: list[int] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    adc_res: list[int] = field(default_factory=list)
    adc_zero: list[int] = field(default_factory=list)
    init_value: list[int] = field(default_factory=list)
    checksum: list[int] = field(default_factory=list)
    block_size: list[int] = field(default_factory=list)
    sig_name: list[str] = field(default_factory=list)
    samps_per_frame: list[int] = field(default_factory=list)
    skew: list[int | None] = field(default_factory=list)
    d_signal: np.ndarray | None = None
    """int64, shape (samples, channels), of the channels that were read."""
    p_signal: np.ndarray | None = None
    """float64, physical units; NaN where a sample is missing."""

    def dac(self, inplace: bool = True) -> None:
        """Turn `d_signal` into `p_signal`, as wfdb does."""
        assert self.d_signal is not None
        signal = self.d_signal.astype(np.float64)
        missing = self.d_signal == [_INVALID[fmt] for fmt in self.fmt]
        if missing.any():
            signal[missing] = np.nan
        signal -= self.baseline
        signal /= self.adc_gain
        self.p_signal, self.d_signal = signal, None


def plain_header(text: str) -> PlainRecord | None:
    """Parse a header; None where it is not of the plainest kind."""
    lines = [line.strip() for line in text.splitlines()]
    comments = [line.strip(" \t#") for line in lines if line.startswith("#")]
    lines = [line for line in lines if line and not line.startswith("#")]
    first = _RECORD_LINE.fullmatch(lines[0]) if lines else None
    if first is None or int(first["n_sig"]) != len(lines) - 1 or float(first["fs"]) == 0:
        return None
    fs = float(first["fs"])
    record = PlainRecord(int(first["n_sig"]), fs, int(first["sig_len"]), comments)
    for line in lines[1:]:
        found = _SIGNAL_LINE.fullmatch(line)
        if found is None or float(found["adc_gain"]) == 0:
            return None
        _append(record, found.groupdict())
    return record if _same_format_in_each_file(record) else None


def _append(record: PlainRecord, found: dict[str, Any]) -> None:
    for name in ("adc_res", "adc_zero", "init_value", "checksum", "block_size"):
        getattr(record, name).append(int(found[name]))
    for name in ("file_name", "fmt", "sig_name"):
        getattr(record, name).append(found[name])
    record.units.append(found["units"] or "mV")
    offset, baseline = found["byte_offset"], found["baseline"]
    record.byte_offset.append(None if offset is None else int(offset))
    record.baseline.append(int(found["adc_zero"] if baseline is None else baseline))
    record.adc_gain.append(float(found["adc_gain"]))
    record.samps_per_frame.append(1)
    record.skew.append(None)


def _same_format_in_each_file(record: PlainRecord) -> bool:
    """Return whether each file is one block of columns, as both formats here need it."""
    kinds: dict[str, tuple[str, int | None]] = {}
    order: list[str] = []
    for name, fmt, offset in zip(record.file_name, record.fmt, record.byte_offset, strict=True):
        if kinds.setdefault(name, (fmt, offset)) != (fmt, offset):
            return False
        if not order or order[-1] != name:
            order.append(name)
    return len(order) == len(kinds)


def read_plain_signals(
    files: Mapping[str, Path],
    record: PlainRecord,
    channels: Sequence[int],
    first: int = 0,
    last: int | None = None,
) -> PlainRecord:
    """Read some channels of a record whose files were checked to be long enough.

    `first, last`: First sample, and the one after the last; None for the recording's end.
    """
    count = (record.sig_len if last is None else last) - first
    columns: dict[int, np.ndarray] = {}
    for name in dict.fromkeys(record.file_name[channel] for channel in channels):
        members = [i for i, other in enumerate(record.file_name) if other == name]
        reader = _read_16 if record.fmt[members[0]] == "16" else _read_212
        skipped, wanted = first * len(members), count * len(members)
        samples = reader(files[name], record.byte_offset[members[0]] or 0, skipped, wanted)
        samples = samples.reshape(count, len(members))
        columns |= {i: samples[:, members.index(i)] for i in members if i in channels}
    chosen = PlainRecord(len(channels), record.fs, count, record.comments)
    for name, values in vars(record).items():
        if isinstance(values, list) and name != "comments":
            setattr(chosen, name, [values[channel] for channel in channels])
    # Channel by channel in memory: numpy is several times faster along 5,000 samples than along 12.
    chosen.d_signal = np.array([columns[i] for i in channels], dtype=np.int64).T
    return chosen


def _read_16(path: Path, offset: int, skipped: int, count: int) -> np.ndarray:
    return np.fromfile(path, dtype="<i2", count=count, offset=offset + 2 * skipped)


def _read_212(path: Path, offset: int, skipped: int, count: int) -> np.ndarray:
    """Unpack pairs of 12-bit samples from three bytes each."""
    odd = skipped % 2
    triples = -(-(count + odd) // 2)
    begin = offset + 3 * (skipped // 2)
    packed = np.fromfile(path, dtype=np.uint8, count=3 * triples, offset=begin)
    packed = np.pad(packed, (0, 3 * triples - len(packed))).reshape(-1, 3).astype(np.int64)
    low = packed[:, 0] | (packed[:, 1] & 0x0F) << 8
    high = packed[:, 2] | (packed[:, 1] & 0xF0) << 4
    samples = np.stack([low, high], axis=1).ravel()[odd : odd + count]
    return np.where(samples > 2047, samples - 4096, samples)
