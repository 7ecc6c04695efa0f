"""Writing and reading the single images."""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ekg.config import IMAGE_SIZE_LIMITS
from ekg.errors import ImageError
from ekg.files import DAMAGE

COMPRESSION = 3
"""zlib level: half the time of the usual 6, for a seventh more bytes."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
"""What is read from outside. Pillow knows dozens of others, some of which start other programs."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = (8, 0, 0, 0, 0)
"""Bits, colour type grey, deflate, the standard's filters, no interlace."""


def encode_png(image: np.ndarray) -> bytes:
    """Return grey levels as the bytes of an 8-bit grey PNG file.

    Pillow tries five filters on every row, which is meant for photographs. On these images
    (thin lines on a regular grid) plain rows come out smaller than Pillow's at its fast levels,
    are written in less than half the time and read in half. The file is the least that the
    standard (ISO/IEC 15948) asks for: header, one stream of unfiltered rows, end.
    """
    rows, columns = image.shape
    lines = np.zeros((rows, 1 + columns), dtype=np.uint8)  # a row begins with its filter: 0, none
    lines[:, 1:] = image
    header = struct.pack(">2I5B", columns, rows, *_GREY_8_BIT)
    data = zlib.compress(lines.data, COMPRESSION)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def write_png(path: Path, image: np.ndarray) -> int:
    """Write grey levels as an 8-bit grey PNG file, whole or not at all.

    The file gets its name only when it is complete, so a killed process leaves none half-made
    (its temporary file is one that `ekg.files.is_temporary` knows). Unlike
    `ekg.files.atomic_path` this does not wait for the disk after each of thousands of files:
    after a power failure an image set is checked by the file sizes in its journal.
    """
    temporary = path.with_name(f".{path.stem}.part-{secrets.token_hex(4)}{path.suffix}")
    try:
        data = encode_png(image)
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(data)


@contextlib.contextmanager
def open_image(path: str | Path, size: int | None = None) -> Iterator[Image.Image]:
    """Open an image from outside; its size is checked before any pixel is decoded.

    `size`: Pixels on a side that it must have; any square up to the largest drawn when None.
    """
    largest = size or IMAGE_SIZE_LIMITS[1]
    try:
        with Image.open(path, formats=FORMATS) as image:
            columns, rows = image.size
            if rows != columns or rows > largest or size not in (None, rows):
                wanted = f"{size} x {size}" if size else f"a square of at most {largest}"
                raise ImageError(
                    f"has {columns} x {rows} pixels, not {wanted}",
                    path=path,
                    remedy="draw it from the record at that size (resizing changes every trace)",
                )
            yield image
    except FileNotFoundError:
        raise ImageError("image not found", path=path, remedy="check its path") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"is not a usable image: expected a WFDB record or one of {', '.join(FORMATS)}",
            path=path,
        ) from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"is not a usable image ({error})", path=path) from None
    except (OSError, *DAMAGE) as error:
        raise ImageError(
            f"is corrupt ({error})", path=path, remedy="fetch or draw it again"
        ) from None


def read_image(path: str | Path, size: int | None = None) -> np.ndarray:
    """Read one image as grey levels.

    `size`: Pixels on a side that it must have; any square when None.
    """
    with open_image(path, size) as image:
        return np.array(image.convert("L"))
