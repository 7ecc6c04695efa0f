"""The picture of the 2019 hackathon: twelve coloured panels below each other, with axes.

It differs from the paper's picture in nearly everything: it has colours, names and numbers, one
vertical scale for each picture, and it is drawn large and then made small.
"""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ekg.errors import ImageError
from ekg.images.paper_figure import matplotlib_defaults
from ekg.records.record import LEADS

INCHES = 20.0
DPI = 40
SIZE = 224
"""Pixels on a side after resizing: what networks with ImageNet weights take."""
SECONDS = 5.0
"""Length of a slice."""

_MAJOR = {"color": "#b0b0b0", "linewidth": 0.8}
_MINOR = {"color": "#dddddd", "linewidth": 0.5}


class HackathonPainter:
    """Draws pictures one after another on one figure.

    Each picture depends on its slice alone: what an earlier one left (limits, margins) is reset.

    Parameters
    ----------
    sampling_frequency
        Hz.
    seconds
        Length of a slice.
    size
        Side of the finished picture, pixels.
    """

    def __init__(
        self, sampling_frequency: float = 1000.0, seconds: float = SECONDS, size: int = SIZE
    ):
        self.samples = round(sampling_frequency * seconds)
        self.size = size
        times = np.arange(self.samples) / sampling_frequency
        with matplotlib_defaults():
            self._figure = Figure(figsize=(INCHES, INCHES), dpi=DPI, facecolor="white")
            self._canvas = FigureCanvasAgg(self._figure)
            self._axes = self._figure.subplots(len(LEADS), 1, sharex=True, sharey=True)
            self._lines = []
            for number, (axes, lead) in enumerate(zip(self._axes, LEADS, strict=True)):
                # C0, C1, ...: the default cycle of ten colours, so V5 and V6 repeat I and II.
                (line,) = axes.plot(times, np.zeros(self.samples), color=f"C{number}")
                self._lines.append(line)
                axes.set_ylabel(lead)
                axes.minorticks_on()
                axes.grid(True, which="major", **_MAJOR)
                axes.grid(True, which="minor", **_MINOR)
                axes.set_axisbelow(True)
            self._axes[-1].set_xlabel("Time [S]")
        margins = self._figure.subplotpars
        self._margins = {
            side: getattr(margins, side)
            for side in ("left", "right", "bottom", "top", "wspace", "hspace")
        }

    def draw_large(self, signal: np.ndarray) -> np.ndarray:
        """Return the picture before it is made small, uint8 (800, 800, 3).

        Parameters
        ----------
        signal
            mV, shape (12, samples), leads in the order of `ekg.records.record.LEADS`.

        Raises
        ------
        ImageError
            If the signal has another shape or a value that is not a number.
        """
        signal = np.asarray(signal, np.float64)
        if signal.shape != (len(LEADS), self.samples) or not np.isfinite(signal).all():
            raise ImageError(
                f"a slice has shape {signal.shape} or values that are not numbers",
                remedy=f"give {len(LEADS)} leads of {self.samples} finite samples",
            )
        with matplotlib_defaults():
            for line, values in zip(self._lines, signal, strict=True):
                line.set_ydata(values)
            for axes in self._axes:
                axes.relim()
            # One autoscaled range for all panels: they share it.
            self._axes[0].autoscale(axis="y")
            self._axes[0].autoscale_view()
            self._figure.subplots_adjust(**self._margins)
            self._figure.tight_layout()
            self._canvas.draw()
        return np.array(self._canvas.buffer_rgba())[..., :3]

    def draw(self, signal: np.ndarray) -> np.ndarray:
        """Return the finished picture, uint8 (size, size, 3); see `draw_large`."""
        large = Image.fromarray(self.draw_large(signal))
        return np.array(large.resize((self.size, self.size), Image.Resampling.BILINEAR))
