"""Put a table that a script has measured between two marks of a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ekg.files import write_text
from ekg.markdown import table_lines


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
