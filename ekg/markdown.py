"""Markdown tables, and the marked blocks of pages that scripts fill."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ekg.files import write_text

_BEGIN = re.compile(r"^<!-- (?P<mark>[\w -]+): begin -->$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)
_MEASURED = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")
"""A decimal number; versions and addresses (1.0.2, 127.0.0.1) are none."""


@dataclass(frozen=True)
class HandTable:
    """A table that stands outside all marks and has decimal numbers."""

    header: str
    """Its first line."""
    line: int
    """Where it begins, counted from 1."""


def table_lines(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return a table as Markdown lines.

    Parameters
    ----------
    table
        Rows; missing values are left blank.
    columns
        The columns to show, in order.
    """
    lines = ["| " + " | ".join(column.replace("_", " ") for column in columns) + " |"]
    lines.append("|" + "---|" * len(columns))
    for _, row in table.iterrows():
        cells = ["" if pd.isna(row[column]) else str(row[column]) for column in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def blocks(text: str) -> dict[str, str]:
    """Return what stands between each pair of marks, `<!-- NAME: begin -->` and `end`.

    Marks inside fenced code count as text. A begin without its end gives the rest of the page.
    """
    text = _FENCE.sub("", text)
    found = {}
    for match in _BEGIN.finditer(text):
        block = text[match.end() :].split(f"<!-- {match['mark']}: end -->")[0]
        found[match["mark"]] = block.strip("\n")
    return found


def hand_tables(text: str) -> Iterator[HandTable]:
    """Yield the tables outside all marks in which a cell has a decimal number."""
    blank = re.compile(r"<!-- (?P<mark>[\w -]+): begin -->.*?<!-- (?P=mark): end -->", re.DOTALL)
    for pattern in (_FENCE, blank):
        text = pattern.sub(lambda match: "\n" * match[0].count("\n"), text)
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if not lines[number].startswith("|"):
            number += 1
            continue
        first = number
        while number < len(lines) and lines[number].startswith("|"):
            number += 1
        if any(_MEASURED.search(line) for line in lines[first + 2 : number]):
            yield HandTable(lines[first], first + 1)


def put_table(page: Path, name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Replace what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Parameters
    ----------
    page
        A Markdown file that has both marks.
    name
        Name of the marks.
    table
        Rows; missing values are left blank.
    columns
        The columns to show, in order.

    Raises
    ------
    SystemExit
        If the page lacks the marks.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise SystemExit(f"{page}: no marks {begin} and {end}")
    lines = table_lines(table, columns)
    before, after = text.split(begin)[0], text.split(end)[1]
    write_text(page, before + begin + "\n" + "\n".join(lines) + "\n" + end + after)
