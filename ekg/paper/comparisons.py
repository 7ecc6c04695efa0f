"""A stored comparison as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ekg.evaluation.comparison_report import class_rows, figure_rows
from ekg.evaluation.published import PUBLISHED_MODEL
from ekg.paper.figures.comparison import shown_names
from ekg.paper.run_files import FOLD_NAMES, NAMES_OF_DATASETS, count_of
from ekg.paper.scores import METRIC_NAMES

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
    """Return a title of at most three lines: data and fold, both n, and a warning if need be."""
    fold = FOLD_NAMES[content["fold"]]
    a, b = content["a"], content["b"]
    if not content["comparable"]:
        data = dataset if a["dataset"] == b["dataset"] else (
            f"{dataset} beside {NAMES_OF_DATASETS.get(b['dataset'], b['dataset'])}"
        )  # fmt: skip
        sizes = f"n = {count_of(a['records'], 'record')} beside {count_of(b['records'], 'record')}"
        return f"{data}, {fold} fold\n{sizes}\n{str(content['statement']).capitalize()}"
    return (
        f"{dataset}, {fold} fold\nn = {count_of(a['records'], 'record')}, "
        f"{count_of(a['images'], 'image')}"
    )


def figures_table(content: Comparison, level: str) -> pd.DataFrame:
    """Return the main figures of both sides, with difference and p where they can be given."""
    head, rows = figure_rows(dict(content), level)
    return _named(content, head, rows)


def classes_table(content: Comparison) -> pd.DataFrame:
    """Return the per-class figures of both sides, record-weighted."""
    head, rows = class_rows(dict(content))
    return _named(content, head, rows)


def _named(content: Comparison, head: list[str], rows: list[list[str]]) -> pd.DataFrame:
    names = {str(content[side]["name"]): name for side, name in names_of(content).items()}
    if len(names) < 2:  # both of one name: told apart by their place
        return pd.DataFrame(rows, columns=head)
    return pd.DataFrame(rows, columns=[names.get(column, column) for column in head])


def differing_table(content: Comparison) -> pd.DataFrame:
    """Return the records that the two sides read differently, in natural order."""
    names = names_of(content)
    rows = [[r["record"], r["label"], r["a"], r["b"]] for r in content["differing_records"]]
    return pd.DataFrame(rows, columns=["record", "label", names["a"], names["b"]])
