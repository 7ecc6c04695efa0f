"""Figures of a training history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ekg.paper.run_files import FOLD_NAMES
from ekg.paper.style import (
    FOLD_COLOURS,
    GREY,
    ONE_COLUMN,
    PURPLE,
    SKY,
    VERMILLION,
    give_title,
    journal_figure,
    new_figure,
)

LINES = {"train": "--", "val": "-"}


def best_epoch(history: pd.DataFrame) -> int:
    """Return the epoch whose weights were kept: the last one saved as the best so far.

    A history that does not say what was saved has its best where the validation loss is lowest.
    """
    if "saved_model" in history.columns:
        saved = history[history["saved_model"].astype(str).str.lower() == "true"]
        if not saved.empty:
            return int(saved["epoch"].iloc[-1])
    return int(history["epoch"].iloc[int(np.nanargmin(history["val_loss"].to_numpy(float)))])


@journal_figure
def loss_figure(
    history: pd.DataFrame, folds: Sequence[str], title: str, loss_name: str = "Weighted loss"
) -> Figure:
    """Draw loss against epoch for training, validation or both; the best epoch is marked."""
    figure = new_figure(ONE_COLUMN, 2.7)
    axes = figure.subplots()
    markers = {"marker": "o"} if len(history) <= 15 else {}
    for fold in folds:
        axes.plot(
            history["epoch"],
            history[f"{fold}_loss"],
            LINES[fold],
            color=FOLD_COLOURS[fold],
            label=FOLD_NAMES[fold],
            **markers,  # type: ignore[arg-type]
        )
    _mark_best(axes, history, folds)
    axes.set_ylabel(f"{loss_name} (nats)")
    _finish(figure, axes, title)
    return figure


def _mark_best(axes: Axes, history: pd.DataFrame, folds: Sequence[str]) -> None:
    best = best_epoch(history)
    row = history.loc[history["epoch"] == best].iloc[0]
    axes.axvline(best, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    fold = "val" if "val" in folds else folds[0]
    loss = float(row[f"{fold}_loss"])
    axes.plot(
        [best],
        [loss],
        "*",
        color=VERMILLION,
        markersize=8,
        linestyle="none",
        label=f"best epoch {best}: {FOLD_NAMES[fold]} {loss:.3f}",
        zorder=5,
    )


@journal_figure
def score_figure(history: pd.DataFrame, columns: dict[str, str], title: str) -> Figure:
    """Draw validation scores (accuracy, macro F1) against epoch."""
    figure = new_figure(ONE_COLUMN, 2.7)
    axes = figure.subplots()
    looks = [{"color": PURPLE, "linestyle": "-"}, {"color": SKY, "linestyle": "--"}]
    markers = {"marker": "o"} if len(history) <= 15 else {}
    for (column, name), look in zip(columns.items(), looks * len(columns), strict=False):
        axes.plot(history["epoch"], history[column], label=name, **look, **markers)  # type: ignore[arg-type]
    best = best_epoch(history)
    axes.axvline(
        best, color=GREY, linewidth=0.8, linestyle=":", zorder=0, label=f"best epoch {best}"
    )
    axes.set_ylim(0, 1)
    axes.set_ylabel("Score (0 to 1)")
    _finish(figure, axes, title)
    return figure


def _finish(figure: Figure, axes: Axes, title: str) -> None:
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2))
    give_title(figure, title)
