"""From a flat page to ink: the grid divided out by its known place, pen strokes between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT, FlatPage, grid_of
from ekg.strips.grid import darkness, enlarge
from ekg.strips.segment import segment

_BLOCK = 18
"""Pixels of the flat page (3 mm) from whose bright part the paper's level is taken."""
_DARK = 0.6
"""Strength from which a pixel is ink whatever the network says."""
_SEEN = 0.3
"""Probability of a trace from which the network is taken to see one."""
_WORDS, _RATHER = 0.7, 5.0
"""Probability of text from which a pixel is none of the trace's, if it is also so many times
that of a trace."""
_STROKES = round(1.5 * FLAT)
"""Pixels: strokes, letters and bars are narrower, the shade of a fold is wider."""
_LEAST_PEN = 0.12
"""Darkness of the palest pen that is looked for."""


@dataclass(frozen=True)
class Ink:
    """The strokes on a flat page."""

    strength: np.ndarray
    """float32, 0 (paper or grid) to 1 (full pen), shape (rows, columns)."""
    trace: np.ndarray
    """The same without what is surely text, a pulse or a separator."""
    sure: np.ndarray
    """`trace` where the network sees a trace: for finding rows and their ends."""
    text: np.ndarray
    """How much more a pixel looks like text or a mark than like a trace, -1 to 1."""
    raw: np.ndarray
    """Strength before the network's opinion: for the fine shape of what is a trace."""
    pen: float
    """Share of the light that the pen takes."""
    noise: float
    """Spread of what is left of paper and grid, over the pen's darkness."""


def find_ink(flat: FlatPage) -> Ink:
    """Divide the grid out and scale what is left to the pen."""
    rgb = np.rint(flat.rgb).astype(np.uint8)
    _, least = darkness(rgb, _BLOCK)
    # What is left of the light after the grid's share: for black ink, how much of the pixel the
    # pen covers. Logarithms would make soft edges of a black line look empty.
    dark = least - grid_of(least, FLAT)
    rest = 1.0 - np.exp(np.minimum(_shade(dark) - dark, 0.7))
    rest[~_seen_area(flat)] = 0.0
    spread = 1.48 * float(np.median(np.abs(rest[::3, ::3][flat.inside[::3, ::3]])))
    floor = max(_LEAST_PEN, 5 * spread)
    dark = rest[rest > floor]
    pen = float(np.percentile(dark, 75)) if dark.size > 500 else floor
    trace, text, mark, ground = segment(rgb, (0.0, 0.0))
    strength = np.clip(rest / _pen_nearby(rest, trace, pen), 0.0, 1.0).astype(np.float32)
    # What the network is sure is ground (left-overs of the grid, folds) goes, unless it is as
    # dark as the pen: tips of QRS are thin, and the network is not sure of them.
    raw = strength
    paler = strength * np.clip((1 - ground - 0.05) / 0.2, 0.0, 1.0)
    strength = np.where(strength > _DARK, strength, paler)
    other = np.maximum(text, mark)
    # Bars and pulses are told by their shape later: the network takes a QRS on a bar for one.
    gone = (text > _WORDS) & (text > _RATHER * trace)
    only_trace = np.where(gone, 0.0, strength)
    return Ink(
        strength=strength,
        trace=only_trace,
        sure=np.where(trace > _SEEN, only_trace, 0.0),
        text=other - trace,
        raw=raw,
        pen=pen,
        noise=spread / pen,
    )


def _shade(dark: np.ndarray) -> np.ndarray:
    """Return the darkness of folds and edges of shadows: of what is wider than any stroke."""
    smooth = ndimage.uniform_filter(dark, 3)
    wide = ndimage.grey_opening(smooth, (_STROKES, _STROKES))
    return np.maximum(ndimage.uniform_filter(wide, 5), 0.0)


def _pen_nearby(rest: np.ndarray, trace: np.ndarray, pen: float) -> np.ndarray:
    """Return the pen's darkness at each pixel: glare makes strokes paler on a part of a page."""
    block = round(12 * FLAT)
    rows, columns = -(-rest.shape[0] // block), -(-rest.shape[1] // block)
    levels = np.full((rows, columns), np.nan)
    sure = trace > 0.6
    for row in range(rows):
        for column in range(columns):
            part = (
                slice(row * block, (row + 1) * block),
                slice(column * block, (column + 1) * block),
            )
            dark = rest[part][sure[part]]
            if dark.size > 60:
                levels[row, column] = np.percentile(dark, 75)
    known = np.isfinite(levels)
    weights = ndimage.gaussian_filter(known.astype(float), 0.8) + 0.02
    filled = ndimage.gaussian_filter(np.where(known, levels, 0.0), 0.8) + 0.02 * pen
    nearby = np.where(known, filled / weights, pen)
    return enlarge(np.clip(nearby, 0.4 * pen, 1.1 * pen), rest.shape, (block, block))


def _seen_area(flat: FlatPage) -> np.ndarray:
    """Return the part of the page over which the grid was seen, and a little beyond."""
    seen = flat.seen > 0
    seen = ndimage.binary_closing(np.pad(seen, 4), iterations=3)[4:-4, 4:-4]
    labels, count = ndimage.label(seen)
    if count > 1:
        sizes = ndimage.sum_labels(seen, labels, np.arange(1, count + 1))
        seen = labels == 1 + int(np.argmax(sizes))
    seen = ndimage.binary_dilation(seen, np.ones((3, 3)), iterations=2)
    rows, columns = flat.rgb.shape[:2]
    step = 5 * FLAT
    row = np.clip(np.rint(np.arange(rows) / step).astype(int), 0, seen.shape[0] - 1)
    column = np.clip(np.rint(np.arange(columns) / step).astype(int), 0, seen.shape[1] - 1)
    return seen[row][:, column] & flat.inside
