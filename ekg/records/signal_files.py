"""Where a header's signal files are, and whether they are what the header says."""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ekg.errors import RecordError
from ekg.files import is_plain_relative
from ekg.records.header_text import HeaderText
from ekg.records.plain_wfdb import PlainRecord

if TYPE_CHECKING:
    import wfdb

SUFFIXES = (".dat", ".mat")
_SHOWN = 5
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
MAGIC = (
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB 5 file"),
    (0, b"MATLAB 7.3 MAT-file", "a MATLAB 7.3 (HDF5) file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy file"),
    (0, b"PK\x03\x04", "a zip archive (or .npz, .xlsx)"),
    (0, b"\x1f\x8b\x08", "compressed by gzip"),
    (0, b"<?xml", "an XML file"),
    (0, b"0       ", "an EDF file"),
    (0, b"\xffBIOSEMI", "a BDF file"),
    (512, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (128, b"DICM", "a DICOM file"),
)
"""Where files of other kinds say what they are, in which bytes."""
AS_MATLAB_4 = (
    "WFDB reads the samples of MATLAB 4 files: save them as int16 with the name val "
    "(MATLAB: save -v4; Python: scipy.io.savemat(..., {'val': x}, format='4')), one row a signal"
)
MATLAB_4_TYPES = {0: "float64", 1: "float32", 2: "int32", 3: "int16", 4: "uint16", 5: "uint8"}
TYPE_OF_FORMAT = {"16": "int16", "80": "uint8", "32": "int32"}


@dataclass(frozen=True)
class SignalFile:
    """One signal file."""

    path: Path
    wanted: str
    """Its name in the header."""

    @property
    def is_moved(self) -> bool:
        """Return whether it is under another name than the header's: only its sums can vouch."""
        return self.path.name != self.wanted

    @property
    def warning(self) -> str:
        """Say what was read instead."""
        return (
            f"the header names the signal file {self.wanted!r}; {self.path.name} was read, whose "
            "samples match the header's checksums"
        )


def find_signal_files(header: Path, text: HeaderText) -> list[SignalFile]:
    """Return the signal files in the order of `HeaderText.files`.

    A file that is not there under its very name is looked for beside the header: in other
    letter case or Unicode form, without the folder, with or without `.dat` or `.mat`, or named
    like the header. Exactly one such file is taken; whoever reads it compares the checksums.
    """
    found = []
    for wanted in text.files:
        exact = header.parent / wanted if _is_plain(wanted) else None
        if exact is None or not _is_file(exact):
            candidates = _candidates(header, wanted)
            if len(candidates) != 1:
                raise _missing(header, wanted, candidates)
            exact = candidates[0]
        found.append(SignalFile(exact, wanted))
    if len({file.path for file in found}) < len(found):
        raise _missing(header, next(file.wanted for file in found if file.is_moved), [])
    return found


def _is_plain(wanted: str) -> bool:
    # A header comes from outside: it must not lead the reader out of its own folder.
    return is_plain_relative(wanted) and "/" not in wanted and wanted not in {"~", "-"}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _key(name: str) -> str:
    """Return what two spellings of one file name have in common."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", unquote(name)).casefold())


def _looked_for(header: Path, wanted: str) -> list[str]:
    base = re.split(r"[/\\]", wanted)[-1].strip()
    stem, dot, suffix = base.rpartition(".")
    stem = stem if dot and f".{suffix}".lower() in SUFFIXES else base
    names = [base, *(stem + s for s in SUFFIXES), *(header.stem + s for s in SUFFIXES)]
    return list(dict.fromkeys(names))


def _candidates(header: Path, wanted: str) -> list[Path]:
    keys = {_key(name) for name in _looked_for(header, wanted)}
    return [path for path in header.parent.iterdir() if _key(path.name) in keys and _is_file(path)]


def _missing(header: Path, wanted: str, candidates: list[Path]) -> RecordError:
    looked_for = ", ".join(_looked_for(header, wanted))
    names = [path.name for path in candidates] or [
        path.name for path in header.parent.iterdir() if path.suffix.lower() in SUFFIXES
    ]
    names.sort()
    there = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return RecordError(
        f"{_not_there(wanted)} (looked for {looked_for}, ignoring case; beside the header: "
        f"{there or 'no signal file'})",
        path=header,
        remedy="correct the file name in the header's signal lines, or put the file "
        "beside the header",
    )


def _not_there(wanted: str) -> str:
    if _is_plain(wanted):
        return f"signal file {wanted} is missing"
    return f"signal file name {wanted!r} is not a plain name in the header's folder"


def unverified(header: Path, file: SignalFile, why: str) -> RecordError:
    """Return the error for a file of another name whose samples cannot be shown to belong."""
    return RecordError(
        f"{_not_there(file.wanted)}; {file.path.name} is here, but {why}",
        path=header,
        remedy=f"if it belongs to this header, put {file.path.name} into its signal lines",
    )


def check_signal_files(
    path: Path, fields: PlainRecord | wfdb.Record, files: list[SignalFile]
) -> int:
    """Refuse files of another kind and truncated ones, which wfdb may read silently."""
    longest = fields.sig_len or 0
    for number, file in enumerate(files):
        members = [i for i, name in enumerate(fields.file_name) if name == f"f{number}.dat"]
        form = str(fields.fmt[members[0]])
        frame = sum(int((fields.samps_per_frame or [1] * fields.n_sig)[i] or 1) for i in members)
        offset = int((fields.byte_offset or [0] * fields.n_sig)[members[0]] or 0)
        _check_kind(path, file.path, form, offset, frame)
        bytes_per_sample = _BYTES_PER_SAMPLE.get(form)
        if bytes_per_sample is None and fields.sig_len is None:
            raise RecordError(
                f"field `number of samples` is missing, format {form} needs it",
                path=path,
                remedy="write it into the header",
            )
        if bytes_per_sample is None:
            continue
        size = file.path.stat().st_size
        if fields.sig_len is None:
            longest = max(longest, math.ceil(size / (frame * bytes_per_sample)))
            continue
        needed = offset + int(fields.sig_len * frame * bytes_per_sample)
        if size < needed:
            raise RecordError(
                f"signal file {file.path.name} has {size} bytes, the header declares {needed}: "
                "it is truncated",
                path=path,
                remedy="copy or export it again, or correct the header's number of samples",
            )
    return longest


def kind_of(start: bytes) -> str | None:
    """Name the kind of a file that is neither WFDB nor an image by its first kilobyte."""
    return next((kind for at, magic, kind in MAGIC if start.startswith(magic, at)), None)


def _check_kind(header: Path, file: Path, form: str, offset: int, frame: int) -> None:
    """Refuse a file whose first bytes say that it is of another kind than the header says."""
    try:
        with open(file, "rb") as stream:
            start = stream.read(1024)
    except OSError as error:
        raise RecordError(f"{file.name} cannot be read ({error.strerror})", path=header) from None
    kind = kind_of(start)
    if kind is not None and form not in {"508", "516", "524"}:
        raise RecordError(f"signal file {file.name} is {kind}", path=header, remedy=AS_MATLAB_4)
    order, type_of_data, rows, begin = _matlab_4(start)
    if order is None:
        return
    problem = None
    if order != "<" or type_of_data != TYPE_OF_FORMAT.get(form):
        ends = "" if order == "<" else ", most significant byte first"
        problem = f"contains {type_of_data} numbers{ends}, the header says format {form}"
    elif rows != frame:
        problem = f"has {rows} rows, the header says {frame} signals"
    elif begin != offset:
        raise RecordError(
            f"signal file {file.name}: the samples begin at byte {begin}, the header says {offset}",
            path=header,
            remedy=f"write {form}+{begin} into its signal lines",
        )
    if problem:
        raise RecordError(f"signal file {file.name} {problem}", path=header, remedy=AS_MATLAB_4)


def _matlab_4(start: bytes) -> tuple[str | None, str, int, int]:
    """Return byte order, type, rows and place of the data, order None for another kind.

    A MATLAB 4 file begins with five 32-bit numbers: type (thousands: byte order; tens: type of
    the numbers; ones: full matrix), rows, columns, imaginary part, length of the name.
    """
    if len(start) < 20:
        return None, "", 0, 0
    for order in "<", ">":
        kind, rows, _, imaginary, length = struct.unpack(f"{order}5i", start[:20])
        name = start[20 : 20 + max(length, 0)]
        if (
            kind // 1000 == (order == ">")
            and kind % 1000 // 10 in MATLAB_4_TYPES
            and kind % 10 == 0
            and imaginary in (0, 1)
            and 1 < length <= 64
            and re.fullmatch(rb"[A-Za-z]\w*\0", name)
        ):
            return order, MATLAB_4_TYPES[kind % 1000 // 10], rows, 20 + length
    return None, "", 0, 0
