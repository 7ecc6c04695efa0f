"""Schiller XML (SEMA, AT-10 and similar): no library reads it; its samples are plain text."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ekg.errors import RecordError
from ekg.records.formats.found import FoundRecording, FoundSignal
from ekg.records.formats.xml_guard import safe_xml

_RHYTHM = "ECG_RHYTHMS"
_UNITS = {"UV": "uV", "MV": "mV", "NV": "nV", "V": "V"}


def read_schiller(path: Path) -> FoundRecording:
    """Read the rhythm of a Schiller XML file; its averaged beats are passed over."""
    root = safe_xml(path)
    rhythms = [wave for wave in root.iter("wavedata") if wave.findtext("type") == _RHYTHM]
    if not rhythms:
        raise RecordError(
            "contains no rhythm (`wavedata` of type `ECG_RHYTHMS`)",
            path=path,
            remedy="export the recording with its full disclosure of ten seconds",
        )
    wave = rhythms[0]
    # The exponent is 1 in every file seen, where the value is in Hz by itself.
    exponent = _number(path, wave, "resolution/samplerate/exponent", 1.0)
    rate = _number(path, wave, "resolution/samplerate/value")
    if exponent != 1.0:
        raise RecordError(
            f"field `samplerate/exponent` is {exponent:g}, 1 is expected",
            path=path,
            remedy="export the recording in another format",
        )
    step = _number(path, wave, "resolution/yres/unitperbit")
    unit = (wave.findtext("resolution/yres/units") or "").strip().upper()
    signals = tuple(
        _signal(path, number, channel, step, _UNITS.get(unit, ""))
        for number, channel in enumerate(wave.findall("channel"), start=1)
    )
    notes = (f"{len(rhythms) - 1} further rhythms are not read",) if len(rhythms) > 1 else ()
    return FoundRecording(
        path,
        "Schiller XML",
        signals,
        rate,
        notes,
        sex={"MALE": "Male", "FEMALE": "Female"}.get(_text(root, "patdata/gender"), ""),
        personal={
            field: _text(root, f"patdata/{field}")
            for field in ("id", "lastname", "firstname", "birthdate")
        },
    )


def _text(element: Element, field: str) -> str:
    return (element.findtext(field) or "").strip()


def _number(path: Path, element: Element, field: str, default: float | None = None) -> float:
    text = _text(element, field)
    if not text and default is not None:
        return default
    try:
        return float(text)
    except ValueError:
        raise RecordError(
            f"field `{field}` is not a number", path=path, remedy="export the recording again"
        ) from None


def _signal(path: Path, number: int, channel: Element, step: float, unit: str) -> FoundSignal:
    if _text(channel, "datastype") != "COMMASEPARATE":
        raise RecordError(
            f"field `datastype` of channel {number} is not COMMASEPARATE",
            path=path,
            remedy="export the recording without compression",
        )
    words = [word for word in _text(channel, "data").split(",") if word.strip()]
    try:
        counts = np.array(words, dtype=np.float64)
    except ValueError:
        raise RecordError(
            f"channel {number} has samples that are not numbers",
            path=path,
            remedy="export the recording again",
        ) from None
    expected = _number(path, channel, "samplecount", float(len(counts)))
    if expected != len(counts):
        raise RecordError(
            f"channel {number} has {len(counts)} samples, field `samplecount` is {expected:g}",
            path=path,
            remedy="export the recording again",
        )
    return FoundSignal(_text(channel, "name"), counts, step, unit)
