"""Tables as a reader wants them: rounded, aligned, in Markdown and HTML."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ekg.evaluation import intervals
from ekg.markdown import row

_NUMBER = re.compile(r"[+−<] ?\d|\d")


def text_of(value: Any) -> str:
    """Return a table cell as text: three decimals, thousands separated, a dash for nothing."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "item"):  # NumPy scalars
        return text_of(value.item())
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"
    return str(value)


def with_interval(value: float | None, interval: Sequence[float | None] | None) -> str:
    """Return `0.790 (0.767–0.813)`, or the value alone where there is no interval."""
    return intervals.with_interval(value, interval, to="–")


def _numeric(table: pd.DataFrame) -> list[bool]:
    return [
        pd.api.types.is_numeric_dtype(table.iloc[:, i]) or _looks_numeric(table.iloc[:, i])
        for i in range(table.shape[1])
    ]


def _looks_numeric(column: pd.Series[Any]) -> bool:
    """Return whether every entry is a number, with sign or interval as may be, or nothing."""
    texts = [text_of(value) for value in column]
    return bool(texts) and all(text == "–" or _NUMBER.match(text) for text in texts)


def markdown_of(table: pd.DataFrame) -> str:
    """Return a table in Markdown, numbers to the right."""
    rows = [
        [text_of(value).replace("|", "\\|") for value in values]
        for values in table.to_numpy(object)
    ]
    heads = [str(column) for column in table.columns]
    rule = ["---:" if numeric else "---" for numeric in _numeric(table)]
    return "\n".join(map(row, [heads, rule, *rows]))


def html_of(table: pd.DataFrame) -> str:
    """Return a table in HTML, numbers to the right, every cell escaped."""
    kinds = [' class="number"' if numeric else "" for numeric in _numeric(table)]
    heads = "".join(
        f"<th{kind}>{html.escape(str(column))}</th>"
        for kind, column in zip(kinds, table.columns, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{html.escape(text_of(value))}</td>"
            for kind, value in zip(kinds, row, strict=True)
        )
        + "</tr>"
        for row in table.to_numpy(object)
    )
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
