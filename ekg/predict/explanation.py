"""A picture of what one verdict rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ekg.files import atomic_path
from ekg.images.paper_figure import matplotlib_defaults
from ekg.model import EkgModel
from ekg.predict.saliency import COLUMNS, ROWS, explain
from ekg.records.record import LEADS

NOTE = (
    "Warm: where the network's last block speaks for the class (Grad-CAM). Bars: what the "
    "probability loses without the lead.\nBoth say what moved this network's answer, not what "
    "a disease looks like. Not for clinical use."
)
_DPI = 100
_WIDTH, _HEIGHT, _STRIP = 13.2, 9.1, 8.0
"""Inches; the strip then has 800 x 800 pixels, so that the paper's picture keeps every one."""
_COLOURS = "inferno"
_OPACITY = 0.55


class Explainer:
    """Writes one picture a verdict into a folder.

    Parameters
    ----------
    model
        The model that gave the verdicts.
    folder
        Made when missing.
    """

    def __init__(self, model: EkgModel, folder: str | Path):
        self.model = model
        self.folder = Path(folder)
        self._taken: set[str] = set()

    def write(self, picture: np.ndarray, record: str, diagnosis: str, start: int | None) -> str:
        """Explain why a picture is read as a diagnosis.

        Parameters
        ----------
        picture
            uint8 (size, size).
        record
            Its name, for title and file.
        diagnosis
            The class to explain.
        start
            First sample of the slice, if known.

        Returns
        -------
        str
            The file written: `<record>-<start>-<diagnosis>.png`, with a number added where two
            records of one run share a name.
        """
        found = explain(self.model, picture, self.model.classes.index(diagnosis))
        place = "" if start is None else f"-{start}"
        path = self.folder / self._free_name(f"{record}{place}-{diagnosis}")
        figure = draw_explanation(picture, found, _title(record, start, found))
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=_DPI)
        return str(path)

    def _free_name(self, stem: str) -> str:
        name, count = stem, 1
        while name in self._taken:
            count += 1
            name = f"{stem}-{count}"
        self._taken.add(name)
        return f"{name}.png"


def _title(record: str, start: int | None, found: dict[str, Any]) -> str:
    place = "" if start is None else f", from sample {start}"
    return f"{record}{place}: why {found['class']} ({found['probability']:.2f}, uncalibrated)"


def draw_explanation(picture: np.ndarray, found: dict[str, Any], title: str) -> Figure:
    """Draw the strip under its Grad-CAM map, and the leads' occlusion beside it.

    Parameters
    ----------
    picture
        uint8 (size, size).
    found
        As `ekg.predict.saliency.explain` returns it.
    title
        Stands on top.
    """
    with matplotlib_defaults():
        figure = Figure(figsize=(_WIDTH, _HEIGHT), facecolor="white")
        FigureCanvasAgg(figure)
        strip = figure.add_axes((0.2 / _WIDTH, 0.6 / _HEIGHT, _STRIP / _WIDTH, _STRIP / _HEIGHT))
        strip.imshow(_blend(picture, found["gradcam"]), interpolation="nearest")
        strip.set_axis_off()
        size = picture.shape[0]
        for index, lead in enumerate(LEADS):
            row, column = divmod(index, COLUMNS)
            strip.text(
                (column + 0.02) * size / COLUMNS,
                (row + 0.05) * size / ROWS,
                lead,
                fontsize=11,
                fontweight="bold",
                verticalalignment="top",
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5},
            )
        bars = figure.add_axes((0.71, 0.14, 0.27, 0.75))
        drops = [found["occlusion"][lead] for lead in LEADS]
        bars.barh(
            range(len(LEADS)), drops, color=["#b5301b" if d >= 0 else "#31688e" for d in drops]
        )
        bars.set_yticks(range(len(LEADS)), LEADS)
        bars.invert_yaxis()
        bars.axvline(0.0, color="black", linewidth=0.8)
        reach = max(0.1, 1.08 * max(abs(d) for d in drops))
        bars.set_xlim(min(0.0, 1.08 * min(drops)) if min(drops) < -0.01 else 0.0, reach)
        bars.set_xlabel(f"loss in probability of {found['class']} without the lead")
        for side in ("top", "right"):
            bars.spines[side].set_visible(False)
        figure.suptitle(title, fontsize=14, x=0.2 / _WIDTH, horizontalalignment="left")
        figure.text(0.2 / _WIDTH, 0.01, NOTE, fontsize=9, verticalalignment="bottom")
    return figure


def _blend(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay the map over the strip so that the trace stays black."""
    from matplotlib import colormaps

    size = picture.shape[0]
    scaled = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    strength = np.asarray(scaled, dtype=np.float64)[..., None] / 255
    # The dark end of the map is left out: little heat shall leave the paper white.
    colours = colormaps[_COLOURS](0.45 + 0.5 * strength[..., 0])[..., :3]
    paper = 1 - _OPACITY * strength * (1 - colours)
    blended = paper * (picture[..., None] / 255)
    return (blended * 255).round().astype(np.uint8)
