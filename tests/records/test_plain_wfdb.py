"""The reader of plain WFDB records against wfdb itself."""

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ekg.records.plain_wfdb import plain_header, read_plain_signals

FIELDS = (
    "n_sig",
    "fs",
    "sig_len",
    "comments",
    "file_name",
    "fmt",
    "adc_gain",
    "baseline",
    "units",
    "adc_res",
    "adc_zero",
    "init_value",
    "checksum",
    "block_size",
    "sig_name",
)


def assert_read_as_wfdb_reads(header, channels=None, first=0, last=None):
    fields = plain_header(header.read_text(encoding="utf-8"))
    assert fields is not None, header
    theirs = wfdb.rdheader(str(header.with_suffix("")))
    for name in FIELDS:
        assert getattr(fields, name) == getattr(theirs, name), name
    channels = range(fields.n_sig) if channels is None else channels
    files = {name: header.parent / name for name in fields.file_name}
    ours = read_plain_signals(files, fields, channels, first, last)
    theirs = wfdb.rdrecord(
        str(header.with_suffix("")),
        channels=list(channels),
        physical=False,
        m2s=False,
        sampfrom=first,
        sampto=last,
    )
    np.testing.assert_array_equal(ours.d_signal, theirs.d_signal)
    ours.dac()
    theirs.dac(inplace=True)
    np.testing.assert_array_equal(ours.p_signal, theirs.p_signal)


@settings(max_examples=40)
@given(
    fmt=st.sampled_from(["16", "212"]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 5)),
    seed=st.integers(0, 2**32 - 1),
    fs=st.sampled_from([100, 250, 257, 500, 1000.5]),
)
def test_generated_records_are_read_as_wfdb_reads_them(tmp_path_factory, fmt, shape, seed, fs):
    folder = tmp_path_factory.mktemp("plain")
    samples, signals = shape
    rng = np.random.default_rng(seed)
    low = {"16": -(2**15), "212": -(2**11)}[fmt]
    digital = rng.integers(low, -low, size=(samples, signals))
    wfdb.wrsamp(
        "r",
        fs=fs,
        units=["mV"] * signals,
        sig_name=[f"lead {i}" for i in range(signals)],
        d_signal=digital,
        fmt=[fmt] * signals,
        write_dir=str(folder),
        comments=["Age: 50"],
        adc_gain=list(rng.uniform(1, 2000, signals).round(3)),
        baseline=[int(value) for value in rng.integers(-50, 50, signals)],
    )
    first = int(rng.integers(samples))
    assert_read_as_wfdb_reads(
        folder / "r.hea",
        channels=rng.permutation(signals).tolist(),
        first=first,
        last=int(rng.integers(first, samples)) + 1,
    )


def test_signals_in_several_files_are_read_as_wfdb_reads_them(tmp_path):
    rng = np.random.default_rng(0)
    for name, signals in (("a", 2), ("b", 1)):
        rng.integers(-900, 900, (30, signals)).astype("<i2").tofile(tmp_path / f"{name}.dat")
    line = "{} 16{} 100(3)/mV 12 0 1 1 0 lead {}"
    lines = [
        line.format("a.dat", "", 1),
        line.format("a.dat", "", 2),
        line.format("b.dat", "+4", 3),
    ]
    (tmp_path / "r.hea").write_text("\n".join(["r 3 500 28", *lines, "#note", ""]))
    assert_read_as_wfdb_reads(tmp_path / "r.hea", channels=[2, 0])
    assert_read_as_wfdb_reads(tmp_path / "r.hea")


def test_real_records_are_read_as_wfdb_reads_them(shared):
    headers = sorted((shared / "real").rglob("*.hea"))
    plain = 0
    for header in headers:
        text = header.read_text(encoding="utf-8")
        if plain_header(text) is None or ".mat " in text.splitlines()[0]:
            continue  # wfdb itself refuses a record name with a suffix
        assert_read_as_wfdb_reads(header)
        plain += 1
    assert plain > 0.85 * len(headers)


@pytest.mark.parametrize(
    "line",
    [
        "r.dat 16 0/mV 12 0 1 1 0 I",  # no gain
        "r.dat 16x2 200/mV 12 0 1 1 0 I",
        "r.dat 16:3 200/mV 12 0 1 1 0 I",
        "r.dat 80 200/mV 12 0 1 1 0 I",
        "r.dat 16 200/mV 12 0 1 1",  # no name
        "../r.dat 16 200/mV 12 0 1 1 0 I",
        "r.dat 16 200/µV 12 0 1 1 0 I",
        "r.dat 16 1e3/mV 12 0 1 1 0 I",
        "r.dat 16 -200/mV 12 0 1 1 0 I",
    ],
)
def test_anything_unusual_is_left_to_wfdb(line):
    assert plain_header("r 1 500 10\nr.dat 16 200/mV 12 0 1 1 0 I\n") is not None
    assert plain_header(f"r 1 500 10\n{line}\n") is None


@pytest.mark.parametrize("line", ["r/2 1 500 10", "r 1 500", "r 2 500 10", "r 1 500/250 10", ""])
def test_an_unusual_record_line_is_left_to_wfdb(line):
    assert plain_header(f"{line}\nr.dat 16 200/mV 12 0 1 1 0 I\n") is None
