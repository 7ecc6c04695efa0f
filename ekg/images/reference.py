"""The same image drawn the slow way: a whole matplotlib figure for every image.

It is what the exact renderer is compared with, in tests and in the benchmark.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ekg.images.layout import PAPER_LAYOUT, Layout, check_size
from ekg.images.paper_figure import make_figure, matplotlib_defaults


def draw_slowly(signal: np.ndarray, size: int = 800, layout: Layout = PAPER_LAYOUT) -> np.ndarray:
    """Draw one slice with a new figure, in memory.

    `signal`: Millivolts, shape (12, 1250), leads in the order of
    `ekg.records.record.LEADS`.
    """
    with matplotlib_defaults():
        canvas = _make_canvas(signal, size, layout)
        canvas.draw()
    return np.asarray(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("L"))


def save_slowly(
    signal: np.ndarray, path: str | Path, size: int = 800, layout: Layout = PAPER_LAYOUT
) -> None:
    """Draw one slice into a PNG file as the original did: saved in colour, read, saved in grey."""
    with matplotlib_defaults():
        canvas = _make_canvas(signal, size, layout)
        canvas.figure.savefig(path, dpi=canvas.figure.dpi, format="png")
    with Image.open(path) as image:
        image.convert("L").save(path, format="PNG")


def _make_canvas(signal: np.ndarray, size: int, layout: Layout) -> FigureCanvasAgg:
    _, canvas, panels = make_figure(check_size(size), layout)
    for (_, trace), lead in zip(panels, signal, strict=True):
        trace.set_ydata(lead)
    return canvas
