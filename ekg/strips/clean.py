"""Take away what is no trace: frames, pulses, ticks, what was visited; where columns lie."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.pulses import Pulse
from ekg.strips.rows import STROKE, Row, bars_of
from ekg.strips.trace import Path


def traces_only(rows: list[Row]) -> list[Row]:
    """Leave out what is no row of traces: frames, lines of text, short pieces."""
    if not rows:
        return rows
    widths = np.array([row.right - row.left for row in rows])
    usual = float(np.quantile(widths, 0.7))
    kept = []
    for row, width in zip(rows, widths, strict=True):
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
            (x - border, 0.5 * (top + bottom) - row.y, bottom - top)
            for x, top, bottom in bars
            for border in borders
            for row in rows
            if abs(x - border) < 2.5 * FLAT and abs(0.5 * (top + bottom) - row.y) < 6 * FLAT
        ]
        groups = [
            [
                other
                for other in near
                if abs(other[0] - one[0]) < 3
                and abs(other[1] - one[1]) < FLAT
                and abs(other[2] - one[2]) < 0.8 * FLAT
            ]
            for one in near
        ]
        best = max(groups, key=len, default=[])
        if len(best) < 3:
            continue
        beside, middle, height = np.median(np.array(best), axis=0)
        for border in borders:
            x = round(border + beside)
            for row in rows:
                top, bottom = row.y + middle - 0.5 * height, row.y + middle + 0.5 * height
                box = (
                    slice(max(0, round(top) - 3), round(bottom) + 4),
                    slice(max(0, x - 5), x + 6),
                )
                if mask[box].size and (strength[box].max(axis=1) > 0.5).mean() > 0.7:
                    mask[box] = True
        break
    return mask


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
