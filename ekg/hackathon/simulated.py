"""A simulated set laid out as ptbdb: patients' folders, several records of each patient.

All records of a patient share one body, heart and disease (see `simulate_record`, parameter
`patient`), so a network can learn to know the patient instead of the disease. That is what the
two protocols of the hackathon differ in.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ekg.errors import ConfigError, RecordError
from ekg.files import atomic_open, folder_lock, read_json, write_json, write_text
from ekg.hackathon.ptbdb import CONTROL, CONTROLS_FILE, HACKATHON_CLASSES, RECORDS_FILE
from ekg.progress import Progress
from ekg.records.record import LEADS
from ekg.seeds import generator_for
from ekg.simulator.simulator import VERSION, simulate_record

GAIN = 2000
"""Steps per mV, as in ptbdb: one step is half a microvolt."""

OTHER = "Valvular heart disease"
"""A reason for admission that is none of the five classes."""

_SAMPLING_FREQUENCY = 1000
_SETTINGS = "settings.json"
_FRANK = ("vx", "vy", "vz")
# What is behind each reason for admission: one of these for each patient.
_FINDINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Bundle branch block": (("LBBB",), ("RBBB",)),
    CONTROL: (("Normal",),),
    "Dysrhythmia": (("AF",), ("PVC",), ("PAC",)),
    "Heart failure": (("HF",),),
    "Myocardial infarction": (("MI",),),
    OTHER: (("STD",),),
}
_WRITTEN: dict[str, tuple[str, ...]] = {
    CONTROL: ("Healthy control",),
    "Heart failure": ("Heart failure (NYHA 2)", "Heart failure (NYHA 4)", "Cardiomyopathy"),
}


@dataclass(frozen=True)
class PtbdbLikeSettings:
    """What decides the content of the folder."""

    patients_per_class: int = 6
    """Patients of each of the five classes, and half as many (rounded up) of another reason."""
    records_per_patient: int = 3
    """1 to this many records a patient; at least two of the first patient of each class."""
    seconds: float = 20.0
    seed: int = 44
    version: int = VERSION


def simulate_ptbdb(folder: str | Path, settings: PtbdbLikeSettings | None = None) -> int:
    """Fill a folder with patientNNN/NAME.{hea,dat,xyz}, RECORDS and CONTROLS."""
    settings = settings or PtbdbLikeSettings()
    if settings.patients_per_class < 1 or settings.records_per_patient < 1:
        raise ConfigError("a simulated set needs at least one patient a class, one record each")
    folder = Path(folder)
    plan = _plan(settings)
    with folder_lock(folder, "simulating records"):
        if not _needs_work(folder, settings):
            return len(plan)
        with Progress(len(plan), "simulating", "record") as progress:
            for patient, name, reason in plan:
                _write_record(folder / patient, patient, name, reason, settings)
                progress.update()
        paths = [f"{patient}/{name}" for patient, name, _ in plan]
        controls = [
            path for path, (*_, reason) in zip(paths, plan, strict=True) if reason == CONTROL
        ]
        write_text(folder / CONTROLS_FILE, "".join(f"{path}\n" for path in controls))
        # Written last: with it the set is whole.
        write_text(folder / RECORDS_FILE, "".join(f"{path}\n" for path in paths))
    return len(plan)


def _needs_work(folder: Path, settings: PtbdbLikeSettings) -> bool:
    wanted = json.loads(json.dumps(asdict(settings)))
    path = folder / _SETTINGS
    if not path.is_file():
        if any(folder.rglob("*.hea")):
            raise RecordError(
                "contains records that were not simulated here",
                path=folder,
                remedy="choose another folder",
            )
        write_json(path, wanted)
        return True
    if (found := read_json(path)) != wanted:
        raise ConfigError(
            f"contains a set simulated with {found}, not {wanted}",
            path=folder,
            remedy="choose another folder",
        )
    return not (folder / RECORDS_FILE).is_file()


def _plan(settings: PtbdbLikeSettings) -> list[tuple[str, str, str]]:
    """Return patient, record and class (or `OTHER`) of every record."""
    reasons = [reason for reason in HACKATHON_CLASSES for _ in range(settings.patients_per_class)]
    reasons += [OTHER] * -(-settings.patients_per_class // 2)
    plan: list[tuple[str, str, str]] = []
    for number, reason in enumerate(reasons, start=1):
        patient = f"patient{number:03d}"
        generator = generator_for(settings.seed, f"ptbdb-like/{patient}/records")
        most = settings.records_per_patient
        first_of_class = number == 1 or reasons[number - 2] != reason
        count = int(generator.integers(min(2, most) if first_of_class else 1, most + 1))
        for _ in range(count):
            plan.append((patient, f"s{len(plan) + 1:04d}_re", reason))
    return plan


def _write_record(
    folder: Path, patient: str, name: str, reason: str, settings: PtbdbLikeSettings
) -> None:
    generator = generator_for(settings.seed, f"ptbdb-like/{patient}/disease")
    choices, written = _FINDINGS[reason], _WRITTEN.get(reason, (reason,))
    findings = choices[int(generator.integers(len(choices)))]
    as_written = written[int(generator.integers(len(written)))]
    signal, _, parameters = simulate_record(
        name,
        settings.seed,
        findings,
        patient=patient,
        sampling_frequency=_SAMPLING_FREQUENCY,
        seconds=settings.seconds,
        frank=True,
    )
    values = np.clip(np.round(signal * GAIN), -32767, 32767).astype("<i2")
    for suffix, rows in ((".dat", values[: len(LEADS)]), (".xyz", values[len(LEADS) :])):
        with atomic_open(folder / (name + suffix), "wb") as stream:
            stream.write(np.ascontiguousarray(rows.T).tobytes())
    write_text(folder / f"{name}.hea", _header_text(name, values, as_written, parameters))


def _header_text(name: str, values: np.ndarray, reason: str, parameters: dict[str, Any]) -> str:
    """Return a header in the form of ptbdb's: signals in lower case, comments below."""
    lines = [f"{name} {len(values)} {_SAMPLING_FREQUENCY} {values.shape[1]}"]
    leads = [*(lead.lower() for lead in LEADS), *_FRANK]
    for lead, row in zip(leads, values, strict=True):
        file = f"{name}.xyz" if lead in _FRANK else f"{name}.dat"
        checksum = int(row.sum(dtype=np.int64).astype(np.int16))  # modulo 65536, signed
        lines.append(f"{file} 16 {GAIN} 16 0 {row[0]} {checksum} 0 {lead}")
    day = 1 + int(name.strip("s_re")) % 28
    lines += [
        "",
        f"# age: {parameters['age']}",
        f"# sex: {parameters['sex'].lower()}",
        f"# ECG date: {day:02d}/01/2000",
        "",
        "# Diagnose:",
        f"# Reason for admission: {reason}",
        "# Acute infarction (localization): no",
        "# Former infarction (localization): no",
        "# Additional diagnoses: simulated",
    ]
    return "\n".join(lines) + "\n"
