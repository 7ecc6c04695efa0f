"""Images and archives from outside."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from campaigns.fuzzing.case import Target
from ekg.datasets.archive import is_archive, unpack
from ekg.errors import EkgError
from ekg.images.image_checks import read_external_image
from ekg.images.pack import INDEX, PACK, open_pack
from ekg.images.png import encode_png, read_image
from ekg.paper.figures.saliency import read_saliency
from ekg.run import SALIENCY_FILE

SIZE = 24
_MOST_UNPACKED = 1 << 20
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def with_right_sums(data: bytes) -> bytes:
    """Return a PNG file in which every chunk's checksum fits again, so that more is reached."""
    if not data.startswith(_SIGNATURE):
        return data
    parts, place = [_SIGNATURE], len(_SIGNATURE)
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        body = data[place + 4 : place + 8 + length]
        parts += [data[place : place + 4], body, struct.pack(">I", zlib.crc32(body))]
        place += 12 + length
    return b"".join(parts) + data[place:]


def _png(data: bytes, folder: Path) -> None:
    path = folder / "A0001-s01_PIL.png"
    path.write_bytes(with_right_sums(data[1:]) if data[:1] < b"\xc0" else data[1:])
    for read in (read_image, read_external_image):
        try:
            pixels = read(path, SIZE)
        except EkgError:
            continue
        if pixels.shape != (SIZE, SIZE) or pixels.dtype != np.uint8:
            raise AssertionError(f"pixels of shape {pixels.shape}, {pixels.dtype}")
    read_image(path)


def _png_seeds() -> list[bytes]:
    grey = np.arange(SIZE * SIZE, dtype=np.uint32).reshape(SIZE, SIZE).astype(np.uint8)
    image = Image.fromarray(grey)
    files = [encode_png(grey), encode_png(grey[:10])]
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "x" * 500, zip=True)
    notes.add_itxt("Title", "EKG", zip=True)
    for mode in ("L", "RGB", "RGBA", "LA", "P", "1", "I;16"):
        stream = io.BytesIO()
        profile = b"\0" * 200 if mode == "RGB" else None
        image.convert(mode).save(stream, "PNG", pnginfo=notes, icc_profile=profile)
        files.append(stream.getvalue())
    for form in ("JPEG", "BMP", "GIF", "TIFF", "WEBP"):
        stream = io.BytesIO()
        image.save(stream, form)
        files.append(stream.getvalue())
    return [b"\0" + file for file in files]


def _archive(data: bytes, folder: Path) -> None:
    """Unpack an archive; the first byte says which sums are put right and what is compressed."""
    kind, content = data[:1] or b"\0", data[1:]
    if kind[0] & 1:
        content = _with_tar_sums(content)
    path = folder / "archive"
    path.write_bytes(gzip.compress(content, 1) if kind[0] & 2 else content)
    if not is_archive(path):
        return
    out = folder / "out"
    try:
        written = unpack(path, out, _MOST_UNPACKED)
    finally:
        size = sum(file.stat().st_size for file in _files(out))
        others = [file for file in folder.iterdir() if file not in (path, out)]
        if size > _MOST_UNPACKED or others or any(file.is_symlink() for file in out.rglob("*")):
            raise AssertionError(f"{size} bytes, {others} beside the folder, or a link in it")
    if sorted(written) != sorted(_files(out)):
        raise AssertionError("the list of what was written is not what was written")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _with_tar_sums(data: bytes) -> bytes:
    """Put the checksum of every block right that looks like a member's header."""
    parts = []
    for place in range(0, len(data), 512):
        block = data[place : place + 512]
        if len(block) == 512 and block[257:262] == b"ustar":
            total = sum(block[:148]) + 8 * 32 + sum(block[156:])
            block = block[:148] + b"%06o\0 " % total + block[156:]
        parts.append(block)
    return b"".join(parts)


def _archive_seeds() -> list[bytes]:
    members = {"set/A1.hea": b"A1 12 500 10\n", "RECORDS": b"A1\n", "set/A1.mat": b"\0" * 300}
    found = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name), content, compression)
        found.append(b"\0" + stream.getvalue())
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name if form == tarfile.USTAR_FORMAT else name + "é" * 80)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        content = stream.getvalue().rstrip(b"\0") + bytes(1024)
        content += bytes(-len(content) % 512)
        found += [b"\1" + content, b"\3" + content]
    return found


def _pack(data: bytes, folder: Path) -> None:
    row = "all/AF/A1-s01_PIL.png,A1,AF,1,0," + "0" * 64 + ",0.0\n"
    columns = "image,record,diagnosis,slice,start,sha256,clipped_fraction\n"
    (folder / INDEX).write_text(columns + row)
    (folder / PACK).write_bytes(data)
    images, _ = open_pack(folder)
    images[0].sum()


def _saliency(data: bytes, folder: Path) -> None:
    (folder / SALIENCY_FILE).write_bytes(data)
    read_saliency(folder)


def _array_seeds() -> list[bytes]:
    found = []
    for array in (np.zeros((1, 8, 8), np.uint8), np.zeros((2, 3), np.float32, order="F")):
        stream = io.BytesIO()
        np.save(stream, array)
        found.append(stream.getvalue())
    return found


def _saliency_seeds() -> list[bytes]:
    arrays = {
        "image": ["a"],
        "record": ["a"],
        "label": ["AF"],
        "pred": ["AF"],
        "probability": [0.5],
        "images": np.zeros((1, 4, 4), np.uint8),
        "gradcam": np.zeros((1, 2, 2), np.float16),
        "occlusion": np.zeros((1, 12), np.float32),
        "classes": ["AF"],
        "leads": ["I"],
        "fold": "test",
        "mean_occlusion_by_lead": np.zeros(12),
        "randomised_stage": ["all"],
        "mean_occlusion_interval": np.zeros((12, 2)),
        "randomised_correlation": [0.1],
        "mean_occlusion_by_class": np.zeros((1, 12)),
        "mean_occlusion_records_by_class": [1],
        "randomised_occlusion_correlation": 0.1,
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, **{name: np.array(value) for name, value in arrays.items()})  # type: ignore[arg-type]
    return [stream.getvalue()]


TARGETS = (
    Target(
        "png",
        _png,
        _png_seeds,
        (
            b"IHDR",
            b"IDAT",
            b"PLTE",
            b"tRNS",
            b"zTXt",
            b"iTXt",
            b"iCCP",
            b"acTL",
            b"fcTL",
            b"\x7f\xff\xff\xff",
            b"%!PS-Adobe-3.0 EPSF-3.0",
            b"8BPS",
            b"SIMPLE  =",
            b"GIF89a",
        ),
        4000,
    ),
    Target(
        "archive",
        _archive,
        _archive_seeds,
        (
            b"../",
            b"/etc/",
            b"\x00",
            b"PK\x03\x04",
            b"PK\x05\x06",
            b"ustar",
            b"C:\\",
            b"2",
            b"x",
            b"30 path=../../a\n",
            b"\xff\xff\xff\xff",
        ),
        8000,
    ),
    Target(
        "pack",
        _pack,
        _array_seeds,
        (b"'shape': (", b"'descr': '|O'", b"|u1", b"True", b"99999999999", b"{", b"}"),
        600,
    ),
    Target(
        "saliency",
        _saliency,
        _saliency_seeds,
        (b"PK\x03\x04", b"PK\x05\x06", b"'shape': (", b"|O", b"99999999999", b"\x93NUMPY"),
        6000,
    ),
)
