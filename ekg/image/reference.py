"""The same picture drawn the slow way: a whole matplotlib figure for every image.

It is what the exact renderer is compared with, in tests and in the benchmark.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ekg.image.layout import PAPER_LAYOUT, Layout, check_size, make_figure, matplotlib_defaults


def draw_slowly(signal: np.ndarray, size: int = 800, layout: Layout = PAPER_LAYOUT) -> np.ndarray:
    """Draw one slice as the original did: new figure, RGBA PNG, Pillow's grey.

    Parameters
    ----------
    signal
        Millivolts, shape (12, 1250), leads in the order of `ekg.waveform.records.LEADS`.
    size
        Pixels on a side.
    layout
        The page.

    Returns
    -------
    ndarray of uint8, shape (size, size)
    """
    png = io.BytesIO()
    with matplotlib_defaults():
        figure, _, panels = make_figure(check_size(size), layout)
        for (_, trace), lead in zip(panels, signal, strict=True):
            trace.set_ydata(lead)
        figure.savefig(png, dpi=figure.dpi, format="png")
    with Image.open(png) as image:
        return np.asarray(image.convert("L"))
