"""Small recordings in the form of the challenge's, written for each test."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from ekg.images import drawing_run
from ekg.records.record import LEADS

GAIN = 1000

WriteRecord = Callable[..., Path]


def write_challenge_record(
    folder: Path,
    name: str,
    diagnosis: str | None = "AF",
    samples: int = 5000,
    leads: Sequence[str] = LEADS,
    sampling_frequency: int = 500,
) -> Path:
    """Write `name.hea` and `name.mat` and return the header's path; the name decides the signal."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(sum(name.encode()))
    beats = 1200.0 * np.sin(np.arange(samples) * 2 * np.pi / 400) ** 15
    signal = beats * rng.uniform(-1, 3, (len(leads), 1)) + rng.normal(0, 30, (len(leads), samples))
    values = np.clip(signal, -32768, 32767).astype(np.int16)
    scipy.io.savemat(folder / f"{name}.mat", {"val": values}, format="4")
    lines = [f"{name} {len(leads)} {sampling_frequency} {samples}"]
    lines += [
        f"{name}.mat 16+24 {GAIN}/mV 16 0 {values[i, 0]} 0 0 {lead}" for i, lead in enumerate(leads)
    ]
    lines += ["#Age: 60", "#Sex: Female"]
    if diagnosis is not None:
        lines.append(f"#Dx: {diagnosis}")
    header = folder / f"{name}.hea"
    header.write_text("\n".join(lines) + "\n")
    return header


@pytest.fixture(scope="session")
def write_record() -> WriteRecord:
    return write_challenge_record


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Eleven records: eight of them usable under the paper's rules, in two classes."""
    folder = tmp_path / "hospital"
    for number in (10, 2, 1, 3):
        write_challenge_record(folder, f"S{number}", "AF", samples=3200 + 400 * number)
        write_challenge_record(folder, f"T{number}", "59118001", samples=4000)
    write_challenge_record(folder, "U1", "RBBB,AF", samples=4000)
    write_challenge_record(folder, "U2", "PVC", samples=4000)
    write_challenge_record(folder, "U3", "PAC,STD", samples=4000)
    return folder


@pytest.fixture
def few(tmp_path, write_record):
    """Two AF records, one STE, one excluded and one that cannot be used."""
    folder = tmp_path / "clinic" / "records"
    write_record(folder, "R10", "AF", samples=1600)
    write_record(folder, "R2", "AF", samples=3200)
    write_record(folder, "S1", "STE", samples=4000, sampling_frequency=1000)
    write_record(folder, "S2", "AF,STE", samples=1600)
    write_record(folder, "S3", None, samples=1600)
    return folder


@pytest.fixture
def jobs_done(monkeypatch):
    """The jobs that workers of this process are given."""
    given = []
    original = drawing_run.draw_record

    def noting(job):
        given.append(job)
        return original(job)

    monkeypatch.setattr(drawing_run, "draw_record", noting)
    return given
