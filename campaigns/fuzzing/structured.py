"""Inputs that have the structure of their format, with odd values in it."""

from __future__ import annotations

import csv
import io
import json
import struct
import tarfile
import zipfile
import zlib

from hypothesis import strategies as st

from campaigns.fuzzing.case import Target
from ekg.config import TrainConfig, config_to_dict
from ekg.records.diagnoses import CLASSES
from ekg.records.record import LEADS

_NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "0", "-0", "1e309", "0x10", "1_000", "٣", "１２", "nan", "inf", "500/7(3)"]
    ),
)
_WORDS = st.one_of(
    st.sampled_from(
        [
            "A0001",
            "A0001.mat",
            "a/b",
            "../A0001.mat",
            "/etc/passwd",
            "C:\\x",
            "~",
            "-",
            "AF",
            "STE",
            "164889003",
            "Normal",
            "train",
            "test",
            "none",
            "",
            " ",
            "\x00",
            "{'NORM': 100.0}",
            "{'SR': 1e400}",
            "{" * 60,
            "=1+1",
            "nan",
        ]
    ),
    st.text(max_size=12),
    _NUMBERS,
)
_TOML_VALUES = st.one_of(
    st.sampled_from(
        [
            "true",
            "nan",
            "-inf",
            "1979-05-27",
            "[]",
            "[[1]]",
            "{}",
            '"adamw"',
            '"pack"',
            '""',
            '"\\u0000"',
            "0x1f",
            "1e400",
            "1_0",
            "0",
            "1",
            "0.5",
        ]
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.text(max_size=6).map(json.dumps),
)
_CHUNKS = (b"zTXt", b"iCCP", b"iTXt", b"PLTE", b"tRNS", b"gAMA", b"acTL", b"fcTL", b"eXIf", b"xxxx")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


_ONE_IN = st.sampled_from([8, 40, 300])
"""How often a field is odd, by file: a file of many fields is else never sound."""


class _Oddity:
    """Leaves most fields of a file sound and puts odd ones in their place now and then."""

    def __init__(self, draw: st.DrawFn):
        self.draw, self.one_in = draw, draw(_ONE_IN)

    def __call__(self, sound: str, odd: st.SearchStrategy[str] = _NUMBERS) -> str:
        return self.draw(odd) if self.happens() else sound

    def happens(self) -> bool:
        return self.draw(st.integers(1, self.one_in)) == self.one_in


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Headers of twelve or some other number of signals, each field sound or odd."""
    odd = _Oddity(draw)
    leads = tuple(draw(st.lists(_WORDS, max_size=14))) if odd.happens() else LEADS
    first = [
        odd("A0001", _WORDS),
        odd(str(len(leads))),
        odd("500"),
        odd("1300"),
        odd("10:00:00"),
        odd("01/02/2020"),
    ]
    lines = [" ".join(first[: draw(st.integers(0, 6)) if odd.happens() else 4])]
    form = "16+24"
    if odd.happens():
        form = draw(st.sampled_from(["16", "212", "80", "16x2", "16:3", "310", "61", "x"]))
    unit = draw(st.sampled_from(["mV", "mV", "uV", "V"]))
    for lead in leads:
        gain = f"{odd('1000')}({odd('0')})/{odd(unit, _WORDS)}"
        fields = [
            odd("A0001.mat", _WORDS),
            odd(form, _WORDS),
            gain,
            odd("16"),
            odd("0"),
            odd("0"),
            odd("0"),
            odd("0"),
            lead,
        ]
        lines.append(" ".join(fields[: draw(st.integers(0, 8)) if odd.happens() else 9]))
    lines += ["#" + odd("Dx: AF", st.text(max_size=30)) for _ in range(draw(st.integers(0, 3)))]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines).encode("utf-8", "replace")


_CLASS = st.sampled_from(CLASSES)
_P_COLUMNS = tuple(f"p_{name}" for name in CLASSES)
_SOUND_CELLS = {
    "record": st.integers(1, 400).map(lambda number: f"A{number:04}"),
    "diagnoses": st.lists(_CLASS, max_size=2).map(",".join),
    "split": st.sampled_from(["train", "val", "test", "excluded"]),
    "scp_codes": st.sampled_from(["{'NORM': 100.0, 'SR': 0.0}", "{'AFIB': 0.0}", "{}"]),
    "diagnosis": _CLASS,
    "pred": st.just("AF"),
    "slice": st.integers(1, 3).map(str),
    "start": st.integers(0, 4000).map(str),
    "sha256": st.just("0123456789abcdef" * 4),
    "clipped_fraction": st.sampled_from(["0.0", "0.25"]),
    "weight": st.sampled_from(["1", "0.5"]),
}


def csv_files(columns: tuple[str, ...]) -> st.SearchStrategy[bytes]:
    """Tables with about these columns, each cell sound or odd."""

    @st.composite
    def table(draw: st.DrawFn) -> bytes:
        odd = _Oddity(draw)
        names = list(draw(st.permutations(columns)))[1:] if odd.happens() else list(columns)
        if odd.happens():
            names += draw(st.lists(_WORDS, min_size=1, max_size=2))
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
        writer.writerow(names)
        for number in range(draw(st.integers(0, 4))):
            cells = {name: draw(cell) for name, cell in _SOUND_CELLS.items() if name in names}
            cells["label"] = CLASSES[int(cells.get("record", "A0")[1:]) % len(CLASSES)]
            cells |= dict(zip(_P_COLUMNS, ("0.4", *["0.1"] * 6), strict=True))
            cells["image"] = f"all/{cells.get('diagnosis', 'AF')}/A{number}-s01_PIL.png"
            row = [odd(cells.get(name, ""), _WORDS) for name in names]
            if odd.happens():
                row = (row + draw(st.lists(_WORDS, max_size=2)))[draw(st.integers(0, 2)) :]
            writer.writerow(row)
        code = "utf-8"
        if odd.happens():
            code = draw(st.sampled_from(["utf-8-sig", "utf-16", "latin-1"]))
        return stream.getvalue().encode(code, "replace")

    return table()


@st.composite
def toml_files(draw: st.DrawFn) -> bytes:
    """Experiment files with known and unknown fields, of right and wrong types."""
    fields = {name: list(table) for name, table in config_to_dict(TrainConfig()).items()}
    lines = []
    for section in draw(st.lists(st.sampled_from(sorted(fields)), unique=True)):
        lines.append(f"[{section}]")
        for name in draw(st.lists(st.sampled_from(fields[section]), unique=True)):
            value = draw(_TOML_VALUES)
            lines.append(f"{name} = {value}")
    return "\n".join(lines).encode("utf-8", "replace")


@st.composite
def png_files(draw: st.DrawFn) -> bytes:
    """PNG files of sound chunks with odd content: sizes, depths, colours, compressed texts."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    side = st.sampled_from([24, 24, 24, 23, 0, 1, 40_000, 2**31 - 1, 2**32 - 1])
    header = struct.pack(
        ">IIBBBBB",
        draw(side),
        draw(side),
        draw(st.sampled_from([8, 8, 1, 2, 4, 16, 3])),
        draw(st.sampled_from([0, 0, 2, 3, 4, 6, 1])),
        0,
        0,
        draw(st.integers(0, 2)),
    )
    size = draw(st.sampled_from([24 * 25, 24 * 25 * 4, 10, 5_000_000]))
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header)]
    for kind in draw(st.lists(st.sampled_from(_CHUNKS), max_size=3)):
        bomb = zlib.compress(bytes(draw(st.sampled_from([10, 20_000_000]))), 1)
        body = {b"zTXt": b"a\0\0" + bomb, b"iCCP": b"a\0\0" + bomb, b"iTXt": b"a\0\1\0\0\0" + bomb}
        parts.append(chunk(kind, body.get(kind, draw(st.binary(max_size=30)))))
    parts += [chunk(b"IDAT", zlib.compress(bytes(size), 1)), chunk(b"IEND", b"")]
    return b"\0" + b"".join(parts)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """Zip and tar archives whose members have odd names, kinds and sizes."""
    names = draw(st.lists(_WORDS.filter(bool), min_size=1, max_size=4))
    sizes = st.sampled_from([0, 5, 700, 3_000_000])
    stream = io.BytesIO()
    if draw(st.booleans()):
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in dict.fromkeys(names):
                info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode())
                info.external_attr = draw(st.sampled_from([0, 0o100644, 0o120777, 0o040755])) << 16
                archive.writestr(info, bytes(draw(sizes)), zipfile.ZIP_DEFLATED)
        return b"\0" + stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for name in names:
            member = tarfile.TarInfo(name.replace("\0", "0").encode("utf-8", "replace").decode())
            member.type = draw(st.sampled_from([b"0", b"0", b"0", b"1", b"2", b"3", b"5", b"6"]))
            member.linkname = draw(st.sampled_from(["", "../../x", "/etc/passwd", name]))
            member.size = draw(sizes) if member.type == b"0" else 0
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return b"\0" + stream.getvalue()


@st.composite
def safetensors_files(draw: st.DrawFn) -> bytes:
    """Weights whose header promises more, less or something else than there is."""
    numbers = st.sampled_from([0, 1, 2, 8, 16, 2**31, 2**62, -1])
    table = {
        draw(st.text(max_size=5)): {
            "dtype": draw(st.sampled_from(["F32", "F16", "I64", "BOOL", "X", "F8_E4M3"])),
            "shape": draw(st.lists(numbers, max_size=3)),
            "data_offsets": sorted([draw(numbers), draw(numbers)]),
        }
        for _ in range(draw(st.integers(0, 3)))
    }
    if draw(st.booleans()):
        table["__metadata__"] = draw(st.dictionaries(st.text(max_size=5), st.text(max_size=9)))
    header = json.dumps(table).encode()
    length = draw(st.sampled_from([len(header)] * 4 + [0, 2**40, 2**64 - 1]))
    return b"\0" + struct.pack("<Q", length) + header + draw(st.binary(max_size=32))


@st.composite
def metadata(draw: st.DrawFn) -> bytes:
    """Return what is beside weights: each field sound, odd or absent."""
    sound = {
        "network": st.just("mobilenetv3_small_custom") | st.text(max_size=8) | _JSON,
        "classes": st.just(["AF", "STE"]) | _JSON,
        "image_size": st.sampled_from([800, 0, -3, 10**12, "x"]) | _JSON,
        "mean": st.just(0.9) | _JSON,
        "std": st.just(0.2) | _JSON,
        "temperature": st.just(1.2) | _JSON,
        "network_options": st.just({}) | st.sampled_from([{"plain": 3}, {"width": 1e9}]) | _JSON,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(sound)), unique=True))
    return json.dumps({name: draw(sound[name]) for name in chosen}).encode()


STRATEGIES: dict[str, st.SearchStrategy[bytes]] = {
    "header": headers(),
    "record": headers(),
    "labels": csv_files(("record", "diagnoses")),
    "split": csv_files(("record", "diagnoses", "split")),
    "label_table": csv_files(("record", "scp_codes")),
    "manifest": csv_files(
        ("image", "record", "diagnosis", "slice", "start", "sha256", "clipped_fraction")
    ),
    "predictions": csv_files(("image", "record", "label", "pred", *_P_COLUMNS, "weight")),
    "experiment": toml_files(),
    "png": png_files(),
    "archive": archives(),
    "safetensors": safetensors_files(),
    "metadata": metadata(),
    "run_files": st.tuples(st.integers(0, 7), _JSON).map(
        lambda pair: bytes([pair[0]]) + json.dumps(pair[1]).encode()
    ),
    "journal": st.lists(_JSON | st.fixed_dictionaries({"record": _JSON})).map(
        lambda lines: b"\n".join(json.dumps(line).encode() for line in lines)
    ),
    "comments": st.lists(_WORDS.map(lambda word: f"Dx: {word}") | _WORDS).map(
        lambda lines: "\n".join(lines).encode("utf-8", "replace")
    ),
}


def strategy_for(target: Target) -> st.SearchStrategy[bytes]:
    """Return the strategy of a target's format."""
    return STRATEGIES[target.name]
