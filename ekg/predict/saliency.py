"""What the network looks at: Grad-CAM, occlusion of one lead after the other, and an image of both.

Both say what changes the network's answer, not what a disease looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from captum.attr import LayerGradCam
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from torch import nn

from ekg.config import SliceConfig
from ekg.errors import EvaluationError
from ekg.files import atomic_path
from ekg.images.paper_figure import matplotlib_defaults
from ekg.model import EkgModel
from ekg.records.record import LEADS

if TYPE_CHECKING:
    from ekg.strips.reading import Reading

ROWS, COLUMNS = 4, 3
_OUT_OF_SIGHT_MV = 100.0
_BATCH = 16


@dataclass(frozen=True)
class Explanation:
    """Saliency of a batch of images."""

    targets: np.ndarray  # class index that is explained, int (n,)
    probabilities: np.ndarray  # uncalibrated probability of it, float (n,)
    # float32 (n, h, w) at the resolution of the last block, 0..1: each map is divided by its
    # largest value (all 0 where nothing speaks for the class)
    gradcam: np.ndarray
    # float32 (n, 12): what the probability loses when a lead's panel shows the empty grid
    occlusion: np.ndarray


def last_block(network: nn.Module) -> nn.Module:
    """Return the last block that still has a place in the image."""
    for name in ("features", "layer4"):
        blocks = getattr(network, name, None)
        if isinstance(blocks, nn.Sequential) and len(blocks):
            return blocks[-1]
    raise EvaluationError(
        f"no last block is known of {type(network).__name__}", remedy="leave --saliency out"
    )


def explain_images(
    model: EkgModel, images: np.ndarray, targets: np.ndarray | None = None
) -> Explanation:
    """Explain the model's answers on images.

    `images`: uint8 (n, size, size); `targets`: Class index to explain for each image; by default
    the one predicted.
    """
    probabilities = probabilities_of(model, images)
    if targets is None:
        targets = probabilities.argmax(axis=1)
    targets = np.asarray(targets, np.int64)
    scaled = scaled_gradcam(model, images, targets)
    chosen = probabilities[np.arange(len(images)), targets]
    return Explanation(targets, chosen, scaled, occlusion_by_lead(model, images, targets, chosen))


def probabilities_of(model: EkgModel, images: np.ndarray) -> np.ndarray:
    """Return uncalibrated probabilities, float64 (n, n_classes), of uint8 images."""
    device = model.mean.device
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(images), _BATCH):
            batch = torch.from_numpy(images[begin : begin + _BATCH].copy())
            parts.append(torch.softmax(model(batch.to(device)).double(), dim=1).cpu().numpy())
    return np.concatenate(parts)


def gradcam(model: EkgModel, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return Grad-CAM maps (Selvaraju et al. 2017) before their rectifier, float32 (n, h, w).

    The channels of the last block, weighted by the mean gradient of the class's logit.
    """
    device = model.mean.device
    method = LayerGradCam(model.network, last_block(model.network))
    parts = []
    for begin in range(0, len(images), _BATCH):
        batch = torch.from_numpy(images[begin : begin + _BATCH].copy()).to(device)
        target = torch.from_numpy(targets[begin : begin + _BATCH]).to(device)
        with torch.enable_grad():
            maps = method.attribute(model.normalise(batch), target)
        parts.append(maps[:, 0].detach().float().cpu().numpy())
    return np.concatenate(parts)


def scaled_gradcam(model: EkgModel, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return Grad-CAM maps from 0 to 1, each divided by its largest value; float32 (n, h, w)."""
    cams = np.maximum(gradcam(model, images, targets), 0)
    largest = cams.max(axis=(1, 2), keepdims=True)
    scaled: np.ndarray = np.divide(cams, largest, out=np.zeros_like(cams), where=largest > 0)
    return scaled


@lru_cache(maxsize=4)
def empty_page(size: int) -> np.ndarray:
    """Return the image with its grid and borders but no trace, uint8 (size, size)."""
    from ekg.images.renderer import Renderer

    # Beyond the axes a trace is clipped away: what is left is the paper.
    page = Renderer(size).draw(np.full((len(LEADS), 1250), _OUT_OF_SIGHT_MV))
    page.setflags(write=False)  # one copy serves all callers
    return page


def panel_of(lead: int, size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the image that show a lead."""
    row, column = divmod(lead, COLUMNS)
    down = [round(size * k / ROWS) for k in (row, row + 1)]
    across = [round(size * k / COLUMNS) for k in (column, column + 1)]
    return slice(*down), slice(*across)


def occlusion_by_lead(
    model: EkgModel, images: np.ndarray, targets: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """Return what each class's probability loses without each lead, float32 (n, 12).

    `images`: uint8 (n, size, size); `targets`: Class index of interest, int (n,); `probabilities`:
    Probability of it on the whole image, float (n,).
    """
    size = images.shape[1]
    page = empty_page(size)
    drops = np.zeros((len(images), len(LEADS)), np.float32)
    for lead in range(len(LEADS)):
        panel = panel_of(lead, size)
        covered = images.copy()
        covered[:, *panel] = page[panel]
        left = probabilities_of(model, covered)[np.arange(len(images)), targets]
        drops[:, lead] = probabilities - left
    return drops


def explain(model: EkgModel, image: np.ndarray, target: int | None = None) -> dict[str, Any]:
    """Explain one answer, for `predict --explain` and other programs.

    `image`: uint8 (size, size); `target`: Class index to explain; by default the one predicted.
    """
    found = explain_images(model, image[None], None if target is None else np.array([target]))
    return {
        "class": model.classes[int(found.targets[0])],
        "probability": float(found.probabilities[0]),
        "gradcam": found.gradcam[0],
        "occlusion": {lead: float(v) for lead, v in zip(LEADS, found.occlusion[0], strict=True)},
    }


NOTE = (
    "Warm: where the network's last block speaks for the class (Grad-CAM). Bars: what the "
    "probability loses without the lead.\nBoth say what moved this network's answer, not what "
    "a disease looks like. Not for clinical use."
)
_DPI = 100
_WIDTH, _HEIGHT, _STRIP = 13.2, 9.1, 8.0
"""Inches; the strip then has 800 x 800 pixels, so that the paper's image keeps every one."""
_COLOURS = "inferno"
_OPACITY = 0.55
_PAGE_STEP = 5
"""Samples between two points of a trace that is coloured on its page."""
_PAGE_WIDTHS = 16
"""The coloured line is a sixteenth of a lead's length wide: 4 mm on paper."""
_PAGE_OPACITY = 0.8


class Explainer:
    """Writes one image a verdict into a folder."""

    def __init__(self, model: EkgModel, folder: str | Path):
        self.model = model
        self.folder = Path(folder)
        self._taken: set[str] = set()

    def write(self, image: np.ndarray, record: str, diagnosis: str, start: int | None) -> str:
        """Explain why an image is read as a diagnosis.

        `image`: uint8 (size, size).
        """
        found = explain(self.model, image, self.model.classes.index(diagnosis))
        place = "" if start is None else f"-{start}"
        path = self.folder / self._free_name(f"{record}{place}-{diagnosis}")
        figure = draw_explanation(image, found, _title(record, start, found))
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=_DPI)
        return str(path)

    def write_on_page(
        self,
        reading: Reading,
        begins: Sequence[float],
        image: np.ndarray,
        diagnosis: str,
    ) -> str:
        """Draw why an image is read as a diagnosis onto the page that it was read from.

        `begins`: Seconds from the page's left end at which each lead of the image begins.
        """
        target = self.model.classes.index(diagnosis)
        (heat,) = scaled_gradcam(self.model, image[None], np.array([target]))
        path = self.folder / self._free_name(f"{reading.record.name}-page-{diagnosis}")
        with atomic_path(path) as temporary:
            draw_on_page(reading, begins, heat).save(temporary, format="png")
        return str(path)

    def _free_name(self, stem: str) -> str:
        name, count = stem, 1
        while name in self._taken:
            count += 1
            name = f"{stem}-{count}"
        self._taken.add(name)
        return f"{name}.png"


def draw_on_page(reading: Reading, begins: Sequence[float], heat: np.ndarray) -> Image.Image:
    """Return the overlay of a page with the map's columns laid over the traces they belong to.

    A trace's colour at a moment is the largest value of the map in its lead's panel there: the
    map's cells are as high as a third of a panel, so that more cannot be told.

    `heat`: Grad-CAM map of the slice, float (h, w), 0..1; `begins`: As in `PageSlice`.
    """
    from matplotlib import colormaps

    size = 12 * max(heat.shape)  # a whole number of pixels for each panel
    scaled = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    grown = np.asarray(scaled, np.float64) / 255
    picture = reading.overlay.convert("RGB")
    layer = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    slicing = SliceConfig()
    for lead, begin in enumerate(begins):
        start = round(begin * slicing.sampling_frequency)
        places = reading.places[lead, start : start + slicing.length : _PAGE_STEP]
        panel = grown[panel_of(lead, size)].max(axis=0)
        places = places[np.isfinite(places).all(axis=1)]
        values = np.interp(
            np.arange(len(places)) * _PAGE_STEP / slicing.length * len(panel),
            np.arange(len(panel)),
            panel,
        )
        width = max(3, round(np.ptp(places[:, 0]) / _PAGE_WIDTHS)) if len(places) else 0
        for one, two, value in zip(places[:-1], places[1:], values[:-1], strict=True):
            red, green, blue = (round(255 * part) for part in colormaps[_COLOURS](value)[:3])
            opacity = round(255 * _PAGE_OPACITY * value)
            pen.line([*one, *two], fill=(red, green, blue, opacity), width=width)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def _title(record: str, start: int | None, found: dict[str, Any]) -> str:
    place = "" if start is None else f", from sample {start}"
    return f"{record}{place}: why {found['class']} ({found['probability']:.2f}, uncalibrated)"


def draw_explanation(image: np.ndarray, found: dict[str, Any], title: str) -> Figure:
    """Draw the strip under its Grad-CAM map, and the leads' occlusion beside it.

    `image`: uint8 (size, size).
    """
    with matplotlib_defaults():
        figure = Figure(figsize=(_WIDTH, _HEIGHT), facecolor="white")
        FigureCanvasAgg(figure)
        strip = figure.add_axes((0.2 / _WIDTH, 0.6 / _HEIGHT, _STRIP / _WIDTH, _STRIP / _HEIGHT))
        strip.imshow(_blend(image, found["gradcam"]), interpolation="nearest")
        strip.set_axis_off()
        size = image.shape[0]
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


def _blend(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay the map over the strip so that the trace stays black."""
    from matplotlib import colormaps

    size = image.shape[0]
    scaled = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    strength = np.asarray(scaled, dtype=np.float64)[..., None] / 255
    # The dark end of the map is left out: little heat shall leave the paper white.
    colours = colormaps[_COLOURS](0.45 + 0.5 * strength[..., 0])[..., :3]
    paper = 1 - _OPACITY * strength * (1 - colours)
    blended = paper * (image[..., None] / 255)
    return (blended * 255).round().astype(np.uint8)
