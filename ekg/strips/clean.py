"""Take away what is no trace: frames, pulses, ticks, what was visited; where columns lie."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.pulses import Pulse
from ekg.strips.rows import STROKE, Row, without_bars
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
    return float((near > 0.5).mean())


def without_pulses(strength: np.ndarray, pulses: list[Pulse]) -> np.ndarray:
    """Take the pulses out, but for their feet: the trace begins there."""
    clean = strength.copy()
    for pulse in pulses:
        clean[pulse.top - 4 : pulse.foot - 3, max(0, pulse.left - 3) : pulse.right + 3] = 0.0
    return clean


def without_ticks(
    strength: np.ndarray, rows: list[Row], pen: float, left: int, right: int
) -> np.ndarray:
    """Take out bars between columns that stand at one x and one height beside several rows."""
    _, bars = without_bars(strength, pen)
    clean = strength.copy()
    near = []
    borders = [left + (right - left) * k / n for n in (2, 4, 5) for k in range(n + 1)]
    for x, top, bottom in bars:
        if min(abs(x - border) for border in borders) > 2.5 * FLAT:
            continue
        for row in rows:
            offset = 0.5 * (top + bottom) - row.y
            if abs(offset) < 6 * FLAT:
                near.append((x, bottom - top, offset))
    done: set[int] = set()
    for x, height, offset in near:
        if any(abs(x - other) < 4 for other in done):
            continue
        alike = [
            one
            for one in near
            if abs(one[0] - x) < 4
            and abs(one[1] - height) < 0.8 * FLAT
            and abs(one[2] - offset) < 1.2 * FLAT
        ]
        if len(alike) < 2:
            continue
        done.add(x)
        middle = float(np.median([one[2] for one in alike]))
        half = 0.5 * float(np.median([one[1] for one in alike]))
        place = round(float(np.median([one[0] for one in alike])))
        for row in rows:
            top, bottom = round(row.y + middle - half) - 2, round(row.y + middle + half) + 3
            box = clean[max(0, top) : bottom, max(0, place - 4) : place + 5]
            if box.size and (box.max(axis=1) > 0.5).mean() > 0.75:
                box[:] = 0.0
    return clean


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
