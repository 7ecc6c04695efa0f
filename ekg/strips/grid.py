"""Follow the paper's grid from a seed: a lattice grown over the page.

The lattice gives, for every 5 mm of paper, where in the picture that crossing lies: perspective,
curl and folds are in it. Lines are told by the phases of the grid's harmonics in a small window,
with strokes of ink clipped and then masked out: single strokes pull a line by up to a millimetre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.seed import Seed

CELL = 5.0
"""Millimetres between the nodes of the lattice."""
_HARMONICS = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 2.0])
"""Cycles a millimetre: of 5-mm lines, 1-mm lines, or both."""
_BETWEEN = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""Where a grid has no power: what is there is noise."""
_WINDOW = 3.2
"""Millimetres: standard deviation of the window in which phases are taken."""
_STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass
class Lattice:
    """Where in the picture the paper's nodes lie, every 5 mm."""

    places: np.ndarray
    """Shape (rows, columns, 2): x and y in pixels, NaN where the lattice did not reach."""
    quality: np.ndarray
    """Shape (rows, columns): line strength over noise; 0 where a node only follows."""
    pixels_per_mm: float
    """Median over the lattice."""


def darkness(rgb: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how dark each pixel is against the paper beside it, in two channels.

    In the darkest channel, for lines of any colour, and in the lightest, for ink.

    Parameters
    ----------
    rgb
        uint8, shape (rows, columns, 3).
    block
        Side of the blocks, in pixels, from whose bright part the paper's level is taken.
    """
    levels = np.log(np.maximum(np.arange(256, dtype=np.float32), 4) / 255)
    rows, columns = (rgb.shape[0] // block, rgb.shape[1] // block)
    step = max(1, block // 8)
    most = least = None
    for channel in range(3):
        plane = rgb[..., channel]
        blocks = plane[: rows * block, : columns * block].reshape(rows, block, columns, block)
        tiles = blocks[:, ::step, :, ::step].transpose(0, 2, 1, 3).reshape(rows, columns, -1)
        rank = int(0.75 * tiles.shape[2])
        bright = np.partition(tiles, rank, axis=2)[..., rank]
        bright = ndimage.median_filter(bright, 5, mode="nearest")
        paper = enlarge(levels[bright], plane.shape, (block, block))
        dark = paper - levels[plane]
        most = dark if most is None else np.maximum(most, dark)
        least = dark if least is None else np.minimum(least, dark)
    assert most is not None and least is not None
    return most, least


def enlarge(blocks: np.ndarray, shape: tuple[int, ...], block: tuple[int, int]) -> np.ndarray:
    """Return values of blocks as a picture, linear between the blocks' middles."""
    weights = [
        _linear(blocks.shape[axis], (np.arange(shape[axis]) + 0.5) / block[axis] - 0.5)
        for axis in (0, 1)
    ]
    return (weights[0] @ blocks @ weights[1].T).astype(np.float32)


def _linear(count: int, places: np.ndarray) -> np.ndarray:
    """Return the matrix that interpolates `count` values linearly at these places."""
    places = np.clip(places, 0, count - 1)
    below = np.minimum(places.astype(int), max(count - 2, 0))
    part = places - below
    matrix = np.zeros((len(places), count), dtype=np.float32)
    lines = np.arange(len(places))
    matrix[lines, below] += 1 - part
    matrix[lines, np.minimum(below + 1, count - 1)] += part
    return matrix


class Grower:
    """Grow a lattice from a seed over the picture."""

    def __init__(self, dark: np.ndarray, weight: np.ndarray | None, seed: Seed):
        self.unit = float(np.sqrt(abs(np.linalg.det([seed.right, seed.down]))))
        self.half = int(np.ceil(2.0 * _WINDOW * self.unit))
        ceiling = max(0.03, float(np.percentile(dark[::3, ::3], 92)))
        values = np.clip(dark, -0.1, ceiling)
        self.ceiling = ceiling
        pad = self.half + 2
        self.weight = None
        if weight is not None:
            values = values * weight
            self.weight = np.pad(weight, pad)
        self.image = np.pad(values, pad)
        self.pad = pad
        self.shape = dark.shape
        allowed = _HARMONICS / self.unit < 0.4
        self.harmonics = _HARMONICS[allowed]
        self.between = _BETWEEN[_BETWEEN / self.unit < 0.4]
        self.strength = np.ones(len(self.harmonics))
        self.reach = 1.2

    def measure(
        self, places: np.ndarray, right: np.ndarray, down: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return corrected places, quality, and the harmonics' strengths of some nodes.

        Parameters
        ----------
        places
            Shape (N, 2), predicted pixels.
        right, down
            Shape (N, 2): pixels for one millimetre along the paper's x and y there.
        """
        windows, offsets, norms = self._windows(places)
        determinant = right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]
        gradients = (
            np.stack([down[:, 1], -down[:, 0]], axis=1) / determinant[:, None],
            np.stack([-right[:, 1], right[:, 0]], axis=1) / determinant[:, None],
        )
        moves, qualities, strengths = [], [], []
        for gradient in gradients:
            lines = self._phases(windows, offsets, gradient, self.harmonics)
            noise = self._phases(windows, offsets, gradient, self.between)
            lines, noise = lines / norms[:, None], noise / norms[:, None]
            move, height = self._shift(lines)
            level = np.sqrt((np.abs(noise) ** 2).mean(axis=1)) + 1e-4
            moves.append(move)
            qualities.append(height / (level * np.linalg.norm(self.strength)))
            turned = lines * np.exp(2j * np.pi * self.harmonics * move[:, None])
            strengths.append(turned.real)
        corrected = places + moves[0][:, None] * right + moves[1][:, None] * down
        return corrected, np.minimum(*qualities), np.array(strengths)

    def _windows(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return weighted windows, the offsets of their middles, and the sums of the weights."""
        centre = np.rint(places).astype(int)
        reach = np.arange(-self.half, self.half + 1)
        rows = np.clip(centre[:, 1, None] + reach + self.pad, 0, self.image.shape[0] - 1)
        columns = np.clip(centre[:, 0, None] + reach + self.pad, 0, self.image.shape[1] - 1)
        bell = np.exp(-0.5 * (reach / (_WINDOW * self.unit)) ** 2).astype(np.float32)
        shape = bell[:, None] * bell[None, :]
        index = (rows[:, :, None], columns[:, None, :])
        windows = (self.image[index] * shape).astype(np.float32)
        if self.weight is None:
            norms = np.full(len(places), float(shape.sum()))
            windows = windows - shape * (windows.sum(axis=(1, 2)) / norms)[:, None, None]
        else:
            weights = self.weight[index] * shape
            norms = np.maximum(weights.sum(axis=(1, 2)), 1e-3)
            windows = windows - weights * (windows.sum(axis=(1, 2)) / norms)[:, None, None]
        return windows.astype(np.float32), centre - places, norms

    def _phases(
        self, windows: np.ndarray, offsets: np.ndarray, gradient: np.ndarray, waves: np.ndarray
    ) -> np.ndarray:
        """Return the complex amplitude of each wave at the predicted place."""
        reach = np.arange(-self.half, self.half + 1)
        turns = 2 * np.pi * waves[None, :, None] * gradient[:, :, None, None].transpose(1, 0, 2, 3)
        across = (turns[0] * (reach + offsets[:, 0, None, None])).astype(np.float32)
        along = (turns[1] * (reach + offsets[:, 1, None, None])).astype(np.float32)
        waves_across = np.concatenate([np.cos(across), -np.sin(across)], axis=1)
        part = np.matmul(windows, waves_across.astype(np.float32).transpose(0, 2, 1))
        count = len(waves)
        mixed = part[..., :count] + 1j * part[..., count:]
        turn = (np.cos(along) - 1j * np.sin(along)).astype(np.complex64)
        return np.einsum("bwh,bhw->bh", mixed, turn)

    def _shift(self, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return by how many millimetres the lines lie off, and how strong they are there."""
        moves = np.arange(-self.reach, self.reach + 0.01, 0.04)
        turn = np.exp(2j * np.pi * self.harmonics[:, None] * moves[None, :])
        heights = ((lines * self.strength) @ turn).real
        place = np.clip(heights.argmax(axis=1), 1, len(moves) - 2)
        every = np.arange(len(lines))
        low, mid, high = (heights[every, place + k] for k in (-1, 0, 1))
        bend = np.minimum(low - 2 * mid + high, -1e-9)
        part = np.clip(0.5 * (low - high) / bend, -1, 1)
        return moves[place] + 0.04 * part, mid


def _seed_phase(grower: Grower, seed: Seed) -> np.ndarray:
    """Return the node nearest to the seed's middle: 5-mm lines first, then all harmonics."""
    place = np.array([[seed.x, seed.y]])
    right, down = seed.right[None], seed.down[None]
    grower.reach = CELL / 2
    for _ in range(3):
        place, _, strengths = grower.measure(place, right, down)
        least = max(0.02 * float(strengths.max()), 1e-6)
        grower.strength = np.maximum(strengths.mean(axis=(0, 1)), least)
        grower.strength = grower.strength / max(float(grower.strength.max()), 1e-9)
    coarse = grower.strength[grower.harmonics < 0.95]
    grower.reach = 1.2 if len(coarse) and coarse.max() > 0.15 else 0.45
    return place[0]


def grow(dark: np.ndarray, seed: Seed, weight: np.ndarray | None = None) -> tuple[Lattice, Grower]:
    """Grow the lattice from the seed as far as the grid's lines can be followed."""
    grower = Grower(dark, weight, seed)
    span = int(np.ceil(1.5 * np.hypot(*dark.shape) / (CELL * grower.unit))) + 4
    count = 2 * min(span, 160) + 1
    places = np.full((count, count, 2), np.nan)
    quality = np.full((count, count), -1.0)
    middle = count // 2
    places[middle, middle] = _seed_phase(grower, seed)
    quality[middle, middle] = 9.0
    rights = np.full((count, count, 2), np.nan)
    downs = np.full((count, count, 2), np.nan)
    rights[middle, middle], downs[middle, middle] = seed.right, seed.down
    blind = np.zeros((count, count), dtype=int)
    front = {(middle, middle)}
    while front:
        wanted = _neighbours(front, quality, count)
        if not wanted:
            break
        nodes = np.array(sorted(wanted))
        guess, right, down, steps = _predictions(nodes, places, rights, downs, quality, blind)
        inside = (
            (guess[:, 0] > -2)
            & (guess[:, 1] > -2)
            & (guess[:, 0] < dark.shape[1] + 2)
            & (guess[:, 1] < dark.shape[0] + 2)
        )
        quality[nodes[~inside, 0], nodes[~inside, 1]] = 0.0
        nodes, guess, right, down = nodes[inside], guess[inside], right[inside], down[inside]
        steps = steps[inside]
        front = set()
        if not len(nodes):
            continue
        found, quality_found, _ = grower.measure(guess, right, down)
        _accept(
            nodes,
            guess,
            found,
            quality_found,
            right,
            down,
            steps,
            places,
            quality,
            rights,
            downs,
            blind,
            front,
            grower.unit,
        )
    return _trimmed(places, quality, grower.unit), grower


GOOD = 3.0
"""Strength of lines over noise from which a node counts as seen."""
_BLIND = 2
"""Nodes in a row that may be passed without seeing a line."""


def _neighbours(
    front: set[tuple[int, int]], quality: np.ndarray, count: int
) -> set[tuple[int, int]]:
    return {
        (row + down, column + right)
        for row, column in front
        for down, right in _STEPS
        if 0 < row + down < count - 1
        and 0 < column + right < count - 1
        and quality[row + down, column + right] < 0
    }


def _predictions(
    nodes: np.ndarray,
    places: np.ndarray,
    rights: np.ndarray,
    downs: np.ndarray,
    quality: np.ndarray,
    blind: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return where nodes should lie, from all neighbours that are known."""
    guess = np.zeros((len(nodes), 2))
    right = np.zeros((len(nodes), 2))
    down = np.zeros((len(nodes), 2))
    total = np.zeros(len(nodes))
    steps = np.full(len(nodes), 99)
    for row_step, column_step in (*_STEPS, (1, 1), (1, -1), (-1, 1), (-1, -1)):
        rows, columns = nodes[:, 0] + row_step, nodes[:, 1] + column_step
        there = np.isfinite(places[rows, columns, 0])
        share = np.where(there, np.maximum(quality[rows, columns], 0.3), 0.0)
        share = np.where(np.abs(row_step) + np.abs(column_step) == 2, 0.4 * share, share)
        own_right = np.nan_to_num(rights[rows, columns])
        own_down = np.nan_to_num(downs[rows, columns])
        reach = CELL * (column_step * own_right + row_step * own_down)
        guess += share[:, None] * (np.nan_to_num(places[rows, columns]) - reach)
        right += share[:, None] * own_right
        down += share[:, None] * own_down
        total += share
        steps = np.where(there, np.minimum(steps, blind[rows, columns]), steps)
    total = np.maximum(total, 1e-9)[:, None]
    return guess / total, right / total, down / total, steps


def _accept(
    nodes: np.ndarray,
    guess: np.ndarray,
    found: np.ndarray,
    quality_found: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    steps: np.ndarray,
    places: np.ndarray,
    quality: np.ndarray,
    rights: np.ndarray,
    downs: np.ndarray,
    blind: np.ndarray,
    front: set[tuple[int, int]],
    unit: float,
) -> None:
    """Enter measured nodes into the lattice; unseen ones follow, for a few steps."""
    for index, (row, column) in enumerate(nodes):
        seen = quality_found[index] > GOOD
        blind[row, column] = 0 if seen else steps[index] + 1
        if blind[row, column] > _BLIND:
            quality[row, column] = 0.0
            continue
        places[row, column] = found[index] if seen else guess[index]
        quality[row, column] = quality_found[index] if seen else 0.0
        rights[row, column], downs[row, column] = right[index], down[index]
        front.add((int(row), int(column)))
    for row, column in front:
        steps_here = []
        for axis, store in ((1, rights), (0, downs)):
            near = []
            for side in (-1, 1):
                other = (row, column + side) if axis == 1 else (row + side, column)
                if np.isfinite(places[other][0]) and quality[other] > 0 and quality[row, column]:
                    near.append(side * (places[other] - places[row, column]) / CELL)
            if near:
                # Half of it: one measured step alone carries the error of two nodes.
                steps_here.append((store, 0.6 * store[row, column] + 0.4 * np.mean(near, axis=0)))
        for store, value in steps_here:
            if np.hypot(*(value - store[row, column])) < 0.25 * unit:
                store[row, column] = value


def _trimmed(places: np.ndarray, quality: np.ndarray, unit: float) -> Lattice:
    seen = quality > 0
    rows = np.flatnonzero(seen.any(axis=1))
    columns = np.flatnonzero(seen.any(axis=0))
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Lattice(places[part].copy(), np.maximum(quality[part], 0.0), unit)
