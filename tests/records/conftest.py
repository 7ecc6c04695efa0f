"""Small WFDB records made on the spot."""

import numpy as np
import pytest
import scipy.io

from ekg.records.record import LEADS


def write_record(
    folder,
    name="A0001",
    *,
    leads=LEADS,
    n_samples=5000,
    frequency=500,
    gain="1000/mV",
    comments=("Dx: AF",),
    signal=None,
    record_line_name=None,
    file_name=None,
    form="16+24",
    checksums=False,
    encoding="utf-8",
):
    """Write one record in the challenge's form; return its header."""
    if signal is None:
        times = np.arange(n_samples) / frequency
        signal = np.stack([1000 * np.sin(2 * np.pi * (i + 1) * times) for i in range(len(leads))])
        signal += checksums * np.arange(1, len(leads) + 1)[:, None]  # sums of sines are 0
    signal = np.round(signal).astype(np.int16)
    scipy.io.savemat(folder / f"{name}.mat", {"val": signal}, format="4")
    lines = [f"{record_line_name or name} {len(leads)} {frequency} {signal.shape[1]}"]
    lines += [
        f"{file_name or name + '.mat'} {form} {gain} 16 0 {row[0]} "
        f"{int(row.sum(dtype=np.int64)) if checksums else 0} 0 {lead}"
        for lead, row in zip(leads, signal, strict=True)
    ]
    lines += [f"#{comment}" for comment in comments]
    path = folder / f"{name}.hea"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


@pytest.fixture
def make_record(tmp_path):
    def make(name="A0001", **options):
        return write_record(tmp_path, name, **options)

    return make
