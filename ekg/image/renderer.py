"""The paper's picture, exact to the pixel, hundreds of times faster than a whole figure.

What is the same in every image (paper, grid) is drawn once by matplotlib. Of what differs, the
calls that matplotlib makes to its Agg renderer are recorded once, for each panel: one for the
trace, one for each side of the border. To draw an image the recorded calls are played again,
panel by panel, with the new signal in the trace's path. The pixels are matplotlib's own because
the same compiled code gets the same arguments in the same order.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path

from ekg.errors import ImageError
from ekg.image.layout import PAPER_LAYOUT, Layout, check_size, make_figure, matplotlib_defaults

_Call = tuple[Any, Path, np.ndarray, Any]
"""Graphics context, path, affine matrix and fill: the arguments of one Agg call."""


class _Recorder(RendererAgg):
    """An Agg renderer that notes `draw_path` calls instead of carrying them out."""

    def __init__(self, width: float, height: float, dpi: float):
        super().__init__(width, height, dpi)
        self.calls: list[_Call] = []

    def draw_path(self, gc: Any, path: Path, transform: Any, rgbFace: Any = None) -> None:
        """Note the call; the arguments are copied, for matplotlib goes on to reuse them."""
        # One Agg path is one path for Agg to simplify: a user's `agg.path.chunksize` is left
        # out because the compiled renderer is called directly.
        self.calls.append((copy.copy(gc), path, transform.get_matrix().copy(), rgbFace))


@dataclass(frozen=True)
class _Panel:
    """One lead's part of the picture."""

    area: tuple[slice, slice]
    """Rows and columns of the image that its paper covers."""
    trace: _Call
    border: list[_Call]


class Renderer:
    """Draws slices as the published network saw them.

    Parameters
    ----------
    size
        Pixels on a side, 16 to 2048.
    layout
        The page; the paper's by default.

    Notes
    -----
    Making one takes about as long as one plain matplotlib figure; make it once and draw with
    it often. One renderer is for one thread; processes make their own.

    Raises
    ------
    ImageError
        If the size cannot be drawn.

    Examples
    --------
    >>> import numpy as np
    >>> Renderer(size=64).draw(np.zeros((12, 1250))).shape
    (64, 64)
    """

    def __init__(self, size: int = 800, layout: Layout = PAPER_LAYOUT):
        self.size = check_size(size)
        self.layout = layout
        with matplotlib_defaults():
            figure, canvas, axes_and_traces = make_figure(self.size, layout)
            movable = [
                artist
                for axes, trace in axes_and_traces
                for artist in (trace, *axes.spines.values())
            ]
            for artist in movable:
                artist.set_animated(True)  # matplotlib leaves these out of the whole figure
            canvas.draw()
            self._agg: Any = canvas.get_renderer()._renderer
            self._pixels: np.ndarray = np.asarray(self._agg)
            self._background: np.ndarray = self._pixels.copy()
            self._panels = [
                self._record(axes, trace, figure.dpi) for axes, trace in axes_and_traces
            ]
        self._check_greys()
        # One path serves every trace: Agg reads these vertices anew at each call.
        vertices = np.column_stack([layout.times, np.zeros(layout.samples)])
        self._path = Path(vertices)
        self._path.should_simplify = self._panels[0].trace[1].should_simplify
        self._path.simplify_threshold = self._panels[0].trace[1].simplify_threshold
        self._heights = np.asarray(self._path.vertices)[:, 1]

    def _record(self, axes: Any, trace: Any, dpi: float) -> _Panel:
        recorder = _Recorder(self.size, self.size, dpi)
        trace.draw(recorder)
        (trace_call,) = recorder.calls
        recorder.calls = []
        for spine in axes.spines.values():
            spine.draw(recorder)
        # Agg rounds a clip rectangle to pixels this way, and the paper's edges too; y is upward.
        box = axes.bbox
        left, right = (int(np.floor(x + 0.5)) for x in (box.x0, box.x1))
        top, bottom = (int(np.floor(self.size - y + 0.5)) for y in (box.y1, box.y0))
        return _Panel((slice(top, bottom), slice(left, right)), trace_call, recorder.calls)

    def _check_greys(self) -> None:
        """Make sure that one colour channel says all: then Pillow's grey is that channel.

        Pillow's L is (19595 R + 38470 G + 7471 B + 32768) >> 16, whose weights add up to 65536.
        """
        colours = self._background[..., :3]
        greys = colours[..., :1]
        inks = [
            call[0].get_rgb() for panel in self._panels for call in (panel.trace, *panel.border)
        ]
        if (colours != greys).any() or any(len(set(ink[:3])) > 1 for ink in inks):
            raise ImageError("the layout has a colour that is not a grey")

    def draw(self, signal: np.ndarray) -> np.ndarray:
        """Draw one slice.

        Parameters
        ----------
        signal
            Millivolts, shape (12, 1250), leads in the order of `ekg.waveform.records.LEADS`.

        Returns
        -------
        ndarray of uint8, shape (size, size)
            Grey levels, 0 black, first row on top: the pixels of the paper's PNG files. The
            array is the caller's own.

        Raises
        ------
        ImageError
            If the signal has another shape or a sample that is not a number.
        """
        signal = np.asarray(signal, dtype=np.float64)
        wanted = (self.layout.leads, self.layout.samples)
        if signal.shape != wanted:
            raise ImageError(
                f"a slice of shape {signal.shape} cannot be drawn",
                remedy=f"give {wanted[0]} leads of {wanted[1]} samples, in mV",
            )
        if not np.isfinite(signal).all():
            raise ImageError(
                "a slice with samples that are not numbers cannot be drawn",
                remedy="repair the recording or leave it out",
            )
        draw_path = self._agg.draw_path
        for panel, lead in zip(self._panels, signal, strict=True):
            # A border reaches half a pixel into its neighbours: on those drawn before, it
            # stays; those drawn after cover it. Hence the background panel by panel.
            self._pixels[panel.area] = self._background[panel.area]
            self._heights[:] = lead
            context, _, affine, _ = panel.trace
            draw_path(context, self._path, affine, None)
            for context, path, affine, fill in panel.border:
                draw_path(context, path, affine, fill)
        return np.ascontiguousarray(self._pixels[..., 0])
