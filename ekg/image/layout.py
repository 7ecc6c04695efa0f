"""What the paper's picture looks like, as numbers, and the matplotlib figure they describe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

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
    """Range of every panel; what lies outside is clipped."""
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


@contextlib.contextmanager
def matplotlib_defaults() -> Iterator[None]:
    """Make figures under matplotlib's own defaults, whatever the user's matplotlibrc says.

    The settings found are put back at the end. They are matplotlib's only way of telling
    artists their defaults, and they belong to the whole process: do not make figures in two
    threads at once.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def check_size(size: int) -> int:
    """Return an image size that can be drawn, as an int.

    Raises
    ------
    ImageError
        If it is not a whole number within `IMAGE_SIZE_LIMITS` (pixels).
    """
    low, high = IMAGE_SIZE_LIMITS
    if isinstance(size, bool) or int(size) != size or not low <= size <= high:
        raise ImageError(
            f"image size {size} is not a whole number of pixels from {low} to {high}",
            remedy=f"choose a size from {low} to {high} (the paper's is 800)",
        )
    return int(size)


def make_figure(
    size: int, layout: Layout = PAPER_LAYOUT
) -> tuple[Figure, FigureCanvasAgg, list[tuple[Axes, Line2D]]]:
    """Return the paper's figure with level traces, made by plain matplotlib without pyplot.

    Call it within `matplotlib_defaults()`.

    Returns
    -------
    figure
    canvas
        Its Agg canvas.
    panels
        Axes and trace of each lead, row by row: the order in which matplotlib draws them.
    """
    figure = Figure(
        figsize=(layout.inches, layout.inches),
        dpi=size / layout.inches,
        facecolor="white",
    )
    canvas = FigureCanvasAgg(figure)
    axes_grid = figure.subplots(
        layout.rows, layout.columns, sharex=True, sharey=True, squeeze=False
    )
    level = np.zeros(layout.samples)
    panels = []
    for axes in axes_grid.ravel():
        (trace,) = axes.plot(
            layout.times, level, color=layout.trace_colour, linewidth=layout.trace_width
        )
        axes.set_xlim(0.0, layout.seconds)
        axes.set_ylim(*layout.millivolts)
        for which, grid in (("major", layout.major), ("minor", layout.minor)):
            for axis, step in ((axes.xaxis, grid.seconds), (axes.yaxis, grid.millivolts)):
                set_locator = getattr(axis, f"set_{which}_locator")
                set_locator(MultipleLocator(step))
            axes.grid(
                True,
                which=which,
                color=layout.grid_colour,
                linestyle="-",
                linewidth=grid.width,
                alpha=grid.alpha,
            )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks_position("none")
        axes.tick_params(which="both", labelbottom=False, labelleft=False)
        panels.append((axes, trace))
    figure.subplots_adjust(left=0, bottom=0, right=1, top=1, wspace=0, hspace=0)
    return figure, canvas, panels
