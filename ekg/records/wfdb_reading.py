"""What wfdb does for a record: parse its header, read its samples; and whether their sums fit."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ekg.errors import RecordError
from ekg.records.header_text import HeaderText
from ekg.records.plain_wfdb import PlainRecord, read_plain_signals
from ekg.records.signal_files import SignalFile, unverified

if TYPE_CHECKING:
    import wfdb

_SAMPLES_SUMMED = 500_000


@contextlib.contextmanager
def readable_by_wfdb(text: HeaderText, files: Sequence[SignalFile] = ()) -> Iterator[str]:
    """Give a folder with a header that wfdb can read, `record`, and links to the signal files."""
    with tempfile.TemporaryDirectory(prefix="ekg-record-") as folder:
        (Path(folder) / "record.hea").write_text(text.for_wfdb(), encoding="ascii")
        for number, file in enumerate(files):
            (Path(folder) / f"f{number}.dat").symlink_to(file.path.absolute())
        yield folder


def call_wfdb(function: Callable[..., Any], path: Path, *arguments: Any, **options: Any) -> Any:
    """Call wfdb; whatever it raises over a damaged file becomes one clear error."""
    try:
        return function(*arguments, **options)
    except Exception as error:  # wfdb raises many kinds (ValueError, IndexError, TypeError, ...)
        raise RecordError(
            f"cannot be read as a WFDB record ({type(error).__name__}: {error})",
            path=path,
            remedy="correct the header or the signal file",
        ) from error


def wfdb_header(path: Path, text: HeaderText) -> wfdb.Record:
    """Let wfdb parse a header."""
    import wfdb

    with readable_by_wfdb(text) as folder:
        return call_wfdb(wfdb.rdheader, path, f"{folder}/record")


@dataclass(frozen=True)
class Reading:
    """The leads of one record, read as integers: by ourselves where it is plain, else by wfdb."""

    path: Path
    folder: str | None
    fields: PlainRecord | wfdb.Record
    files: list[SignalFile]
    channels: list[int]

    def samples(self, first: int, last: int | None) -> PlainRecord | wfdb.Record:
        """Read the samples from `first` to before `last`; None stands for the end."""
        if isinstance(self.fields, PlainRecord):
            files = {f"f{number}.dat": file.path for number, file in enumerate(self.files)}
            return read_plain_signals(files, self.fields, self.channels, first, last)
        import wfdb

        return call_wfdb(
            wfdb.rdrecord,
            self.path,
            f"{self.folder}/record",
            sampfrom=first,
            sampto=last,
            channels=self.channels,
            physical=False,
            m2s=False,
        )


def check_sums(
    reading: Reading,
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
        samples = np.asarray(read.d_signal)
        found = samples.sum(axis=0, dtype=np.int64)
        if len(samples) < whole:
            found = np.zeros_like(found)
            for start in range(0, whole, _SAMPLES_SUMMED):
                part = reading.samples(start, min(start + _SAMPLES_SUMMED, whole))
                found += np.asarray(part.d_signal).sum(axis=0, dtype=np.int64)
    for row, (lead, place) in enumerate(zip(leads, reading.channels, strict=True)):
        file = moved.get(fields.file_name[place])
        comparable = given and read.samps_per_frame[row] in (None, 1)
        if file is not None and not comparable:
            raise unverified(reading.path, file, "the header has no checksums to verify it")
        if not comparable or int(found[row]) % 65536 == sums[row]:
            continue
        problem = f"the samples of lead {lead} do not match the header's checksum"
        if file is not None:
            raise unverified(reading.path, file, problem)
        raise RecordError(
            problem, path=reading.path, remedy="find out which of the two files was changed"
        )
