"""The page with the traces that were found drawn over it, other text painted over."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt

from ekg.strips.traced import TracedPage

_COLOURS = ((220, 0, 120), (0, 110, 220), (0, 150, 60), (210, 100, 0))
_MARGIN = 8.0
"""Millimetres of the page that stay visible around the traces."""
_PAINT = (236, 236, 236)


def draw_overlay(
    picture: Image.Image, page: TracedPage, pixels_per_mm: float, *, keep_page: bool = False
) -> Image.Image:
    """Return the image with each trace in colour and its lead's name beside it.

    Parameters
    ----------
    picture
        RGB.
    page
        What was found; its lines are in the image's pixels.
    pixels_per_mm
        Of the image, about.
    keep_page
        Show the whole page. Without it everything but a band around the traces is painted
        over: names and numbers of persons are printed there.
    """
    result = picture.convert("RGB")
    if not keep_page:
        shown = _band(page, result.size, pixels_per_mm)
        result = Image.composite(result, Image.new("RGB", result.size, _PAINT), shown)
    pen = ImageDraw.Draw(result)
    size = max(10, round(3.5 * pixels_per_mm))
    for number, trace in enumerate(page.traces):
        colour = _COLOURS[number % len(_COLOURS)]
        for part in _parts(trace.line):
            pen.line(part, fill=colour, width=max(1, round(0.25 * pixels_per_mm)))
        known = trace.line[np.isfinite(trace.line).all(axis=1)]
        if len(known):
            x, y = known[0] + (pixels_per_mm, -8 * pixels_per_mm)
            pen.text((float(x), float(y)), trace.lead, fill=colour, font_size=size)
    return result


def _band(page: TracedPage, size: tuple[int, int], pixels_per_mm: float) -> Image.Image:
    """Return the mask of what is at most `_MARGIN` from a trace."""
    cell = max(1, round(pixels_per_mm / 2))
    lines = Image.new("1", (-(-size[0] // cell), -(-size[1] // cell)), 1)
    pen = ImageDraw.Draw(lines)
    for trace in page.traces:
        for part in _parts(trace.line):
            pen.line([(x / cell, y / cell) for x, y in part], fill=0)
    near = distance_transform_edt(np.asarray(lines)) <= _MARGIN * pixels_per_mm / cell
    return Image.fromarray(np.uint8(255) * near).resize(size, Image.Resampling.NEAREST)


def _parts(line: np.ndarray) -> list[list[tuple[float, float]]]:
    known = np.isfinite(line).all(axis=1)
    breaks = np.flatnonzero(np.diff(known.astype(int))) + 1
    parts = np.split(line, breaks)
    return [[(float(x), float(y)) for x, y in part] for part in parts if np.isfinite(part).all()]
