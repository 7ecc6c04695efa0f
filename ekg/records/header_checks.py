"""What a header may promise: checked before a signal file is opened."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ekg.errors import RecordError
from ekg.records.plain_wfdb import PlainRecord

if TYPE_CHECKING:
    import wfdb

MAX_SAMPLES = 1_000_000
"""Read at once, over half an hour at 500 Hz: the limit keeps reading and looking at a recording
below 1 GiB of memory. Of a longer one a part is read."""
LARGEST_MILLIVOLTS = 1e6
"""A kilovolt: no body and no amplifier gives it, and sums of much larger numbers overflow."""
MAX_SIGNALS = 1024
FREQUENCY_LIMITS = (1, 100_000)
"""Hz."""


def check_header(path: Path, fields: PlainRecord | wfdb.Record) -> None:
    """Refuse what would send the reader astray before any signal file is opened."""

    def refuse(problem: str) -> RecordError:
        return RecordError(problem, path=path, remedy="correct the header")

    if not fields.n_sig or not fields.sig_name:
        raise refuse("the header names no signals")
    if fields.n_sig > MAX_SIGNALS or len(fields.sig_name) != fields.n_sig:
        raise refuse(
            f"field `number of signals` is {fields.n_sig}, {len(fields.sig_name)} are described"
        )
    lowest, highest = FREQUENCY_LIMITS
    if not fields.fs or not math.isfinite(fields.fs) or not lowest <= fields.fs <= highest:
        raise refuse(f"field `sampling frequency` is {fields.fs} Hz")
    if fields.sig_len is not None and fields.sig_len <= 0:
        raise refuse(f"field `number of samples` is {fields.sig_len}")


def check_length(path: Path, n_samples: int, rate: float, new_rate: float) -> None:
    """Refuse more samples than are read at once, before or after resampling."""
    if n_samples * max(1.0, new_rate / rate) > MAX_SAMPLES:
        most = max(rate, new_rate)
        raise RecordError(
            f"field `number of samples` is {n_samples:,} ({_duration(n_samples / rate)} at "
            f"{rate:g} Hz), more than {MAX_SAMPLES:,} at {most:g} Hz "
            f"({_duration(MAX_SAMPLES / most)}): at most {MAX_SAMPLES:,} samples are read at once",
            path=path,
            remedy="read a part of it (`python -m ekg predict --from SECONDS --to SECONDS`), or "
            "cut the recording",
        )


def _duration(seconds: float) -> str:
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
