"""Coverage of the page by ink, anti-aliased and without snapping: lines, letters, grids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from ekg.strips.simulate.lettering import Lettering

_POINTS_AT_A_TIME = 2000
"""Agg has a limit on the cells of one path."""


class Canvas:
    """A sheet of `width` x `height` mm on which lines in millimetres leave their coverage.

    Parameters
    ----------
    width, height
        mm.
    resolution
        Pixels per mm. The point (x, y) mm lies at (x, y) * resolution, where pixel (0, 0)
        covers 0 to 1 in both directions.
    """

    def __init__(self, width: float, height: float, resolution: float):
        self.columns, self.rows = round(width * resolution), round(height * resolution)
        self.resolution = resolution
        self._agg = RendererAgg(self.columns, self.rows, 72.0)
        self._to_agg = Affine2D().scale(resolution, -resolution).translate(0, self.rows)

    def line(self, points: np.ndarray, width: float) -> None:
        """Draw a line through `points` (N, 2), `width` mm wide, with round corners."""
        pen = self._agg.new_gc()
        pen.set_linewidth(width * self.resolution)
        pen.set_foreground((1.0, 1.0, 1.0, 1.0), isRGBA=True)
        pen.set_joinstyle("round")
        pen.set_capstyle("round")
        pen.set_snap(False)
        for start in range(0, max(len(points) - 1, 1), _POINTS_AT_A_TIME):
            path = Path(points[start : start + _POINTS_AT_A_TIME + 1])
            path.should_simplify = False
            self._agg.draw_path(pen, path, self._to_agg, None)

    def lines(self, lines: Iterable[np.ndarray], width: float) -> None:
        """Draw several lines."""
        for points in lines:
            self.line(points, width)

    def letters(
        self, text: Lettering, x: float, y: float, angle: float = 0.0, bolder: float = 0.0
    ) -> None:
        """Draw text whose base line begins at (x, y) mm.

        It is turned by `angle` degrees, and its strokes are `bolder` mm wider than the font's.
        """
        turn = Affine2D().rotate_deg(angle).translate(x, y)
        if text.outline is not None:
            pen = self._agg.new_gc()
            pen.set_linewidth(bolder * self.resolution)
            pen.set_foreground((1.0, 1.0, 1.0, 1.0), isRGBA=True)
            pen.set_snap(False)
            self._agg.draw_path(pen, text.outline, turn + self._to_agg, (1.0, 1.0, 1.0, 1.0))
        self.lines((turn.transform(stroke) for stroke in text.strokes), text.width + bolder)

    def area(self, points: np.ndarray) -> None:
        """Fill the polygon through `points` (N, 2)."""
        pen = self._agg.new_gc()
        pen.set_linewidth(0.0)
        pen.set_snap(False)
        self._agg.draw_path(pen, Path(points, closed=False), self._to_agg, (1.0, 1.0, 1.0, 1.0))

    def coverage(self) -> np.ndarray:
        """Return the coverage, uint8 of shape (rows, columns), and clear the canvas."""
        taken = np.asarray(self._agg.buffer_rgba())[:, :, 3].copy()
        self._agg.clear()
        return taken


def stripes(places: Sequence[float], width: float, pixels: int, resolution: float) -> np.ndarray:
    """Return by pixel which part of it is covered by stripes `width` mm wide at `places` mm."""
    covered = np.zeros(pixels, dtype=np.float32)
    edges = np.arange(pixels, dtype=np.float64)
    for place in places:
        low, high = (place - width / 2) * resolution, (place + width / 2) * resolution
        first, last = max(int(low) - 1, 0), min(int(high) + 2, pixels)
        if first < last:
            near = edges[first:last]
            part = np.minimum(near + 1, high) - np.maximum(near, low)
            covered[first:last] = np.maximum(covered[first:last], np.clip(part, 0, 1))
    return covered


def crossed(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Return the coverage by vertical stripes (by column) and horizontal ones (by row)."""
    return 1.0 - (1.0 - across[None, :]) * (1.0 - down[:, None])


def dotted(
    across: np.ndarray, down: np.ndarray, dots_across: np.ndarray, dots_down: np.ndarray
) -> np.ndarray:
    """Return `crossed` with lines broken into dots, which lie where both stripes are."""
    return 1.0 - (1.0 - across[None, :] * dots_down[:, None]) * (
        1.0 - down[:, None] * dots_across[None, :]
    )
