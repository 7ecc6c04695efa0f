"""Figures of the data: class counts, slices per record, examples, the split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, UnidentifiedImageError

from ekg.errors import ImageError
from ekg.paper.run_files import FOLD_NAMES, count_of
from ekg.paper.style import (
    BLUE,
    FOLD_COLOURS,
    GREY,
    ONE_COLUMN,
    SMALLEST_FONT,
    TWO_COLUMNS,
    give_title,
    hide_axes,
    journal_figure,
    new_figure,
)
from ekg.paths import natural_key
from ekg.records.record import LEADS

HATCHES = {"train": "", "val": "////", "test": "....", "none": ""}


@journal_figure
def class_count_figure(counts: pd.DataFrame, classes: Sequence[str], title: str) -> Figure:
    """Draw records and images of each class, stacked by fold, a page wide.

    `counts`: Columns class, fold (train, val, test, none), records, images; a number that was not
    saved is missing.
    """
    folds = [fold for fold in FOLD_NAMES if fold in set(counts["fold"])]
    units = [unit for unit in ("records", "images") if counts[unit].notna().all()]
    figure = new_figure(TWO_COLUMNS if len(units) > 1 else ONE_COLUMN, 0.9 + 0.24 * len(classes))
    panels = figure.subplots(1, len(units), sharey=True, squeeze=False)[0]
    for axes, unit in zip(panels, units, strict=True):
        table = counts.pivot_table(index="class", columns="fold", values=unit, aggfunc="sum")
        table = table.reindex(index=list(classes), columns=folds).fillna(0)
        _stack(axes, table)
        axes.set_xlabel(unit.capitalize())
        axes.margins(x=0.12)
    panels[0].set_yticks(range(len(classes)), list(classes))
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    give_title(figure, title)
    return figure


def _stack(axes: Axes, table: pd.DataFrame) -> None:
    left = np.zeros(len(table))
    for fold in table.columns:
        widths = table[fold].to_numpy(float)
        axes.barh(
            range(len(table)),
            widths,
            left=left,
            height=0.72,
            label=FOLD_NAMES[fold],
            color=FOLD_COLOURS[fold],
            hatch=HATCHES[fold],
            edgecolor="white",
        )
        left += widths
    for row, total in enumerate(left):
        axes.annotate(
            f"{total:,.0f}",
            (total, row),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALLEST_FONT,
        )
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.tick_params(axis="y", length=0)


@journal_figure
def slices_figure(slices: pd.Series, title: str) -> Figure:
    """Draw how many records have 1, 2, ... slices.

    `slices`: Slices of each record, int (n_records,).
    """
    figure = new_figure(ONE_COLUMN, 2.3)
    axes = figure.subplots()
    counts = slices.value_counts().sort_index()
    bars = axes.bar(counts.index.to_numpy(), counts.to_numpy(), width=0.8, color=BLUE)
    axes.bar_label(bars, fmt="{:,.0f}", padding=1, fontsize=SMALLEST_FONT)
    mean = float(slices.mean())
    axes.text(0.99, 0.98, f"mean {mean:.2f}", transform=axes.transAxes, ha="right", va="top")
    axes.set_xlabel("Slices of 2.5 s in a record")
    axes.set_ylabel("Records")
    axes.set_xlim(0.4, max(10, int(slices.max())) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(y=0.15)
    give_title(figure, title)
    return figure


@dataclass(frozen=True)
class Example:
    """One image to be shown: class, record, and its grey pixels, uint8 (size, size)."""

    name: str
    record: str
    pixels: np.ndarray


@journal_figure
def example_figure(examples: Sequence[Example], title: str) -> Figure:
    """Draw one image of each class, three in a row, with what its panels mean beside them."""
    columns = 3
    rows = math.ceil((len(examples) + 1) / columns)
    figure = new_figure(TWO_COLUMNS, 0.3 + 2.42 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, example in zip(panels, examples, strict=False):
        axes.imshow(example.pixels, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        axes.set_title(f"{example.name} ({example.record})")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, linewidth=0.5, color=GREY)
    for axes in panels[len(examples) + 1 :]:
        hide_axes(axes)
    _draw_key(panels[len(examples)])
    give_title(figure, title)
    return figure


def _draw_key(axes: Axes) -> None:
    """Draw what the twelve panels of an image are."""
    axes.set_title("Leads in each image")
    axes.set_xlim(0, 3)
    axes.set_ylim(4, 0)
    axes.set_box_aspect(1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, linewidth=0.5, color=GREY)
    for index, lead in enumerate(LEADS):
        row, column = divmod(index, 3)
        axes.text(column + 0.5, row + 0.5, lead, ha="center", va="center")
    axes.hlines([1, 2, 3], 0, 3, color=GREY, linewidth=0.5)
    axes.vlines([1, 2], 0, 4, color=GREY, linewidth=0.5)
    axes.set_xlabel("each panel 0 to 2.5 s, −3 to 3 mV", fontsize=SMALLEST_FONT)


@journal_figure
def split_figure(counts: pd.DataFrame, classes: Sequence[str], title: str) -> Figure:
    """Draw which part of each class's records is in which fold."""
    folds = [fold for fold in FOLD_NAMES if fold in set(counts["fold"])]
    table = counts.pivot_table(index="class", columns="fold", values="records", aggfunc="sum")
    table = table.reindex(index=list(classes), columns=folds).fillna(0)
    table.loc["all"] = table.sum()
    totals = table.sum(axis=1)
    shares = 100 * table.div(totals.where(totals > 0), axis=0).fillna(0)
    figure = new_figure(ONE_COLUMN, 0.95 + 0.24 * len(table))
    axes = figure.subplots()
    left = np.zeros(len(table))
    for fold in folds:
        widths = shares[fold].to_numpy(float)
        axes.barh(
            range(len(table)),
            widths,
            left=left,
            height=0.72,
            label=FOLD_NAMES[fold],
            color=FOLD_COLOURS[fold],
            hatch=HATCHES[fold],
            edgecolor="white",
        )
        left += widths
    names = [f"{name} (n = {total:,.0f})" for name, total in totals.items()]
    axes.set_yticks(range(len(table)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of the class's records")
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(folds),
        columnspacing=1.0,
        handlelength=1.4,
    )
    give_title(figure, title)
    return figure


def counts_title(dataset: str, counts: pd.DataFrame) -> str:
    """Return `dataset: n = ... records, ... images` for a table of counts."""
    parts = [
        count_of(int(counts[f"{unit}s"].sum()), unit)
        for unit in ("record", "image")
        if counts[f"{unit}s"].notna().all()
    ]
    return f"{dataset}: n = {', '.join(parts)}" if parts else dataset


def read_grey(path: Path) -> np.ndarray:
    """Return an image's grey pixels, uint8 (height, width)."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ImageError(f"not an image ({error})", path=path, remedy="draw it again") from None


def example_of_each_class(
    folder: Path, manifest: pd.DataFrame, classes: Sequence[str]
) -> list[Example]:
    """Return one image a class: the first slice of the first record in natural order.

    The first, so that nobody chose it. Records of the training fold come first, so that
    looking at the examples tells nothing about the test fold. Classes without an available image
    are left out.
    """
    examples = []
    for name in classes:
        rows = manifest[manifest["diagnosis"] == name]
        training = rows[rows["split"] == "train"]
        rows = rows if training.empty else training
        for row in sorted(rows.itertuples(), key=lambda row: natural_key(str(row.image))):
            path = folder / str(row.image)
            if path.exists():
                examples.append(Example(name, str(row.record), read_grey(path)))
                break
    return examples
