"""Writing and reading the single images."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ekg.errors import ImageError

COMPRESSION = 1
"""zlib level. Level 1 takes a seventh of the time of Pillow's usual 6 for a third more bytes."""


def write_png(path: Path, image: np.ndarray) -> int:
    """Write grey levels as an 8-bit grey PNG file, whole or not at all.

    Parameters
    ----------
    path
        The file; its folder must exist.
    image
        uint8, shape (rows, columns).

    Returns
    -------
    int
        Size of the file in bytes.

    Notes
    -----
    The file gets its name only when it is complete, so a killed process leaves none half-made
    (its temporary file is one that `ekg.files.is_temporary` knows). Unlike
    `ekg.files.atomic_path` this does not wait for the disk after each of thousands of files:
    after a power failure an image set is checked by the file sizes in its journal.
    """
    temporary = path.with_name(f".{path.stem}.part-{secrets.token_hex(4)}{path.suffix}")
    try:
        Image.fromarray(image).save(temporary, format="PNG", compress_level=COMPRESSION)
        size = temporary.stat().st_size
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return size


def read_image(path: str | Path, size: int | None = None) -> np.ndarray:
    """Read one image as grey levels.

    Parameters
    ----------
    path
        A PNG file (or another format that Pillow reads). Colours become grey as in the paper:
        with Pillow's `convert("L")`.
    size
        Pixels on a side that it must have; any square when None.

    Returns
    -------
    ndarray of uint8, shape (size, size)

    Raises
    ------
    ImageError
        If the file is missing, damaged, not square or of another size.
    """
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("L"))
    except FileNotFoundError:
        raise ImageError("no such image", path=path, remedy="check its path") from None
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImageError(f"is not a usable image ({error})", path=path) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(
            f"is damaged ({error})", path=path, remedy="delete it and draw it again"
        ) from None
    rows, columns = pixels.shape
    if rows != columns or size not in (None, rows):
        wanted = f"{size} x {size}" if size else "a square"
        raise ImageError(
            f"has {columns} x {rows} pixels, not {wanted}",
            path=path,
            remedy="draw it from the record at that size (resizing would change every trace)",
        )
    return pixels
