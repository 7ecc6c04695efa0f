"""A stored comparison as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ekg.paper.figures.comparison import shown_names
from ekg.paper.run_files import FOLD_NAMES, count_of, name_of_dataset
from ekg.paper.scores import CLASS_METRIC_NAMES, METRIC_NAMES
from ekg.paper.tables import with_interval
from ekg.paths import PUBLISHED_MODEL

COMPARED = {
    key: METRIC_NAMES[key]
    for key in (
        "accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "macro_auroc",
    )
}
RECORDS_SHOWN = 50

Comparison = Mapping[str, Any]


def comparisons_of(content: Comparison) -> dict[str, dict[str, Any]]:
    """Return the comparisons in a `comparison.json`: with the named model, with the published one.

    Parameters
    ----------
    content
        The file's content; empty gives nothing.
    """
    found = {}
    if content:
        found["compared"] = dict(content)
        if content.get("published"):
            found["published"] = dict(content["published"])
    return found


def names_of(content: Comparison) -> dict[str, str]:
    """Return what to call the two sides."""
    return shown_names(content, (PUBLISHED_MODEL,))


def title_of(content: Comparison, dataset: str) -> str:
    """Return a title: data and fold, n (of both sides where they differ), a warning if need be."""
    fold = FOLD_NAMES[content["fold"]]
    a, b = content["a"], content["b"]
    if not content["comparable"]:
        data = dataset if a["dataset"] == b["dataset"] else (
            f"{dataset} beside {name_of_dataset(b['dataset'])}"
        )  # fmt: skip
        sizes = f"n = {count_of(a['records'], 'record')} beside {count_of(b['records'], 'record')}"
        return f"{data}, {fold} fold\n{sizes}\n{content['statement']}"
    return (
        f"{dataset}, {fold} fold\nn = {count_of(a['records'], 'record')}, "
        f"{count_of(a['images'], 'image')}"
    )


def figures_table(content: Comparison, level: str) -> pd.DataFrame:
    """Return the main figures of both sides, with difference and p where they can be given."""
    entries = content["levels"][level]["figures"]
    rows = [
        [name, *_cells(content, entries[key], with_p=True)]
        for key, name in METRIC_NAMES.items()
        if key in entries
    ]
    return pd.DataFrame(rows, columns=["metric", *_heads(content, with_p=True)])


def classes_table(content: Comparison, level: str) -> pd.DataFrame:
    """Return the per-class figures of both sides, and their difference where it can be given."""
    rows = [
        [class_, name, *_cells(content, entries[key], with_p=False)]
        for class_, entries in content["levels"][level]["per_class"].items()
        for key, name in CLASS_METRIC_NAMES.items()
        if key in entries
    ]
    return pd.DataFrame(rows, columns=["class", "metric", *_heads(content, with_p=False)])


def _heads(content: Comparison, *, with_p: bool) -> list[str]:
    heads = list(names_of(content).values())
    if content["comparable"]:
        heads.append("difference")
    return [*heads, "p"] if with_p and content["paired"] else heads


def _cells(content: Comparison, entry: Mapping[str, Any], *, with_p: bool) -> list[str]:
    cells = [with_interval(entry[side], entry[f"{side}_interval"]) for side in ("a", "b")]
    if content["comparable"]:
        cells.append(_signed(entry))
    if with_p and content["paired"]:
        p = entry["p"]
        cells.append("–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}")
    return cells


def _signed(entry: Mapping[str, Any]) -> str:
    if entry["difference"] is None:
        return "–"
    text = f"{entry['difference']:+.3f}"
    if entry["interval"]:
        low, high = entry["interval"]
        text += f" ({low:+.3f} to {high:+.3f})"
    return text.replace("-", "−")


def differing_table(content: Comparison) -> pd.DataFrame:
    """Return the records that the two sides read differently, in natural order."""
    names = names_of(content)
    rows = [[r["record"], r["label"], r["a"], r["b"]] for r in content["differing_records"]]
    return pd.DataFrame(rows, columns=["record", "label", names["a"], names["b"]])
