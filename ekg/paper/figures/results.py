"""Figures of the results: metrics with intervals, ROC, precision-recall, reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import precision_recall_curve, roc_curve

from ekg.evaluation.levels import Units
from ekg.paper.style import (
    BLUE,
    GREY,
    ONE_COLUMN,
    ORANGE,
    SMALLEST_FONT,
    TWO_COLUMNS,
    VERMILLION,
    class_look,
    give_title,
    hide_axes,
    journal_figure,
    new_figure,
)
from ekg.paper.tables import with_interval


@dataclass(frozen=True)
class Curve:
    """One class's curve: the class, x and y in 0..1, and the class's share of the units."""

    name: str
    index: int
    x: np.ndarray
    y: np.ndarray
    prevalence: float


def _positives(units: Units) -> list[tuple[int, str, np.ndarray]]:
    """Return index, name and positives of every class that is there and is not all there is."""
    found = [(k, name, units.labels == k) for k, name in enumerate(units.classes)]
    return [(k, name, hit) for k, name, hit in found if hit.any() and not hit.all()]


def roc_curves(units: Units) -> list[Curve]:
    """Return each class's one-vs-rest ROC curve: x = 1 - specificity, y = recall."""
    assert units.probabilities is not None
    curves = []
    for k, name, hit in _positives(units):
        false_positive, true_positive, _ = roc_curve(
            hit, units.probabilities[:, k], sample_weight=units.weights
        )
        curves.append(Curve(name, k, false_positive, true_positive, float(hit.mean())))
    return curves


def precision_recall_curves(units: Units) -> list[Curve]:
    """Return each class's precision (y) against recall (x), that class against the rest."""
    assert units.probabilities is not None
    curves = []
    for k, name, hit in _positives(units):
        precision, recall, _ = precision_recall_curve(
            hit, units.probabilities[:, k], sample_weight=units.weights
        )
        curves.append(Curve(name, k, recall, precision, float(hit.mean())))
    return curves


QUARTERS = ([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
MARKS = (("o", BLUE), ("s", VERMILLION), ("D", ORANGE), ("^", GREY))


@journal_figure
def score_figure(
    panels: Mapping[str, pd.DataFrame], rows: Sequence[str], title: str, names: Sequence[str]
) -> Figure:
    """Draw scores with their 95 % intervals, one panel a metric, a page wide.

    `rows`: Names from top to bottom (classes, levels); `names`: The series, in drawing order; with
    one only there is no legend.
    """
    figure = new_figure(TWO_COLUMNS, 0.85 + 0.13 * len(rows) * (1 + len(names) * 0.45))
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(wspace=0.06)  # room between the 1 of one panel and the 0 of the next
    axes_row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    offsets = np.linspace(-0.2, 0.2, len(names)) if len(names) > 1 else [0.0]
    for axes, (metric, table) in zip(axes_row, panels.items(), strict=True):
        for name, offset, (marker, colour) in zip(names, offsets, MARKS, strict=False):
            part = table[table["series"] == name].set_index("row").reindex(list(rows))
            places = np.arange(len(rows)) + offset
            axes.hlines(
                places,
                part["low"].astype(float),
                part["high"].astype(float),
                color=colour,
                linewidth=1.3,
            )
            axes.plot(
                part["value"].astype(float),
                places,
                marker,
                color=colour,
                label=name,
                clip_on=False,
                zorder=5,
            )
        axes.set_title(metric)
        axes.set_xlim(0, 1)
        axes.set_xticks(*QUARTERS)
        axes.grid(axis="x")
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
    axes_row[0].set_yticks(range(len(rows)), list(rows))
    if len(names) > 1:
        handles = axes_row[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=len(names))
    give_title(figure, title)
    return figure


@journal_figure
def curve_figure(
    roc: Sequence[Curve],
    precision_recall: Sequence[Curve],
    areas: Mapping[str, Mapping[str, tuple[float | None, Sequence[float | None] | None]]],
    title: str,
) -> Figure:
    """Draw ROC and precision-recall curves of each class against the rest, a page wide.

    `areas`: `auroc` and `average_precision`: class: (value, interval or None), for the legends.
    """
    # The legends have a row of their own, as high as their lines.
    key = 0.155 * (len(roc) + 1) + 0.1
    figure = new_figure(TWO_COLUMNS, 3.75 + key)
    (left, right), keys = figure.subplots(2, 2, height_ratios=[3.2, key])
    for curve in roc:
        label = f"{curve.name}  {with_interval(*areas['auroc'][curve.name])}"
        left.plot(curve.x, curve.y, label=label, **class_look(curve.index))
    left.plot([0, 1], [0, 1], color=GREY, linewidth=0.6)
    left.set_xlabel("1 − specificity")
    left.set_ylabel("Recall (sensitivity)")
    left.set_title("ROC")
    for curve in precision_recall:
        label = f"{curve.name}  {with_interval(*areas['average_precision'][curve.name])}"
        right.plot(curve.x, curve.y, label=label, **class_look(curve.index))
    right.set_xlabel("Recall (sensitivity)")
    right.set_ylabel("Precision")
    right.set_title("Precision and recall")
    for axes, place, name in ((left, keys[0], "AUROC"), (right, keys[1], "Average precision")):
        _unit_square(axes)
        hide_axes(place)
        place.legend(
            *axes.get_legend_handles_labels(),
            title=f"{name} (95 % interval)",
            title_fontsize=SMALLEST_FONT,
            loc="upper center",
        )
    give_title(figure, title)
    return figure


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.015, 1.015)
    axes.set_ylim(-0.015, 1.015)
    axes.set_aspect("equal")
    axes.set_xticks(*QUARTERS)
    axes.set_yticks(*QUARTERS)
    axes.grid()


@journal_figure
def reliability_figure(curve: Mapping[str, Any], ece: float | None, title: str) -> Figure:
    """Draw accuracy against confidence over the number of records, one column wide."""
    numbers = np.asarray(curve["units"])
    edges = np.asarray(curve["edges"], dtype=float)
    filled = np.flatnonzero(numbers)
    confidence = [curve["confidence"][b] for b in filled]
    accuracy = [curve["accuracy"][b] for b in filled]
    intervals = curve.get("accuracy_interval") or [None] * len(numbers)
    figure = new_figure(ONE_COLUMN, 3.9)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, label="perfect calibration")
    label = "model" if ece is None else f"model (ECE {ece:.3f})"
    upper.plot(confidence, accuracy, "o-", color=BLUE, linewidth=0.8, label=label)
    drawn = [(x, *intervals[b]) for x, b in zip(confidence, filled, strict=True) if intervals[b]]
    if drawn:
        places, low, high = zip(*drawn, strict=True)
        upper.vlines(
            places, low, high, color=BLUE, linewidth=1.4, alpha=0.55, label="95 % interval"
        )
    upper.set_ylabel("Share of records\nnamed correctly")
    upper.set_ylim(-0.02, 1.02)
    upper.set_yticks(*QUARTERS)
    upper.grid()
    lower.bar(
        edges[:-1], numbers, width=np.diff(edges), align="edge", color=BLUE, edgecolor="white"
    )
    lower.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    lower.set_ylabel("Records")
    lower.set_xlabel("Confidence (largest mean probability)")
    lower.set_xlim(0, 1)
    lower.set_xticks(*QUARTERS)
    figure.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    give_title(figure, title)
    return figure
