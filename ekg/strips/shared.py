"""Whose is a stroke that runs from one row's line to the next row's."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.rows import STROKE, Row

_CLEAR = round(1.2 * FLAT)
"""Pixels beside a row's line in which everything is that row's."""
_WIDEST = 8 * FLAT
_LEAD = 50 * FLAT
_WAIST = 0.7
"""Width of a waist over that of the ends."""
_THICKER = 1.5
"""How much thicker than elsewhere ink is where waves of two rows lie on each other."""


def taken_away(strength: np.ndarray, rows: list[Row]) -> list[np.ndarray]:
    """Return, for each row, which strokes that touch its line belong to a neighbour.

    The legs of a wave draw together towards its tip: a stroke between two lines is of the row
    at its wider end. Two waves that touch have a waist between them; where they lie on each
    other the ink is thicker, and each ends at the far end of the thick part. Waves of one lead
    are alike: pieces less than a quarter of the page apart vote together.
    """
    masks = [np.zeros(strength.shape, bool) for _ in rows]
    for number in range(len(rows) - 1):
        upper, lower = rows[number], rows[number + 1]
        top, bottom = round(upper.y) + _CLEAR, round(lower.y) - _CLEAR
        if bottom - top < 4 * FLAT:
            continue
        zone = strength[top:bottom]
        labels, _ = ndimage.label(zone > STROKE, np.ones((3, 3)))
        pieces = []
        for index, box in enumerate(ndimage.find_objects(labels), start=1):
            height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
            if height < 0.9 * (bottom - top) or width > _WIDEST:
                continue
            own = labels[box] == index
            pieces.append((own, top + box[0].start, box[1].start, np.where(own, zone[box], 0.0)))
        tapers = [_taper(piece) for _, _, _, piece in pieces]
        for own, start, left, piece in pieces:
            votes = [
                taper
                for taper, (_, _, other, _) in zip(tapers, pieces, strict=True)
                if abs(other - left) < _LEAD
            ]
            first, last = _limits(piece, sum(votes))
            _forbid(masks[number], own, start, left, last, own.shape[0])
            _forbid(masks[number + 1], own, start, left, 0, first)
    return masks


def _spans(piece: np.ndarray) -> np.ndarray:
    """Return how wide a piece is at each height."""
    columns = np.arange(piece.shape[1])
    inked = piece > STROKE
    left = np.where(inked, columns, piece.shape[1]).min(axis=1)
    right = np.where(inked, columns, -1).max(axis=1)
    return ndimage.median_filter(np.maximum(right - left + 1, 0), 7)


def _ends(values: np.ndarray) -> tuple[float, float]:
    count = max(3, len(values) // 5)
    return float(values[:count].mean()), float(values[-count:].mean())


def _taper(piece: np.ndarray) -> float:
    """Return from -1 to 1 by how much a piece is wider above than below."""
    above, below = _ends(_spans(piece))
    return (above - below) / max(above + below, 1.0)


def _limits(piece: np.ndarray, taper: float) -> tuple[int, int]:
    """Return where the lower row's wave ends above, and where the upper row's ends below."""
    spans = _spans(piece)
    edge = round(0.15 * len(spans))
    inner = spans[edge : len(spans) - edge]
    above, below = _ends(spans)
    waist = int(np.argmin(inner))
    if inner[waist] < _WAIST * min(above, below):
        return edge + waist, edge + waist
    thick = ndimage.uniform_filter1d(piece.sum(axis=1), 7)
    usual = float(np.median(thick))
    high = thick > _THICKER * usual
    high[:edge] = high[len(high) - edge :] = False
    labels, count = ndimage.label(high)
    if count:
        sizes = ndimage.sum_labels(thick, labels, np.arange(1, count + 1))
        part = np.flatnonzero(labels == 1 + int(np.argmax(sizes)))
        if len(part) >= 6:
            return int(part[0]), int(part[-1]) + 1
    return (len(spans), len(spans)) if taper >= 0 else (0, 0)


def _forbid(mask: np.ndarray, own: np.ndarray, top: int, left: int, first: int, last: int) -> None:
    part = own[first:last]
    mask[top + first : top + first + len(part), left : left + own.shape[1]] |= part
