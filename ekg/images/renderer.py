"""The paper's image, exact to the pixel, hundreds of times faster than a whole figure.

Grid and background are drawn once by matplotlib (`static_layers`). Traces and borders are drawn
by matplotlib's compiled Agg renderer, panel by panel, with the arguments that matplotlib itself
would give: the pixels are matplotlib's own because the same compiled code gets the same numbers
in the same order.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np

from ekg.errors import ImageError
from ekg.images.layout import PAPER_LAYOUT, Layout, Pen, Stroke, check_size
from ekg.images.static_layers import static_layers

_AGG = "matplotlib.backends._backend_agg"


def _agg_module() -> Any:
    """Return matplotlib's compiled Agg module without importing the rest of matplotlib.

    Importing all of matplotlib takes longer than drawing a hundred images. Where the file is
    not found at its usual place, matplotlib is imported as usual.
    """
    if _AGG in sys.modules:
        return sys.modules[_AGG]
    package = importlib.util.find_spec("matplotlib")
    for folder in (package.submodule_search_locations or []) if package else []:
        for suffix in EXTENSION_SUFFIXES:
            path = Path(folder) / "backends" / f"_backend_agg{suffix}"
            spec = importlib.util.spec_from_file_location(_AGG, path)
            if path.is_file() and spec is not None and spec.loader is not None:
                module = importlib.util.module_from_spec(spec)
                # A later import of matplotlib must find this module: it cannot be loaded twice.
                sys.modules[_AGG] = module
                spec.loader.exec_module(module)
                return module
    return importlib.import_module(_AGG)


class _Pen:
    """What the compiled renderer reads from a graphics context."""

    def __init__(self, pen: Pen):
        self._linewidth = pen.width
        self._alpha = pen.alpha
        self._forced_alpha = False
        self._rgb = (pen.grey, pen.grey, pen.grey, 1.0)
        self._antialiased = pen.antialiased
        self._capstyle = pen.cap
        self._joinstyle = pen.join
        self._cliprect = None if pen.clip is None else np.reshape(pen.clip, (2, 2))
        self._snap = pen.snap

    def get_dashes(self) -> tuple[float, None]:
        return 0.0, None

    def get_clip_path(self) -> tuple[None, None]:
        return None, None

    def get_snap(self) -> bool | None:
        return self._snap

    def get_hatch_path(self) -> None:
        return None

    def get_hatch_color(self) -> tuple[float, ...]:
        return self._rgb

    def get_hatch_linewidth(self) -> float:
        return 1.0

    def get_sketch_params(self) -> None:
        return None


class _Path:
    """What the compiled renderer reads from a path."""

    codes = None

    def __init__(self, stroke: Stroke, vertices: np.ndarray):
        self.vertices = vertices
        self.should_simplify = stroke.should_simplify
        self.simplify_threshold = stroke.simplify_threshold


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
    The first renderer of an unusual size takes about as long as one plain matplotlib figure;
    make it once and draw with it often. One renderer is for one thread; processes make their own.

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
        self.static = static_layers(self.size, layout)
        dpi = self.size / layout.inches
        # The compiled class itself, not a matplotlib figure: the same code gets the same numbers,
        # so clipping, simplification, snapping and rounding are matplotlib's to the last bit.
        self._agg: Any = _agg_module().RendererAgg(self.size, self.size, dpi)
        # A view of Agg's buffer, not a copy: writing into it sets the background of a panel.
        self._pixels: np.ndarray = np.asarray(self._agg)
        self._background = np.full_like(self._pixels, 255)
        self._background[..., :3] = self.static.background[..., None]
        # One path serves every trace: Agg reads these vertices again at each call.
        vertices = np.column_stack([layout.times, np.zeros(layout.samples)])
        self._heights = vertices[:, 1]
        self._panels = [
            (
                panel.area,
                (_Pen(panel.trace.pen), _Path(panel.trace, vertices), panel.trace.affine),
                [
                    (_Pen(side.pen), _Path(side, side.vertices), side.affine)
                    for side in panel.border
                ],
            )
            for panel in self.static.panels
        ]

    def draw(self, signal: np.ndarray, *, gaps: bool = False) -> np.ndarray:
        """Draw one slice.

        Parameters
        ----------
        signal
            Millivolts, shape (12, 1250), leads in the order of `ekg.records.record.LEADS`.
        gaps
            Leave NaN samples blank: leads that a page does not show.

        Returns
        -------
        ndarray of uint8, shape (size, size)
            Grey levels, 0 black, first row on top: the pixels of the paper's PNG files. The
            array is the caller's own.

        Raises
        ------
        ImageError
            If the signal has another shape, or a sample that is infinite or (without `gaps`)
            not a number.
        """
        signal = np.asarray(signal, dtype=np.float64)
        wanted = (self.layout.leads, self.layout.samples)
        if signal.shape != wanted:
            raise ImageError(
                f"a slice of shape {signal.shape} cannot be drawn",
                remedy=f"give {wanted[0]} leads of {wanted[1]} samples, in mV",
            )
        if not np.isfinite(signal).all() and not (gaps and not np.isinf(signal).any()):
            raise ImageError(
                "a slice with samples that are not numbers cannot be drawn",
                remedy="repair or leave out the recording",
            )
        draw_path = self._agg.draw_path
        for ((top, bottom, left, right), trace, border), lead in zip(
            self._panels, signal, strict=True
        ):
            # A border reaches half a pixel into its neighbours. It stays on panels drawn before
            # and is covered by those drawn after, as in a whole figure: hence the background
            # panel by panel, not once.
            self._pixels[top:bottom, left:right] = self._background[top:bottom, left:right]
            self._heights[:] = lead
            # None: no fill. A fill would change the pixels between trace and axis.
            draw_path(*trace, None)
            for side in border:
                draw_path(*side, None)
        # The image is grey, so one channel of RGBA has it all; a copy, as the buffer is reused.
        return np.ascontiguousarray(self._pixels[..., 0])
