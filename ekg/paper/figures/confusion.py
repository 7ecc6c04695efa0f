"""Confusion matrices, raw and normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ekg.paper.style import (
    ONE_COLUMN,
    SEQUENTIAL_MAP,
    SMALLEST_FONT,
    TWO_COLUMNS,
    give_title,
    ink_on,
    journal_figure,
    new_figure,
    wrap_title,
)


def normalise_rows(matrix: np.ndarray) -> np.ndarray:
    """Return each row as fractions of its sum; rows of classes without records become NaN."""
    matrix = np.asarray(matrix, dtype=float)
    totals = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, totals, out=np.full_like(matrix, np.nan), where=totals > 0)


def _cell_text(value: float, normalised: bool) -> str:
    if not np.isfinite(value):
        return "–"
    if normalised:
        return f"{100 * value:.0f}" if value >= 0.0995 or value == 0 else f"{100 * value:.1f}"
    if abs(value - round(value)) < 1e-6:
        return f"{value:.0f}"
    return f"{value:.1f}"


def draw_confusion(
    axes: Axes,
    matrix: np.ndarray,
    classes: Sequence[str],
    *,
    normalised: bool,
    counts: Sequence[float] | None = None,
) -> None:
    """Draw one matrix into `axes`.

    `matrix`: (n, n), rows are the true classes: counts, or fractions of a row when `normalised`.
    """
    matrix = np.asarray(matrix, dtype=float)
    top = 1.0 if normalised else max(float(np.nanmax(matrix)), 1.0)
    scale = colormaps[SEQUENTIAL_MAP]
    axes.imshow(matrix, cmap=scale, vmin=0, vmax=top)
    for (row, column), value in np.ndenumerate(matrix):
        shown = value if np.isfinite(value) else 0.0
        axes.text(
            column,
            row,
            _cell_text(value, normalised),
            ha="center",
            va="center",
            fontsize=SMALLEST_FONT,
            color=ink_on(scale(shown / top)) if np.isfinite(value) else "black",
        )
    names = list(classes)
    rows = names
    if counts is not None:
        rows = [f"{name}\nn = {count:g}" for name, count in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), rows)
    axes.tick_params(length=0)
    axes.spines[:].set(visible=True, linewidth=0.5, color="#8C8C8C")
    axes.set_xlabel("Predicted class" + (" (% of the true class)" if normalised else ""))


@journal_figure
def confusion_figure(
    matrix: np.ndarray,
    classes: Sequence[str],
    title: str,
    *,
    normalised: bool,
    counts: Sequence[float] | None = None,
) -> Figure:
    """Draw one confusion matrix, one column wide.

    `matrix`: (n, n) counts, rows are the true classes; `normalised`: Show per cent of the true
    class instead of counts.
    """
    figure = new_figure(ONE_COLUMN, 3.5)
    axes = figure.subplots()
    shown = normalise_rows(matrix) if normalised else np.asarray(matrix, dtype=float)
    draw_confusion(axes, shown, classes, normalised=normalised, counts=counts)
    axes.set_ylabel("True class")
    axes.set_title(wrap_title(title, ONE_COLUMN - 0.5))
    return figure


@journal_figure
def confusion_pair_figure(
    matrices: dict[str, np.ndarray], classes: Sequence[str], title: str
) -> Figure:
    """Draw two normalised matrices side by side, a page wide.

    `matrices`: Name of the model: its (n, n) counts, rows true.
    """
    figure = new_figure(TWO_COLUMNS, 3.7)
    panels = figure.subplots(1, len(matrices), sharey=True, squeeze=False)[0]
    for axes, (name, matrix) in zip(panels, matrices.items(), strict=True):
        draw_confusion(axes, normalise_rows(matrix), classes, normalised=True)
        axes.set_title(wrap_title(name, ONE_COLUMN - 0.8))
    panels[0].set_ylabel("True class")
    give_title(figure, title)
    return figure
