"""Markdown for model cards: paragraphs, lists, tables, figures with intervals."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ekg.evaluation.levels import LEVELS
from ekg.evaluation.summary import with_interval

WIDTH = 98
_TIE = "\x00"


def paragraph(text: str) -> list[str]:
    """Return a paragraph, filled, and the empty line after it; nothing for no text."""
    return [*_filled(text, ""), ""] if text else []


def bullets(*items: str) -> list[str]:
    """Return a list, filled, and the empty line after it."""
    return [line for item in items for line in _filled(item, "* ")] + [""]


def _filled(text: str, mark: str) -> list[str]:
    # A command in backticks stays on one line. Breaking at hyphens would part words such as
    # `record-weighted` and addresses.
    tied = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", _TIE), text)
    lines = textwrap.wrap(
        tied,
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_TIE, " ") for line in lines]


def heading(title: str, level: int = 2) -> list[str]:
    """Return a heading and the empty line after it."""
    return ["#" * level + " " + title, ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table and the empty line after it."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def cell(figures: Mapping[str, Any], name: str, digits: int = 3) -> str:
    """Return a figure with its interval, `-` where there is none."""
    return with_interval(figures.get(name), figures.get("intervals", {}).get(name), digits)


def levels_table(folds: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Return one row for each fold and level.

    Parameters
    ----------
    folds
        Figures by fold, as in `metrics.json`.
    names
        The figures to show.
    """
    rows = [
        [f"{fold}, {level.replace('_', ' ')}", *(cell(figures[level], name) for name in names)]
        for fold, figures in folds.items()
        for level in LEVELS
        if level in figures
    ]
    return table(["fold, level", *(name.replace("_", " ") for name in names)], rows)


def levels_explained(figures: Mapping[str, Any]) -> list[str]:
    """Return what the levels of a fold's figures mean."""
    said = (
        f"{name.replace('_', ' ')}: {what}." for name, what in LEVELS.items() if name in figures
    )
    return bullets(*said)


def class_table(level: Mapping[str, Any], names: Sequence[str], unit: str = "records") -> list[str]:
    """Return one row for each class, with how many there were.

    Parameters
    ----------
    level
        Figures of one level.
    names
        The figures to show.
    unit
        What the support counts.
    """
    rows = [
        [label, f"{figures['support']:,.0f}", *(cell(figures, name, 2) for name in names)]
        for label, figures in level["per_class"].items()
    ]
    return table(["class", unit, *names], rows)


def size_of(fold: Mapping[str, Any]) -> str:
    """Return `827 images of 203 records`."""
    return f"{fold['images']:,} images of {fold['records']:,} records"


def counts(by_name: Mapping[str, int]) -> str:
    """Return `AF 1, Normal 12`: what is there, in the given order."""
    return ", ".join(f"{name} {count:,}" for name, count in by_name.items() if count)
