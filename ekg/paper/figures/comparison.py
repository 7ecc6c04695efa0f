"""Figures of a comparison: two models side by side, and their paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.figure import Figure

from ekg.paper.run_files import name_of_dataset
from ekg.paper.style import (
    BLACK,
    GREY,
    ONE_COLUMN,
    give_title,
    journal_figure,
    new_figure,
    wrap_title,
)


def side_scores(
    entries: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], rows: Mapping[str, str]
) -> pd.DataFrame:
    """Return both sides' values with intervals, in the form `score_figure` takes."""
    found = []
    for key, shown in rows.items():
        entry = entries.get(key) or {}
        for side, name in names.items():
            low, high = entry.get(f"{side}_interval") or (None, None)
            found.append((shown, name, entry.get(side), low, high))
    return pd.DataFrame(found, columns=["row", "series", "value", "low", "high"])


@journal_figure
def difference_figure(
    entries: Mapping[str, Mapping[str, Any]], rows: Mapping[str, str], axis: str, title: str
) -> Figure:
    """Draw paired differences with their 95 % intervals around zero, one column wide.

    `entries`: Figure: difference, interval (or None).
    """
    shown = [(name, entries[key]) for key, name in rows.items() if _known(entries.get(key))]
    label = wrap_title(axis, ONE_COLUMN)
    figure = new_figure(ONE_COLUMN, 0.65 + 0.2 * len(shown) + 0.15 * len(label.splitlines()))
    axes = figure.subplots()
    axes.axvline(0, color=GREY, linewidth=0.8)
    for place, (_, entry) in enumerate(shown):
        if entry.get("interval"):
            axes.hlines(place, *entry["interval"], color=BLACK, linewidth=1.3)
        axes.plot(entry["difference"], place, "o", color=BLACK)
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    limit = max(0.02, 1.1 * float(np.abs(axes.get_xlim()).max()))
    axes.set_xlim(-limit, limit)
    axes.locator_params(axis="x", nbins=5)
    # Below the whole figure, not the axes alone: the names of two runs are long.
    figure.supxlabel(label, fontsize=rcParams["axes.labelsize"])
    give_title(figure, title)
    return figure


def _known(entry: Mapping[str, Any] | None) -> bool:
    return entry is not None and entry.get("difference") is not None


def shown_names(content: Mapping[str, Any], published: Sequence[str]) -> dict[str, str]:
    """Return what to call the two sides of a comparison in a figure."""
    names = {}
    for side in ("a", "b"):
        name = str(content[side]["name"])
        names[side] = "published model" if name in published else name
        if content["a"]["dataset"] != content["b"]["dataset"]:
            names[side] += f" on {name_of_dataset(content[side]['dataset'])}"
    if names["a"] == names["b"]:
        names["b"] += " (second)"
    return names
