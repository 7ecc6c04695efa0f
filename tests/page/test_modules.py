"""The page's modules against the Python code: pixels, samples, slices, warnings, refusals."""

import hashlib

import numpy as np
import pytest
import wfdb

from ekg.records.quality import warnings_of
from ekg.records.record import LEADS, read_record
from ekg.records.slicing import slice_starts
from ekg.simulator.record_files import SimulationSettings, simulate_folder
from tests.page.cases import strip


def sha256(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def odd_signals():
    """Signals that try every branch of clipping, simplification and joining."""
    random = np.random.default_rng(7)
    times = np.linspace(0, 2.5, 1250)
    shape = (12, 1250)
    level = np.zeros(shape)
    steps = np.round(random.normal(0, 0.3, shape), 3)
    spikes = level.copy()
    spikes[:, ::37] = random.uniform(-9, 9, spikes[:, ::37].shape)
    return np.stack(
        [
            level,
            level + 100.0,
            level + 3.0,
            level - 3.0,
            np.cumsum(steps, axis=1) / 8,
            random.normal(0, 2, shape),
            random.normal(0, 1e-3, shape),
            spikes,
            np.sin(2 * np.pi * times * np.arange(1, 13)[:, None]) * 3.2,
            np.round(np.sin(2 * np.pi * times * np.arange(1, 13)[:, None]) * 1000) / 1000,
            np.where(np.arange(1250) % 100 < 50, 2.999, -2.999) + level,
            random.uniform(-1e5, 1e5, shape),
            np.repeat(random.normal(0, 1, (12, 25)), 50, axis=1),
            np.tile([0.1, -0.1], (12, 625)),
        ]
    )


def test_the_page_draws_the_renderer_s_pixels(run_node, bare_page, renderer, tmp_path):
    folder = tmp_path / "records"
    simulate_folder(folder, 6, SimulationSettings(seed=2), jobs=1)
    records = [read_record(path).signal for path in sorted(folder.glob("*.hea"))]
    lifelike = [signal[:, s : s + 1250] for signal in records for s in range(0, 3750, 1250)]
    signals = np.concatenate([odd_signals(), lifelike])
    file = tmp_path / "signals.bin"
    signals.astype("<f8").tofile(file)
    found = run_node("compute.mjs", {"page": str(bare_page), "signals": str(file)})
    assert found["drawn"] == [sha256(renderer.draw(signal)) for signal in signals]


def write(folder, name, signal, rate=500, form="16", order=None, units="mV", **options):
    """Write a WFDB record; signal is (samples, 12) in millivolts."""
    order = list(range(12)) if order is None else order
    scale = {"mV": 1, "uV": 1000}[units]
    wfdb.wrsamp(
        name,
        fs=rate,
        units=[units] * 12,
        sig_name=[LEADS[i] for i in order],
        p_signal=signal[:, order] * scale,
        fmt=[form] * 12,
        write_dir=str(folder),
        **options,
    )
    return [str(folder / f"{name}.hea"), str(folder / f"{name}.dat")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Records of several formats, rates, orders, units and faults."""
    folder = tmp_path_factory.mktemp("records")
    plain = strip(9, 500)
    flat = plain.copy()
    flat[1000:2000, 7] = flat[1000, 7]
    clipped = np.clip(plain, None, 0.8)
    wide = plain * np.r_[np.ones(11), 8]
    exchanged = plain[:, [0, 2, 1, *range(3, 12)]]
    return {
        "plain": write(folder, "plain", plain),
        "packed": write(
            folder, "packed", plain, form="212", adc_gain=[200.0] * 12, baseline=[0] * 12
        ),
        "odd": write(
            folder, "odd", plain[:-1], form="212", adc_gain=[200.0] * 12, baseline=[5] * 12
        ),
        "shuffled": write(folder, "shuffled", plain, order=[5, 3, 0, 11, 7, 1, 2, 9, 4, 6, 10, 8]),
        "microvolts": write(folder, "microvolts", plain, units="uV"),
        "fast": write(folder, "fast", strip(6, 1000), rate=1000),
        "slow": write(folder, "slow", strip(12, 257), rate=257),
        "coarse": write(folder, "coarse", strip(12, 90), rate=90),
        "fraction": write(folder, "fraction", strip(6, 333), rate=333.25),
        "short": write(folder, "short", plain[:1300]),
        "long": write(folder, "long", strip(60, 500)),
        "flat": write(folder, "flat", flat),
        "clipped": write(folder, "clipped", clipped),
        "wide": write(folder, "wide", wide),
        "tiny": write(folder, "tiny", plain / 60),
        "exchanged": write(folder, "exchanged", exchanged),
    }


def test_records_are_read_cut_and_doubted_as_on_the_python_road(
    run_node, bare_page, renderer, written
):
    records = [{"files": files} for files in written.values()]
    found = run_node("compute.mjs", {"page": str(bare_page), "records": records})["records"]
    doubted = set()
    for (name, files), page in zip(written.items(), found, strict=True):
        record = read_record(files[0])
        starts = slice_starts(name, record.signal.shape[1], at_least=1)
        assert page.get("error") is None, name
        assert page["samples"] == record.signal.shape[1], name
        assert page["starts"] == starts.tolist(), name
        short = [text for text in page["warnings"] if text.startswith("very short")]
        assert page["warnings"] == warnings_of(record) + short, name
        drawn = [sha256(renderer.draw(record.signal[:, s : s + 1250])) for s in starts]
        assert page["sha256"] == drawn, name
        doubted |= {name} if page["warnings"] != short else set()
    assert doubted >= {"flat", "clipped", "wide", "tiny", "exchanged", "coarse"}
    assert not doubted & {"plain", "packed", "shuffled", "fast", "slow", "long"}


def test_what_the_page_alone_does_not_read_is_named_with_what_reads_it(
    run_node, bare_page, written, tmp_path
):
    header, signal = (type(tmp_path)(path) for path in written["plain"])
    text = header.read_text()
    faults = {
        "WFDB format 310; this page reads formats 16, 24,": text.replace(".dat 16 ", ".dat 310 "),
        "signals of several rates": text.replace(".dat 16 ", ".dat 16x2 "),
        "or with a skew": text.replace(".dat 16 ", ".dat 16:3 "),
    }
    records = []
    for index, changed in enumerate(faults.values()):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "plain.hea").write_text(changed)
        (folder / "plain.dat").write_bytes(signal.read_bytes())
        records.append({"files": [str(folder / "plain.hea"), str(folder / "plain.dat")]})
    records.append({"files": [str(signal)]})
    found = run_node("compute.mjs", {"page": str(bare_page), "records": records})["records"]
    for words, answer in zip([*faults, "no header (.hea) among"], found, strict=True):
        assert words in answer["error"], answer
        assert answer["expected"], answer
    assert all("python -m ekg predict` reads" in answer["error"] for answer in found[:-1])
