"""The only module that uses ecgdatakit: SCP-ECG, aECG, MUSE, Philips, ISHNE and MFER.

Its parsers are called one by one, by the format that the content shows, with samples as stored.
What they get wrong is corrected here or in `corrections`, each with the reason.
"""

from __future__ import annotations

import importlib
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ekg.errors import EkgError, RecordError
from ekg.files import DAMAGE
from ekg.records.formats import corrections
from ekg.records.formats.found import FoundRecording, FoundSignal, saturated
from ekg.records.formats.sniff import Format
from ekg.records.formats.statements import machine_statements

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord

_PARSERS = {
    "scp": ("scp_ecg", "SCPECGParser"),
    "aecg": ("hl7_aecg", "HL7aECGParser"),
    "muse": ("ge_muse_xml", "GEMuseXMLParser"),
    "sierra": ("sierra_xml", "SierraXMLParser"),
    "ishne": ("ishne_holter", "ISHNEHolterParser"),
    "mfer": ("mfer", "MFERParser"),
}
_REFUSED = re.compile(
    "CRC32 mismatch|truncated|incomplete final frame|odd number of data bytes|missing sample|"
    "no waveform data|without a gap|is non-zero for",
)
"""The library's warnings that mean a damaged file or one of doubtful amplitude."""
_NOTED = {
    "rhythm series found": "further rhythm series are not read",
    "sequence sets in the rhythm": "further sequences of the rhythm are not read",
    "Additional rhythm waveform": "further rhythm waveforms are not read",
    "redefine the channels": "further frames with other channels are not read",
    "MWF_IVL": "the sampling interval is not stated; the format's default, 1000 Hz, is used",
    "Section 12": "the long-term rhythm (section 12) is not read",
    "ISHNE checksum mismatch": "the header's checksum does not match: it was changed or is corrupt",
}
"""The library's warnings that a reader of the recording should know of, in our words."""
_LIMITS = (-32768.0, 32767.0)


def read_with_library(path: Path, form: Format) -> FoundRecording:
    """Read a file with the library's parser for its format."""
    corrections.check_before(path, form)
    module, name = _PARSERS[form.key]
    parser = getattr(importlib.import_module(f"ecgdatakit.parsing.parsers.{module}"), name)
    from ecgdatakit.exceptions import ECGDataKitError, UnsupportedFormatError

    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            corrections.readable_by_library(path, form) as readable,
        ):
            warnings.simplefilter("always")
            record = parser().parse(readable)
            statements = machine_statements(form, readable, record)
    except UnsupportedFormatError as error:
        raise RecordError(
            f"is a kind of {form.name} that is not read ({_plain(str(error))})",
            path=path,
            remedy="export the recording in another format or without compression",
        ) from None
    except EkgError:
        raise
    except (*DAMAGE, ECGDataKitError, OSError, ImportError, KeyError) as error:
        raise RecordError(
            f"is a corrupt or incomplete {form.name} file ({_kind(error)})",
            path=path,
            remedy="fetch or export the recording again",
        ) from None
    return _found(path, form, record, [str(warning.message) for warning in caught], statements)


def _plain(message: str) -> str:
    """Return what the library says, cut off before anything quoted from the file."""
    return re.split(r"['\"(]|: ", re.sub(r"^[A-Z][\w -]*: ", "", message))[0].strip()[:80]


def _kind(error: Exception) -> str:
    return re.sub(r"(?<!^)([A-Z])", r" \1", type(error).__name__.removesuffix("Error")).lower()


def _found(
    path: Path,
    form: Format,
    record: ECGRecord,
    messages: list[str],
    statements: tuple[str, ...],
) -> FoundRecording:
    for message in messages:
        refused = _REFUSED.search(message)
        if refused:
            raise RecordError(
                f"is a corrupt or incomplete {form.name} file ({refused.group()})",
                path=path,
                remedy="fetch or export the recording again",
            )
    notes = tuple(
        dict.fromkeys(
            note for words, note in _NOTED.items() if any(words in line for line in messages)
        )
    )
    found = FoundRecording(
        path,
        form.name,
        tuple(_signal(lead) for lead in record.leads),
        _exact_rate(record, form),
        notes,
        statements,
        age=record.patient.age,
        sex={"M": "Male", "F": "Female"}.get(record.patient.sex or "", ""),
        personal=_personal(record),
    )
    found = corrections.check_after(found, form, record)
    return found if form.key == "mfer" else saturated(found, *_LIMITS)


def _signal(lead: Any) -> FoundSignal:
    return FoundSignal(
        lead.label,
        np.asarray(lead.samples, dtype=np.float64),
        float(lead.resolution),
        str(lead.resolution_unit or ""),
        float(lead.offset or 0.0),
    )


def _exact_rate(record: ECGRecord, form: Format) -> float:
    """Return the sampling frequency as stated: the library's own is rounded to whole Hz."""
    meta = record.raw_metadata
    if form.key == "aecg":
        return float(meta["rhythm_time"]["sampling_rate_exact"])
    if form.key == "scp":
        # Whole microseconds are stated: 1667 are 600 Hz, where a whole frequency gives them.
        microseconds = float(meta["rhythm_sample_interval_us"])
        whole = round(1e6 / microseconds)
        return float(whole) if round(1e6 / whole) == microseconds else 1e6 / microseconds
    if form.key == "mfer":
        return float((meta.get("sampling_rates") or [record.leads[0].sampling_rate])[0])
    return float(record.leads[0].sampling_rate)


def _personal(record: ECGRecord) -> dict[str, str]:
    patient, recording = record.patient, record.recording
    return {
        "patient id": patient.patient_id,
        "last name": patient.last_name,
        "first name": patient.first_name,
        "birth date": f"{patient.birth_date:%Y-%m-%d}" if patient.birth_date else "",
        "recorded": f"{recording.date:%Y-%m-%d %H:%M:%S}" if recording.date else "",
        "institution": recording.device.institution,
        "device": f"{recording.device.manufacturer} {recording.device.model}".strip(),
    }
