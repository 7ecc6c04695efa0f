"""From a flat page to ink: the grid divided out by its known place, pen strokes between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT, FlatPage, grid_of
from ekg.strips.grid import darkness
from ekg.strips.segment import segment

_BLOCK = 18
"""Pixels of the flat page (3 mm) from whose bright part the paper's level is taken."""
_DARK = 0.6
"""Strength from which a pixel is ink whatever the network says."""
_LEAST_PEN = 0.12
"""Darkness of the palest pen that is looked for."""


@dataclass(frozen=True)
class Ink:
    """The strokes on a flat page."""

    strength: np.ndarray
    """float32, 0 (paper or grid) to 1 (full pen), shape (rows, columns)."""
    trace: np.ndarray
    """The same without what is surely text, a pulse or a separator."""
    raw: np.ndarray
    """Strength before the network's opinion: for the fine shape of what is a trace."""
    pen: float
    """Darkness of the pen."""
    noise: float
    """Spread of what is left of paper and grid, over the pen's darkness."""


def find_ink(flat: FlatPage) -> Ink:
    """Divide the grid out and scale what is left to the pen."""
    _, least = darkness(np.clip(flat.rgb, 0, 255).astype(np.uint8), _BLOCK)
    rest = least - grid_of(least, FLAT)
    rest[~_seen_area(flat)] = 0.0
    spread = 1.48 * float(np.median(np.abs(rest[::3, ::3][flat.inside[::3, ::3]])))
    floor = max(_LEAST_PEN, 5 * spread)
    dark = rest[rest > floor]
    pen = float(np.percentile(dark, 75)) if dark.size > 500 else floor
    strength = np.clip(rest / pen, 0.0, 1.0).astype(np.float32)
    trace, text, mark, ground = segment(np.clip(flat.rgb, 0, 255).astype(np.uint8), (0.0, 0.0))
    # What the network is sure is ground (left-overs of the grid, folds) goes, unless it is as
    # dark as the pen: tips of QRS are thin, and the network is not sure of them.
    raw = strength
    paler = strength * np.clip((1 - ground - 0.05) / 0.2, 0.0, 1.0)
    strength = np.where(strength > _DARK, strength, paler)
    other = np.maximum(text, mark)
    only_trace = np.where((other > 0.5) & (other > 2.5 * trace), 0.0, strength)
    return Ink(strength=strength, trace=only_trace, raw=raw, pen=pen, noise=spread / pen)


def _seen_area(flat: FlatPage) -> np.ndarray:
    """Return the part of the page over which the grid was seen, and a little beyond."""
    seen = flat.seen > 0
    seen = ndimage.binary_closing(np.pad(seen, 4), iterations=3)[4:-4, 4:-4]
    labels, count = ndimage.label(seen)
    if count > 1:
        sizes = ndimage.sum_labels(seen, labels, np.arange(1, count + 1))
        seen = labels == 1 + int(np.argmax(sizes))
    seen = ndimage.binary_dilation(seen, np.ones((3, 3)))
    rows, columns = flat.rgb.shape[:2]
    step = 5 * FLAT
    row = np.clip(np.rint(np.arange(rows) / step).astype(int), 0, seen.shape[0] - 1)
    column = np.clip(np.rint(np.arange(columns) / step).astype(int), 0, seen.shape[1] - 1)
    return seen[row][:, column] & flat.inside
