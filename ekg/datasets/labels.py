"""Diagnoses in other hospitals' codes (SNOMED CT, SCP): where they are found, what they map to."""

from __future__ import annotations

import ast
import csv
import io
import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from ekg.errors import EkgError
from ekg.records.diagnoses import BY_ABBREVIATION, CLASSES, ECTOPY, normalise_diagnoses
from ekg.records.header_text import decoded
from ekg.records.record import Header

TABLE = Path(__file__).with_name("external_codes.csv")
SYSTEMS = ("SNOMED", "SCP", "MACHINE")
"""MACHINE: the statements of electrocardiographs, in their own words (see `phrases_of`)."""
ROLES = ("class", "ectopy", "companion", "finding", "conflict")
LEAST_LIKELIHOOD = 50.0
"""Per cent; a diagnostic SCP statement below it names no class."""
_JOINING = frozenset({"with", "and", "or", "also", "is"})
_WHERE = re.compile(
    r" in ((leads?|lead s) )?"
    r"((i|ii|iii|av[rlf]|v[1-6]|leads|and|inferior|anterior|lateral|septal|anterolateral|"
    r"anteroseptal|inferolateral) ?)+$"
)
_UNDER_SINUS_RHYTHM = frozenset({"I-AVB", "LBBB", "RBBB", "STD", "STE"})


@dataclass(frozen=True)
class Code:
    """One row of the table; docs/data.md says what the roles mean."""

    system: str
    code: str
    meaning: str
    kind: str
    """diagnostic, rhythm, form, conduction, clinical or technical."""
    role: str
    diagnosis: str
    """The class or ectopy that it means, empty for other roles."""


@dataclass(frozen=True)
class Label:
    """What a record's statements make it."""

    diagnosis: str | None
    """One of the seven classes, None when the record is left out."""
    reason: str
    """Why it is left out; empty when it is kept."""
    others: tuple[str, ...] = ()
    """Meanings of the other findings that a kept record has."""


@cache
def read_codes(path: Path = TABLE) -> dict[tuple[str, str], Code]:
    """Read the table of statements.

    Returns (system, code) -> Code, in the order of the file.
    """
    codes: dict[tuple[str, str], Code] = {}
    with open(path, encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            code = Code(**row)
            wanted = {"class": CLASSES, "ectopy": (*ECTOPY, "")}.get(code.role, ("",))
            if (
                code.system not in SYSTEMS
                or code.role not in ROLES
                or code.diagnosis not in wanted
                or (code.system, code.code) in codes
            ):
                raise EkgError(
                    f"line {number} has an unknown system, role or diagnosis, or is a duplicate",
                    path=path,
                    remedy="correct the table",
                )
            codes[code.system, code.code] = code
    return codes


def label_of(
    statements: Mapping[str, float | None],
    *,
    allow_findings: bool = False,
    least_likelihood: float = LEAST_LIKELIHOOD,
) -> Label:
    """Return the class that a record's statements give it, or why they give none.

    `statements`: Code -> likelihood in per cent for SCP statements; code or abbreviation -> None
    for SNOMED CT codes and the abbreviations of `ekg.records.diagnoses`.
    """
    if not statements:
        return Label(None, "no statement: unlabelled")
    codes = {name: _code_of(name, likelihood) for name, likelihood in statements.items()}
    unknown = [name for name, code in codes.items() if code is None]
    if unknown:
        return Label(None, f"unknown code: {', '.join(unknown)}")
    known = {name: code for name, code in codes.items() if code is not None}
    by_role: dict[str, list[Code]] = {role: [] for role in ROLES}
    for code in known.values():
        by_role[code.role].append(code)
    classes = _classes(by_role["class"])
    named = ", ".join(sorted(classes))
    if by_role["conflict"]:
        front = f"conflict with {named}" if classes else "outside the seven classes"
        return Label(None, f"{front}: {by_role['conflict'][0].meaning}")
    if by_role["ectopy"]:
        return Label(None, f"ectopy: {by_role['ectopy'][0].meaning}")
    doubtful = [
        name
        for name, code in known.items()
        if code.role == "class"
        and code.kind == "diagnostic"
        and (statements[name] or 0.0) < least_likelihood
    ]
    if doubtful:
        name = doubtful[0]
        return Label(
            None, f"uncertain: {known[name].meaning} at likelihood {statements[name] or 0:g}"
        )
    findings = tuple(code.meaning for code in by_role["finding"])
    if len(classes) > 1:
        return Label(None, f"multi-label: {named}")
    if not classes:
        meaning = findings[0] if findings else by_role["companion"][0].meaning
        return Label(None, f"outside the seven classes: {meaning}")
    diagnosis = classes.pop()
    if findings and (diagnosis == "Normal" or not allow_findings):
        return Label(None, f"other finding beside {diagnosis}: {findings[0]}")
    others = (*findings, *(code.meaning for code in by_role["companion"]))
    return Label(diagnosis, "", others)


def _classes(codes: list[Code]) -> set[str]:
    """Return the classes named; sinus rhythm as the mere rhythm under another class yields."""
    classes = {code.diagnosis for code in codes}
    normal = [code for code in codes if code.diagnosis == "Normal"]
    if classes & _UNDER_SINUS_RHYTHM and all(code.kind == "rhythm" for code in normal):
        classes -= {"Normal"}
    return classes


def _code_of(name: str, likelihood: float | None) -> Code | None:
    if likelihood is not None:
        return read_codes().get(("SCP", name))
    if name in BY_ABBREVIATION:  # headers are read with their codes turned to abbreviations
        name = BY_ABBREVIATION[name].codes[0]
    return read_codes().get(("SNOMED", name)) or read_codes().get(("MACHINE", name))


def phrases_of(statement: str) -> tuple[str, ...]:
    """Return the table's phrases of which a machine's statement is made.

    Vendors join them: `Sinus bradycardia with 1st degree A-V block`. The longest phrase counts,
    `with`, `and` and `or` join, and the leads in which something is seen are left out. A
    statement that is not wholly made of known phrases is returned as it is, in small letters.
    """
    plain = _plain_words(statement)
    words = _WHERE.sub("", plain).split()
    known, found, place = _machine_phrases(), [], 0
    while place < len(words):
        ends = range(len(words), place, -1)
        end = next((e for e in ends if " ".join(words[place:e]) in known), None)
        if end is not None:
            found.append(" ".join(words[place:end]))
            place = end
        elif words[place] in _JOINING:
            place += 1
        else:
            return (plain,) if plain else ()
    return tuple(found)


@cache
def _machine_phrases() -> frozenset[str]:
    return frozenset(code for system, code in read_codes() if system == "MACHINE")


def _plain_words(statement: str) -> str:
    return " ".join(re.sub(r"[^0-9a-z]+", " ", statement.casefold()).split())


Statements = dict[str, float | None]
"""SCP statement -> likelihood in per cent; SNOMED CT code or abbreviation -> None."""

STATEMENT_COLUMNS = ("scp_codes", "dx", "diagnoses")
RECORD_COLUMNS = ("record", "filename_hr", "filename_lr")


def parse_statements(text: str) -> Statements:
    """Read one cell: PTB-XL's dictionary of likelihoods, or codes separated by , or ;."""
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
        raise ValueError(f"{text[:60]!r} must give a likelihood of 0 to 100 for each statement")
    return {name: float(value) for name, value in content.items()}


def _written_out(code: str) -> str:
    """Return a code that a spreadsheet wrote with an exponent as it was: `1.64889003E+08`."""
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
        raise EkgError("label file not found", path=path, remedy="check --labels") from None
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise EkgError(f"not a CSV file ({error})", path=path) from None
    table.columns = [str(column).strip().lower() for column in table.columns]
    return table


def read_label_table(path: Path) -> dict[str, Statements]:
    """Read a table of statements."""
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


def patients_in(path: Path) -> dict[str, str]:
    """Return the patient of each record of a table, where it has a column `patient_id`."""
    table = _read_csv(path)
    if "patient_id" not in table.columns:
        return {}
    return {
        record_name(row[column]): row["patient_id"].strip()
        for row in table.to_dict("records")
        for column in RECORD_COLUMNS
        if column in table.columns and row[column].strip() and row["patient_id"].strip()
    }


def matched(table: Mapping[str, Statements], records: Collection[str]) -> tuple[str, ...]:
    """Return the names in a table of statements that are records here."""
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
