"""A plan on paper: one layer of coverage for each kind of ink, then the page in colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.strips.simulate.drawing import Canvas, crossed, dotted, stripes
from ekg.strips.simulate.plan import Grid, Plan


@dataclass
class Layers:
    """Coverage by kind of ink, uint8 of one shape, at `resolution` pixels a mm."""

    resolution: float
    trace: np.ndarray
    text: np.ndarray
    marks: np.ndarray
    """Pulses and separators."""
    grid: np.ndarray
    """Ink of the grid, 255 where a bold line covers a pixel."""


def print_layers(plan: Plan, resolution: float) -> Layers:
    """Draw each kind of ink of a plan by itself."""
    canvas = Canvas(*plan.sheet, resolution)
    canvas.lines((segment.points for segment in plan.segments), plan.pen)
    trace = canvas.coverage()
    for words in plan.words:
        canvas.letters(words.letters, words.x, words.y, words.angle)
    canvas.lines(plan.frames, 0.2)
    text = canvas.coverage()
    canvas.lines(plan.pulses, plan.pen)
    for line, width in plan.separators:
        canvas.line(line, width)
    marks = canvas.coverage()
    grid = grid_ink(plan.grid, trace.shape, resolution)
    return Layers(resolution, trace, text, marks, (grid * 255).round().astype(np.uint8))


def grid_ink(grid: Grid, shape: tuple[int, ...], resolution: float) -> np.ndarray:
    """Return the grid's ink: 1 in a bold line, less in a fine one."""
    rows, columns = shape[:2]
    left, top, right, bottom = grid.area

    def places(origin: float, low: float, high: float, period: float) -> list[float]:
        first = origin + np.ceil((low - origin) / period - 1e-9) * period
        return list(np.arange(first, high + 1e-9, period))

    def ink(period: float, width: float) -> tuple[np.ndarray, np.ndarray]:
        across = stripes(places(grid.origin[0], left, right, period), width, columns, resolution)
        down = stripes(places(grid.origin[1], top, bottom, period), width, rows, resolution)
        return across, down

    bold = crossed(*ink(5.0, grid.bold_width))
    if grid.heavy_width:
        bold = np.maximum(bold, crossed(*ink(25.0, grid.heavy_width)))
    if grid.border_width:
        sides = [
            stripes(pair, grid.border_width, count, resolution)
            for pair, count in (((left, right), columns), ((top, bottom), rows))
        ]
        bold = np.maximum(bold, crossed(*sides))
    if grid.fine == "absent":
        result = bold
    else:
        across, down = ink(1.0, grid.fine_width)
        if grid.fine == "solid":
            fine = crossed(across, down)
        elif grid.fine == "dotted":
            fine = dotted(across, down, *ink(0.5, 0.25))
        else:  # points where the fine lines would cross
            wide = ink(1.0, max(grid.fine_width * 2, 0.25))
            fine = wide[0][None, :] * wide[1][:, None]
        result = np.maximum(bold, grid.fine_strength * fine)
    edge = max(grid.bold_width, grid.border_width)
    inside = stripes([(left + right) / 2], right - left + edge, columns, resolution)
    within = stripes([(top + bottom) / 2], bottom - top + edge, rows, resolution)
    return result * inside[None, :] * within[:, None]


def compose(
    layers: Layers, plan: Plan, strength: np.ndarray | float = 1.0, grid_strength: float = 1.0
) -> np.ndarray:
    """Return the page in colour, float32 0 to 1 of shape (rows, columns, 3).

    Parameters
    ----------
    layers, plan
        Ink, and its colours.
    strength
        Of the black inks, 1 as printed: one number or one for each pixel (fading).
    grid_strength
        Of the grid's ink.
    """
    ink = np.maximum(np.maximum(layers.trace, layers.text), layers.marks).astype(np.float32)
    ink *= np.asarray(strength, dtype=np.float32) / 255
    lines = layers.grid.astype(np.float32) * (grid_strength / 255)
    page = np.empty((*ink.shape, 3), dtype=np.float32)
    for channel in range(3):
        paper, line = plan.grid.paper[channel], plan.grid.colour[channel]
        shown = paper - lines * (paper - min(line, paper))
        # Ink lies over the lines: what the pen covers shows no grid.
        page[:, :, channel] = shown + ink * (np.float32(plan.pen_colour[channel]) - shown)
    return page
