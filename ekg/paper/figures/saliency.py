"""Figures of what the network looks at, from `saliency.npz`."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from PIL import Image

from ekg.errors import EkgError
from ekg.files import DAMAGE
from ekg.paper.style import (
    BLUE,
    GREY,
    ONE_COLUMN,
    SMALLEST_FONT,
    TWO_COLUMNS,
    give_title,
    hide_axes,
    ink_on,
    journal_figure,
    new_figure,
)
from ekg.run import SALIENCY_FILE

_MOST_BYTES = 256 * 2**20  # seven examples of the largest image and small tables: under 40 MB
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class SaliencyExample:
    """One example image with what spoke for the network's answer."""

    record: str
    label: str
    pred: str
    probability: float
    """Of `pred`, uncalibrated."""
    image: np.ndarray
    """uint8 (size, size)."""
    gradcam: np.ndarray
    """float (h, w) in 0..1."""
    occlusion: np.ndarray
    """Loss of probability without each lead, float (12,)."""


@dataclass(frozen=True)
class Saliency:
    """What `evaluate --saliency` left: examples, and means over a sample of records."""

    examples: tuple[SaliencyExample, ...]
    classes: tuple[str, ...]
    leads: tuple[str, ...]
    fold: str
    mean_by_lead: np.ndarray
    """float (12,)."""
    interval_by_lead: np.ndarray
    """float (12, 2)."""
    mean_by_class: np.ndarray
    """float (n_classes, 12)."""
    records_by_class: tuple[int, ...]
    stages: tuple[str, ...]
    gradcam_correlation: np.ndarray
    """float (n_stages,)."""
    occlusion_correlation: float

    @property
    def records(self) -> int:
        """Records behind the means, one image each."""
        return sum(self.records_by_class)

    def lead_table(self) -> pd.DataFrame:
        """Return the loss of probability by class and lead, one row a class."""
        table = pd.DataFrame(self.mean_by_class.astype(float), columns=list(self.leads))
        table.insert(0, "class", list(self.classes))
        table.insert(1, "records", list(self.records_by_class))
        overall = [["all", self.records, *map(float, self.mean_by_lead)]]
        return pd.concat([table, pd.DataFrame(overall, columns=table.columns)], ignore_index=True)


def read_saliency(folder: Path) -> Saliency | None:
    """Read a run's saliency, None when none was saved."""
    path = folder / SALIENCY_FILE
    if not path.exists():
        return None
    try:
        # Object arrays (pickles) are refused: nothing in the file is ever executed.
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as arrays:
            return _saliency_of({name: arrays[name] for name in arrays.files})
    except (OSError, *DAMAGE) as error:
        raise EkgError(
            f"not a file of saliency ({error})",
            path=path,
            remedy="make it again: `python -m ekg evaluate --saliency`",
        ) from None


def _check_sizes(path: Path) -> None:
    """Refuse a file that unpacks to more than a run's saliency, or less than its arrays say."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
            raise ValueError(f"unpacks to more than {_MOST_BYTES:,} bytes")
        for member in archive.infolist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                if version not in _HEADER_READERS:
                    raise ValueError(f"{member.filename} is of format {version}")
                shape, _, dtype = _HEADER_READERS[version](stream)
            # numpy asks for the memory before it looks at how much there is.
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} is shorter than its header says")


def _saliency_of(arrays: dict[str, np.ndarray]) -> Saliency:
    examples = tuple(
        SaliencyExample(
            record=str(arrays["record"][k]),
            label=str(arrays["label"][k]),
            pred=str(arrays["pred"][k]),
            probability=float(arrays["probability"][k]),
            image=arrays["images"][k],
            gradcam=arrays["gradcam"][k].astype(np.float32),
            occlusion=arrays["occlusion"][k],
        )
        for k in range(len(arrays["label"]))
    )
    return Saliency(
        examples=examples,
        classes=tuple(map(str, arrays["classes"])),
        leads=tuple(map(str, arrays["leads"])),
        fold=str(arrays["fold"]),
        mean_by_lead=arrays["mean_occlusion_by_lead"],
        interval_by_lead=arrays["mean_occlusion_interval"],
        mean_by_class=arrays["mean_occlusion_by_class"],
        records_by_class=tuple(int(n) for n in arrays["mean_occlusion_records_by_class"]),
        stages=tuple(map(str, arrays["randomised_stage"])),
        gradcam_correlation=arrays["randomised_correlation"],
        occlusion_correlation=float(arrays["randomised_occlusion_correlation"]),
    )


ROWS, COLUMNS = 4, 3
_HEAT = LinearSegmentedColormap.from_list("heat", ["#FFFFFF", "#FDD0A2", "#FD8D3C", "#E6550D"])
"""White to orange, ever darker: ColorBrewer's Oranges with white for nothing."""
_DIVERGING = "PuOr_r"


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return an image coloured by saliency, the trace still black: uint8 (size, size, 3).

    `image`: Grey pixels, uint8 (size, size); `heat`: Saliency in 0..1, float (h, w), stretched over
    the whole image.
    """
    size = image.shape[::-1]
    stretched = Image.fromarray(np.asarray(heat, dtype=np.float32)).resize(
        size, Image.Resampling.BILINEAR
    )
    colours = _HEAT(np.clip(np.asarray(stretched), 0, 1))[..., :3]
    return np.round(colours * image[..., None]).astype(np.uint8)


@journal_figure
def saliency_examples_figure(
    examples: Sequence[SaliencyExample], leads: Sequence[str], title: str
) -> Figure:
    """Draw an example of each class with its Grad-CAM map over it, three in a row."""
    rows = math.ceil(len(examples) / COLUMNS)
    figure = new_figure(TWO_COLUMNS, 0.75 + 2.42 * rows)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, example in zip(panels, examples, strict=False):
        axes.imshow(overlay(example.image, example.gradcam), interpolation="antialiased")
        axes.set_title(f"{example.label} ({example.record}): {_answer(example)}")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, linewidth=0.5, color=GREY)
        _name_leads(axes, example.image.shape[0], leads)
    for axes in panels[len(examples) :]:
        hide_axes(axes)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), _HEAT),
        ax=list(panels),
        location="bottom",
        fraction=0.02,
        pad=0.02,
        aspect=60,
    )
    bar.set_label("Grad-CAM, share of the image's largest value")
    give_title(figure, title)
    return figure


def _answer(example: SaliencyExample) -> str:
    right = "" if example.pred == example.label else "read as "
    return f"{right}{example.pred}, p = {example.probability:.2f}"


def _name_leads(axes: Axes, size: int, leads: Sequence[str]) -> None:
    for index, lead in enumerate(leads):
        row, column = divmod(index, COLUMNS)
        axes.text(
            (column + 0.03) * size / COLUMNS,
            (row + 0.04) * size / ROWS,
            lead,
            va="top",
            ha="left",
            fontsize=SMALLEST_FONT,
        )


@journal_figure
def lead_bars_figure(
    means: np.ndarray, intervals: np.ndarray, leads: Sequence[str], title: str
) -> Figure:
    """Draw what the probability loses on average without each lead, one column wide.

    `means`: Loss of probability, float (12,); `intervals`: 95 % intervals, float (12, 2); NaN where
    there is none.
    """
    figure = new_figure(ONE_COLUMN, 2.5)
    axes = figure.subplots()
    places = np.arange(len(leads))
    axes.bar(places, 100 * means, color=BLUE, width=0.75)
    drawn = np.isfinite(intervals).all(axis=1)
    axes.vlines(places[drawn], *(100 * intervals[drawn].T), color="black", linewidth=0.9)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(places, list(leads), rotation=45)
    axes.set_ylabel("Loss of probability\nwithout the lead (points)")
    axes.set_xlabel("Lead")
    axes.grid(axis="y")
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, 1.0))  # a network that needs no lead must not look as if it did
    give_title(figure, title)
    return figure


@journal_figure
def lead_class_figure(
    means: np.ndarray,
    records: Sequence[int],
    classes: Sequence[str],
    leads: Sequence[str],
    title: str,
) -> Figure:
    """Draw the loss of probability by class and lead as a table of colours, a page wide.

    `means`: Loss of probability, float (n_classes, 12); NaN in classes without a record.
    """
    figure = new_figure(TWO_COLUMNS, 0.95 + 0.3 * len(classes))
    axes = figure.subplots()
    points = 100 * np.asarray(means, dtype=float)
    limit = max(1.0, float(np.nanmax(np.abs(points)))) if np.isfinite(points).any() else 1.0
    scale, norm = colormaps[_DIVERGING], Normalize(-limit, limit)
    axes.imshow(points, cmap=scale, norm=norm, aspect="auto")
    for (row, column), value in np.ndenumerate(points):
        known = np.isfinite(value)
        axes.text(
            column,
            row,
            _points(value),
            ha="center",
            va="center",
            fontsize=SMALLEST_FONT,
            color=ink_on(scale(norm(value))) if known else "black",
        )
    axes.set_xticks(range(len(leads)), list(leads))
    names = [f"{name} (n = {n:,})" for name, n in zip(classes, records, strict=True)]
    axes.set_yticks(range(len(classes)), names)
    axes.tick_params(length=0)
    axes.set_xlabel("Lead hidden (cells: loss of the predicted class's probability, points)")
    give_title(figure, title)
    return figure


def _points(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", "−")


@journal_figure
def randomised_figure(stages: Sequence[str], correlations: np.ndarray, title: str) -> Figure:
    """Draw how alike the maps stay while the network's weights are redrawn.

    `correlations`: Mean rank correlation with the trained network's maps, float (n_stages,).
    """
    figure = new_figure(ONE_COLUMN, 0.95 + 0.17 * (len(stages) + 1))
    axes = figure.subplots()
    names = ["trained", *(f"+ {stage}" for stage in stages)]
    values = [1.0, *(float(value) for value in correlations)]
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.plot(values, range(len(names)), "o-", color=BLUE, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(min(-0.25, float(np.nanmin(values)) - 0.05), 1.05)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("Rank correlation with the\ntrained network's maps")
    axes.set_ylabel("Stages with\nrandom weights")
    give_title(figure, title)
    return figure
