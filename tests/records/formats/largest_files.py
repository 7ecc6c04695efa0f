"""Read the largest file that each reader opens, one a process, and print its peak memory.

Usage: python largest_files.py NAME FOLDER
"""

import re
import resource
import struct
import sys
from pathlib import Path

import numpy as np

from campaigns.fuzzing import format_files
from ekg.errors import EkgError
from ekg.records.formats.dicom import LARGEST_DICOM
from ekg.records.formats.xml_guard import LARGEST_XML
from ekg.records.opening import read_record


def content_of(name: str) -> bytes:
    """Return a file just below the limit, of the kind that takes the most memory."""
    long = np.tile(format_files.counts(1000), (1, 990))
    if name == "ishne":
        return format_files.ishne(long)
    if name == "mfer":
        return format_files.mfer(long)
    if name == "edf":
        return format_files.edf(long)
    if name == "bdf":
        return format_files.edf(long[:, : long.shape[1] * 5 // 8], bdf=True)
    if name == "dicom":
        return format_files.dicom(long[:, : LARGEST_DICOM // 24 - 1000])
    if name == "dicom_elements":
        whole = format_files.dicom(format_files.counts(300))
        head = whole[: 144 + struct.unpack_from("<I", whole, 140)[0]]  # the file's meta group
        empty = b"".join(
            struct.pack("<HH2sH", 0x0009 + 2 * (n >> 16), n & 0xFFFF, b"LO", 0)
            for n in range((LARGEST_DICOM - 400) // 8)
        )
        return head + empty
    if name == "elements":
        return b"<RestingECG>" + b"<a b='c'>d</a>" * 190_000 + b"</RestingECG>"
    if name == "attributes":
        return b"<restingecgdata>" + b"<a b='c' d=''/>" * 190_000 + b"</restingecgdata>"
    digits = b"1 " * ((LARGEST_XML - 200_000) // 24)
    if name == "aecg":
        sound = format_files.aecg(format_files.counts(2))
        return re.sub(
            b"<digits>[^<]*</digits>", b"<digits>" + digits + b"</digits>", sound, count=12
        )
    if name == "sierra_plain":
        text = format_files.sierra(format_files.counts(2), version="1.03")
        begin, end = text.index(b">", text.index(b"<parsedwaveforms")), text.index(b"</parsed")
        text = text[: begin + 1] + digits * 12 + text[end:]
        return text.replace(b"Base64", b"Plain").replace(
            b'durationperchannel="4"', b'durationperchannel="900000"'
        )
    raise SystemExit(f"file not found: {name}")


def main() -> None:
    """Write and read one file."""
    name, folder = sys.argv[1:]
    path = Path(folder) / "record"
    if not path.exists():
        path.write_bytes(content_of(name))
        return
    try:
        print(read_record(path).signal.shape)
    except EkgError as error:
        print(error)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
