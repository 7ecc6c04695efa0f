"""Write a reading: a WFDB record, its report and its overlay."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from ekg.files import atomic_path, write_json
from ekg.records.record import FROM_PAGE, LEADS, Record
from ekg.strips.reading import Reading

_UNITS_PER_MILLIVOLT = 1000.0
_INVALID = -32768


def write_reading(reading: Reading, folder: Path) -> None:
    """Write `<name>.dat`, `.hea`, `.overlay.png` and `.report.json`, the report last."""
    name = reading.record.name
    write_record(reading.record, folder)
    with atomic_path(folder / f"{name}.overlay.png") as temporary:
        reading.overlay.save(temporary, format="PNG", compress_level=3)
    write_json(folder / f"{name}.report.json", reading.report)


def write_record(record: Record, folder: Path) -> None:
    """Write a recording as WFDB format 16; what is NaN becomes WFDB's invalid sample."""
    known = np.isfinite(record.signal)
    units = np.rint(np.nan_to_num(record.signal) * _UNITS_PER_MILLIVOLT)
    samples = np.where(known, np.clip(units, -32767, 32767), _INVALID).astype(np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as place:
        wfdb.wrsamp(
            record.name,
            fs=record.sampling_frequency,
            units=["mV"] * len(LEADS),
            sig_name=list(LEADS),
            d_signal=np.ascontiguousarray(samples.T),
            fmt=["16"] * len(LEADS),
            adc_gain=[_UNITS_PER_MILLIVOLT] * len(LEADS),
            baseline=[0] * len(LEADS),
            comments=[FROM_PAGE],
            write_dir=place,
        )
        for ending in (".dat", ".hea"):
            os.replace(Path(place) / (record.name + ending), folder / (record.name + ending))


def fingerprint(path: Path, options: Any) -> str:
    """Return what a reading depends on: the file's bytes and the options."""
    digest = hashlib.sha256(path.read_bytes())
    digest.update(repr(options).encode())
    return digest.hexdigest()
