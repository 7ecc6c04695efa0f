"""Simulated records as files: WFDB header and MATLAB v4 signal, as the challenge has them."""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from ekg.cluster import open_workers
from ekg.errors import ConfigError, RecordError
from ekg.files import atomic_path, folder_lock, read_json, write_json, write_text
from ekg.progress import Progress
from ekg.records.diagnoses import BY_ABBREVIATION
from ekg.records.record import LEADS
from ekg.simulator import mix
from ekg.simulator.simulator import VERSION, simulate_record
from ekg.workers import Lost, in_order

GAIN = 1000
"""Steps per mV: one step is 1 microvolt."""

_OFFSET = 24  # bytes of a MATLAB v4 matrix header for the variable name `val`
_SAMPLING_FREQUENCY = 500
_AT_A_TIME = 8
_SETTINGS = "settings.json"
_EARLIER = {"population": "textbook"}
"""What folders were made with before this was a setting."""


@dataclass(frozen=True)
class SimulationSettings:
    """What decides the content of a folder of records, whatever their number."""

    seed: int = 44
    classes: tuple[str, ...] | None = None
    version: int = VERSION
    population: str = "textbook"


def simulation_of(folder: Path) -> dict[str, Any] | None:
    """Return the settings of a folder of simulated records, None for any other folder."""
    path = folder / _SETTINGS
    content = read_json(path) if path.is_file() else None
    keys = [field.name for field in fields(SimulationSettings)]
    if not isinstance(content, dict):
        return None
    content = _EARLIER | content
    if set(content) != set(keys):
        return None
    return {key: content[key] for key in keys}


def digitised(signal: np.ndarray) -> np.ndarray:
    """Return millivolts as whole microvolts, int16; what is beyond is clipped."""
    return np.clip(np.round(signal * GAIN), -32767, 32767).astype(np.int16)


def header_text(name: str, values: np.ndarray, diagnoses: Sequence[str], age: int, sex: str) -> str:
    """Return a header of the challenge's form.

    `values`: int16, shape (12, N).
    """
    lines = [f"{name} {len(values)} {_SAMPLING_FREQUENCY} {values.shape[1]}"]
    for lead, row in zip(LEADS, values, strict=True):
        checksum = int(row.sum(dtype=np.int64).astype(np.int16))  # modulo 65536, signed
        lines.append(f"{name}.mat 16+{_OFFSET} {GAIN}/mV 16 0 {row[0]} {checksum} 0 {lead}")
    codes = ",".join(BY_ABBREVIATION[d].codes[0] for d in diagnoses)
    lines += [f"#Age: {age}", f"#Sex: {sex}", f"#Dx: {codes}"]
    lines += ["#Rx: Unknown", "#Hx: Unknown", "#Sx: Unknown"]
    return "\n".join(lines) + "\n"


def write_record(folder: Path, name: str, settings: SimulationSettings) -> tuple[str, ...]:
    """Simulate one record and write NAME.mat, then NAME.hea; return its diagnoses."""
    diagnoses = mix.diagnoses_of(name, settings.seed, settings.classes)
    signal, diagnoses, parameters = simulate_record(
        name, settings.seed, diagnoses, population=settings.population
    )
    values = digitised(signal)
    with atomic_path(folder / f"{name}.mat") as temporary:
        scipy.io.savemat(temporary, {"val": values}, format="4")
    text = header_text(name, values, diagnoses, parameters["age"], parameters["sex"])
    write_text(folder / f"{name}.hea", text)
    return diagnoses


def is_whole(folder: Path, name: str) -> bool:
    """Return whether a record's header and all bytes of its signal are there.

    The header is written last and both files appear whole, so this is a check against
    interrupted runs and copies, not against edits.
    """
    try:
        with open(folder / f"{name}.hea", encoding="utf-8") as stream:
            _, n_leads, _, n_samples = stream.readline().split()
        size = (folder / f"{name}.mat").stat().st_size
    except (OSError, ValueError):
        return False
    return size == _OFFSET + 2 * int(n_leads) * int(n_samples)


def simulate_folder(
    folder: Path,
    count: int,
    settings: SimulationSettings,
    *,
    jobs: int = 1,
    overwrite: bool = False,
    scheduler: str | None = None,
) -> tuple[int, int]:
    """Fill a folder with records S0001 ... and list them in labels.csv."""
    if count < 1 or jobs < 1:
        raise ConfigError("options --records and -j must be 1 or more")
    mix.check_classes(settings.classes)
    with folder_lock(folder, "simulating records"):
        _check_settings(folder, settings, overwrite)
        names = [mix.record_name(number) for number in range(1, count + 1)]
        missing = [name for name in names if overwrite or not is_whole(folder, name)]
        work = functools.partial(_write_some, folder.resolve(), settings)
        groups = [missing[i : i + _AT_A_TIME] for i in range(0, len(missing), _AT_A_TIME)]
        with (
            Progress(count, "simulating", "record", done=count - len(missing)) as progress,
            open_workers(max(1, min(jobs, len(groups))), scheduler) as workers,
        ):
            for group, done in in_order(workers, work, zip(groups, groups, strict=True)):
                if isinstance(done, Lost):
                    raise RecordError(
                        f"records {group[0]} to {group[-1]}: {done.reason}",
                        path=folder,
                        remedy="run the same command again, with fewer processes (-j)",
                    )
                progress.update(done)
        _write_labels(folder, names, settings)
    return len(missing), count - len(missing)


def _write_some(folder: Path, settings: SimulationSettings, names: Sequence[str]) -> int:
    for name in names:
        write_record(folder, name, settings)
    return len(names)


def _check_settings(folder: Path, settings: SimulationSettings, overwrite: bool) -> None:
    path = folder / _SETTINGS
    wanted = json.loads(json.dumps(asdict(settings)))
    if path.is_file() and not overwrite:
        found = read_json(path)
        if not isinstance(found, dict) or _EARLIER | found != wanted:
            raise ConfigError(
                f"contains records simulated with {found}, not {wanted}",
                path=folder,
                remedy="choose another folder, or use --overwrite to simulate them again",
            )
    elif not overwrite and any(folder.glob("*.hea")):
        raise RecordError(
            "contains records that were not simulated here",
            path=folder,
            remedy="choose another folder",
        )
    write_json(path, wanted)


def _write_labels(folder: Path, names: Sequence[str], settings: SimulationSettings) -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["record", "diagnoses"])
    for name in names:
        diagnoses = mix.diagnoses_of(name, settings.seed, settings.classes)
        writer.writerow([name, ",".join(diagnoses)])
    write_text(folder / "labels.csv", table.getvalue())
