"""Which format a file has, by its first bytes; a suffix tells nothing."""

from __future__ import annotations

import contextlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

import numpy as np

SNIFFED = 8192
"""Bytes looked at."""


@dataclass(frozen=True)
class Format:
    """A format by the name that messages use."""

    key: str
    name: str
    refusal: str = ""
    """Why it cannot be read; empty where it is read."""
    remedy: str = ""
    needs: str = ""
    """Package that reads it, where it is one of the extra `formats`."""

    @property
    def is_array(self) -> bool:
        """Whether the file holds numbers alone: rate and unit must be given beside it."""
        return self.key in ("csv", "npy")


_XML = {
    "restingecg": Format("muse", "GE MUSE XML", needs="ecgdatakit"),
    "restingecgdata": Format("sierra", "Philips Sierra XML", needs="ecgdatakit"),
    "annotatedecg": Format("aecg", "HL7 aECG", needs="ecgdatakit"),
    "schilleredi": Format("schiller", "Schiller XML"),
    "cardiologyxml": Format(
        "cardiosoft",
        "GE CardioSoft XML",
        "its samples have no public description",
        "export the recording from CardioSoft as DICOM, SCP-ECG or PDF",
    ),
}
"""By the name of the root element, in small letters, without namespace and package."""

DICOM = Format("dicom", "DICOM", needs="pydicom")
SCP = Format("scp", "SCP-ECG", needs="ecgdatakit")
ISHNE = Format("ishne", "ISHNE Holter", needs="ecgdatakit")
MFER = Format("mfer", "MFER", needs="ecgdatakit")
EDF = Format("edf", "EDF")
BDF = Format("bdf", "BDF")
CSV = Format("csv", "CSV")
NPY = Format("npy", "NPY")
_REFUSED = (
    (
        re.compile(rb".{10}(19|20)\d\d-\d{1,2}-\d{1,2} \d\d:\d\d:\d\d\0", re.DOTALL),
        Format(
            "contec",
            "Contec ECG",
            "it states neither the amplitude of a step, nor its rate, nor the lead of a channel",
            "export the recording from the maker's software as SCP-ECG, DICOM or PDF",
        ),
    ),
    (
        re.compile(rb"ANN  1\.0"),
        Format(
            "ishne_annotations",
            "ISHNE annotations",
            "it contains beats without a signal",
            "give the recording that belongs to it",
        ),
    ),
)
# Definitions that an MFER file without preamble begins with: byte order, block, channels, ...
_MFER_FIRST = frozenset({0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x0A, 0x0B, 0x0C, 0x17, 0x40})
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN"
_NUMBERS = re.compile(rf"\s*(?:{_NUMBER})(?:\s*[,;\t ]\s*(?:{_NUMBER}))*[,;]?\s*")


def format_of(path: str | Path) -> Format | None:
    """Return the format of a file, None for WFDB, images and everything else."""
    path = Path(path)
    try:
        if not path.is_file() or _belongs_to_wfdb(path):
            return None
        with open(path, "rb") as stream:
            head = stream.read(SNIFFED)
    except OSError:
        return None
    return format_of_bytes(head)


def _belongs_to_wfdb(path: Path) -> bool:
    """Return whether a signal file is beside its header: it is read through that."""
    return path.suffix.lower() in {".mat", ".dat"} and path.with_suffix(".hea").is_file()


def format_of_bytes(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes."""
    if head[128:132] == b"DICM":
        return DICOM
    if head.startswith(b"ISHNE1.0"):
        return ISHNE
    if head.startswith(b"\xffBIOSEMI"):
        return BDF
    if head.startswith(b"0       ") and _is_edf(head):
        return EDF
    if head.startswith(b"\x93NUMPY"):
        return NPY
    if _is_scp(head):
        return SCP
    for pattern, refused in _REFUSED:
        if pattern.match(head):
            return refused
    root = root_of_xml(head)
    if root is not None:
        return _XML.get(re.split(r"[:.}]", root.lower())[-1])
    if _is_table(head):
        return CSV
    return MFER if _is_mfer(head) else None


def _is_edf(head: bytes) -> bool:
    return bool(re.fullmatch(rb"\s*-?\d+\s*", head[236:244])) and bool(
        re.fullmatch(rb"\s*\d+\s*", head[252:256])
    )


def _is_scp(head: bytes) -> bool:
    """Section 0 comes first, is a table of 10-byte pointers, and points at itself."""
    if len(head) < 32:
        return False
    identity, length = struct.unpack_from("<HI", head, 8)
    first, _, place = struct.unpack_from("<HII", head, 22)
    return (
        identity == 0
        and length >= 26
        and (length - 16) % 10 == 0
        and (head[16:22] == b"SCPECG" or (first == 0 and place == 7))
    )


def root_of_xml(head: bytes) -> str | None:
    """Return the name of the first element, None where the text is no XML."""
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
    if not text.startswith(b"<"):
        return None
    names: list[str] = []
    for content in (head, b"<" + text.split(b"<", 1)[1].replace(b"\0", b"")):
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, _: names.append(name)
        # It may be cut off in the middle, or in another encoding than it says.
        with contextlib.suppress(expat.ExpatError, ValueError, LookupError):
            parser.Parse(content, False)
        if names:
            return names[0]
    found = re.search(rb"<([A-Za-z_][\w.:-]*)", text.replace(b"\0", b""))
    return found.group(1).decode("ascii", "replace") if found else None


def _is_table(head: bytes) -> bool:
    """Return whether two of the first lines are numbers and no byte is foreign to text."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character cut off at the end is none of them
            return False
        text = head[: error.start].decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(head) == SNIFFED:
        lines = lines[:-1]
    rows = lines[1:] if lines and not _NUMBERS.fullmatch(lines[0]) else lines
    columns = [len(re.findall(_NUMBER, row)) for row in rows[:5] if _NUMBERS.fullmatch(row)]
    return len(columns) == len(rows[:5]) >= 2 and min(columns) >= 2


def _is_mfer(head: bytes) -> bool:
    if head[:1] == b"\x40" and head[2:6] == b"MFR ":
        return True
    if not head or head[0] not in _MFER_FIRST or b"\0" not in head:
        return False
    # Without a preamble only a chain of sound definitions tells: the library checks it.
    try:
        from ecgdatakit.parsing.parsers.mfer import MFERParser
    except ImportError:
        return False
    return bool(MFERParser.can_parse(Path("unnamed"), head))


def is_number_table(array: np.ndarray) -> bool:
    """Return whether an array can hold a recording: two axes of numbers."""
    return array.ndim == 2 and array.dtype.kind in "iuf" and min(array.shape) > 0
