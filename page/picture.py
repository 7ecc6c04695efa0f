"""What the page needs to draw the network's picture by itself: paper, grid and places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ekg.images.renderer import Renderer
from ekg.images.static_layers import Stroke
from ekg.records.record import LEADS

_POINTS_PER_INCH = 72.0


def picture_description(renderer: Renderer) -> tuple[dict[str, Any], bytes]:
    """Describe the picture so that another program can draw its traces exactly.

    Parameters
    ----------
    renderer
        At the model's image size.

    Returns
    -------
    description : dict
        `size`, `samples`, `seconds`; `trace` (stroke `width` and `simplify` threshold, pixels);
        `panels`, one a lead: `lead`, `area` (pixels x1, y1, x2, y2), `scaleX`, `shiftX`,
        `scaleY`, `shiftY` (pixel = value * scale + shift, y downwards) and `border`, the four
        lines as x1, y1, x2, y2, width, already on whole pixels.
    background : bytes
        Grey levels of paper and grid, row by row.
    """
    layout = renderer.layout
    panels = []
    for lead, panel in zip(LEADS, renderer.static.panels, strict=True):
        top, bottom, left, right = panel.area
        matrix = panel.trace.affine
        panels.append(
            {
                "lead": lead,
                "area": {
                    "x1": left,
                    "y1": top,
                    "x2": right,
                    "y2": bottom,
                },
                "scaleX": float(matrix[0, 0]),
                "shiftX": float(matrix[0, 2]),
                # Agg counts rows from the top: matplotlib mirrors the picture, in this order.
                "scaleY": float(-matrix[1, 1]),
                "shiftY": float(-matrix[1, 2] + renderer.size),
                "border": [_border_line(renderer, side) for side in panel.border],
            }
        )
    trace = renderer.static.panels[0].trace
    description = {
        "size": renderer.size,
        "samples": layout.samples,
        "seconds": layout.seconds,
        "trace": {
            "width": _pixels(renderer, trace.pen.width),
            "simplify": float(trace.simplify_threshold),
        },
        "panels": panels,
    }
    return description, renderer.static.background.tobytes()


def _pixels(renderer: Renderer, points: float) -> float:
    # The same operations in the same order as in matplotlib's `points_to_pixels`.
    return float(points * (renderer.size / renderer.layout.inches) / _POINTS_PER_INCH)


def _border_line(renderer: Renderer, side: Stroke) -> dict[str, float]:
    matrix = side.affine
    width = _pixels(renderer, side.pen.width)
    # Upright and level lines snap to whole pixels, or to their middle where an odd number of
    # pixels is nearest to the line's width.
    shift = 0.5 if int(width + 0.5) % 2 else 0.0
    places = []
    for x, y in side.vertices:
        across = x * matrix[0, 0] + matrix[0, 2]
        down = y * -matrix[1, 1] + (-matrix[1, 2] + renderer.size)
        places += [float(np.floor(place + 0.5) + shift) for place in (across, down)]
    return {**dict(zip(("x1", "y1", "x2", "y2"), places, strict=True)), "width": width}
