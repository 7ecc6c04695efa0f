"""What the library gets wrong or cannot read, by format: checked before and after it reads."""

from __future__ import annotations

import base64
import binascii
import contextlib
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ekg.errors import RecordError
from ekg.records.formats.found import FoundRecording
from ekg.records.formats.sniff import Format
from ekg.records.formats.xml_guard import safe_xml
from ekg.records.header_checks import MAX_SAMPLES

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord

LARGEST_FILE = 24 * 2**20
"""Bytes of a binary file: twelve leads of a million samples of two bytes, in memory some 300 MB."""
_SECTION_HEADER = 16
_SIGNAL_SECTIONS = (2, 3, 4, 5, 6)
_MOST_CHANNELS = 64
_MFER_CHANNELS, _MFER_ATTRIBUTE = 0x05, 0x3F
_ISHNE_FAULT = -32768.0
_XLI_BITS, _XLI_HEADER = 10, 8


def check_before(path: Path, form: Format) -> None:
    """Refuse what the library would need gigabytes for, or would read as if it were sound."""
    if form.key in ("aecg", "muse", "sierra"):
        root = safe_xml(path)
        if form.key == "sierra":
            for element in root.iter("parsedwaveforms"):
                _check_xli(path, element.text or "", element.attrib)
        return
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise RecordError(
            f"has {size:,} bytes, more than {LARGEST_FILE:,}: too long to be read at once",
            path=path,
            remedy="cut the recording into parts",
        )
    checks: dict[str, Callable[[Path, bytes], None]] = {"scp": _check_scp, "mfer": _check_mfer}
    if form.key in checks:
        checks[form.key](path, path.read_bytes())


def _sections(content: bytes) -> dict[int, tuple[int, int]]:
    """Return where the sections of an SCP-ECG file begin and end, header included."""
    (length,) = struct.unpack_from("<I", content, 10)
    found = {}
    for place in range(6 + _SECTION_HEADER, min(6 + length, len(content)) - 9, 10):
        identity, size, index = struct.unpack_from("<HII", content, place)
        if size >= _SECTION_HEADER and 0 < index <= index - 1 + size <= len(content):
            found[identity] = (index - 1, index - 1 + size)
    return found


def _check_scp(path: Path, content: bytes) -> None:
    """Compare the checksums of what the signal is made of; the library only warns of them.

    Other sections may well have changed: de-identified files often keep the old sum.
    """
    sections = _sections(content)
    for identity in _SIGNAL_SECTIONS:
        if identity not in sections:
            continue
        begin, end = sections[identity]
        (stored,) = struct.unpack_from("<H", content, begin)
        if stored and stored != binascii.crc_hqx(content[begin + 2 : end], 0xFFFF):
            raise RecordError(
                f"section {identity} does not match its checksum",
                path=path,
                remedy="fetch or export the recording again",
            )
    for _, first, last, _ in _scp_leads(content):
        if last - first > MAX_SAMPLES:
            raise RecordError(
                f"section 3 declares a lead of {last - first:,} samples, more than {MAX_SAMPLES:,}",
                path=path,
                remedy="cut the recording into parts",
            )


def _scp_leads(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield place in the file, first and last sample, and bytes of samples of each SCP lead."""
    sections = _sections(content)
    begin, end = sections.get(3, (0, 0))
    count = content[begin + _SECTION_HEADER] if end > begin + _SECTION_HEADER else 0
    data, data_end = sections.get(6, (0, 0))
    for number in range(count):
        place = begin + _SECTION_HEADER + 2 + 9 * number
        size_place = data + _SECTION_HEADER + 6 + 2 * number
        if place + 9 > end or size_place + 2 > data_end:
            return
        first, last = struct.unpack_from("<II", content, place)
        yield place, first, last, struct.unpack_from("<H", content, size_place)[0]


def _check_mfer(path: Path, content: bytes) -> None:
    """Refuse a number of channels for which the library would fill the memory with tables."""
    place = 0
    while place + 1 < len(content):
        tag = content[place]
        place += 1
        if tag == 0:
            continue
        if tag == _MFER_ATTRIBUTE:
            while place < len(content) and content[place] & 0x80:
                place += 1
            place += 1
        if place >= len(content):
            return
        length = content[place]
        place += 1
        if length > 0x80:
            size = length & 0x7F
            length = int.from_bytes(content[place : place + size], "big")
            place += size
        elif length == 0x80:
            continue
        value = content[place : place + length]
        if tag == _MFER_CHANNELS and 0 < len(value) <= 4:
            # The byte order may come later: the smaller reading must be small in either.
            count = min(int.from_bytes(value, "big"), int.from_bytes(value, "little"))
            if count > _MOST_CHANNELS:
                raise RecordError(
                    f"field `number of channels` is {count}, more than {_MOST_CHANNELS}",
                    path=path,
                    remedy="fetch the file again",
                )
        place += length


def _check_xli(path: Path, text: str, attributes: dict[str, str]) -> None:
    """Refuse compressed samples that would grow beyond any recording."""
    if "xli" not in " ".join(attributes.values()).lower():
        return
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return  # the library says so
    place, samples = 0, 0
    while place + _XLI_HEADER <= len(content):
        size = max(int.from_bytes(content[place : place + 4], "little", signed=True), 0)
        place += _XLI_HEADER
        samples = _lzw_length(content[place : place + size], 2 * MAX_SAMPLES) // 2
        if samples >= MAX_SAMPLES or place > 2 * MAX_SAMPLES:
            raise RecordError(
                f"its compressed samples are more than {MAX_SAMPLES:,} a lead",
                path=path,
                remedy="export the recording again",
            )
        place += size


def _lzw_length(data: bytes, enough: int) -> int:
    """Return how many bytes an LZW stream of 10-bit codes makes, or `enough` if it is more."""
    lengths = [1] * 256
    total = previous = 0
    for number in range(len(data) * 8 // _XLI_BITS):
        code = _code_at(data, number)
        length = lengths[code] if code < len(lengths) else previous + 1
        if previous and len(lengths) < (1 << _XLI_BITS) - 1:
            lengths.append(previous + 1)
        total, previous = total + length, length
        if total >= enough:
            return enough
    return total


def _code_at(data: bytes, number: int) -> int:
    place, offset = divmod(number * _XLI_BITS, 8)
    return int.from_bytes(data[place : place + 2], "big") >> (6 - offset) & 0x3FF


@contextlib.contextmanager
def readable_by_library(path: Path, form: Format) -> Iterator[Path]:
    """Give a file that the library can read: the file itself, or a corrected copy of it."""
    corrected = _scp_counted_from_one(path.read_bytes()) if form.key == "scp" else None
    if corrected is None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ekg-record-") as folder:
        copy = Path(folder) / "record"
        copy.write_bytes(corrected)
        yield copy


def _scp_counted_from_one(content: bytes) -> bytes | None:
    """Correct leads that count their samples from 0, as some writers do; None if there are none.

    The standard counts from 1, and the library refuses 0. Where samples are stored plainly their
    bytes tell whether the last number is the last sample or the one behind it.
    """
    leads = list(_scp_leads(content))
    if 2 in _sections(content) or not leads or any(first for _, first, _, _ in leads):
        return None
    corrected = bytearray(content)
    for place, _, last, size in leads:
        samples = size // 2
        if samples not in (last, last + 1):
            return None
        struct.pack_into("<II", corrected, place, 1, samples)
    return bytes(corrected)


def check_after(found: FoundRecording, form: Format, record: ECGRecord) -> FoundRecording:
    """Look at what the library returned for what it passes over silently."""
    if form.key == "scp":
        begins = {lead.annotations.get("start_sample", "1") for lead in record.leads}
        if len(begins) > 1:
            raise RecordError(
                "its leads do not begin at one time (section 3)",
                path=found.path,
                remedy="export the recording with simultaneous leads",
            )
    if form.key == "muse" and record.raw_metadata.get("checksum_valid") is False:
        raise RecordError(
            "the samples of a lead do not match their checksum (LeadDataCRC32)",
            path=found.path,
            remedy="fetch or export the recording again",
        )
    if form.key == "ishne":
        return _check_ishne(found, record)
    return found


def _check_ishne(found: FoundRecording, record: ECGRecord) -> FoundRecording:
    """Take the standard's mark of a lead fault for what it is, and count the samples."""
    signals = tuple(
        replace(signal, counts=np.where(signal.counts == _ISHNE_FAULT, np.nan, signal.counts))
        for signal in found.signals
    )
    found = replace(found, signals=signals)
    held, promised = len(signals[0].counts), record.raw_metadata["ecg_size"]
    # Writers count samples of a lead, or of all leads together.
    if promised in (held, held * len(signals)):
        return found
    return found.with_notes(
        f"the header declares {promised:,} samples per lead, the file has {held:,}: "
        "it may be truncated"
    )
