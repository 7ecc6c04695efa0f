"""Makes the inputs of `reading_cases.json`: small records and images, most with one fault."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image, PngImagePlugin

from ekg.records.record import LEADS

PLAIN_FORMATS = {
    "16": ("<i2", 0),
    "32": ("<i4", 0),
    "61": (">i2", 0),
    "80": ("u1", 128),
    "160": ("<u2", 32768),
}
"""Type of the numbers by WFDB format, and what is added to a sample."""
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an image is stored so that this orientation shows it upright."""


def table():
    """Return the cases by kind of input, "records" and "images", each a list of dicts."""
    return json.loads(Path(__file__).with_name("reading_cases.json").read_text(encoding="utf-8"))


def strip(seconds, rate, seed=3):
    """Return a beating signal, (samples, 12) in mV, that obeys Einthoven and Goldberger."""
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    beat = np.exp(-((((t % 0.8) - 0.3) / 0.02) ** 2)) + 0.2 * np.sin(2 * np.pi * 0.3 * t)
    first, second = np.outer([0.7, 1.1], beat) + 0.01 * random.standard_normal((2, len(t)))
    second += 0.05 * np.sin(9 * t)
    limb = [first, second, second - first, -(first + second) / 2]
    limb += [first - second / 2, second - first / 2]
    chest = [beat * k + 0.01 * random.standard_normal(len(t)) for k in (-0.5, 0.4, 1, 1.5, 1.2, 1)]
    return np.round(np.column_stack([*limb, *chest]), 3)


def write_record(
    folder,
    *,
    name="case",
    leads=LEADS,
    prefix="",
    seconds=9,
    rate=500,
    seed=3,
    steps=1000,
    gain="1000/mV",
    gain_of=None,
    times=1.0,
    times_of=None,
    checksums=True,
    chest_of=None,
    blank_from=None,
    form="16",
    matlab=None,
    variable="val",
    transposed=False,
    kind=None,
    saved=None,
    named=None,
    record_line=None,
    encoding="utf-8",
    cut=0,
    lost=0,
    replaced=(),
    text=None,
    copies=(),
):
    """Write a record; return its files, the header first.

    `gain` is the header's, of all leads but those in `gain_of`; the samples have so many `steps`
    in a millivolt whatever it says, and `times` and `times_of` (by lead) make the signal larger.
    `chest_of` is the seed of another person, whose chest leads are in the file. `matlab`,
    `variable`, `transposed` and `kind` (the first bytes) shape a MATLAB signal file; `saved` and
    `named` are the signal file's name on the disk and in the header, `copies` further names of
    it. `replaced` pairs what is in the header with what is written instead. `cut` bytes are
    missing at the end of the signal file; the first `lost` samples of each lead are marked, in
    format 212, as not taken.
    `text` is the whole header; `cut` bytes are missing at the file's end, `lost` first samples of
    each lead are marked, in format 212, as not taken.
    """
    signal = strip(seconds, rate, seed) * times
    for lead, factor in (times_of or {}).items():
        signal[:, LEADS.index(lead)] *= factor
    if blank_from is not None:
        signal[int(blank_from * rate) :] = 0
    columns = [LEADS.index(lead) for lead in leads]
    samples = np.round(signal[:, columns] * steps).astype(np.int64)
    sums = samples.sum(axis=0) % 65536
    if chest_of is not None:
        other = np.round(strip(seconds, rate, chest_of) * steps).astype(np.int64)
        chest = [k for k, lead in enumerate(leads) if lead.startswith("V")]
        samples[:, chest] = other[:, [columns[k] for k in chest]]
    samples[:lost] = -2048
    suffix = "dat" if matlab is None else "mat"
    saved = saved or f"{name}.{suffix}"
    form = form if matlab is None else "16+24"
    lines = [record_line or f"{name} {len(leads)} {rate} {len(samples)}"]
    for lead, first, total in zip(leads, samples[0], sums, strict=True):
        total = (total + 32768) % 65536 - 32768 if checksums else 0
        said = (gain_of or {}).get(lead, gain)
        lines.append(f"{named or saved} {form} {said} 16 0 {first} {total} 0 {prefix}{lead}")
    text = text or "\n".join(lines) + "\n"
    for old, new in replaced:
        assert old in text, old
        text = text.replace(old, new)
    header = folder / f"{name}.hea"
    header.write_bytes(text.encode(encoding))
    content = _signal_file(samples, form, matlab, variable, transposed)
    if kind is not None:
        content = kind.encode("latin-1") + content
    files = [folder / file for file in (saved, *copies)]
    for file in files:
        file.write_bytes(content[: len(content) - cut])
    return [header, *files]


def _signal_file(samples, form, matlab, variable, transposed):
    if matlab is None and form == "212":
        flat = samples.ravel() & 0xFFF
        flat = np.r_[flat, np.zeros(len(flat) % 2, dtype=flat.dtype)].reshape(-1, 2)
        packed = [flat[:, 0] & 0xFF, (flat[:, 0] >> 8) | (flat[:, 1] >> 8 << 4), flat[:, 1] & 0xFF]
        return np.column_stack(packed).astype(np.uint8).tobytes()
    if matlab is None and form == "24":
        return (
            np.ascontiguousarray(samples, dtype="<i4")
            .view(np.uint8)
            .reshape(-1, 4)[:, :3]
            .tobytes()
        )
    if matlab is None:
        type_of_data, shift = PLAIN_FORMATS[form]
        return (samples + shift).astype(type_of_data).tobytes()
    stream = io.BytesIO()
    content = {variable: samples.astype(np.int16) if transposed else samples.T.astype(np.int16)}
    options = {"format": matlab[0], "do_compression": matlab.endswith("compressed")}
    scipy.io.savemat(stream, content, **options)
    return stream.getvalue()


def write_image(
    folder,
    grey,
    *,
    form="PNG",
    mode="L",
    bits=8,
    orientation=None,
    upright=True,
    gamma=False,
    transparent=None,
    quality=95,
    suffix=None,
):
    """Write an image that the network knows, in another way than the project does.

    Parameters
    ----------
    grey
        uint8, square: as it is to be seen.
    orientation
        EXIF's; the image is stored so that it is upright when turned, unless not `upright`.
    transparent
        A grey level declared transparent in a PNG.
    """
    image = Image.fromarray(grey)
    options = {}
    if orientation is not None:
        if upright and orientation in UPRIGHT:
            image = image.transpose(UPRIGHT[orientation])
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    if bits == 16 and mode == "L":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert(mode)
    if gamma:
        chunks = PngImagePlugin.PngInfo()
        chunks.add(b"gAMA", (100_000).to_bytes(4, "big"))
        options["pnginfo"] = chunks
    if transparent is not None:
        options["transparency"] = transparent
    if form in ("JPEG", "WEBP"):
        options |= {"quality": quality}
    if form == "WEBP":
        options |= {"lossless": True}
    file = folder / f"image.{suffix or form.lower()}"
    if bits == 16 and mode == "RGB":
        file.write_bytes(_deep_png(np.asarray(image)))
    else:
        image.save(file, form, **options)
    return [file]


def _deep_png(rgb):
    """Return a PNG of 16 bits a channel, which Pillow does not write."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    rows, columns, _ = rgb.shape
    lines = np.zeros((rows, 1 + 6 * columns), dtype=np.uint8)
    lines[:, 1:] = (rgb.astype(">u2") * 257).view(np.uint8).reshape(rows, -1)
    header = struct.pack(">2I5B", columns, rows, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 1))
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")
