"""Images from outside: only those of the network's kind are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, TiffImageFile

from ekg.errors import ImageError
from ekg.images.layout import PAPER_LAYOUT
from ekg.images.png import open_image
from ekg.images.renderer import Renderer
from ekg.records.record import LEADS

EXACT_SHARE_BRIGHTER = 0.0
"""Ink only darkens paper: an exact image has no pixel brighter than the empty one."""
NEAR = 24
"""Grey levels; what lossy compression moves a pixel by."""
LEAST_SHARE_NEAR = 0.6
"""Of the pixels must be near the empty image's: traces cover little of it."""
MOST_SHARE_BRIGHTER = 0.01
"""Of the pixels may be clearly brighter than the empty image's."""
LEAST_INK = 0.002
"""Share of the pixels that a trace darkens at the least; twelve level lines give 0.007."""
_INK = 100
"""Grey levels below the empty image's that only a trace gives."""
_FLAT_ROWS = 4
_BORDER = 3
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image of an EXIF orientation upright."""


def read_external_image(path: str | Path, size: int) -> np.ndarray:
    """Read an image file as grey levels, turned as its EXIF orientation says.

    `size`: Its height and width in pixels.
    """
    path = Path(path)
    with open_image(path, size) as image:
        bits = _bits_a_channel(image, path)
        if bits > 8:
            raise ImageError(
                f"has {bits} bits a channel", path=path, remedy="save it as 8-bit grey PNG"
            )
        image.load()  # a PNG may say only after its pixels how it is to be turned
        orientation = _orientation(image)
        grey = _grey(image, path)
        if orientation not in _TURNS:
            return grey
        return np.array(Image.fromarray(grey).transpose(_TURNS[orientation]), order="C")


def _bits_a_channel(image: Image.Image, path: Path) -> int:
    """Return the depth in the file: Pillow cuts colours of 16 bits to 8 silently."""
    if image.format == "PNG":
        with open(path, "rb") as stream:
            return stream.read(25)[24]
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(BITSPERSAMPLE, (1,)))
    return 8


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; of a TIFF, Pillow has applied it."""
    exif = Image.Exif()
    exif.load(image.info.get("exif") or b"")
    return int(exif.get(ExifTags.Base.Orientation, 1))


def _grey(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ImageError(
            f"has pixels of kind {image.mode}", path=path, remedy="save it as 8-bit grey PNG"
        )
    pixels = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        if (pixels[..., -1] != 255).any():
            raise ImageError(
                "is transparent in part", path=path, remedy="save it as 8-bit grey PNG"
            )
        pixels = pixels[..., :-1]
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise ImageError(
                "has colours; the model reads grey images drawn as in training",
                path=path,
                remedy="give the WFDB record, or an image made by python -m ekg render",
            )
        pixels = pixels[..., 0]
    return np.array(pixels, order="C")  # a copy: what Pillow lends cannot be written to


class ImageChecker:
    """Tells images of the network's kind from others.

    The network was trained on images that agree in every pixel of paper, grid and borders,
    and is sensitive to anything else; so that is what is checked.
    """

    def __init__(self, renderer: Renderer):
        far_outside = np.full((len(LEADS), PAPER_LAYOUT.samples), 1e3)
        self._empty = renderer.draw(far_outside).astype(np.int16)

    def check(self, image: np.ndarray, path: str | Path | None = None) -> list[str]:
        """Return warnings about an image that can be read.

        `image`: uint8, of the renderer's size.
        """
        difference = image.astype(np.int16) - self._empty
        near = float((np.abs(difference) <= NEAR).mean())
        clearly_brighter = float((difference > NEAR).mean())
        if near < LEAST_SHARE_NEAR or clearly_brighter > MOST_SHARE_BRIGHTER:
            raise ImageError(
                "is not an image of the network's kind: its grid and panels are not those of "
                f"the training images ({1 - near:.0%} of the pixels differ)",
                path=path,
                remedy="give the WFDB record, or an image made by python -m ekg render",
            )
        if float((difference < -NEAR).mean()) < LEAST_INK:
            raise ImageError("shows no traces", path=path, remedy="give a drawn recording")
        warnings = []
        if float((difference > 0).mean()) > EXACT_SHARE_BRIGHTER:
            warnings.append(
                "not the training images' exact pixels (compressed with loss, or edited): "
                "the reading may differ from that of the recording"
            )
        return warnings + self._traces(difference)

    @staticmethod
    def _traces(difference: np.ndarray) -> list[str]:
        """Find level traces and traces that leave their panel."""
        flat, cut = [], []
        height = difference.shape[0] / PAPER_LAYOUT.rows
        width = difference.shape[1] / PAPER_LAYOUT.columns
        for index, lead in enumerate(LEADS):
            row, column = divmod(index, PAPER_LAYOUT.columns)
            top, bottom = round(row * height) + _BORDER, round((row + 1) * height) - _BORDER
            left, right = round(column * width) + _BORDER, round((column + 1) * width) - _BORDER
            rows = np.flatnonzero((difference[top:bottom, left:right] < -_INK).any(axis=1))
            if len(rows) == 0 or np.ptp(rows) < _FLAT_ROWS:
                flat.append(lead)
            elif rows[0] == 0 or rows[-1] == bottom - top - 1:
                cut.append(lead)
        findings = []
        if flat:
            findings.append(f"flat: {', '.join(flat)}")
        if cut:
            findings.append(f"clipped at the panel's edge: {', '.join(cut)}")
        return findings
