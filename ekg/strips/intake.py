"""Open what a user gives: bytes are sniffed, never the suffix; bounds on pixels and pages."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ekg.errors import EkgError
from ekg.files import DAMAGE

if TYPE_CHECKING:
    import pypdfium2 as pdfium

LARGEST_FILE = 256 * 2**20
LARGEST_IMAGE = 80_000_000
"""Pixels of an image: beyond that decoding alone takes the memory that a page may take."""
WORKING_IMAGE = 17_000_000
"""Pixels beyond which an image is halved, or more, while it is opened: a page of 300 mm has then
still some 15 pixels a millimetre."""
LARGEST_SIDE = 20_000
SMALLEST_SIDE = 100
LARGEST_PDF = 20
"""Pages of a PDF: an EKG has a few."""
PDF_DPI = 300
LARGEST_RENDER = 20_000_000
"""Pixels of a PDF page that is drawn: a larger page is drawn at fewer dots per inch."""
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")


class StripError(EkgError):
    """A page that cannot be read, or is refused, with the reason and what to do."""


@dataclass(frozen=True)
class SourcePage:
    """One page of a file, not yet looked at."""

    path: Path
    number: int
    """From 1; of a PDF."""
    count: int
    """Pages of the file."""
    pdf: pdfium.PdfPage | None
    picture: Image.Image | None
    shrink: float = 1.0
    """Pixels of the file for one of `picture`."""

    def pixels(self) -> np.ndarray:
        """Return the page as uint8 RGB; a PDF page is drawn."""
        if self.picture is not None:
            return np.asarray(_as_rgb(self.picture))
        assert self.pdf is not None
        return np.asarray(render(self.pdf, PDF_DPI))


def render(page: pdfium.PdfPage, dpi: float) -> Image.Image:
    """Draw a PDF page, forms and annotations left out."""
    width, height = page.get_size()
    scale = min(dpi / 72, (LARGEST_RENDER / max(width * height, 1.0)) ** 0.5)
    return page.render(scale=scale, may_draw_forms=False, draw_annots=False).to_pil().convert("RGB")


def open_pages(path: str | Path) -> list[SourcePage]:
    """Open an image or a PDF.

    Raises
    ------
    StripError
        If it is neither, is damaged, too large or locked.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise StripError("is a folder, expected an image or PDF", path=path)
        if size > LARGEST_FILE:
            raise StripError(
                f"the file has {size / 2**20:.0f} MiB, expected at most {LARGEST_FILE >> 20}",
                path=path,
                remedy="save the page alone",
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise StripError("file not found", path=path) from None
    except OSError as error:
        raise StripError(f"cannot be read ({error.strerror})", path=path) from None
    if not data:
        raise StripError("the file is empty", path=path, remedy="save the page again")
    if is_pdf(data):
        return _open_pdf(path, data)
    if is_heif(data):
        _register_heif(path)
        picture, shrink = _open_picture(path, data, ("HEIF", "AVIF"))
    else:
        picture, shrink = _open_picture(path, data, _FORMATS)
    return [SourcePage(path, 1, 1, None, picture, shrink)]


def is_pdf(data: bytes) -> bool:
    """Return whether a file begins as a PDF does."""
    return b"%PDF-" in data[:1024]


def is_heif(data: bytes) -> bool:
    """Return whether a file begins as an HEIC or AVIF image does."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS


def _open_pdf(path: Path, data: bytes) -> list[SourcePage]:
    import pypdfium2 as pdfium
    import pypdfium2.raw as pdfium_c

    try:
        document = pdfium.PdfDocument(data)
        count = len(document)
    except pdfium.PdfiumError:
        if pdfium_c.FPDF_GetLastError() == pdfium_c.FPDF_ERR_PASSWORD:
            raise StripError(
                "the PDF is locked with a password", path=path, remedy="save an unlocked copy"
            ) from None
        raise StripError("the PDF is damaged", path=path, remedy="save it again") from None
    if count == 0:
        raise StripError("the PDF has no page", path=path, remedy="save it again")
    if count > LARGEST_PDF:
        raise StripError(
            f"the PDF has {count} pages, expected at most {LARGEST_PDF}",
            path=path,
            remedy="save the pages with the EKG alone",
        )
    pages = []
    for index in range(count):
        try:
            page = document[index]
            width, height = page.get_size()
        except pdfium.PdfiumError:
            raise StripError(f"page {index + 1} of the PDF is damaged", path=path) from None
        if not 20 <= min(width, height) <= max(width, height) <= 14_400:
            raise StripError(
                f"page {index + 1} measures {width:.0f} by {height:.0f} points, expected an EKG",
                path=path,
            )
        pages.append(SourcePage(path, index + 1, count, page, None))
    return pages


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise StripError(
            "is an HEIC image, which needs the package pillow-heif",
            path=path,
            remedy="install it (pip install pillow-heif) or save the image as JPEG",
        ) from None
    register_heif_opener()


def _open_picture(path: Path, data: bytes, formats: tuple[str, ...]) -> tuple[Image.Image, float]:
    """Return the image the right way up, and by how much it was made smaller."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size and of odd metadata: checked below
            picture = Image.open(io.BytesIO(data), formats=formats)
            width, height = picture.size
            if width * height > LARGEST_IMAGE or max(width, height) > LARGEST_SIDE:
                raise StripError(
                    f"has {width} x {height} pixels, expected at most {LARGEST_IMAGE // 10**6} "
                    "million",
                    path=path,
                    remedy="save it smaller (300 dots per inch are plenty)",
                )
            if min(width, height) < SMALLEST_SIDE:
                raise StripError(
                    f"has {width} x {height} pixels, too few to show an EKG",
                    path=path,
                    remedy="give the original image",
                )
            frames = getattr(picture, "n_frames", 1)
            if frames > 1:
                raise StripError(
                    f"has {frames} images, expected one",
                    path=path,
                    remedy="save the page alone",
                )
            factor = int(np.ceil(np.sqrt(width * height / WORKING_IMAGE)))
            if factor > 1 and picture.format == "JPEG":
                # JPEG comes out at a half, a quarter or an eighth for a part of the work.
                picture.draft("RGB", (width // factor, height // factor))
            picture.load()
            reduced: Image.Image = picture
            if (left := int(np.ceil(np.sqrt(picture.width * picture.height / WORKING_IMAGE)))) > 1:
                reduced = _as_rgb(picture).reduce(left)
            return ImageOps.exif_transpose(reduced), width / max(reduced.width, 1)
    except StripError:
        raise
    except UnidentifiedImageError:
        raise StripError(
            "is not a readable image or PDF",
            path=path,
            remedy="expected PNG, JPEG, WebP, BMP, TIFF, HEIC or PDF",
        ) from None
    except Image.DecompressionBombError:
        raise StripError(
            f"has far too many pixels, expected at most {LARGEST_IMAGE // 10**6} million",
            path=path,
            remedy="save it smaller",
        ) from None
    except (OSError, *DAMAGE) as error:
        raise StripError(
            f"the image is corrupt ({type(error).__name__})", path=path, remedy="save it again"
        ) from None


def _as_rgb(picture: Image.Image) -> Image.Image:
    """Return 8-bit RGB on white, from any mode."""
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        levels = np.asarray(picture, dtype=np.float32)
        top = 65535.0 if picture.mode.startswith("I") and levels.max(initial=0) > 255 else 255.0
        grey = np.clip(levels * (255.0 / top), 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if picture.mode == "RGB":
        return picture
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return picture.convert("RGB")
