"""Whose is a stroke that runs from one row's line to the next row's."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.rows import STROKE, Row

_CLEAR = round(1.2 * FLAT)
"""Pixels beside a row's line in which everything is that row's."""
_WIDEST = 8 * FLAT
_THICKER = 1.35
"""How much thicker than elsewhere ink is where waves of two rows lie on each other."""


def taken_away(strength: np.ndarray, rows: list[Row]) -> list[np.ndarray]:
    """Return, for each row, which strokes that touch its line belong to a neighbour.

    Where a wave of the upper row that points down and one of the lower row that points up lie
    on each other the ink is thicker: each ends at the far end of the thick part. A stroke
    without a thick part is one wave, whose two legs draw together towards its tip.
    """
    masks = [np.zeros(strength.shape, bool) for _ in rows]
    for number in range(len(rows) - 1):
        upper, lower = rows[number], rows[number + 1]
        top, bottom = round(upper.y) + _CLEAR, round(lower.y) - _CLEAR
        if bottom - top < 4 * FLAT:
            continue
        zone = strength[top:bottom]
        labels, _ = ndimage.label(zone > STROKE, np.ones((3, 3)))
        for index, box in enumerate(ndimage.find_objects(labels), start=1):
            height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
            if height < 0.9 * (bottom - top) or width > _WIDEST:
                continue
            own = labels[box] == index
            first, last = _limits(np.where(own, zone[box], 0.0))
            start = top + box[0].start
            _forbid(masks[number], own, start, box[1].start, last, own.shape[0])
            _forbid(masks[number + 1], own, start, box[1].start, 0, first)
    return masks


def _limits(piece: np.ndarray) -> tuple[int, int]:
    """Return where the lower row's wave ends above, and where the upper row's ends below."""
    thick = ndimage.uniform_filter1d(piece.sum(axis=1), 5)
    usual = float(np.median(thick))
    high = thick > _THICKER * usual
    edge = round(0.12 * len(high))
    high[:edge] = high[len(high) - edge :] = False
    labels, count = ndimage.label(high)
    if count:
        sizes = ndimage.sum_labels(thick, labels, np.arange(1, count + 1))
        part = np.flatnonzero(labels == 1 + int(np.argmax(sizes)))
        if len(part) >= 4:
            return int(part[0]), int(part[-1]) + 1
    columns = np.arange(piece.shape[1])
    inked = piece > STROKE
    left = np.where(inked, columns, piece.shape[1]).min(axis=1)
    right = np.where(inked, columns, -1).max(axis=1)
    span = np.maximum(right - left + 1, 0)
    count = max(3, len(span) // 5)
    above, below = float(span[:count].mean()), float(span[-count:].mean())
    return (len(span), len(span)) if above >= below else (0, 0)


def _forbid(mask: np.ndarray, own: np.ndarray, top: int, left: int, first: int, last: int) -> None:
    part = own[first:last]
    mask[top + first : top + first + len(part), left : left + own.shape[1]] |= part
