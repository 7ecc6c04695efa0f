import numpy as np
import pandas as pd
import pytest
import wfdb

from ekg.cli import main
from ekg.errors import ConfigError, EkgError
from ekg.markdown import replace_block
from ekg.records.record import LEADS, find_records, read_record
from ekg.simulator import diagnoses_of, simulate_record
from ekg.simulator.ranges import NOISE, RANGES, SOURCES, ranges_table, sources_list
from ekg.simulator.record_files import SimulationSettings, header_text, is_whole, simulate_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated")
    assert main(["simulate", "--out", str(path), "--records", "24", "-j", "1"]) == 0
    return path


def test_records_read_back_as_they_were_simulated(folder):
    headers = find_records(folder)
    assert [path.stem for path in headers] == [f"S{n:04d}" for n in range(1, 25)]
    for path in headers[:6]:
        record = read_record(path)
        signal, diagnoses, parameters = simulate_record(path.stem)
        assert record.diagnoses == diagnoses
        assert record.header.leads == LEADS
        assert np.abs(record.signal - signal).max() <= 0.0005 + 1e-9
        assert f"Age: {parameters['age']}" in record.header.comments
        assert f"Sex: {parameters['sex']}" in record.header.comments


def test_wfdb_finds_first_values_and_checksums_right(folder):
    for path in find_records(folder):
        record = wfdb.rdrecord(str(path.with_suffix("")), physical=False)
        values = record.d_signal.astype(np.int64)
        assert record.init_value == values[0].tolist()
        assert [sum_ % 65536 for sum_ in record.checksum] == (values.sum(axis=0) % 65536).tolist()
        assert record.fmt == ["16"] * 12 and record.byte_offset == [24] * 12
        assert record.adc_gain == [1000.0] * 12


def test_einthoven_and_goldberger_hold_to_rounding_in_the_file(folder):
    for path in find_records(folder)[:8]:
        i, ii, iii, avr, avl, avf = np.round(read_record(path).signal[:6] * 1000)
        assert np.abs(iii - (ii - i)).max() <= 2
        assert np.abs(avr + avl + avf).max() <= 2
        assert np.abs(avr + (i + ii) / 2).max() <= 2


def test_the_label_file_agrees_with_the_headers(folder):
    labels = pd.read_csv(folder / "labels.csv", dtype=str)
    assert labels.columns.tolist() == ["record", "diagnoses"]
    for record, diagnoses in labels.itertuples(index=False):
        assert read_record(folder / record).diagnoses == tuple(diagnoses.split(","))
        assert diagnoses_of(record) == tuple(diagnoses.split(","))


def test_processes_and_number_change_nothing(folder, tmp_path):
    simulate_folder(tmp_path, 10, SimulationSettings(), jobs=2)
    for path in sorted(tmp_path.glob("S*")):
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert len(list(tmp_path.glob("S*.mat"))) == 10


def test_whole_records_are_kept_and_broken_ones_redone(tmp_path):
    settings = SimulationSettings()
    assert simulate_folder(tmp_path, 4, settings) == (4, 0)
    good = (tmp_path / "S0002.mat").read_bytes()
    (tmp_path / "S0002.mat").write_bytes(good[:-1000])
    (tmp_path / "S0003.hea").unlink()
    kept = (tmp_path / "S0001.mat").stat().st_mtime_ns
    assert not is_whole(tmp_path, "S0002")
    assert simulate_folder(tmp_path, 5, settings) == (3, 2)
    assert (tmp_path / "S0002.mat").read_bytes() == good
    assert (tmp_path / "S0001.mat").stat().st_mtime_ns == kept


def test_another_seed_in_the_same_folder_is_refused_until_overwritten(tmp_path, capsys):
    command = ["simulate", "--out", str(tmp_path), "--records", "2", "-j", "1"]
    assert main(command) == 0
    before = (tmp_path / "S0001.mat").read_bytes()
    assert main([*command, "--seed", "7"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "S0001.mat").read_bytes() == before
    assert main([*command, "--seed", "7", "--overwrite"]) == 0
    assert (tmp_path / "S0001.mat").read_bytes() != before


def test_a_folder_of_other_peoples_records_is_left_alone(tmp_path):
    (tmp_path / "A0001.hea").write_text("A0001 12 500 5000\n")
    with pytest.raises(EkgError, match="not simulated here"):
        simulate_folder(tmp_path, 1, SimulationSettings())
    assert [path.name for path in tmp_path.glob("*.hea")] == ["A0001.hea"]


@pytest.mark.parametrize("arguments", [["--records", "0"], ["-j", "0"], ["--classes", "AF,XY"]])
def test_bad_options_are_one_line(tmp_path, capsys, arguments):
    assert main(["simulate", "--out", str(tmp_path / "new"), *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_chosen_classes_alone_are_simulated(tmp_path):
    settings = SimulationSettings(classes=("AF", "Normal"))
    simulate_folder(tmp_path, 6, settings)
    found = [read_record(path).diagnoses for path in find_records(tmp_path)]
    assert sorted(found) == [("AF",)] * 3 + [("Normal",)] * 3


def test_checksums_wrap_at_sixteen_bits():
    values = np.full((12, 100), 30_000, np.int16)
    line = header_text("S1", values, ("AF", "RBBB"), 70, "Male").splitlines()
    assert line[1] == "S1.mat 16+24 1000/mV 16 0 30000 -14656 0 I"
    assert "#Dx: 164889003,59118001" in line


def test_every_range_names_a_known_source():
    for name, given in {**RANGES, **NOISE}.items():
        assert given.low < given.high, name
        for source in given.source.split("; "):
            assert source in SOURCES or source.startswith("choice:"), (name, source)


def test_ranges_are_kept_to():
    generator = np.random.default_rng(0)
    for name, given in RANGES.items():
        values = [given.draw(generator) for _ in range(200)]
        assert given.low <= min(values) <= max(values) <= given.high, name
        assert len(set(values)) > 150, name


def test_the_tables_have_every_range_and_source():
    rows = ranges_table().splitlines()
    for name in [*RANGES, *(f"noise.{name}" for name in NOISE)]:
        assert any(row.startswith(f"| {name} |") for row in rows), name
    assert sources_list().count("\n") == len(SOURCES)


def test_blocks_are_replaced_between_their_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n")
    replace_block(page, "x", "new\n")
    assert page.read_text() == "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n"
    with pytest.raises(EkgError, match="y: begin"):
        replace_block(page, "y", "new\n")


def test_settings_are_checked_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError):
        simulate_folder(tmp_path / "new", 0, SimulationSettings())
    assert not (tmp_path / "new").exists()
