"""The diagnoses: abbreviation, meaning and SNOMED CT codes, in one table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """One diagnosis of the China Physiological Signal Challenge 2018."""

    abbreviation: str  # the name in folders, tables and files
    meaning: str  # the clinical term
    # SNOMED CT codes that mean it; the first one is written, all are read. Source: the
    # PhysioNet/CinC Challenge 2020 and 2021 tables of scored and unscored diagnoses
    codes: tuple[str, ...]


DIAGNOSES: tuple[Diagnosis, ...] = (
    Diagnosis("AF", "Atrial fibrillation", ("164889003",)),
    Diagnosis("I-AVB", "First-degree atrioventricular block", ("270492004",)),
    Diagnosis("LBBB", "Left bundle branch block", ("164909002", "733534002")),
    Diagnosis("Normal", "Normal sinus rhythm", ("426783006",)),
    Diagnosis("RBBB", "Right bundle branch block", ("59118001", "713427006")),
    Diagnosis("STD", "ST-segment depression", ("429622005",)),
    Diagnosis("STE", "ST-segment elevation", ("164931005",)),
    Diagnosis("PAC", "Premature atrial complex", ("284470004", "63593006")),
    Diagnosis("PVC", "Premature ventricular complex", ("164884008", "427172004", "17338001")),
)

ECTOPY: tuple[str, ...] = ("PAC", "PVC")
"""Dropped by the paper: judging them needs about 10 s."""

CLASSES: tuple[str, ...] = tuple(d.abbreviation for d in DIAGNOSES if d.abbreviation not in ECTOPY)
"""The seven classes; a class's place is its index in the network's output."""

BY_ABBREVIATION: dict[str, Diagnosis] = {d.abbreviation: d for d in DIAGNOSES}
_ABBREVIATION_OF: dict[str, str] = {
    **{d.abbreviation.upper(): d.abbreviation for d in DIAGNOSES},
    **{code: d.abbreviation for d in DIAGNOSES for code in d.codes},
}

_DIAGNOSIS_COMMENT = re.compile(r"^#?\s*Dx\s*:(.*)$", re.IGNORECASE)


def normalise_diagnosis(code: str) -> str:
    """Return the abbreviation of an abbreviation or SNOMED CT code; unknown ones as they are.

    A code that a program took for a number (`164889003.0`) is the code.
    """
    code = re.sub(r"^(\d+)\.0+$", r"\1", code.strip())
    return _ABBREVIATION_OF.get(code.upper(), code)


def normalise_diagnoses(codes: Iterable[str]) -> tuple[str, ...]:
    """Return abbreviations without repeats, in the order given; blank entries are left out.

    Two codes of one diagnosis (complete and unspecified left bundle branch block, say) count
    as one.
    """
    return tuple(dict.fromkeys(normalise_diagnosis(code) for code in codes if code.strip()))


def diagnoses_of_comments(comments: Sequence[str]) -> tuple[str, ...]:
    """Return the diagnoses that a header's comment lines give.

    `comments`: Comment lines, with or without their `#`: `Dx: RBBB,AF`, `#Dx: 59118001`, `# Dx:
    AF`.
    """
    codes: list[str] = []
    for comment in comments:
        match = _DIAGNOSIS_COMMENT.match(comment.strip())
        if match:
            codes += match.group(1).split(",")
    return normalise_diagnoses(codes)


def unknown_diagnoses(diagnoses: Iterable[str]) -> tuple[str, ...]:
    """Return those that the table does not know."""
    return tuple(d for d in diagnoses if d not in BY_ABBREVIATION)
