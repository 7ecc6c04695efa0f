"""The last step: a drawn line is fitted to the pixels of a row.

The line has a node every half pixel; a pixel's strength follows from its distance to the line by
the pen's own profile, taken from the level parts of the same row. Only steep parts are fitted:
on level ones the ink's centre of mass is as good. It moves tips and legs by fractions of a
pixel; it cannot bring back a wave that the path has missed.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from ekg.strips.trace import Path

NODES = 2
"""Nodes a pixel."""
_ROUNDS = 6
_SIDE = 3
"""Columns to either side whose part of the line may be nearest to a pixel."""
_FAR = 4.5
"""Pixels beyond which the line leaves no ink."""
_STIFF = 0.004
_ZONE = 3
"""Columns that are fitted on either side of a steep one."""


def fit_drawing(ink: np.ndarray, known: np.ndarray, path: Path, pen: float) -> np.ndarray:
    """Return the line's height at each node (every half column), in pixels.

    Parameters
    ----------
    ink
        The row's own strokes.
    known
        Where `ink` can be trusted: not where other strokes were taken away.
    path
        As followed.
    pen
        Width in pixels.
    """
    columns = np.arange(len(path.y))
    places = np.arange(NODES * (len(path.y) - 1) + 1) / NODES
    good = np.isfinite(path.y)
    if good.sum() < 20:
        return np.full(len(places), np.nan)
    line = np.interp(places, columns[good], path.y[good])
    profile = _profile(ink, path, pen)
    zones = _zones(path, pen, good)
    for first, last in zones:
        _fit_zone(ink, known, path, line, profile, first, last)
    return line


def _profile(ink: np.ndarray, path: Path, pen: float) -> tuple[np.ndarray, np.ndarray]:
    """Return distances from the pen's middle and the strength there, on level parts."""
    slope = np.abs(np.gradient(path.y))
    level = np.flatnonzero(
        (slope < 0.15) & (path.high - path.low + 1 <= max(3.0, 1.7 * pen)) & np.isfinite(path.y)
    )
    distances = np.arange(0, _FAR + 0.01, 0.25)
    if len(level) < 30:
        return distances, np.clip(0.5 * pen + 0.5 - distances, 0.0, 1.0)
    reach = np.arange(-6, 7)
    y = np.rint(path.y[level]).astype(int)[:, None] + reach
    inside = (y >= 0) & (y < ink.shape[0])
    values = ink[np.clip(y, 0, ink.shape[0] - 1), path.left + level[:, None]]
    away = np.abs(y - path.y[level][:, None])[inside]
    values = values[inside]
    heights = np.zeros(len(distances))
    for index, distance in enumerate(distances):
        near = np.abs(away - distance) < 0.25
        heights[index] = np.median(values[near]) if near.sum() > 10 else 0.0
    heights = np.minimum.accumulate(heights)
    return distances, heights - heights[-1]


def _zones(path: Path, pen: float, good: np.ndarray) -> list[tuple[int, int]]:
    """Return the stretches of columns to be fitted, joined where they are close."""
    slope = np.abs(np.gradient(np.where(good, path.y, 0.0)))
    steep = good & ((path.high - path.low + 1 > max(3.0, 1.7 * pen)) | (slope > 0.7))
    wide = np.convolve(steep.astype(int), np.ones(2 * _ZONE + 1, int), mode="same") > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wide.astype(int), [0]])))
    return [
        (int(first), int(last) - 1)
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        if last - first >= 4
    ]


def _fit_zone(
    ink: np.ndarray,
    known: np.ndarray,
    path: Path,
    line: np.ndarray,
    profile: tuple[np.ndarray, np.ndarray],
    first: int,
    last: int,
) -> None:
    """Fit the nodes of columns `first` to `last` in place, those of the ends held."""
    start, stop = NODES * first, NODES * last + 1
    nodes = line[start:stop]
    x = np.arange(len(nodes)) / NODES
    px, py, values, weights = _pixels(ink, known, path, nodes, first, last)
    if len(px) < 10:
        return
    damping = 0.02
    current = _rest(x, nodes, px, py, values, weights, profile)
    for _ in range(_ROUNDS):
        cost, diagonal, beside, slope = current[0], current[1], current[2], current[3]
        step = _solved(diagonal, beside, slope, nodes, damping)
        trial = nodes + np.clip(step, -1.5, 1.5)
        trial[[0, -1]] = nodes[[0, -1]]
        attempt = _rest(x, trial, px, py, values, weights, profile)
        if attempt[0] < cost:
            gained = cost - attempt[0]
            nodes, current = trial, attempt
            damping = max(damping * 0.4, 1e-3)
            if gained < 1e-3 * cost:
                break
        else:
            damping *= 6.0
    line[start:stop] = nodes


def _pixels(
    ink: np.ndarray, known: np.ndarray, path: Path, nodes: np.ndarray, first: int, last: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels near the line: x and y, strength, and weight."""
    xs, ys = [], []
    for column in range(first, last + 1):
        near = nodes[max(0, NODES * (column - first - 1)) : NODES * (column - first + 1) + 1]
        low = int(min(near.min(), path.low[column])) - 4
        high = int(max(near.max(), path.high[column])) + 5
        y = np.arange(max(0, low), min(ink.shape[0], high))
        xs.append(np.full(len(y), column - first))
        ys.append(y)
    px, py = np.concatenate(xs), np.concatenate(ys)
    at = (py, path.left + first + px)
    return px.astype(float), py.astype(float), ink[at], known[at].astype(float)


def _rest(
    x: np.ndarray,
    y: np.ndarray,
    px: np.ndarray,
    py: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    profile: tuple[np.ndarray, np.ndarray],
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return the cost, the two bands of the normal matrix, and the right-hand side."""
    count = len(x) - 1
    reach = np.arange(-_SIDE * NODES, _SIDE * NODES)
    segment = np.clip((px * NODES).astype(int)[:, None] + reach, 0, count - 1)
    x0, y0 = x[segment], y[segment]
    dx, dy = x[segment + 1] - x0, y[segment + 1] - y0
    ax, ay = px[:, None] - x0, py[:, None] - y0
    share = np.clip((ax * dx + ay * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    off_x, off_y = ax - share * dx, ay - share * dy
    square = off_x * off_x + off_y * off_y
    nearest = np.argmin(square, axis=1)
    every = np.arange(len(px))
    distance = np.sqrt(square[every, nearest])
    chosen, part = segment[every, nearest], share[every, nearest]
    up = off_y[every, nearest] / np.maximum(distance, 1e-3)
    distances, heights = profile
    model = np.interp(distance, distances, heights, right=0.0)
    fall = np.interp(distance, distances, np.gradient(heights, distances), right=0.0)
    rest = values - model
    # A robust weight: pixels of a word that touches the line do not pull it.
    weight = weights / (1 + (rest / 0.5) ** 2)
    slope_first = -(1 - part) * up * fall
    slope_second = -part * up * fall
    diagonal = np.bincount(chosen, weight * slope_first**2, count + 1)
    diagonal += np.bincount(chosen + 1, weight * slope_second**2, count + 1)
    beside = np.bincount(chosen, weight * slope_first * slope_second, count + 1)
    right = np.bincount(chosen, weight * slope_first * rest, count + 1)
    right += np.bincount(chosen + 1, weight * slope_second * rest, count + 1)
    bend = np.diff(y, 2)
    cost = float((weights * np.log1p((rest / 0.5) ** 2)).sum()) * 0.25 + _STIFF * float(
        (np.sqrt(1 + bend**2) - 1).sum()
    )
    return cost, diagonal, beside, right


def _solved(
    diagonal: np.ndarray, beside: np.ndarray, right: np.ndarray, nodes: np.ndarray, damping: float
) -> np.ndarray:
    """Return the step: the data's normal equations with a weak resistance to bending."""
    count = len(nodes)
    bands = np.zeros((3, count))  # lower form: diagonal, first and second below
    bands[0] = diagonal + damping
    bands[1] = beside
    bend = np.diff(nodes, 2)
    stiff = _STIFF / np.sqrt(1 + bend**2)
    bands[0, :-2] += stiff
    bands[0, 1:-1] += 4 * stiff
    bands[0, 2:] += stiff
    bands[1, :-2] += -2 * stiff
    bands[1, 1:-1] += -2 * stiff
    bands[2, :-2] += stiff
    force = right.copy()
    force[:-2] -= stiff * bend
    force[1:-1] += 2 * stiff * bend
    force[2:] -= stiff * bend
    return solveh_banded(bands, force, lower=True)
