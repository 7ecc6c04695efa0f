"""Find a place where the paper's grid is clear: its directions, its period and what it means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_USUAL_LENGTH = 280.0
"""Millimetres of the longer side of most images of a page."""


@dataclass(frozen=True)
class Seed:
    """A place where the grid is clear."""

    x: float
    y: float
    right: np.ndarray
    """Pixels for one millimetre along the paper's x."""
    down: np.ndarray
    """Pixels for one millimetre along the paper's y."""
    score: float
    margin: float
    """How much better the period fits than the next best one."""


def find_seed(dark: np.ndarray) -> Seed | None:
    """Find a place with a clear grid; None where there is none.

    Parameters
    ----------
    dark
        Darkness in the darkest channel.
    """
    side = min(256 if max(dark.shape) > 900 else 160, *dark.shape)
    rays = [_rays(dark, y, x, side) for y, x in _tiles(dark, side)]
    rays.sort(key=lambda ray: -ray.clarity)
    found = [seed for ray in rays[:6] if (seed := _seed_of(ray, dark.shape)) is not None]
    return max(found, key=lambda seed: seed.score) if found else None


@dataclass(frozen=True)
class _Rays:
    """The spectrum of a tile along the two directions in which most of its power lies."""

    x: float
    y: float
    size: int
    """Samples of the spectrum."""
    directions: tuple[float, float]
    """Radians."""
    levels: tuple[np.ndarray, np.ndarray]
    """Log power over the median of all directions, by radius (from `_INNER`)."""
    clarity: float


_INNER = 2


def _tiles(dark: np.ndarray, side: int) -> list[tuple[int, int]]:
    """Return the corners of up to 25 tiles, spread over the image."""
    places = [
        np.unique(np.linspace(0, size - side, max(1, min(5, 2 * size // side))).astype(int))
        for size in dark.shape
    ]
    return [(int(y), int(x)) for y in places[0] for x in places[1]]


def _rays(dark: np.ndarray, top: int, left: int, side: int) -> _Rays:
    tile = dark[top : top + side, left : left + side]
    ceiling = max(0.03, float(np.percentile(tile, 90)))
    tile = np.clip(tile, -0.1, ceiling)
    window = np.hanning(side).astype(np.float32)
    tile = (tile - tile.mean()) * window[:, None] * window[None, :]
    size = 2 * side
    spectrum = np.abs(np.fft.rfft2(tile, (size, size))).astype(np.float32)
    angles = np.deg2rad(np.arange(180))
    radii = np.arange(_INNER, int(0.46 * size))
    x = np.cos(angles)[:, None] * radii
    y = np.sin(angles)[:, None] * radii
    x, y = np.where(x < 0, -x, x), np.where(x < 0, -y, y)
    polar = ndimage.map_coordinates(spectrum, [y % size, x], order=1, mode="nearest")
    energy = (polar[:, side // 32 :] ** 2).sum(axis=1)
    energy = np.log((energy + 1e-9) / (np.median(energy) + 1e-9))
    energy = ndimage.gaussian_filter1d(energy, 0.8, mode="wrap")
    pairs = energy[:, None] + energy[(np.arange(180)[:, None] + np.arange(65, 116)) % 180]
    first, turn = np.unravel_index(int(np.argmax(pairs)), pairs.shape)
    second = int(first + turn + 65) % 180
    levels = np.log(polar + 1e-6)
    levels = np.clip(levels - np.median(levels, axis=0), -0.5, 5.0)
    near = [levels[(k + np.arange(-1, 2)) % 180].max(axis=0) for k in (int(first), second)]
    directions = tuple(
        float(np.deg2rad(k + _vertex(energy[(k - 1) % 180], energy[k], energy[(k + 1) % 180])))
        for k in (int(first), second)
    )
    return _Rays(
        x=left + side / 2,
        y=top + side / 2,
        size=size,
        directions=directions,  # type: ignore[arg-type]
        levels=(near[0], near[1]),
        clarity=float(min(energy[first], energy[second])),
    )


def _vertex(low: float, mid: float, high: float) -> float:
    """Return where, between -0.5 and 0.5, the parabola through three values is largest."""
    bend = low - 2 * mid + high
    return float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _seed_of(rays: _Rays, shape: tuple[int, ...]) -> Seed | None:
    periods = np.exp(np.arange(np.log(4.0), np.log(rays.size / 5.2), 0.004))
    scores = np.array([_combs(level, rays.size / periods) for level in rays.levels])
    reach = round(0.25 / 0.004)  # perspective makes the two periods differ
    wide = ndimage.maximum_filter1d(scores, 2 * reach + 1, axis=1)
    apart = 2.0 * np.abs(np.arange(-reach, reach + 1) * 0.004)
    joint = scores[0] + wide[1]
    best = float(joint.max())
    peaks = np.flatnonzero(
        (joint >= 0.6 * best) & (joint >= ndimage.maximum_filter1d(joint, 11) - 1e-9)
    )
    meanings = []
    for place in map(int, peaks):
        window = scores[1][max(0, place - reach) : place + reach + 1]
        costs = apart[max(0, reach - place) : max(0, reach - place) + len(window)]
        other = max(0, place - reach) + int(np.argmax(window - costs))
        pair = (float(periods[place]), float(periods[other]))
        score = float(scores[0][place] + scores[1][other])
        fine = sum(
            _fine(level, rays.size / period)
            for level, period in zip(rays.levels, pair, strict=True)
        )
        for cell in (5.0, 1.0):
            unit = float(np.sqrt(pair[0] * pair[1])) / cell
            if not 0.9 < unit < 40:
                continue
            prior = -0.5 * (np.log(max(shape) / unit / _USUAL_LENGTH) / 0.45) ** 2
            bonus = 0.5 * fine if cell == 5.0 else -0.5 * fine
            meanings.append((score + bonus + prior, pair, cell, score))
    if not meanings:
        return None
    meanings.sort(key=lambda meaning: -meaning[0])
    total, pair, cell, score = meanings[0]
    rivals = [one[0] for one in meanings if abs(np.log(one[1][0] / pair[0] * cell / one[2])) > 0.1]
    gradients = np.array(
        [
            [np.cos(angle) / period * cell, np.sin(angle) / period * cell]
            for angle, period in zip(rays.directions, pair, strict=True)
        ]
    )
    gradients = _oriented(gradients)
    inverse = np.linalg.inv(gradients)
    return Seed(
        x=rays.x,
        y=rays.y,
        right=inverse[:, 0],
        down=inverse[:, 1],
        score=score + 0.5 * rays.clarity,
        margin=float(total - max(rivals)) if rivals else 9.0,
    )


def _combs(level: np.ndarray, spacings: np.ndarray) -> np.ndarray:
    """Return how well the multiples of each frequency explain a ray's peaks, and are all there.

    The first part is the share of the peaks' weight that lies on multiples, beyond chance; the
    second how high the first multiples stand.
    """
    multiples = spacings[:, None] * np.arange(1, 9)
    places = np.rint(multiples).astype(int) - _INNER
    valid = (places > 0) & (places < len(level) - 1)
    high = ndimage.maximum_filter1d(level, 3) - np.median(level)
    there = np.where(valid, np.clip(high[np.clip(places, 0, len(level) - 1)], 0.0, 3.0), 0.0)
    complete = there.sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
    inner = level[1:-1]
    peaks = np.flatnonzero((inner > level[:-2]) & (inner >= level[2:]) & (inner > 1.2)) + 1
    radii = peaks + _INNER
    weights = level[peaks] ** 2
    total = max(float(weights.sum()), 1e-6)
    reach = 1.0 + 0.004 * radii
    wide = spacings[:, None]
    near = np.abs(radii - wide * np.maximum(1, np.rint(radii / wide))) <= reach
    chance = (weights * np.minimum(1, 2 * reach / wide)).sum(axis=1) / total
    explained = ((near * weights).sum(axis=1) / total - chance) / np.maximum(1 - chance, 0.2)
    return np.where(valid.any(axis=1), 3.0 * explained + complete, -9.0)


def _fine(level: np.ndarray, spacing: float) -> float:
    """Return by how much the fifth multiple (1-mm lines) stands out from the fourth and sixth."""
    near = []
    for multiple in (4, 5, 6):
        place = round(spacing * multiple) - _INNER
        if not 1 <= place < len(level) - 1:
            return 0.0
        near.append(float(level[place - 1 : place + 2].max()))
    return float(np.clip(near[1] - max(near[0], near[2]), 0.0, 2.0))


def _oriented(pair: np.ndarray) -> np.ndarray:
    """Return the two gradients as the paper's x and y: rightward and downward in the image."""
    if abs(pair[0, 0]) < abs(pair[1, 0]):
        pair = pair[::-1]
    if pair[0, 0] < 0:
        pair = np.stack([-pair[0], pair[1]])
    if pair[1, 1] < 0:
        pair = np.stack([pair[0], -pair[1]])
    return pair
