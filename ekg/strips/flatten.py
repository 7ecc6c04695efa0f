"""From a lattice to a flat page: nodes measured again and smoothed, then one resampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from ekg.strips.grid import CELL, GOOD, Grower, Lattice
from ekg.strips.seed import Seed

FLAT = 6.0
"""Pixels a millimetre of the flat page."""
_FOLLOW = 0.025
"""Share of a cell by which a node may be off its neighbours before it follows them."""
_MARGIN = 2
"""Cells by which the lattice is continued beyond what was seen."""


@dataclass(frozen=True)
class FlatPage:
    """The page at `FLAT` pixels a millimetre, grid lines upright and level."""

    rgb: np.ndarray
    """float32, shape (rows, columns, 3), 0 to 255."""
    map_x: np.ndarray
    """Where each pixel of the flat page lies in the picture (full size)."""
    map_y: np.ndarray
    inside: np.ndarray
    """Whether the pixel lies in the picture."""
    seen: np.ndarray
    """Shape (cells): strength of the grid's lines, by node."""
    nodes: np.ndarray


def refine(lattice: Lattice, grower: Grower, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure the nodes again on the flattened page with the ink masked out.

    Parameters
    ----------
    lattice
        As it was grown.
    grower
        That grew it: the strengths of the grid's harmonics are taken from it.
    planes
        Shape (rows, columns, 2): darkness in the darkest and in the lightest channel.

    Returns
    -------
    tuple of numpy.ndarray
        The nodes' places, complete and with a margin, and the quality of each.
    """
    nodes = complete(smoothed(lattice))
    quality = np.pad(lattice.quality, _MARGIN)
    for _ in range(2):
        flat = _flat_planes(planes, nodes)
        seen = (1 - ink_of(flat[..., 1], _COARSE)).astype(np.float32)
        seed = Seed(0.0, 0.0, np.array([_COARSE, 0.0]), np.array([0.0, _COARSE]), 0.0, 0.0)
        flat_grower = Grower(flat[..., 0], seen, seed)
        flat_grower.strength = np.interp(flat_grower.harmonics, grower.harmonics, grower.strength)
        flat_grower.reach = grower.reach
        measured, quality = _measured(flat_grower, nodes.shape[:2])
        regular = Lattice(measured, quality, _COARSE)
        moves = smoothed(regular) - _regular(nodes.shape[:2])
        moves[(quality == 0) & ~np.isfinite(moves[..., 0])] = 0.0
        moves = np.clip(np.nan_to_num(moves), -1.5 * _COARSE, 1.5 * _COARSE) / _COARSE
        right, down = _steps(nodes)
        nodes = nodes + moves[..., :1] * right + moves[..., 1:] * down
    return nodes, quality


_COARSE = 5.0
"""Pixels a millimetre at which nodes are measured again."""


def _regular(shape: tuple[int, int]) -> np.ndarray:
    rows, columns = shape
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return np.stack([x, y], axis=2) * (CELL * _COARSE)


def _measured(grower: Grower, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    places = _regular(shape).astype(float)
    flat = places.reshape(-1, 2)
    quality = np.zeros(len(flat))
    found = flat.copy()
    for start in range(0, len(flat), 128):
        part = slice(start, start + 128)
        count = len(flat[part])
        right = np.tile([_COARSE, 0.0], (count, 1))
        down = np.tile([0.0, _COARSE], (count, 1))
        moved, strength, _ = grower.measure(flat[part], right, down)
        good = strength > GOOD
        found[part] = np.where(good[:, None], moved, flat[part])
        quality[part] = np.where(good, strength, 0.0)
    return found.reshape(places.shape), quality.reshape(shape)


def _flat_planes(planes: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    return _sampled(planes, *_places_of(nodes, _COARSE))


def _places_of(nodes: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y in the picture of each pixel of the flat page at `scale` pixels a mm."""
    rows, columns = nodes.shape[:2]
    step = CELL * scale
    down = spline_matrix(rows, np.arange(0, (rows - 1) * step + 1) / step)
    right = spline_matrix(columns, np.arange(0, (columns - 1) * step + 1) / step)
    x, y = ((down @ nodes[..., axis] @ right.T).astype(np.float32) for axis in (0, 1))
    return x, y


def grid_of(dark: np.ndarray, scale: float) -> np.ndarray:
    """Return how dark the grid is at each pixel of a flat page.

    The grid repeats every 5 mm: the median over the cells above and below, then over those to
    the left and right, is the grid without strokes.
    """
    cell = round(CELL * scale)
    return _cell_median(_cell_median(dark, cell, 0), cell, 1)


def _cell_median(dark: np.ndarray, cell: int, axis: int) -> np.ndarray:
    size = dark.shape[axis]
    count = -(-size // cell)
    pad = [(0, 0), (0, 0)]
    pad[axis] = (0, count * cell - size)
    whole = np.pad(dark, pad, mode="edge")
    shape = (count, cell, dark.shape[1]) if axis == 0 else (dark.shape[0], count, cell)
    cells = whole.reshape(shape)
    stack = [
        np.take(cells, np.clip(np.arange(count) + step, 0, count - 1), axis=axis)
        for step in range(-3, 4)
    ]
    result = _middle_of_seven(stack).reshape(whole.shape)
    return result[:size] if axis == 0 else result[:, :size]


_EXCHANGES = (
    (0, 5),
    (0, 3),
    (1, 6),
    (2, 4),
    (0, 1),
    (3, 5),
    (2, 6),
    (2, 3),
    (3, 6),
    (4, 5),
    (1, 4),
    (1, 3),
    (3, 4),
)
"""Of pairs, after which the fourth of seven values is their median."""


def _middle_of_seven(values: list[np.ndarray]) -> np.ndarray:
    """Return the median of seven pictures, pixel by pixel: ten times faster than sorting."""
    for one, two in _EXCHANGES:
        low = np.minimum(values[one], values[two])
        values[two] = np.maximum(values[one], values[two])
        values[one] = low
    return values[3]


def ink_of(least: np.ndarray, scale: float) -> np.ndarray:
    """Return where there is ink on a flat page: darker, in all channels, than the grid there."""
    rest = least - grid_of(least, scale)
    spread = float(np.percentile(np.abs(rest[::4, ::4]), 75))
    strong = rest > max(0.15, 4.0 * spread)
    return ndimage.binary_dilation(strong, iterations=max(1, round(0.3 * scale)))


def _steps(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels for one millimetre along the paper's x and y, at each node."""
    right = np.gradient(places, axis=1) / CELL
    down = np.gradient(places, axis=0) / CELL
    return right, down


def smoothed(lattice: Lattice, rounds: int = 2) -> np.ndarray:
    """Return the nodes' places; one that is off its 7 x 7 neighbours follows them.

    The neighbourhood is fitted by a quadratic, robustly: first with the measured weights, then
    without what is off. Nodes that were not seen are put where the fit says.
    """
    reach = 3
    steps = np.arange(-reach, reach + 1) / reach
    v, u = np.meshgrid(steps, steps, indexing="ij")
    terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1).reshape(-1, 6)
    bell = np.exp(-0.5 * ((u**2 + v**2) / 0.7**2)).ravel()
    places = np.pad(
        lattice.places, ((reach, reach), (reach, reach), (0, 0)), constant_values=np.nan
    )
    quality = np.pad(lattice.quality, reach)
    known = np.isfinite(places[..., 0]) & (quality > 0)
    weight = np.where(known, np.minimum(quality, 8.0), 0.0)
    unit = CELL * lattice.pixels_per_mm
    result = lattice.places.copy()
    shape = lattice.quality.shape
    windows = sliding_window_view(np.nan_to_num(places), (7, 7), axis=(0, 1))
    windows = windows.reshape(*shape, 2, 49)
    shares = sliding_window_view(weight, (7, 7), axis=(0, 1)).reshape(*shape, 49) * bell
    fit = np.zeros((*shape, 2))
    for _ in range(rounds):
        system = np.einsum("ijk,ka,kb->ijab", shares, terms, terms)
        system += 1e-6 * np.eye(6) + 1e-3 * np.diag([0, 0, 0, 1.0, 1.0, 1.0])
        target = np.einsum("ijk,ijck,ka->ijac", shares, windows, terms)
        solution = np.linalg.solve(system, target)
        fit = solution[..., 0, :]
        rest = windows - np.einsum("ijac,ka->ijck", solution, terms)
        off = np.hypot(rest[..., 0, :], rest[..., 1, :]) / unit
        shares = shares / (1 + (off / _FOLLOW) ** 2)
    enough = (shares > 1e-3).sum(axis=2) >= 8
    seen = lattice.quality > 0
    own = np.hypot(*np.moveaxis(np.nan_to_num(lattice.places) - fit, 2, 0)) / unit
    follow = enough & (~seen | (own > _FOLLOW))
    result[follow] = fit[follow]
    # What is near the fit keeps half of its own place: folds are sharper than a quadratic.
    near = enough & seen & ~follow
    result[near] = 0.5 * (result[near] + fit[near])
    result[~enough & ~seen] = np.nan
    return result


def complete(places: np.ndarray, margin: int = _MARGIN) -> np.ndarray:
    """Fill nodes that are missing and continue the lattice, by planes through its neighbours."""
    whole = np.pad(places, ((margin, margin), (margin, margin), (0, 0)), constant_values=np.nan)
    for _ in range(200):
        missing = ~np.isfinite(whole[..., 0])
        if not missing.any():
            break
        total = np.zeros(whole.shape)
        count = np.zeros(whole.shape[:2])
        for axis in (0, 1):
            for side in (-1, 1):
                one = _shifted(whole, axis, side)
                two = _shifted(whole, axis, 2 * side)
                step = np.where(np.isfinite(two), one - two, np.nan)
                guess = one + step
                there = np.isfinite(guess[..., 0])
                total += np.where(there[..., None], np.nan_to_num(guess), 0.0)
                count += there
        fill = missing & (count > 0)
        if not fill.any():
            break
        whole[fill] = total[fill] / count[fill][:, None]
    return whole


def _shifted(values: np.ndarray, axis: int, side: int) -> np.ndarray:
    moved = np.full_like(values, np.nan)
    size = values.shape[axis]
    if abs(side) >= size:
        return moved
    into = [slice(None)] * 3
    out = [slice(None)] * 3
    into[axis] = slice(0, size - side) if side > 0 else slice(-side, size)
    out[axis] = slice(side, size) if side > 0 else slice(0, size + side)
    moved[tuple(into)] = values[tuple(out)]
    return moved


def spline_matrix(count: int, places: np.ndarray) -> np.ndarray:
    """Return the matrix that takes `count` values to the cubic spline through them."""
    basis = np.eye(count)
    coefficients = ndimage.spline_filter1d(basis, order=3, axis=0, mode="mirror")
    below = np.floor(places).astype(int)
    part = places - below
    matrix = np.zeros((len(places), count))
    weights = (
        (1 - part) ** 3 / 6,
        (4 - 6 * part**2 + 3 * part**3) / 6,
        (4 - 6 * (1 - part) ** 2 + 3 * (1 - part) ** 3) / 6,
        part**3 / 6,
    )
    for step, weight in zip((-1, 0, 1, 2), weights, strict=True):
        index = np.abs(below + step)
        index = np.where(index > count - 1, 2 * (count - 1) - index, index)
        matrix += weight[:, None] * coefficients[np.clip(index, 0, count - 1)]
    return matrix


def flatten(rgb: np.ndarray, nodes: np.ndarray, quality: np.ndarray) -> FlatPage:
    """Resample the picture once, to `FLAT` pixels a millimetre.

    Parameters
    ----------
    rgb
        uint8, the picture at a scale not much finer than `FLAT`.
    nodes
        Shape (rows, columns, 2): the complete lattice, in pixels of `rgb`.
    quality
        Shape (rows, columns).
    """
    map_x, map_y = _places_of(nodes, FLAT)
    inside = (map_x >= 0) & (map_y >= 0) & (map_x <= rgb.shape[1] - 1) & (map_y <= rgb.shape[0] - 1)
    return FlatPage(_sampled(rgb, map_x, map_y), map_x, map_y, inside, quality, nodes)


def _sampled(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a picture of several planes at these places, linear between pixels."""
    result = np.empty((*x.shape, picture.shape[2]), dtype=np.float32)
    for plane in range(picture.shape[2]):
        result[..., plane] = ndimage.map_coordinates(
            np.ascontiguousarray(picture[..., plane]),
            (y, x),
            output=np.float32,
            order=1,
            mode="nearest",
        )
    return result
