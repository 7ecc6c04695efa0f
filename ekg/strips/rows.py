"""Find the rows of traces on a flat page, and what stands across them: separators and ticks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT

STROKE = 0.35
"""Strength from which a pixel counts as a stroke."""
_BIN = round(2 * FLAT)
_REACH = round(2 * FLAT)
_APART = round(7 * FLAT)
_SPECK = 1.3 * FLAT
"""Pixels: what is smaller in both directions is dirt or a dot of the grid."""


@dataclass
class Row:
    """A row of traces, in pixels of the flat page."""

    y: float
    """Where its line mostly lies."""
    left: int
    right: int
    rough: np.ndarray
    """The line's place by column, for all columns of the page."""


def without_specks(strength: np.ndarray) -> np.ndarray:
    """Return the strokes without small spots."""
    strong = strength > STROKE
    labels, _ = ndimage.label(strong, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    small = np.zeros(len(boxes) + 1, bool)
    for number, box in enumerate(boxes, start=1):
        height, width = (side.stop - side.start for side in box)
        small[number] = height < _SPECK and width < _SPECK
    result = strength.copy()
    result[small[labels]] = 0.0
    return result


def bars_of(strength: np.ndarray, pen: float) -> list[tuple[int, int, int, int]]:
    """Return left, right, top and bottom of thick upright bars, as stand between columns.

    Parameters
    ----------
    strength
        Ink.
    pen
        Width of the pen in pixels.
    """
    width = max(3, round(max(0.55 * FLAT, 1.5 * pen)))
    height = round(4.5 * FLAT)
    solid = ndimage.minimum_filter1d((strength > 0.5).astype(np.uint8), width, axis=1)
    solid = ndimage.minimum_filter1d(solid, height, axis=0)
    labels, _ = ndimage.label(solid, np.ones((3, 3)))
    bars = []
    for box in ndimage.find_objects(labels):
        top, bottom = box[0].start - height // 2, box[0].stop + (height - 1) // 2
        left, right = box[1].start - width // 2, box[1].stop + (width - 1) // 2
        if bottom - top <= 14 * FLAT and right - left <= 1.6 * FLAT:
            bars.append((left, right, top, bottom))
    return bars


def long_lines(strength: np.ndarray, top: int, bottom: int) -> list[int]:
    """Return the x of thin upright lines, dashed ones too, that run through several rows.

    QRS of several rows may stand below each other: a line is there between the rows as well.
    """
    part = (strength[max(0, top) : bottom] > STROKE).astype(np.uint8)
    piece = round(4 * FLAT)
    count = part.shape[0] // piece
    if count < 8:
        return []
    pieces = part[: count * piece].reshape(count, piece, -1).mean(axis=1)
    filled = (pieces > 0.3).mean(axis=0)
    labels, number = ndimage.label(filled > 0.85)
    found = []
    for one in range(1, number + 1):
        columns = np.flatnonzero(labels == one)
        if len(columns) <= 0.9 * FLAT:
            found.append(int(columns.mean()))
    return found


def find_rows(strength: np.ndarray) -> list[Row]:
    """Return the rows from top to bottom.

    A row covers, within 2 mm of one height, most of the width over which there are rows.
    """
    strokes = (strength > STROKE).astype(np.uint8)
    count = strokes.shape[1] // _BIN
    bins = strokes[:, : count * _BIN].reshape(strokes.shape[0], count, _BIN).max(axis=2)
    near = ndimage.maximum_filter1d(bins, 2 * _REACH + 1, axis=0).astype(float)
    wide = max(5, int(0.25 * count))
    # The best quarter of the width first: rows may be shorter than the page.
    smooth = ndimage.uniform_filter1d(near, wide, axis=1).max(axis=1)
    cover = near.mean(axis=1)
    score = np.where(smooth > 0.8, cover, 0.0)
    rows: list[int] = []
    limit = max(0.25, 0.55 * float(score.max(initial=0.0)))
    for y in np.argsort(-score, kind="stable"):
        if score[y] < limit:
            break
        if all(abs(int(y) - other) > _APART for other in rows):
            rows.append(_middle_of_peak(strokes, score, int(y)))
    rows = sorted(set(rows))
    return [_row(strength, y, rows) for y in rows]


def _middle_of_peak(strokes: np.ndarray, score: np.ndarray, y: int) -> int:
    """Return the height with most strokes near a peak of the cover (which has a flat top)."""
    low, high = max(0, y - _REACH), min(len(score), y + _REACH + 1)
    density = ndimage.uniform_filter1d(
        strokes[low:high].sum(axis=1).astype(float), max(1, round(0.8 * FLAT))
    )
    return low + int(np.argmax(density))


def _row(strength: np.ndarray, y: int, rows: list[int]) -> Row:
    others = [abs(other - y) for other in rows if other != y]
    band = round(min(22 * FLAT, 0.75 * min(others, default=30 * FLAT)))
    top, bottom = max(0, y - band), min(strength.shape[0], y + band + 1)
    rough = _shortest(strength[top:bottom], y - top) + top
    left, right = row_extent(strength, rough)
    return Row(float(np.median(rough[left : right + 1])), left, right, rough)


def _shortest(part: np.ndarray, middle: int) -> np.ndarray:
    """Return the darkest line through a band, steps up and down at a price."""
    price = 0.12
    height, width = part.shape
    y = np.arange(height)
    cost = 1.0 - part + 0.002 * np.abs(y - middle)[:, None]
    total = np.empty((width, height), dtype=np.float32)
    total[0] = cost[:, 0]
    ramp = (price * y).astype(np.float32)
    for x in range(1, width):
        before = total[x - 1]
        down = np.minimum.accumulate(before - ramp) + ramp
        up = np.minimum.accumulate((before + ramp)[::-1])[::-1] - ramp
        total[x] = np.minimum(down, up) + cost[:, x]
    line = np.empty(width, dtype=int)
    line[-1] = int(np.argmin(total[-1]))
    for x in range(width - 2, -1, -1):
        line[x] = int(np.argmin(total[x] + price * np.abs(y - line[x + 1])))
    return line


def row_extent(strength: np.ndarray, rough: np.ndarray) -> tuple[int, int]:
    """Return where a row begins and ends: the longest stretch without gaps of over 8 mm."""
    x = np.arange(strength.shape[1])
    near = np.zeros(len(x))
    for step in range(-2, 3):
        near = np.maximum(near, strength[np.clip(rough + step, 0, strength.shape[0] - 1), x])
    # Left-overs of the grid are paler than the row's own stroke; so are faint parts of the row,
    # but those lie between strong ones.
    smooth = ndimage.uniform_filter1d(near, round(2 * FLAT) | 1)
    strong = smooth > 0.6 * float(np.quantile(smooth, 0.6))
    weak = np.pad(smooth > 0.2 * float(np.quantile(smooth, 0.6)), 60)
    weak = ndimage.binary_closing(weak, np.ones(round(8 * FLAT)))[60:-60]
    labels, count = ndimage.label(weak)
    if count == 0 or not strong.any():
        return 0, len(x) - 1
    sizes = ndimage.sum_labels(strong, labels, np.arange(1, count + 1))
    columns = np.flatnonzero(strong & (labels == 1 + int(np.argmax(sizes))))
    return (int(columns[0]), int(columns[-1])) if len(columns) else (0, len(x) - 1)


def pen_width(strength: np.ndarray, rows: list[Row]) -> float:
    """Return the pen's width in pixels: the usual height of the stroke on level parts."""
    heights = []
    for row in rows:
        for x in range(row.left, row.right, 3):
            y = row.rough[x]
            if strength[y, x] < 0.6 or abs(row.rough[max(0, x - 3)] - y) > 1:
                continue
            column = strength[max(0, y - 12) : y + 13, x]
            middle = min(y, 12)
            above = np.flatnonzero(column[: middle + 1][::-1] < 0.5)
            below = np.flatnonzero(column[middle:] < 0.5)
            if len(above) and len(below):
                heights.append(column[middle - above[0] + 1 : middle + below[0]].sum())
    return float(np.median(heights)) if len(heights) > 20 else 2.0
