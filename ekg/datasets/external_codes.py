"""Statements (SNOMED CT, SCP, a machine's words) mapped to the seven classes, by one table."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ekg.errors import EkgError
from ekg.records.diagnoses import BY_ABBREVIATION, CLASSES, DIAGNOSES, ECTOPY

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

    Returns
    -------
    dict
        (system, code) -> Code, in the order of the file.

    Raises
    ------
    EkgError
        If a row has an unknown system, role or class, or comes twice.
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
                    f"line {number} has an unknown system, role or diagnosis, or comes twice",
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

    Parameters
    ----------
    statements
        Code -> likelihood in per cent for SCP statements; code or abbreviation -> None for
        SNOMED CT codes and the abbreviations of `ekg.records.diagnoses`.
    allow_findings
        Keep a record of a class other than Normal although it has findings that the seven
        classes have no name for (role `finding`).
    least_likelihood
        A diagnostic SCP statement that names a class counts from this likelihood on.

    Returns
    -------
    Label
        Kept only when exactly one class is left; everything else comes with its reason.
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


def missing_codes() -> list[str]:
    """Return codes of `ekg.records.diagnoses` that the table lacks or has otherwise."""
    table = read_codes()
    return [
        code
        for diagnosis in DIAGNOSES
        for code in diagnosis.codes
        if ("SNOMED", code) not in table
        or table["SNOMED", code].diagnosis != diagnosis.abbreviation
    ]
