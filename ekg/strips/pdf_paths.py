"""Lines and words of a PDF page, in millimetres of the page as it is shown."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ekg.strips.intake import StripError

POINT = 25.4 / 72
"""Millimetres."""
_MOST_SEGMENTS = 1_500_000
_MOST_OBJECTS = 300_000
_LONGEST_WORD = 80
_Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Line:
    """A stroked polyline."""

    points: np.ndarray
    """Shape (N, 2): millimetres to the right and downward from the page's upper left corner."""
    style: tuple[int, int, int, float]
    """Red, green, blue and the width in millimetres."""


@dataclass(frozen=True)
class Word:
    """A piece of text and its middle, in millimetres. It may be a name: it is never kept."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class PdfContent:
    """What is drawn on a page."""

    lines: list[Line]
    words: list[Word]
    width: float
    height: float


def read_content(page: pdfium.PdfPage) -> PdfContent:
    """Return the lines and words of a page, forms within forms included."""
    place = _page_matrix(page)
    width, height = page.get_size()
    textpage = page.get_textpage()
    pieces: list[tuple[np.ndarray, tuple[int, int, int, float]]] = []
    words = []
    total = 0
    kinds = [pdfium_c.FPDF_PAGEOBJ_PATH, pdfium_c.FPDF_PAGEOBJ_TEXT]
    for number, item in enumerate(page.get_objects(filter=kinds, max_depth=6)):
        if number > _MOST_OBJECTS or total > _MOST_SEGMENTS:
            raise StripError("the PDF page has too many lines", remedy="give an image of the page")
        matrix = _product(_outer_matrix(item), place)
        if item.type == pdfium_c.FPDF_PAGEOBJ_TEXT:
            words.append(_word(item, textpage, matrix))
            continue
        total += max(0, pdfium_c.FPDFPath_CountSegments(item.raw))
        pieces.extend(_subpaths(item, _product(item.get_matrix().get(), matrix)))
    return PdfContent(
        lines=_joined(pieces),
        words=[word for word in words if word is not None],
        width=width * POINT,
        height=height * POINT,
    )


def _page_matrix(page: pdfium.PdfPage) -> _Matrix:
    """Return what takes the page's own points to millimetres as shown, y downward."""
    left, bottom, right, top = page.get_cropbox()
    k = POINT
    return {
        0: (k, 0.0, 0.0, -k, -k * left, k * top),
        90: (0.0, k, k, 0.0, -k * bottom, -k * left),
        180: (-k, 0.0, 0.0, k, k * right, -k * bottom),
        270: (0.0, -k, -k, 0.0, k * top, k * right),
    }[page.get_rotation() % 360]


def _product(first: _Matrix, second: _Matrix) -> _Matrix:
    """Return the matrix that applies `first`, then `second`."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = second
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _outer_matrix(item: pdfium.PdfObject) -> _Matrix:
    """Return the product of the matrices of the forms that an object lies in."""
    matrix: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    outer = item.container
    while outer is not None:
        matrix = _product(matrix, outer.get_matrix().get())
        outer = outer.container
    return matrix


def _apply(matrix: _Matrix, points: np.ndarray) -> np.ndarray:
    a, b, c, d, e, f = matrix
    x, y = points[:, 0], points[:, 1]
    return np.stack([a * x + c * y + e, b * x + d * y + f], axis=1)


def _word(item: pdfium.PdfObject, textpage: pdfium.PdfTextPage, matrix: _Matrix) -> Word | None:
    count = pdfium_c.FPDFTextObj_GetText(item.raw, textpage.raw, None, 0)
    if not 2 < count <= 2 * 4096:
        return None
    buffer = ctypes.create_string_buffer(count)
    pointer = ctypes.cast(buffer, ctypes.POINTER(pdfium_c.FPDF_WCHAR))
    pdfium_c.FPDFTextObj_GetText(item.raw, textpage.raw, pointer, count)
    text = buffer.raw[: count - 2].decode("utf-16-le", errors="ignore").strip("\0 \xa0")
    if not text:
        return None
    left, bottom, right, top = item.get_bounds()
    (x, y) = _apply(matrix, np.array([[(left + right) / 2, (bottom + top) / 2]]))[0]
    return Word(text[: 4 * _LONGEST_WORD], float(x), float(y))


def _subpaths(
    item: pdfium.PdfObject, matrix: _Matrix
) -> list[tuple[np.ndarray, tuple[int, int, int, float]]]:
    """Return the polylines of a stroked path, each with its style."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDFPath_GetDrawMode(item.raw, fill, stroke)
    if not stroke.value:
        return []
    colours = [ctypes.c_uint() for _ in range(4)]
    pdfium_c.FPDFPageObj_GetStrokeColor(item.raw, *colours)
    width = ctypes.c_float()
    pdfium_c.FPDFPageObj_GetStrokeWidth(item.raw, width)
    scale = abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]) ** 0.5
    red, green, blue, _ = (colour.value for colour in colours)
    style = (red, green, blue, round(width.value * scale, 3))
    parts: list[list[tuple[float, float]]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    bend: list[tuple[float, float]] = []
    for index in range(pdfium_c.FPDFPath_CountSegments(item.raw)):
        segment = pdfium_c.FPDFPath_GetPathSegment(item.raw, index)
        pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        point = (x.value, y.value)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO or not parts:
            parts.append([point])
        elif kind == pdfium_c.FPDF_SEGMENT_BEZIERTO:
            bend.append(point)
            if len(bend) == 3:
                parts[-1].extend(_curve(parts[-1][-1], bend))
                bend = []
        else:
            parts[-1].append(point)
        if pdfium_c.FPDFPathSegment_GetClose(segment) and len(parts[-1]) > 2:
            parts[-1].append(parts[-1][0])
    return [(_apply(matrix, np.array(part)), style) for part in parts if len(part) > 1]


def _curve(
    start: tuple[float, float], bend: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    t = np.linspace(0, 1, 9)[1:, None]
    p = np.array([start, *bend])
    curve = (1 - t) ** 3 * p[0] + 3 * t * (1 - t) ** 2 * p[1] + 3 * t**2 * (1 - t) * p[2]
    return [(float(x), float(y)) for x, y in curve + t**3 * p[3]]


def _joined(pieces: list[tuple[np.ndarray, tuple[int, int, int, float]]]) -> list[Line]:
    """Join pieces that follow each other end to start in the order of drawing."""
    lines: list[Line] = []
    chain: list[np.ndarray] = []
    style: tuple[int, int, int, float] | None = None

    def finish() -> None:
        if chain and style is not None:
            lines.append(Line(np.concatenate(chain), style))

    for points, own in pieces:
        if chain and own == style and np.abs(chain[-1][-1] - points[0]).max() < 0.02:
            chain.append(points[1:])
            continue
        finish()
        chain, style = [points], own
    finish()
    return lines
