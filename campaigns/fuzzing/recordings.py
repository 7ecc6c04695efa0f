"""Recordings from outside: headers, signals of every WFDB format, statements, lists."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]

from campaigns.fuzzing.case import Target
from campaigns.fuzzing.format_files import every_file
from ekg.config import SliceConfig
from ekg.datasets.labels import (
    label_of,
    machine_statements_of,
    parse_statements,
    statements_of,
    units_of,
)
from ekg.hackathon.ptbdb import (
    class_of_reason,
    patient_of_comments,
    read_ptbdb,
    reason_for_admission,
)
from ekg.images.renderer import Renderer
from ekg.records.diagnoses import diagnoses_of_comments
from ekg.records.formats.reading import header_of, open_recording, record_of
from ekg.records.formats.sniff import format_of
from ekg.records.formats.wfdb_writer import write_wfdb
from ekg.records.quality import is_flat_throughout, warnings_of
from ekg.records.record import LEADS, read_header, read_record
from ekg.records.slicing import slice_starts
from ekg.simulator.record_files import header_text

SAMPLES = 1300
FORMATS = (
    "16",
    "16+24",
    "212",
    "80",
    "8",
    "24",
    "32",
    "61",
    "160",
    "310",
    "311",
    "508",
    "516",
    "524",
    "0",
    "16x2",
    "212x3:1",
    "16:5+2",
    "99",
)
LENGTHS = ("1300", "", "10", "100000", "99999999", "4000000000", "-1")
SCALES = ("1000/mV 16 0", "1000.5(-7)/uV 12 3", "0 0 0", "1e-300/V 16 0", "1/mV 16 32767", "nan")
RATES = ("500", "1", "257", "1000/250(3)", "0.0001", "99999", "1e9", "360:2")
FLAC = ("508", "516", "524")
_IMAGE_SIZE = 160
_WHOLE = SAMPLES * len(LEADS) * 4


@functools.cache
def _renderer() -> Renderer:
    return Renderer(_IMAGE_SIZE)


@functools.cache
def _values() -> np.ndarray:
    times = np.arange(SAMPLES) / 500
    waves = [900 * np.sin(2 * np.pi * (1 + row / 5) * times) for row in range(len(LEADS))]
    return np.round(np.stack(waves)).astype(np.int16)


def use(path: Path) -> None:
    """Read a record and do with it what drawing and predicting do."""
    record = read_record(path)
    if not record.signal.shape[0] == len(LEADS) or not np.isfinite(record.signal).all():
        raise AssertionError(f"signal of shape {record.signal.shape} or not finite")
    config = SliceConfig()
    starts = slice_starts(record.name, record.signal.shape[1], config, seed=44, at_least=1)
    if is_flat_throughout(record.signal):
        return
    warnings_of(record)
    _renderer().draw(record.signal[:, starts[0] : starts[0] + config.length])


def _header(data: bytes, folder: Path) -> None:
    path = folder / "A0001.hea"
    path.write_bytes(data)
    header = read_header(path)
    units_of(header)
    label_of(statements_of(header, {}))
    class_of_reason(reason_for_admission(header.comments))
    patient_of_comments(header.comments)


def _record(data: bytes, folder: Path) -> None:
    (folder / "A0001.mat").write_bytes(bytes(24) + _values().T.tobytes())
    path = folder / "A0001.hea"
    path.write_bytes(data)
    use(path)


def _signal(data: bytes, folder: Path) -> None:
    """Read a signal file under a sound header that its first bytes choose."""
    choice = [*data[:5], 0, 0, 0, 0, 0]
    form = FORMATS[choice[0] % len(FORMATS)]
    suffix = ".dat" if choice[1] % 2 else ".mat"
    length, scale = LENGTHS[choice[2] % len(LENGTHS)], SCALES[choice[3] % len(SCALES)]
    # FLAC holds at most eight signals.
    files = [f"A0001{'b' if form in FLAC and row >= 6 else ''}{suffix}" for row in range(12)]
    lines = [f"A0001 {len(LEADS)} {RATES[choice[4] % len(RATES)]} {length}"]
    lines += [
        f"{file} {form} {scale} 0 0 0 {lead}" for file, lead in zip(files, LEADS, strict=True)
    ]
    path = folder / "A0001.hea"
    path.write_text("\n".join(lines) + "\n#Dx: AF\n")
    body = data[5:]
    if choice[1] & 2 and body:  # a whole signal out of a few bytes
        body = (body * (_WHOLE // len(body) + 1))[:_WHOLE]
    for file in dict.fromkeys(files):
        (folder / file).write_bytes(body)
    use(path)


def _formats(data: bytes, folder: Path) -> None:
    """Read a file of another machine, and write it as WFDB."""
    path = folder / "A0001"
    path.write_bytes(data)
    form = format_of(path)
    if form is None:
        return
    found = open_recording(path, form, 500.0, "uV")
    label_of(machine_statements_of(header_of(found)))
    write_wfdb(found, folder, "B0001")
    warnings_of(record_of(found, 500.0))


def _comments(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", errors="replace")
    lines = text.splitlines()
    found = diagnoses_of_comments(lines)
    label_of(dict.fromkeys(found))
    class_of_reason(reason_for_admission(lines))
    patient_of_comments(lines)
    try:
        statements = parse_statements(text)
    except ValueError:  # its documented refusal; the table's reader adds the line to it
        return
    label_of(statements)


def _lists(data: bytes, folder: Path) -> None:
    """Read the lists RECORDS and CONTROLS beside one record."""
    (folder / "patient001").mkdir()
    (folder / "patient001" / "s0010_re.hea").write_bytes(header_seeds()[0])
    (folder / ("CONTROLS" if data[:1] < b"\x80" else "RECORDS")).write_bytes(data[1:])
    read_ptbdb(folder)


def header_seeds() -> list[bytes]:
    """Return sound headers of several makers' forms."""
    plain = header_text("A0001", _values(), ("AF",), 61, "Male")
    lines = [
        f"A0001.mat 16+24 1000/mV 16 0 {row[0]} 0 0 {lead}"
        for lead, row in zip(LEADS, _values(), strict=True)
    ]
    front = f"A0001 {len(LEADS)} 500 {SAMPLES}"
    ptb = "# Reason for admission: Myocardial infarction\n# age: 81\n# ECG date: 01/10/1990\n"
    texts = [
        plain,
        "\n".join([front, *lines, "#Dx: 59118001,164889003"]),
        "\n".join([f"A0001 12 500/1000(3) {SAMPLES} 10:22:01 01/02/2003", *lines, ptb]),
        "\n".join([front.replace("A0001", "A0001.mat"), *lines]),
        "\n".join([front, *[line.replace("1000/mV", "1000.0(5)/uV") for line in lines]]),
        "A0001/2 12 500 2600\nA0001_1 1300\nA0001_2 1300\n",
    ]
    return [text.encode() for text in texts]


def _signal_seeds() -> list[bytes]:
    body = _values().T[:40].tobytes()
    chosen = [bytes([form, 2 + form % 2, 0, 0, 0]) for form in range(len(FORMATS))]
    found = [choice + body for choice in chosen]
    for number, (form, kind) in enumerate(zip(FLAC, ("PCM_S8", "PCM_16", "PCM_24"), strict=True)):
        stream = io.BytesIO()
        soundfile.write(stream, _values()[:6].T, 500, kind, format="FLAC")
        found.append(bytes([FORMATS.index(form), number % 2, 0, 0, 0]) + stream.getvalue())
    return found


TARGETS = (
    Target(
        "header",
        _header,
        header_seeds,
        (
            b"A0001.mat",
            b"16+24",
            b"1000/mV",
            b"(",
            b")",
            b"/",
            b"\n",
            b"#Dx: ",
            b"164889003",
            b" 0 ",
            b"~",
            b"../",
            b"1e309",
            b"212",
            b"# Reason for admission: ",
            b"nan",
            b"-1",
        ),
        4000,
    ),
    Target(
        "record",
        _record,
        header_seeds,
        (
            b"A0001.mat",
            b"16+24",
            b"x4",
            b"+24",
            b":10",
            b"1000/mV",
            b"(",
            b")",
            b"/",
            b"\n",
            b"/uV",
            b"1e-9",
            b"nan",
            b"inf",
            b"99999999",
            b"80",
            b"212",
            b"I",
            b"aVR",
        ),
        4000,
    ),
    Target("signal", _signal, _signal_seeds, (b"fLaC", b"\x00\x80", b"\xff\x7f"), 8000),
    Target(
        "formats",
        _formats,
        lambda: list(every_file(60).values()),
        (
            b"\x00\x00",
            b"\xff\xff\xff\xff",
            b"DICM",
            b"ISHNE1.0",
            b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
            b"</digits>",
            b"parsedwaveforms",
            b"99999999",
            b"-1",
            b"nan",
            b"1e309",
            b"MICROVOLTS",
        ),
        24_000,
    ),
    Target(
        "comments",
        _comments,
        lambda: [
            b"Dx: AF,164889003",
            b"#Dx: 59118001",
            b"{'NORM': 100.0, 'SR': 0.0}",
            b"{'IRBBB': 80.0}",
            b"# Reason for admission: Heart failure (NYHA 4)",
            b"AF;STD",
        ],
        (b"Dx:", b"{", b"}", b"'NORM'", b": 100.0", b"164889003", b"(" * 40, b"-", b"**", b"[]"),
        1000,
    ),
    Target(
        "lists",
        _lists,
        lambda: [b"\x00patient001/s0010_re\n", b"\xffpatient001/s0010_re\npatient002/x\n"],
        (b"patient", b"../", b"/", b"\n", b"\x00"),
        1000,
    ),
)
