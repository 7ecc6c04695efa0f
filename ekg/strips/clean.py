"""Take away what is no trace: frames, pulses, ticks, what was visited; where columns lie."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.pulses import Pulse
from ekg.strips.rows import STROKE, Row, bars_of, row_extent
from ekg.strips.trace import Path

_LEANING = 2
"""Pixels by which a steep stroke may lean within the height of a word."""


def traces_only(rows: list[Row], strength: np.ndarray) -> list[Row]:
    """Leave out what is no row of traces: frames, lines of text, short pieces.

    A row of which the network saw only a piece is followed in all `strength`.
    """
    if not rows:
        return rows
    widths = np.array([row.right - row.left for row in rows])
    usual = float(np.quantile(widths, 0.7))
    kept = []
    for row, width in zip(rows, widths, strict=True):
        if width < 0.6 * usual:
            row.left, row.right = row_extent(strength, row.rough)
            width = row.right - row.left
        inner = row.rough[row.left + width // 20 : row.right - width // 20]
        if width < 0.6 * usual or len(inner) < 10:
            continue
        if _straight(inner) < 0.5:
            kept.append(row)
    return kept


def _straight(line: np.ndarray) -> float:
    """Return the share of a line's 50-mm pieces that are straight: frames are, traces beat."""
    piece = round(50 * FLAT)
    starts = range(0, max(1, len(line) - piece + 1), piece // 2)
    x = np.arange(piece)
    straight = []
    for start in starts:
        part = line[start : start + piece].astype(float)
        rest = part - np.polyval(np.polyfit(x[: len(part)], part, 1), x[: len(part)])
        straight.append(float(np.quantile(np.abs(rest), 0.98)) < 0.3 * FLAT)
    return float(np.mean(straight))


def cover(strength: np.ndarray, row: Row, left: int, right: int) -> float:
    """Return over how much of the columns' width a row has a stroke."""
    x = np.arange(left, right + 1)
    near = np.max(
        [strength[np.clip(row.rough[x] + k, 0, len(strength) - 1), x] for k in (-1, 0, 1)], axis=0
    )
    return float((near > STROKE).mean())


def without_pulses(strength: np.ndarray, pulses: list[Pulse]) -> np.ndarray:
    """Take the pulses out, but for their feet: the trace begins there."""
    clean = strength.copy()
    for pulse in pulses:
        clean[pulse.top - 4 : pulse.foot - 3, max(0, pulse.left - 3) : pulse.right + 3] = 0.0
    return clean


def tick_mask(
    strength: np.ndarray, rows: list[Row], pen: float, left: int, right: int
) -> np.ndarray:
    """Return where bars stand between columns: alike beside several rows or columns."""
    mask = np.zeros(strength.shape, bool)
    bars = bars_of(strength, pen)
    for columns in (4, 2, 5):
        borders = [left + (right - left) * k / columns for k in range(1, columns)]
        near = [
            (bar[0] - border, bar[1] - border, bar[2] - row.y, bar[3] - row.y)
            for bar in bars
            for border in borders
            for row in rows
            if abs(0.5 * (bar[0] + bar[1]) - border) < 2.5 * FLAT
            and abs(0.5 * (bar[2] + bar[3]) - row.y) < 6 * FLAT
        ]
        groups = [[other for other in near if _same_bar(one, other)] for one in near]
        best = max(groups, key=len, default=[])
        if len(best) < 3:
            continue
        # A QRS that lies on a bar makes it wider: the usual bar says what is the bar's.
        bar = np.median(np.array(best), axis=0)
        for border in borders:
            for row in rows:
                _mark_bar(mask, strength, bar + np.array([border, border, row.y, row.y]))
        break
    return mask


def _same_bar(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        abs(one[0] + one[1] - other[0] - other[1]) < 6
        and abs(one[2] + one[3] - other[2] - other[3]) < 2 * FLAT
        and abs(one[3] - one[2] - other[3] + other[2]) < 0.8 * FLAT
    )


def _mark_bar(mask: np.ndarray, strength: np.ndarray, bar: np.ndarray) -> None:
    """Mark the bar that stands within a few pixels of a place, if there is one."""
    left, right, top, bottom = (int(side) for side in np.rint(bar))
    best = (0.7, 0, 0)
    for down in range(-9, 10):
        for over in range(-5, 6):
            box = (slice(max(0, top + down), bottom + down), slice(left + over, right + over))
            part = strength[box]
            if part.size:
                best = max(best, (float((part > 0.5).mean()), down, over))
    if best[0] > 0.7:
        down, over = best[1:]
        rows = slice(max(0, top + down - 2), bottom + down + 2)
        first, last = left + over - 1, right + over
        for side, step in ((first, -1), (last, 1)):
            # Blur makes a bar wider.
            if strength[top + down : bottom + down, side + step].mean() > 0.2:
                first, last = min(first, side + step), max(last, side + step)
        mask[rows, max(0, first) : last + 1] = True


def hide_word(
    box: tuple[slice, slice], clean: np.ndarray, every: np.ndarray, hidden: np.ndarray
) -> None:
    """Take a word out, but not the columns in which a stroke runs into it from outside."""
    rows, columns = box
    around = np.zeros(clean[box].shape[1], bool)
    for beside in (slice(max(0, rows.start - 3), rows.start), slice(rows.stop, rows.stop + 3)):
        strokes = clean[beside, columns] > STROKE
        if strokes.size:
            around |= strokes.all(axis=0)
    kept = ndimage.binary_dilation(around, np.ones(2 * _LEANING + 1)) if around.any() else around
    for picture in (clean, every):
        picture[box] = np.where(kept, picture[box], 0.0)
    hidden[box] |= ~kept


def extent(rows: list[Row], pulses: list[Pulse]) -> tuple[int, int]:
    """Return where the columns begin and end: at the same place in most rows.

    What is left of frames and folds makes single rows longer. 10 s, or half of it, is usual.
    """
    lefts = [float(row.left) for row in rows]
    rights = [float(row.right) for row in rows]
    if pulses:
        start = float(np.median([pulse.left for pulse in pulses]))
        end = float(np.median([pulse.right for pulse in pulses]))
        if end < 0.5 * (np.median(lefts) + np.median(rights)):
            lefts = [end]
        else:
            rights = [start]
    best = (-np.inf, 0.0, 0.0)
    for left in lefts:
        for right in rights:
            votes = sum(abs(left - other) < 1.5 * FLAT for other in lefts) / len(lefts)
            votes += sum(abs(right - other) < 1.5 * FLAT for other in rights) / len(rights)
            usual = min(abs((right - left) / FLAT - length) for length in (250.0, 125.0))
            score = votes + (0.4 if usual < 2.0 else 0.0) - 1e-5 * (right - left)
            if score > best[0]:
                best = (score, left, right)
    return round(best[1]), round(best[2])


def without_paths(strength: np.ndarray, paths: list[Path], pen: float) -> np.ndarray:
    """Return the ink that no trace has visited."""
    clean = strength.copy()
    reach = round(0.5 * pen + 1)
    for path in paths:
        for column in range(len(path.y)):
            low, high = int(path.low[column]), int(path.high[column])
            clean[max(0, low - reach) : high + reach + 1, path.left + column] = 0.0
    return clean


def apart(strength: np.ndarray, rows: list[Row], pen: float) -> np.ndarray:
    """Return the ink that does not hang together with any row's line."""
    labels, count = ndimage.label(strength > STROKE, np.ones((3, 3)))
    touched = np.zeros(count + 1, bool)
    x = np.arange(strength.shape[1])
    reach = round(0.5 * pen + 1)
    for row in rows:
        for step in range(-reach, reach + 1):
            touched[labels[np.clip(row.rough + step, 0, len(strength) - 1), x]] = True
    touched[0] = False
    return np.where(touched[labels], 0.0, strength)
