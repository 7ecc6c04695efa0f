"""The paper's figure by plain matplotlib, and what the exact renderer needs to know of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MultipleLocator

from ekg.errors import ImageError
from ekg.images.layout import PAPER_LAYOUT, Layout, Panel, Pen, StaticLayers, Stroke


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


def make_figure(
    size: int, layout: Layout = PAPER_LAYOUT
) -> tuple[Figure, FigureCanvasAgg, list[tuple[Axes, Line2D]]]:
    """Return the paper's figure with level traces, made by plain matplotlib without pyplot.

    Call it within `matplotlib_defaults()`.
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


class _Recorder(RendererAgg):
    """An Agg renderer that records `draw_path` calls instead of carrying them out."""

    def __init__(self, width: float, height: float, dpi: float):
        super().__init__(width, height, dpi)
        self.strokes: list[Stroke] = []

    def draw_path(self, gc: Any, path: Path, transform: Any, rgbFace: Any = None) -> None:
        """Record the call; a user's `agg.path.chunksize` must not split the path."""
        if rgbFace is not None or path.codes is not None:
            raise ImageError("the layout has a filled or curved shape; expected plain lines")
        clip = gc.get_clip_rectangle()
        pen = Pen(
            width=float(gc.get_linewidth()),
            grey=float(_grey(gc.get_rgb())),
            alpha=float(gc.get_alpha()),
            cap=str(gc.get_capstyle()),
            join=str(gc.get_joinstyle()),
            antialiased=bool(gc.get_antialiased()),
            snap=gc.get_snap(),
            clip=None if clip is None else tuple(map(float, clip.extents)),
        )
        self.strokes.append(
            Stroke(
                pen=pen,
                vertices=np.array(path.vertices, dtype=np.float64),
                affine=np.array(transform.get_matrix(), dtype=np.float64),
                should_simplify=bool(path.should_simplify),
                simplify_threshold=float(path.simplify_threshold),
            )
        )


def _grey(colour: tuple[float, ...]) -> float:
    """Return the grey of a colour.

    One channel then contains the whole image: Pillow's L is
    (19595 R + 38470 G + 7471 B + 32768) >> 16, whose weights add up to 65536.
    """
    if len(set(colour[:3])) > 1:
        raise ImageError("the layout has a colour that is not a grey")
    return colour[0]


def draw_static_layers(size: int, layout: Layout) -> StaticLayers:
    """Draw grid and background once, and record how matplotlib would draw traces and borders."""
    with matplotlib_defaults():
        figure, canvas, axes_and_traces = make_figure(size, layout)
        for axes, trace in axes_and_traces:
            for artist in (trace, *axes.spines.values()):
                artist.set_animated(True)  # matplotlib leaves these out of the whole figure
        canvas.draw()
        pixels = np.asarray(canvas.get_renderer()._renderer)
        if (pixels[..., :3] != pixels[..., :1]).any() or (pixels[..., 3] != 255).any():
            raise ImageError("the layout has a colour that is not a grey")
        panels = [_record_panel(size, axes, trace, figure.dpi) for axes, trace in axes_and_traces]
        return StaticLayers(np.ascontiguousarray(pixels[..., 0]), panels)


def _record_panel(size: int, axes: Axes, trace: Line2D, dpi: float) -> Panel:
    recorder = _Recorder(size, size, dpi)
    trace.draw(recorder)
    (trace_stroke,) = recorder.strokes
    recorder.strokes = []
    for spine in axes.spines.values():
        spine.draw(recorder)
    # Agg rounds a clip rectangle to pixels this way, and the background's edges too; y is upward.
    box = axes.bbox
    left, right = (int(np.floor(x + 0.5)) for x in (box.x0, box.x1))
    top, bottom = (int(np.floor(size - y + 0.5)) for y in (box.y1, box.y0))
    return Panel((top, bottom, left, right), trace_stroke, recorder.strokes)
