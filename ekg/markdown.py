"""Markdown tables, templates, and the marked blocks of pages that scripts fill."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EkgError
from ekg.files import write_text

_BEGIN = re.compile(r"^<!-- (?P<mark>[\w -]+): begin -->$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)
_MEASURED = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])")
"""A decimal number; versions and addresses (1.0.2, 127.0.0.1) are none."""


@dataclass(frozen=True)
class HandTable:
    """A table that is outside all marks and has decimal numbers."""

    header: str
    """Its first line."""
    line: int
    """Where it begins, counted from 1."""


def row(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(cells) + " |"


def table(
    head: Sequence[str], rows: Iterable[Iterable[str]], *, numbers_from: int | None = None
) -> list[str]:
    """Return a Markdown table as lines; columns from `numbers_from` on are set to the right."""
    last = len(head) if numbers_from is None else numbers_from
    rules = "".join("---|" if column < last else "---:|" for column in range(len(head)))
    return [row(head), "|" + rules, *map(row, rows)]


def table_lines(data: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return these columns of a data frame as a Markdown table; missing values are left blank."""
    shown = data[list(columns)]
    return table(
        [column.replace("_", " ") for column in columns],
        (
            ["" if pd.isna(value) else str(value) for value in values]
            for _, values in shown.iterrows()
        ),
    )


def render(package: str, template: str, **values: Any) -> str:
    """Fill a Jinja template of `<package>/templates`; `.html.j2` escapes what it is given.

    Templates have the function `table(head, rows, numbers_from)` and the filter `f`, which
    formats as f-strings do: `{{ share|f(".3f") }}`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        autoescape=".html" in template,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["f"] = format
    environment.globals["table"] = lambda *given, **options: "\n".join(table(*given, **options))
    return environment.get_template(template).render(values).rstrip("\n") + "\n"


_VERBATIM = re.compile(r"[#|]|    |```|<")
_TIE = "\x00"


def wrapped(text: str, width: int = 98) -> str:
    """Fill the paragraphs and list items of a Markdown text; one empty line between blocks.

    Headings, tables and code stay as they are, and so does each command in backticks: breaking
    at hyphens would part words such as `record-weighted` and addresses.
    """
    lines: list[str] = []
    open_item: list[str] = []
    in_code = False

    def close() -> None:
        if open_item:
            words = " ".join(line.strip() for line in open_item)
            tied = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", _TIE), words)
            filled = textwrap.wrap(
                tied,
                width,
                subsequent_indent="  " if words.startswith("* ") else "",
                break_long_words=False,
                break_on_hyphens=False,
            )
            lines.extend(line.replace(_TIE, " ") for line in filled)
            open_item.clear()

    for line in text.splitlines():
        if in_code or _VERBATIM.match(line):
            close()
            lines.append(line)
            in_code ^= line.startswith("```")
        elif not line.strip():
            close()
            if lines and lines[-1]:
                lines.append("")
        else:
            if line.startswith("* "):
                close()
            open_item.append(line)
    close()
    return "\n".join(lines).strip("\n") + "\n"


def blocks(text: str) -> dict[str, str]:
    """Return what is between each pair of marks, `<!-- NAME: begin -->` and `end`.

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
    """Put a table between a page's two marks."""
    replace_block(page, name, "\n".join(table_lines(table, columns)) + "\n")


def replace_block(page: Path, mark: str, content: str) -> None:
    """Put `content` between a page's two marks, `<!-- mark: begin -->` and `end`."""
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EkgError("page not found", path=page) from None
    try:
        write_text(page, with_block(text, mark, content))
    except EkgError as error:
        raise EkgError(error.problem, path=page) from None


def with_block(text: str, mark: str, content: str) -> str:
    """Return a page's text with `content` between its two marks."""
    begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise EkgError(f"must contain the marks {begin.strip()} and {end} once each")
    before, rest = text.split(begin)
    return before + begin + content + end + rest.split(end)[1]
