"""Find calibration pulses: rectangles that are open below, at a row's line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.rows import Row

_HEIGHTS = (5.0, 10.0, 20.0)
_WIDTHS = np.arange(round(2.0 * FLAT), round(6.6 * FLAT))
_FOOT = round(3.0 * FLAT)
_OUT, _IN = round(12 * FLAT), round(9 * FLAT)
"""Pixels outside and inside of a row's end within which its pulse stands."""
_CLEAR = 0.45
"""Strength that the weakest of the three sides must have."""


@dataclass(frozen=True)
class Pulse:
    """One pulse, in pixels of the flat page."""

    row: int
    left: int
    right: int
    top: int
    foot: int
    clarity: float

    @property
    def height(self) -> float:
        """Millimetres."""
        return (self.foot - self.top) / FLAT


def find_pulses(strength: np.ndarray, rows: list[Row]) -> list[Pulse]:
    """Return the clearest pulse of each row that has one, beside its line or below it."""
    found = []
    for number, row in enumerate(rows):
        gaps = [abs(other.y - row.y) for other in rows if other is not row]
        reach = max(_FOOT, round(0.5 * min(gaps, default=0.0)))
        places = ((row.left - _OUT, row.left + _IN), (row.right - _IN, row.right + _OUT))
        ends = [
            pulse
            for first, last in places
            if (pulse := _pulse_of(strength, row, number, reach, first, last)) is not None
        ]
        if ends:
            found.append(max(ends, key=lambda pulse: pulse.clarity))
    if len(found) < 2:
        return found
    # Pulses stand below each other, and are equally high.
    best = max(found, key=lambda one: sum(_alike(one, other) * other.clarity for other in found))
    return [pulse for pulse in found if _alike(best, pulse)]


def _alike(one: Pulse, two: Pulse) -> bool:
    return (
        abs(one.left - two.left) < 2 * FLAT
        and abs(one.right - two.right) < 2 * FLAT
        and abs(one.height - two.height) < 0.08 * one.height
    )


def _pulse_of(
    strength: np.ndarray, row: Row, number: int, reach: int, first: int, last: int
) -> Pulse | None:
    first, last = max(0, first), min(strength.shape[1], last)
    if last - first < _WIDTHS[0] + 8:
        return None
    wide = ndimage.maximum_filter1d(strength[:, first:last], 3, axis=1)
    sums = np.concatenate([np.zeros((1, wide.shape[1])), np.cumsum(wide, axis=0, dtype=float)])
    level = np.minimum(ndimage.maximum_filter1d(strength[:, first:last], 3, axis=0), 1.0)
    best: Pulse | None = None
    for height_mm in _HEIGHTS:
        for height in range(round(0.96 * height_mm * FLAT), round(1.04 * height_mm * FLAT) + 1):
            for foot in range(round(row.y) - reach, round(row.y) + reach + 1, 2):
                top = foot - height
                if top < 2 or foot >= strength.shape[0]:
                    continue
                edge = (sums[foot] - sums[top]) / height
                columns = np.flatnonzero(edge > _CLEAR)
                if len(columns) < 2:
                    continue
                candidate = _between(columns, edge, level[top], sums, top, foot)
                if candidate is not None and (best is None or candidate[0] > best.clarity + 0.02):
                    clarity, left, right = candidate
                    best = Pulse(number, first + left, first + right, top, foot, clarity)
    return best


def _between(
    columns: np.ndarray,
    edge: np.ndarray,
    ceiling: np.ndarray,
    sums: np.ndarray,
    top: int,
    foot: int,
) -> tuple[float, int, int] | None:
    """Return the clearest pair of edges with a ceiling between them and nothing below it."""
    left, right = np.meshgrid(columns, columns, indexing="ij")
    gap = right - left
    good = (gap >= _WIDTHS[0]) & (gap <= _WIDTHS[-1])
    left, right = left[good], right[good]
    if not len(left):
        return None
    along = np.concatenate([[0.0], np.cumsum(ceiling)])
    cover = (along[right + 1] - along[left]) / (right + 1 - left)
    quarter = (foot - top) // 4
    inner = sums[foot - quarter] - sums[top + quarter]
    inner = np.concatenate([[0.0], np.cumsum(inner)])
    inside = (inner[right - 3] - inner[left + 4]) / (
        (right - left - 7) * (foot - top - 2 * quarter)
    )
    # Its sides end at its foot: the upper half of a pulse is none.
    last = min(foot + 10, len(sums) - 1)
    below = (sums[last] - sums[min(foot + 4, last)]) / 6
    clarity = np.minimum(np.minimum(edge[left], edge[right]), cover) - inside
    clarity = clarity - np.maximum(below[left], below[right])
    # Of equally clear ones the leftmost, whatever the last bits say.
    place = int(np.argmax(np.round(clarity, 3)))
    if clarity[place] < _CLEAR:
        return None
    return float(clarity[place]), int(left[place]), int(right[place])
