"""Where the statements of another hospital's records stand: in the headers or in a table."""

from __future__ import annotations

import ast
import io
import itertools
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from ekg.datasets.external_codes import phrases_of, read_codes
from ekg.errors import EkgError
from ekg.records.diagnoses import normalise_diagnoses
from ekg.records.header_text import decoded
from ekg.records.record import Header

Statements = dict[str, float | None]
"""SCP statement -> likelihood in per cent; SNOMED CT code or abbreviation -> None."""

STATEMENT_COLUMNS = ("scp_codes", "dx", "diagnoses")
RECORD_COLUMNS = ("record", "filename_hr", "filename_lr")


def parse_statements(text: str) -> Statements:
    """Read one cell: PTB-XL's dictionary of likelihoods, or codes separated by , or ;.

    Raises
    ------
    ValueError
        If a text that begins like a dictionary is none of statements and numbers. It is read
        as a literal and never run.
    """
    text = text.strip()
    if not text.startswith("{"):
        codes = re.split("[,;|]", text)
        return dict.fromkeys(normalise_diagnoses(_written_out(code) for code in codes))
    try:
        content = ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"{text[:60]!r} is not a dictionary of statements") from None
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, int | float) and 0 <= value <= 100
        for name, value in content.items()
    ):
        raise ValueError(f"{text[:60]!r} does not give likelihoods of 0 to 100 by statement")
    return {name: float(value) for name, value in content.items()}


def _written_out(code: str) -> str:
    """Return a code that a spreadsheet wrote with an exponent as it was: `1.64889003E+08`.

    Raises
    ------
    ValueError
        If digits of it are lost (`1.64889E+08`).
    """
    code = code.strip()
    if re.fullmatch(r"\d+([.,]\d*)?[eE]\+?\d+", code):
        number = float(code.replace(",", "."))
        digits = len(re.sub(r"[eE].*|[.,]", "", code))
        if not number.is_integer() or digits < len(f"{number:.0f}"):
            raise ValueError(
                f"{code!r} is a code whose last digits a spreadsheet has dropped: export the "
                "column as text"
            )
        return f"{number:.0f}"
    return code


def record_name(text: str) -> str:
    """Return a record's name as tables write it: without folder, `.hea`, `.mat` or `.dat`."""
    name = re.split(r"[/\\]", text.strip())[-1]
    return re.sub(r"\.(hea|mat|dat)$", "", name, flags=re.IGNORECASE)


def _read_csv(path: Path) -> pd.DataFrame:
    """Read a table with commas, semicolons or tabs, in UTF-8, UTF-16 or Latin-1."""
    try:
        text = decoded(path.read_bytes())
    except FileNotFoundError:
        raise EkgError("no such label file", path=path, remedy="check --labels") from None
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise EkgError(f"not a CSV file ({error})", path=path) from None
    table.columns = [str(column).strip().lower() for column in table.columns]
    return table


def read_label_table(path: Path) -> dict[str, Statements]:
    """Read a table of statements.

    Parameters
    ----------
    path
        CSV with one row a record, separated by commas, semicolons or tabs: a column `record`
        (or PTB-XL's `filename_hr`, `filename_lr`), in which folder and extension do not count,
        and a column `scp_codes`, `dx` or `diagnoses`; other columns are passed over.

    Returns
    -------
    dict
        Record name -> statements.

    Raises
    ------
    EkgError
        If the file or a column is missing, a cell cannot be read, or two rows of one record
        disagree.
    """
    table = _read_csv(path)
    names = [column for column in RECORD_COLUMNS if column in table.columns]
    cells = [column for column in STATEMENT_COLUMNS if column in table.columns]
    if not names or not cells:
        raise EkgError(
            "columns are missing",
            path=path,
            remedy=f"give one of {', '.join(RECORD_COLUMNS)} and one of "
            f"{', '.join(STATEMENT_COLUMNS)}",
        )
    labels: dict[str, Statements] = {}
    for number, row in enumerate(table.to_dict("records"), start=2):
        try:
            statements = parse_statements(row[cells[0]])
        except ValueError as error:
            raise EkgError(f"line {number}, column `{cells[0]}`: {error}", path=path) from None
        for column in names:
            name = record_name(row[column])
            if not name:
                continue
            if labels.setdefault(name, statements) != statements:
                raise EkgError(f"line {number} contradicts an earlier line on {name}", path=path)
    return labels


def matched(table: Mapping[str, Statements], records: Collection[str]) -> tuple[str, ...]:
    """Return the names in a table of statements that are records here.

    Raises
    ------
    EkgError
        If none is.
    """
    found = tuple(name for name in table if name in records)
    if not found:
        raise EkgError(
            f"none of the {len(table)} rows names a record here (rows: {_some(table)}; records: "
            f"{_some(records)})",
            remedy="check the column of the records' names",
        )
    return found


def _some(names: Collection[str]) -> str:
    shown = list(itertools.islice(names, 3))
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")


def statements_of(header: Header, table: Mapping[str, Statements]) -> Statements:
    """Return a record's statements: from the table where it has the record, else its header."""
    if header.name in table:
        return table[header.name]
    return dict.fromkeys(header.diagnoses)


def machine_statements_of(header: Header) -> Statements:
    """Return what the recording's machine says, in the phrases of the table of codes.

    A summary (`Abnormal ECG`) says nothing beside a class that is itself abnormal; beside sinus
    rhythm alone it stays, and keeps the record from counting as normal.
    """
    phrases = [phrase for line in header.statements for phrase in phrases_of(line)]
    table = read_codes()
    roles = [table.get(("MACHINE", phrase)) for phrase in phrases]
    abnormal = any(
        code is not None and code.role == "class" and code.diagnosis != "Normal" for code in roles
    )
    return dict.fromkeys(
        phrase for phrase in phrases if not (abnormal and phrase.endswith((" ecg", " ekg")))
    )


def units_of(header: Header) -> str:
    """Return the units that a file states for its signals (`mV`), `not stated` without any."""
    return ", ".join(dict.fromkeys(unit or "not stated" for unit in header.units)) or "not stated"
