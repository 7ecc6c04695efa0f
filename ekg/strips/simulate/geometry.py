"""Where the points of a page lie in its image: curl, folds, camera, and one exact map of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree


class Bend(Protocol):
    """An effect that moves points of the page; both directions take and give (N, 2)."""

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the flat page lie."""
        ...

    def backward(self, points: np.ndarray) -> np.ndarray:
        """Return which points of the flat page lie here."""
        ...


@dataclass(frozen=True)
class Homography:
    """A camera above a flat page."""

    matrix: np.ndarray
    """3 x 3, page mm -> pixels."""

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Page to image."""
        return _project(self.matrix, points)

    def backward(self, points: np.ndarray) -> np.ndarray:
        """Image to page."""
        return _project(np.linalg.inv(self.matrix), points)


def _project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return moved[:, :2] / moved[:, 2:]


def camera(
    sheet: tuple[float, float],
    pixels_per_mm: float,
    *,
    turn: float,
    tilt: float,
    tilt_axis: float,
    fill: tuple[float, float],
    shift: tuple[float, float],
    distance: float,
    focus: tuple[float, float, float, float] | None = None,
) -> tuple[Homography, tuple[int, int]]:
    """Return the view of a sheet and the size of the frame, in pixels.

    Parameters
    ----------
    sheet
        Width and height, mm.
    pixels_per_mm
        Mean scale in the frame.
    turn, tilt, tilt_axis
        Degrees: in the plane of the page, of the camera, and the direction of the tilt's axis.
    fill
        Extent of the sheet's image in parts of the frame's; above 1 the sheet is cut.
    shift
        Of the sheet's centre, in parts of the frame.
    distance
        Of the camera, in diagonals of the sheet.
    focus
        Left, top, right, bottom (mm) of what is looked at, by default the whole sheet.
    """
    a, t, x = np.deg2rad([turn, tilt, tilt_axis])
    spin = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    axis = np.array([np.cos(x), np.sin(x), 0.0])
    cross = np.array([[0, 0, axis[1]], [0, 0, -axis[0]], [-axis[1], axis[0], 0]])
    lean = np.eye(3) + np.sin(t) * cross + (1 - np.cos(t)) * (cross @ cross)
    pose = lean @ spin
    # A point (u, v, 0) of the page becomes pose @ (u, v, 0), seen from (0, 0, -distance).
    view = np.vstack([pose[:2, :2], pose[2:, :2] / (distance * float(np.hypot(*sheet)))])
    centre = np.array([[1, 0, -sheet[0] / 2], [0, 1, -sheet[1] / 2], [0, 0, 1.0]])
    matrix = np.column_stack([view, [0.0, 0.0, 1.0]]) @ centre
    corners = np.array([[0, 0], [sheet[0], 0], sheet, [0, sheet[1]]])
    seen = _project(matrix, corners)
    following = np.roll(seen, -1, axis=0)
    area = abs(np.sum(seen[:, 0] * following[:, 1] - seen[:, 1] * following[:, 0])) / 2
    scale = pixels_per_mm * float(np.sqrt(sheet[0] * sheet[1] / area))
    if focus is not None:
        left, top, right, bottom = focus
        target = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        seen = _project(matrix, target)
    low, high = seen.min(axis=0) * scale, seen.max(axis=0) * scale
    size = tuple(int(side) for side in np.ceil((high - low) / fill))
    middle = np.array(size) * (0.5 + np.asarray(shift)) - (low + high) / 2
    place = np.array([[scale, 0, middle[0]], [0, scale, middle[1]], [0, 0, 1.0]])
    return Homography(place @ matrix), (size[0], size[1])


@dataclass(frozen=True)
class Curl:
    """A sheet bent around a cylinder: it is shorter across, and nearer where it rises."""

    angle: float
    """Direction across the cylinder, degrees."""
    flat: np.ndarray
    """Places across the flat sheet, mm, rising."""
    bent: np.ndarray
    """Where these places are seen."""
    height: np.ndarray
    """How far each rises, mm."""
    away: float
    """Distance of the camera, mm."""
    centre: tuple[float, float]

    def _axes(self) -> np.ndarray:
        a = np.deg2rad(self.angle)
        return np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Flat to bent."""
        u, v = (
            (points - self.centre) @ self._axes().T[:, 0],
            (points - self.centre) @ self._axes()[1],
        )
        nearer = 1.0 / (1.0 - np.interp(u, self.flat, self.height) / self.away)
        moved = np.column_stack([np.interp(u, self.flat, self.bent), v * nearer])
        return moved @ self._axes() + self.centre

    def backward(self, points: np.ndarray) -> np.ndarray:
        """Bent to flat."""
        moved = (points - self.centre) @ self._axes().T
        u = np.interp(moved[:, 0], self.bent, self.flat)
        nearer = 1.0 / (1.0 - np.interp(u, self.flat, self.height) / self.away)
        return np.column_stack([u, moved[:, 1] / nearer]) @ self._axes() + self.centre


def curl(
    generator: np.random.Generator, sheet: tuple[float, float], strength: float, distance: float
) -> Curl:
    """Draw a curled sheet whose steepest slope is `strength`."""
    reach = 0.75 * float(np.hypot(*sheet))
    flat = np.linspace(-reach, reach, 1200)
    length = generator.uniform(0.7, 2.0) * sheet[0]
    phase = generator.uniform(0, 2 * np.pi)
    slope = strength * np.sin(2 * np.pi * flat / length + phase)
    step = flat[1] - flat[0]
    height = np.cumsum(slope) * step
    height -= height.min()
    seen = np.cumsum(np.sqrt(1 - slope**2)) * step
    away = distance * float(np.hypot(*sheet))
    # Where the sheet is nearer to the camera it is seen larger, in both directions.
    bent = (seen - np.interp(0.0, flat, seen)) / (1.0 - height / away)
    bent = np.maximum.accumulate(bent + np.arange(len(bent)) * 1e-9)
    angle = float(generator.choice([0.0, 90.0], p=[0.75, 0.25]) + generator.normal(0, 8))
    return Curl(angle, flat, bent, height, away, (sheet[0] / 2, sheet[1] / 2))


@dataclass(frozen=True)
class Relief:
    """A mesh of heights (folds, wrinkles) seen aslant: height moves a point along the view."""

    height: np.ndarray
    """mm on a lattice of `step` mm that begins at (-margin, -margin)."""
    view: tuple[float, float]
    """mm of shift for a mm of height."""
    step: float = 1.0
    margin: float = 40.0

    def at(self, points: np.ndarray) -> np.ndarray:
        """Return the height at points of the flat page."""
        places = (points.T[::-1] + self.margin) / self.step
        return map_coordinates(self.height, places, order=1, mode="nearest")

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Flat to folded."""
        return points + self.at(points)[:, None] * np.asarray(self.view)

    def backward(self, points: np.ndarray) -> np.ndarray:
        """Folded to flat: the fixed point of p = q - h(p) view (slopes of at most a half)."""
        flat = points.copy()
        for _ in range(40):
            flat = points - self.at(flat)[:, None] * np.asarray(self.view)
        return flat

    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return dh/dx and dh/dy on the lattice."""
        down, across = np.gradient(self.height, self.step)
        return across, down


def relief(
    generator: np.random.Generator, sheet: tuple[float, float], folds: int, wrinkles: int
) -> Relief:
    """Draw folds through the whole sheet and wrinkles of limited reach."""
    margin = 40.0
    xs = np.arange(-margin, sheet[0] + margin + 1.0)
    ys = np.arange(-margin, sheet[1] + margin + 1.0)
    x, y = np.meshgrid(xs, ys)
    height = np.zeros_like(x)
    for number in range(folds):
        if number < 2 and generator.random() < 0.6:
            angle = generator.choice([0.0, np.pi / 2]) + generator.normal(0, 0.02)
            through = np.array(sheet) / 2 + generator.normal(0, 6, 2)
        else:
            angle = generator.uniform(0, np.pi)
            through = generator.uniform(0.1, 0.9, 2) * sheet
        u = (x - through[0]) * np.cos(angle) + (y - through[1]) * np.sin(angle)
        slope, reach = generator.uniform(0.05, 0.35), generator.uniform(30, 140)
        # A ridge or a valley whose flanks come back to the table within `reach`.
        flank = slope * np.maximum(reach - np.abs(u), 0) * (1 if generator.random() < 0.6 else -1)
        height += flank * (1.0 if number == 0 else 0.6)
    for _ in range(wrinkles):
        angle = generator.uniform(0, np.pi)
        through = generator.uniform(0, 1, 2) * sheet
        u = (x - through[0]) * np.cos(angle) + (y - through[1]) * np.sin(angle)
        v = -(x - through[0]) * np.sin(angle) + (y - through[1]) * np.cos(angle)
        reach, length = generator.uniform(3, 22), generator.uniform(15, 90)
        slope = generator.uniform(0.06, 0.4) * generator.choice([-1, 1])
        height += slope * np.maximum(reach - np.abs(u), 0) * np.clip(1.5 - np.abs(v) / length, 0, 1)
    view = generator.normal(0, 0.12, 2)
    return Relief(height, (float(view[0]), float(view[1])), 1.0, margin)


@dataclass(frozen=True)
class PageMap:
    """The exact map between an image's pixels and the page's millimetres.

    The image was made with it: in each cell of a lattice of pixels the place on the page is
    bilinear. Pixel coordinates are continuous; pixel (0, 0) covers 0 to 1.
    """

    lattice: np.ndarray
    """Page mm at the lattice's nodes, float64 of shape (rows, columns, 2)."""
    step: tuple[float, float]
    """Pixels between nodes, across and down."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Pixel of the first node."""
    _tree: list[cKDTree] = field(default_factory=list, repr=False, compare=False)

    def _cell(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        places = (pixels - self.origin) / self.step
        last = np.array(self.lattice.shape[1::-1]) - 2
        cell = np.clip(np.floor(places).astype(int), 0, last)
        s, t = (places - cell).T
        j, i = cell.T
        nodes = self.lattice
        corners = (nodes[i, j], nodes[i, j + 1], nodes[i + 1, j], nodes[i + 1, j + 1])
        return s[:, None], t[:, None], corners

    def to_page(self, pixels: np.ndarray) -> np.ndarray:
        """Return the page mm of pixels (N, 2)."""
        s, t, (a, b, c, d) = self._cell(np.asarray(pixels, dtype=float))
        return (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * c + s * d)

    def to_pixel(self, points: np.ndarray) -> np.ndarray:
        """Return the pixels of points of the page (N, 2) in mm, by Newton's method."""
        points = np.asarray(points, dtype=float)
        if not self._tree:
            self._tree.append(cKDTree(self.lattice.reshape(-1, 2)))
        nearest = self._tree[0].query(points)[1]
        i, j = np.divmod(nearest, self.lattice.shape[1])
        pixels = np.column_stack([j, i]) * self.step + np.asarray(self.origin)
        best, least = pixels.astype(float), np.full(len(points), np.inf)
        for round_ in range(25):
            s, t, (a, b, c, d) = self._cell(pixels)
            there = (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * c + s * d)
            miss = points - there
            error = np.abs(miss).max(axis=1)
            better = error < least
            best[better], least[better] = pixels[better], error[better]
            if least.max(initial=0.0) < 1e-7:
                break
            along = ((1 - t) * (b - a) + t * (d - c)) / self.step[0]
            down = ((1 - s) * (c - a) + s * (d - b)) / self.step[1]
            determinant = along[:, 0] * down[:, 1] - along[:, 1] * down[:, 0]
            determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
            dx = (miss[:, 0] * down[:, 1] - miss[:, 1] * down[:, 0]) / determinant
            dy = (along[:, 0] * miss[:, 1] - along[:, 1] * miss[:, 0]) / determinant
            # A shorter step after a while: at a crease Newton's steps may swing to and fro.
            pixels = best + np.column_stack([dx, dy]) * (1.0 if round_ < 12 else 0.5)
            pixels = np.where(better[:, None], pixels, best + 0.5 * (pixels - best))
        return best

    def scaled(self, factor: tuple[float, float]) -> PageMap:
        """Return the map of the same image after resizing."""
        (fx, fy), (sx, sy), (ox, oy) = factor, self.step, self.origin
        return PageMap(self.lattice, (sx * fx, sy * fy), (ox * fx, oy * fy))

    def cropped(self, left: float, top: float) -> PageMap:
        """Return the map of the same image after its left and upper parts are cut off."""
        return PageMap(self.lattice, self.step, (self.origin[0] - left, self.origin[1] - top))

    def pixels_per_mm(self) -> float:
        """Return the middle value over the lattice of the scale."""
        across = np.linalg.norm(np.diff(self.lattice, axis=1), axis=2)
        down = np.linalg.norm(np.diff(self.lattice, axis=0), axis=2)
        return 1.0 / float(
            np.median(np.concatenate([across.ravel() / self.step[0], down.ravel() / self.step[1]]))
        )


def map_of(bends: Sequence[Bend], size: tuple[int, int], step: int) -> PageMap:
    """Return the map of an image of `size` pixels that shows a page bent in this order."""
    columns, rows = (-(-side // step) + 1 for side in size)
    x, y = np.meshgrid(np.arange(columns) * step, np.arange(rows) * step)
    points = np.column_stack([x.ravel(), y.ravel()]).astype(float)
    for bend in reversed(bends):
        points = bend.backward(points)
    return PageMap(points.reshape(rows, columns, 2), (float(step), float(step)))


def flat_map(size: tuple[int, int], resolution: float) -> PageMap:
    """Return the map of a page that fills its image at `resolution` pixels a mm."""
    width, height = size
    nodes = np.array([[[0, 0], [width, 0]], [[0, height], [width, height]]]) / resolution
    return PageMap(nodes, (float(width), float(height)))
