"""The PTB Diagnostic ECG Database: which class and which patient a record belongs to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekg.errors import RecordError
from ekg.records.record import Header, find_records, read_header

HACKATHON_CLASSES: tuple[str, ...] = (
    "Bundle branch block",
    "Control",
    "Dysrhythmia",
    "Heart failure",
    "Myocardial infarction",
)
"""The five classes of the 2019 hackathon in index order."""

CONTROL = "Control"
CONTROLS_FILE, RECORDS_FILE = "CONTROLS", "RECORDS"

_REASON = re.compile(r"^reason for admission\s*:\s*(.*)$", re.IGNORECASE)
_CLASS_OF_REASON = {
    "bundle branch block": "Bundle branch block",
    "healthy control": CONTROL,
    "dysrhythmia": "Dysrhythmia",
    "heart failure": "Heart failure",
    "cardiomyopathy": "Heart failure",
    "myocardial infarction": "Myocardial infarction",
}
_PATIENT_FOLDER = re.compile(r"^patient\d+$", re.IGNORECASE)
_OF_ONE_RECORDING = ("ecg date",)  # the comment that differs between a patient's records


@dataclass(frozen=True)
class PtbdbRecord:
    """One record of the database, as its header and the two lists describe it."""

    record: str
    """Name, e.g. s0010_re."""
    header: Path
    patient: str
    """Who it is of: the folder's name (patient001), or a key made of the header's comments."""
    reason: str
    """Reason for admission as written; empty where the header has none."""
    diagnosis: str | None
    """One of `HACKATHON_CLASSES`, None for a record that is left out."""
    left_out: str
    """Why it is left out; empty for one that is used."""
    sampling_frequency: float
    """Hz; 0 where the header cannot be read."""
    n_samples: int
    """Samples a lead; 0 where the header does not say."""


def reason_for_admission(comments: Sequence[str]) -> str:
    """Return the header comment "Reason for admission", empty when there is none."""
    for comment in comments:
        match = _REASON.match(comment.strip())
        if match:
            return match[1].strip()
    return ""


def class_of_reason(reason: str) -> str | None:
    """Return the hackathon's class of a reason for admission, None for any other reason.

    Heart failure is written with its NYHA grade ("Heart failure (NYHA 4)"); cardiomyopathy was
    counted as heart failure.
    """
    plain = re.sub(r"\(.*?\)", "", reason).strip().lower()
    return _CLASS_OF_REASON.get(" ".join(plain.split()))


def patient_of_comments(comments: Sequence[str]) -> str | None:
    """Return a key of the person that header comments describe, None without any comment.

    All comments but the date of the recording are a patient's own, so equal comments are taken
    for one patient. People of whom little is written (healthy controls of one age and sex) may
    fall together. That errs on the safe side: records of one patient are never parted.
    """
    own = [
        " ".join(comment.lower().split())
        for comment in comments
        if comment.strip() and not comment.strip().lower().startswith(_OF_ONE_RECORDING)
    ]
    if not own:
        return None
    return "comments-" + hashlib.sha256("\n".join(own).encode()).hexdigest()[:10]


def read_ptbdb(folder: str | Path) -> tuple[list[PtbdbRecord], list[str]]:
    """Describe every record of a folder laid out as ptbdb, with or without patient folders."""
    folder = Path(folder)
    headers = find_records(folder)
    controls = _read_list(folder / CONTROLS_FILE)
    listed = _read_list(folder / RECORDS_FILE)
    patients = {
        Path(entry).name: Path(entry).parent.name
        for entry in [*(listed or []), *(controls or [])]
        if _PATIENT_FOLDER.match(Path(entry).parent.name)
    }
    control_names = None if controls is None else {Path(entry).name for entry in controls}
    records = [_describe(header, patients, control_names) for header in headers]
    notes = []
    if controls is None:
        notes.append(
            f"no list {CONTROLS_FILE}: controls are known by their reason for admission alone"
        )
    if listed is not None:
        absent = len({Path(entry).name for entry in listed} - {header.stem for header in headers})
        if absent:
            notes.append(
                f"{absent:,} of the {len(listed):,} records listed in {RECORDS_FILE} are not here"
            )
    guessed = sum(not _PATIENT_FOLDER.match(record.patient) for record in records)
    if guessed:
        notes.append(
            f"{guessed:,} records are in no patient's folder: patients are told apart by their "
            "header comments, equal comments being taken for one patient"
        )
    return records, notes


def _read_list(path: Path) -> list[str] | None:
    """Return the lines of a list such as CONTROLS; None where there is file not found."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"cannot be read as a list of records ({error})", path=path, remedy="fetch it again"
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _describe(path: Path, patients: dict[str, str], control_names: set[str] | None) -> PtbdbRecord:
    parent = path.parent.name
    in_folder = parent if _PATIENT_FOLDER.match(parent) else patients.get(path.stem)
    try:
        header = read_header(path)
    except RecordError as error:
        return PtbdbRecord(path.stem, path, in_folder or path.stem, "", None, error.problem, 0.0, 0)
    reason = reason_for_admission(header.comments)
    diagnosis, left_out = _class_of(header, reason, control_names)
    return PtbdbRecord(
        record=path.stem,
        header=path,
        patient=in_folder or patient_of_comments(header.comments) or path.stem,
        reason=reason,
        diagnosis=diagnosis,
        left_out=left_out,
        sampling_frequency=header.sampling_frequency,
        n_samples=header.n_samples or 0,
    )


def _class_of(
    header: Header, reason: str, control_names: set[str] | None
) -> tuple[str | None, str]:
    """Return the class, or None and why there is none."""
    by_header = class_of_reason(reason)
    listed = control_names is not None and header.name in control_names
    if listed and by_header not in (None, CONTROL):
        return None, f"listed in {CONTROLS_FILE}, but its reason for admission is {reason}"
    if listed:
        return CONTROL, ""
    if by_header == CONTROL and control_names is not None:
        return None, f"its reason for admission is {reason}, but it is not in {CONTROLS_FILE}"
    if by_header is None:
        return None, f"reason for admission: {reason or 'not given'}"
    return by_header, ""
