"""Damaged and hostile files of other machines: one clear line, little memory."""

import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from campaigns.fuzzing import format_files
from ekg.errors import EkgError, RecordError
from ekg.records.formats import corrections
from ekg.records.opening import read_record

XML = ("aecg.xml", "muse.xml", "sierra103.xml", "schiller.xml")
BINARY = ("dicom.dcm", "plain.scp", "huffman.scp", "edf.edf", "bdf.bdf", "ishne.ecg", "mfer.mwf")
NAMES = (*XML, "sierra104.xml", *BINARY)
ROOTS = {
    "aecg.xml": "AnnotatedECG",
    "muse.xml": "RestingECG",
    "sierra103.xml": "restingecgdata",
    "schiller.xml": "com.xiriuz.sema.xml.schillerEDI.SchillerEDI",
}


def read(path):
    """Read what may be damaged; return the signal, or None for one of our refusals."""
    try:
        return read_record(path).signal
    except EkgError as error:
        assert "\n" not in str(error)
        for word in format_files.PERSON:
            assert word not in str(error)
        return None


@pytest.mark.parametrize("name", NAMES)
def test_truncated_files_are_refused(every_file, write, name):
    content = every_file[name]
    whole = read(write(content, name))
    for tenth in range(1, 10):
        signal = read(write(content[: len(content) * tenth // 10], name))
        if signal is None or (signal.shape == whole.shape and np.array_equal(signal, whole)):
            continue  # what follows the rhythm (averaged beats) may be missing
        # A file without a count of its samples may end anywhere; then it says so.
        assert name == "ishne.ecg"
        notes = read_record(write(content[: len(content) * tenth // 10], name)).warnings
        assert any("it may be truncated" in note for note in notes)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_give_a_result_or_our_error(every_file, write, name):
    chance = random.Random(name)
    for _ in range(60):
        content = bytearray(every_file[name])
        for _ in range(chance.choice((1, 1, 4, 30))):
            end = len(content) if chance.random() < 0.4 else min(len(content), 1600)
            content[chance.randrange(end)] ^= 1 << chance.randrange(8)
        place = chance.randrange(min(len(content), 3000))
        width = chance.choice((0, 1, 2, 4, 8))
        content[place : place + width] = chance.choice((b"\0", b"\xff", b"\x7f", b"9")) * width
        signal = read(write(bytes(content), name))
        assert signal is None or (signal.shape[0] == 12 and np.isfinite(signal).all())


@pytest.mark.parametrize("name", ["plain.scp", "huffman.scp", "muse.xml"])
def test_changed_samples_do_not_fit_their_checksum(every_file, write, name):
    content = bytearray(every_file[name])
    place = content.rindex(b"<WaveFormData>") + 500 if name == "muse.xml" else len(content) - 400
    content[place : place + 2] = b"AB" if content[place : place + 2] != b"AB" else b"CD"
    with pytest.raises(RecordError, match=r"checksum|CRC32 mismatch"):
        read_record(write(bytes(content)))


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE ROOT [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]>",
        "<!DOCTYPE ROOT [<!ENTITY file SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE ROOT [<!ENTITY % more SYSTEM 'http://127.0.0.1:9/x.dtd'> %more;]>",
        "<!DOCTYPE ROOT [<!ATTLIST ROOT x CDATA 'much'>]>",
    ],
)
def test_xml_that_declares_something_is_refused(every_file, write, name, declaration):
    text = every_file[name].decode("latin-1")
    begin = text.index("<" + ROOTS[name])
    content = f'<?xml version="1.0"?>{declaration.replace("ROOT", ROOTS[name])}{text[begin:]}'
    with pytest.raises(RecordError, match="declares its own entities or attributes"):
        read_record(write(content.encode("latin-1")))


@pytest.mark.parametrize("name", XML)
def test_xml_of_too_many_or_too_deep_elements_is_refused(write, name):
    root = ROOTS[name]
    for inner in ("<a/>" * 210_000, "<a>" * 150 + "</a>" * 150, "<a>" * 100_000):
        with pytest.raises(RecordError, match="more elements than a recording has"):
            read_record(write(f"<{root}>{inner}</{root}>".encode()))


def test_too_large_files_are_refused_before_they_are_read(every_file, write):
    for name in NAMES:
        path = write(every_file[name], name)
        with open(path, "r+b") as stream:
            stream.truncate(corrections.LARGEST_FILE + 1)  # sparse: takes no space
        with pytest.raises(RecordError, match="bytes, more than"):
            read_record(path)


def test_a_deflated_dicom_is_refused(every_file, write):
    content = every_file["dicom.dcm"].replace(
        b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99", 1
    )
    # The element's length goes with it.
    place = content.index(b"1.2.840.10008.1.2.1.99")
    content = content[: place - 2] + struct.pack("<H", 22) + content[place:]
    with pytest.raises(RecordError, match="deflated"):
        read_record(write(content))


def test_compressed_samples_that_would_grow_a_thousandfold_are_refused(write):
    values = np.zeros((12, 1300), dtype=np.int64)
    bomb = format_files.lzw(bytes(4_000_000))
    assert len(bomb) < 20_000
    sound = format_files._xli
    format_files._xli = lambda _: struct.pack("<iHh", len(bomb), 0, 0) + bomb
    try:
        path = write(format_files.sierra(values, xli=True))
    finally:
        format_files._xli = sound
    with pytest.raises(RecordError, match="compressed samples are more than"):
        read_record(path)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("plain.scp", 3, 0xFFFFFFFF), ("huffman.scp", 3, 0xFFFFFFFF), ("huffman.scp", 3, 0x7FFFFFF0)],
)
def test_huge_counts_in_scp_are_refused(every_file, write, name, place, value):
    content = every_file[name]
    sections = {
        number: content[begin + 16 : end]
        for number, (begin, end) in corrections._sections(content).items()
        if number
    }
    leads = bytearray(sections[place])
    struct.pack_into("<I", leads, 6, value)
    with pytest.raises(RecordError, match="section 3 declares a lead of"):
        read_record(write(format_files.scp_of_sections({**sections, place: bytes(leads)})))


def test_huge_counts_in_other_formats_are_refused(every_file, write):
    mfer = bytearray(every_file["mfer.mwf"])
    place = mfer.index(bytes([0x05, 1, 12]))
    mfer[place : place + 3] = bytes([0x05, 3, 255, 255, 255])
    edf = bytearray(every_file["edf.edf"])
    edf[236:244] = b"99999999"
    wide = bytearray(every_file["edf.edf"])
    wide[252:256] = b"9999"
    for content, words in (
        (mfer, "number of channels"),
        (edf, "data records that its header declares"),
        (wide, "field `number of signals`"),
    ):
        with pytest.raises(RecordError, match=words):
            read_record(write(bytes(content)))
    sierra = every_file["sierra103.xml"].replace(
        b'durationperchannel="2600"', b'durationperchannel="9999999999999"'
    )
    with pytest.raises(RecordError, match="corrupt or incomplete"):
        read_record(write(sierra))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "ishne",
        "mfer",
        "edf",
        "bdf",
        "dicom",
        "dicom_elements",
        "elements",
        "attributes",
        "aecg",
        "sierra_plain",
    ],
)
def test_the_largest_file_takes_less_than_a_gibibyte(root, tmp_path, name):
    script = Path(__file__).with_name("largest_files.py")
    paths = str(root)
    command = [sys.executable, script, name, tmp_path]
    for _ in range(2):  # the first writes it
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=True,
        )
    assert int(done.stdout.split()[-1]) < 1024
