"""What a header may promise: checked before a signal file is opened."""

from __future__ import annotations

import math
from pathlib import Path

import wfdb

from ekg.errors import RecordError
from ekg.files import is_plain_relative

MAX_SAMPLES = 1_000_000
"""Over half an hour at 500 Hz: more is a damaged header, or no recording to be read at once (the
limit keeps reading and looking at it below 1 GiB of memory)."""
LARGEST_MILLIVOLTS = 1e6
"""A kilovolt: no body and no amplifier gives it, and sums of much larger numbers overflow."""
_MAX_SIGNALS = 1024
_BYTES_PER_SAMPLE = {
    "8": 1.0,
    "16": 2.0,
    "24": 3.0,
    "32": 4.0,
    "61": 2.0,
    "80": 1.0,
    "160": 2.0,
    "212": 1.5,
}


def check_header(path: Path, fields: wfdb.Record) -> None:
    """Refuse what would send the reader astray before any signal file is opened."""

    def refuse(problem: str, remedy: str = "fetch the header again") -> RecordError:
        return RecordError(problem, path=path, remedy=remedy)

    if not fields.n_sig or not fields.sig_name:
        raise refuse("the header names no signals")
    if fields.n_sig > _MAX_SIGNALS or len(fields.sig_name) != fields.n_sig:
        raise refuse(
            f"field `number of signals` is {fields.n_sig}, {len(fields.sig_name)} are described"
        )
    if not fields.fs or not math.isfinite(fields.fs) or not 1 <= fields.fs <= 100_000:
        raise refuse(f"field `sampling frequency` is {fields.fs} Hz")
    if fields.sig_len is not None and not 0 < fields.sig_len <= MAX_SAMPLES:
        raise refuse(f"field `number of samples` is {fields.sig_len}")
    for file_name in fields.file_name or []:
        # A header comes from outside: it must not lead the reader out of its own folder.
        if not is_plain_relative(file_name) or "/" in file_name or file_name in {"~", "-"}:
            raise refuse(
                f"signal file name {file_name!r} is not a plain name in the header's folder"
            )


def check_signal_files(path: Path, fields: wfdb.Record) -> int:
    """Refuse missing and truncated signal files, which wfdb may fill up in silence.

    Returns
    -------
    int
        Samples per signal: what the header says, else what the longest file can hold.
    """
    longest = fields.sig_len or 0
    for file_name in dict.fromkeys(fields.file_name):
        file = path.parent / file_name
        if not file.is_file():
            raise RecordError(
                f"signal file {file_name} is missing",
                path=path,
                remedy="fetch it again or remove the header",
            )
        members = [i for i, name in enumerate(fields.file_name) if name == file_name]
        bytes_per_sample = _BYTES_PER_SAMPLE.get(str(fields.fmt[members[0]]))
        if bytes_per_sample is None and fields.sig_len is None:
            raise RecordError(
                f"field `number of samples` is missing, format {fields.fmt[members[0]]} needs it",
                path=path,
                remedy="write it into the header",
            )
        if bytes_per_sample is None:
            continue
        frame = sum(int((fields.samps_per_frame or [1] * fields.n_sig)[i] or 1) for i in members)
        offset = int((fields.byte_offset or [0] * fields.n_sig)[members[0]] or 0)
        if fields.sig_len is None:
            held = file.stat().st_size / (frame * bytes_per_sample)
            longest = max(longest, math.ceil(held))
            continue
        needed = offset + int(fields.sig_len * frame * bytes_per_sample)
        if file.stat().st_size < needed:
            raise RecordError(
                f"signal file {file_name} has {file.stat().st_size} bytes, the header promises "
                f"{needed}: it is truncated",
                path=path,
                remedy="fetch it again",
            )
    return longest
