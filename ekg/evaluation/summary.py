"""A fold's main figures as lines for the terminal."""

from __future__ import annotations

from typing import Any

from ekg.evaluation.levels import LEVELS

MAIN_FIGURES = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_auroc")


def with_interval(value: float | None, interval: list[float] | None, digits: int = 3) -> str:
    """Return `0.790 (0.767-0.813)`, without the bracket where there is no interval."""
    if value is None:
        return "-"
    text = f"{value:.{digits}f}"
    return f"{text} ({interval[0]:.{digits}f}-{interval[1]:.{digits}f})" if interval else text


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return aligned lines: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]


def fold_summary(metrics: dict[str, Any], fold: str) -> list[str]:
    """Return a heading with the dataset's name and one row a level."""
    content = metrics[fold]
    lines = [
        f"{metrics['model']} on {content['dataset']}, fold {fold}: "
        f"{content['records']:,} records, {content['images']:,} images"
        + (", 95 % intervals by resampling records" if content["resampling"]["resamples"] else "")
    ]
    rows = [
        [level]
        + [
            with_interval(content[level].get(name), content[level]["intervals"].get(name))
            for name in MAIN_FIGURES
        ]
        for level in LEVELS
        if level in content
    ]
    return lines + table(["", *MAIN_FIGURES], rows)
