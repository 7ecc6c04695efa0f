"""What the paper's image looks like, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.config import IMAGE_SIZE_LIMITS
from ekg.errors import ImageError


@dataclass(frozen=True)
class Grid:
    """One set of grid lines."""

    seconds: float
    """Distance of the vertical lines, s."""
    millivolts: float
    """Distance of the horizontal lines, mV."""
    width: float
    """Line width, points."""
    alpha: float
    """Opacity of the lines."""


@dataclass(frozen=True)
class Layout:
    """A page of panels, one a lead, that fills a square image without any margin.

    The defaults are the paper's. Every colour is a grey, which the renderer relies on.
    """

    rows: int = 4
    columns: int = 3
    samples: int = 1250
    """Samples in one slice."""
    seconds: float = 2.5
    """Length of one slice."""
    millivolts: tuple[float, float] = (-3.0, 3.0)
    """Range of every panel; what is outside is clipped."""
    inches: float = 20.0
    """Side of the figure: line widths in points are fractions of it."""
    trace_width: float = 1.5
    """Points."""
    major: Grid = Grid(seconds=0.2, millivolts=0.5, width=1.0, alpha=1.0)
    minor: Grid = Grid(seconds=0.04, millivolts=0.1, width=0.6, alpha=0.5)
    grid_colour: str = "#CCCCCC"
    trace_colour: str = "#000000"

    @property
    def leads(self) -> int:
        """Number of panels."""
        return self.rows * self.columns

    @property
    def times(self) -> np.ndarray:
        """Seconds of the samples, shape (samples,): as in the original, both ends included."""
        return np.linspace(0.0, self.seconds, self.samples)


PAPER_LAYOUT = Layout()


def check_size(size: int) -> int:
    """Return an image size that can be drawn, as an int."""
    low, high = IMAGE_SIZE_LIMITS
    if isinstance(size, bool) or int(size) != size or not low <= size <= high:
        raise ImageError(
            f"image size {size} is not an integer of pixels from {low} to {high}",
            remedy=f"choose a size from {low} to {high} (the paper's is 800)",
        )
    return int(size)


@dataclass(frozen=True)
class Pen:
    """How Agg draws a line."""

    width: float
    """Points."""
    grey: float
    """0 black, 1 white."""
    alpha: float
    cap: str
    join: str
    antialiased: bool
    snap: bool | None
    clip: tuple[float, ...] | None
    """Pixels x0, y0, x1, y1, y upwards; None for the whole image."""


@dataclass(frozen=True)
class Stroke:
    """One line: its vertices (data units) and the matrix that takes them to pixels."""

    pen: Pen
    vertices: np.ndarray
    affine: np.ndarray
    should_simplify: bool
    simplify_threshold: float


@dataclass(frozen=True)
class Panel:
    """One lead's part of the image."""

    area: tuple[int, int, int, int]
    """Rows and columns of its background: first row, end row, first column, end column."""
    trace: Stroke
    border: list[Stroke]


@dataclass(frozen=True)
class StaticLayers:
    """Grid and background, uint8 of shape (size, size), and the panels in drawing order."""

    background: np.ndarray
    panels: list[Panel]
