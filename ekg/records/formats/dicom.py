"""DICOM waveforms: the file's elements by pydicom, the rhythm group by its own statements.

Source: DICOM PS3.3 C.10.9 (Waveform Module), PS3.16 CID 3001 (ECG leads).
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ekg.errors import RecordError
from ekg.files import DAMAGE
from ekg.records.formats.found import FoundRecording, FoundSignal, saturated

LARGEST_DICOM = 16 * 2**20
"""Bytes: half an hour of twelve leads at 300 Hz. Elements of the smallest size, of which a file
may consist, take forty times as much memory."""
_DEFLATED = "1.2.840.10008.1.2.1.99"
_SAMPLES = {
    (8, "SB"): "i1",
    (8, "UB"): "u1",
    (16, "SS"): "i2",
    (16, "US"): "u2",
    (32, "SL"): "i4",
    (32, "UL"): "u4",
}
_BEAT = re.compile("MEDIAN|REPRESENTATIVE|AVERAGE", re.IGNORECASE)
_LEADS = {
    1: "I",
    2: "II",
    3: "V1",
    4: "V2",
    5: "V3",
    6: "V4",
    7: "V5",
    8: "V6",
    61: "III",
    62: "aVR",
    63: "aVL",
    64: "aVF",
}
"""By the codes of SCP-ECG (5.6.3-9-N) and ISO/IEEE 11073-10102 (2:N)."""
_CODE = re.compile(r"(?:5\.6\.3-9-|2:|MDC:)?(\d+)")
_UNITS = {"uv": "uV", "mv": "mV", "nv": "nV", "v": "V", "microvolt": "uV", "millivolt": "mV"}
_USED = ("SpecificCharacterSet", "WaveformSequence", "PatientAge", "PatientSex")
_PERSONAL = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "InstitutionName",
    "AccessionNumber",
    "StudyDate",
    "StudyDescription",
    "ReferringPhysicianName",
    "OperatorsName",
)


def read_dicom(path: Path) -> FoundRecording:
    """Read the rhythm of a DICOM waveform object."""
    size = path.stat().st_size
    if size > LARGEST_DICOM:
        raise RecordError(
            f"has {size:,} bytes, more than {LARGEST_DICOM:,}: too long to be read at once",
            path=path,
            remedy="export a shorter part of the recording",
        )
    try:
        with warnings.catch_warnings():
            # They quote elements, which may be anybody's data.
            warnings.simplefilter("ignore")
            return _read(path)
    except (*DAMAGE, OSError, NotImplementedError) as error:
        raise RecordError(
            f"is corrupt or truncated ({type(error).__name__} while it was read)",
            path=path,
            remedy="fetch the file again",
        ) from None


def _read(path: Path) -> FoundRecording:
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info

    try:
        # Before the whole is read: a deflated file may grow a thousandfold.
        syntax = str(read_file_meta_info(path).get("TransferSyntaxUID", ""))
        if syntax == _DEFLATED:
            raise RecordError(
                "is a deflated DICOM file, which is not supported",
                path=path,
                remedy="export it uncompressed (Explicit VR Little Endian)",
            )
        dataset = pydicom.dcmread(path, specific_tags=[*_USED, *_PERSONAL])
    except InvalidDicomError:
        raise RecordError("is not a DICOM file", path=path, remedy="fetch the file again") from None
    groups = list(dataset.get("WaveformSequence") or [])
    if not groups:
        raise RecordError(
            "is a DICOM object without waveforms",
            path=path,
            remedy="export the recording as 12-lead ECG waveform storage",
        )
    rhythms = [group for group in groups if not _is_beat(group)]
    if not rhythms:
        raise RecordError(
            "contains averaged beats only, no rhythm",
            path=path,
            remedy="export the recording with its rhythm",
        )
    group = max(rhythms, key=_rank)
    big_endian = not dataset.is_little_endian if hasattr(dataset, "is_little_endian") else False
    notes = []
    if len(rhythms) > 1:
        notes.append(f"{len(rhythms) - 1} further waveform groups are not read")
    rate = float(group.get("SamplingFrequency") or 0)
    found = FoundRecording(
        path,
        "DICOM",
        _signals(path, group, big_endian),
        rate,
        tuple(notes),
        age=_age(dataset),
        sex={"M": "Male", "F": "Female"}.get(str(dataset.get("PatientSex") or ""), ""),
        personal={name: str(dataset.get(name) or "") for name in _PERSONAL},
    )
    bits = int(group.get("WaveformBitsAllocated") or 16)
    interpretation = str(group.get("WaveformSampleInterpretation") or "")
    limits = np.iinfo(_SAMPLES[bits, interpretation])
    return saturated(found, float(limits.min), float(limits.max))


def _is_beat(group: Any) -> bool:
    """Return whether a group is an averaged beat; those are derived, or say so in their label."""
    return bool(_BEAT.search(str(group.get("MultiplexGroupLabel") or ""))) or (
        str(group.get("WaveformOriginality") or "").upper() == "DERIVED"
    )


def _rank(group: Any) -> tuple[int, int]:
    channels = list(group.get("ChannelDefinitionSequence") or [])
    leads = {_lead_of(channel) for channel in channels} & set(_LEADS.values())
    return len(leads), int(group.get("NumberOfWaveformSamples") or 0)


def _signals(path: Path, group: Any, big_endian: bool) -> tuple[FoundSignal, ...]:
    n_channels = int(group.get("NumberOfWaveformChannels") or 0)
    n_samples = int(group.get("NumberOfWaveformSamples") or 0)
    bits = int(group.get("WaveformBitsAllocated") or 0)
    interpretation = str(group.get("WaveformSampleInterpretation") or "")
    kind = _SAMPLES.get((bits, interpretation))
    if kind is None:
        raise RecordError(
            f"has samples of {bits} bits, not of {', '.join(sorted(_SAMPLES.values()))}",
            path=path,
            remedy="export the recording with 16-bit samples (SS)",
        )
    data = bytes(group.get("WaveformData") or b"")
    needed = n_channels * n_samples * bits // 8
    channels = list(group.get("ChannelDefinitionSequence") or [])
    if not 0 < needed <= len(data) or len(channels) != n_channels:
        raise RecordError(
            f"has {len(data)} bytes of samples and {len(channels)} channels described, "
            f"{n_channels} channels of {n_samples} samples are declared",
            path=path,
            remedy="fetch the file again",
        )
    form = np.dtype(kind).newbyteorder(">" if big_endian else "<")
    stored = np.frombuffer(data[:needed], form).reshape(n_samples, n_channels)
    counts = stored.astype(np.float64)
    padding = _padding(group, form, stored)
    if padding is not None:
        counts[stored == padding] = np.nan
    return tuple(_signal(channel, counts[:, n]) for n, channel in enumerate(channels))


def _padding(group: Any, form: np.dtype, stored: np.ndarray) -> int | None:
    """Return the value of missing samples, None where the file has none.

    Some writers state a padding value (0, say) that valid samples have too: one that the signal
    passes through, with samples on both sides of it, marks nothing.
    """
    given = group.get("WaveformPaddingValue")
    if not isinstance(given, bytes) or len(given) < form.itemsize:
        return None
    value = int(np.frombuffer(given[: form.itemsize], form)[0])
    others = stored[stored != value]
    if others.size and others.min() < value < others.max():
        return None
    return value


def _signal(channel: Any, counts: np.ndarray) -> FoundSignal:
    def number(name: str, default: float) -> float:
        given = channel.get(name)
        return default if given in (None, "") else float(given)

    units = list(channel.get("ChannelSensitivityUnitsSequence") or [])
    unit = ""
    for item in units[:1]:
        for name in ("CodeValue", "CodeMeaning"):
            unit = unit or _UNITS.get(str(item.get(name) or "").strip().lower(), "")
    step = number("ChannelSensitivity", 0.0) * number("ChannelSensitivityCorrectionFactor", 1.0)
    return FoundSignal(
        _lead_of(channel), np.ascontiguousarray(counts), step, unit, number("ChannelBaseline", 0.0)
    )


def _lead_of(channel: Any) -> str:
    """Return a channel's lead by its code, else by the meaning or label written beside it."""
    sources = list(channel.get("ChannelSourceSequence") or [])
    label = str(channel.get("ChannelLabel") or "")
    if not sources:
        return label
    code, meaning = (str(sources[0].get(name) or "") for name in ("CodeValue", "CodeMeaning"))
    number = _CODE.fullmatch(code)
    scheme = str(sources[0].get("CodingSchemeDesignator") or "")
    if number and (code != number.group(1) or scheme == "MDC"):
        return _LEADS.get(int(number.group(1)), meaning or label)
    # `Lead I (Einthoven)`, `aVR, augmented voltage, right`
    return re.split(r"[,(]", meaning)[0].strip() if not code.startswith("MDC_") else code


def _age(dataset: Any) -> int | None:
    given = re.fullmatch(r"(\d{3})Y", str(dataset.get("PatientAge") or ""))
    return int(given.group(1)) if given else None
