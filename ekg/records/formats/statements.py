"""The machine's own statements of a recording; what people wrote or confirmed is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from ekg.records.formats.sniff import Format
from ekg.records.formats.xml_guard import safe_xml

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord

# Lines that name people or say nothing of the heart; they never become statements.
_OF_PEOPLE = re.compile(
    r"confirm|review|overread|over read|signed|referr|interpreted by|edited|technician|\bm\.?d\b|"
    r"\bdr\b|previous (ecg|tracing)|when compared|comparison",
    re.IGNORECASE,
)
_PERSON_FLAG = "USERINSERT"


def machine_statements(form: Format, path: Path, record: ECGRecord) -> tuple[str, ...]:
    """Return what the machine itself says, one statement each, in its words.

    MUSE, Philips and aECG files tell the machine's statements from those of a person; of other
    formats none are read.
    """
    if form.key == "muse":
        lines = _of_muse(safe_xml(path))
    elif form.key in ("sierra", "aecg"):
        lines = _of_library(record)
    else:
        lines = []
    return tuple(dict.fromkeys(line for line in lines if line and not _OF_PEOPLE.search(line)))


def _of_library(record: ECGRecord) -> list[str]:
    interpretation = record.interpretation
    if interpretation.source == "machine":
        return [left.strip() for left, _ in interpretation.statements]
    # Under a person's reading the library keeps the machine's beside it, `statement | reason`.
    kept = record.annotations.get("machine_interpretation", "")
    return [line.split("|")[0].strip() for line in kept.splitlines()]


def _of_muse(root: Element) -> list[str]:
    """Return MUSE statements: the original ones where both are there.

    The library joins the parts of a line, `with 1st degree A-V block` say, which are statements
    of their own, and keeps what a user inserted.
    """
    original = root.find("OriginalDiagnosis")
    status = (root.findtext("TestDemographics/Status") or "").strip().upper()
    diagnosis = original if original is not None else root.find("Diagnosis")
    if diagnosis is None or (original is None and status == "CONFIRMED"):
        return []
    return [
        " ".join((statement.findtext("StmtText") or "").split())
        for statement in diagnosis.iter("DiagnosisStatement")
        if _PERSON_FLAG not in [(flag.text or "").strip() for flag in statement.iter("StmtFlag")]
    ]
