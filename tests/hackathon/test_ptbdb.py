import shutil

import pytest

from ekg.errors import ConfigError, RecordError
from ekg.hackathon import ptbdb
from ekg.hackathon.ptbdb import HACKATHON_CLASSES, class_of_reason, read_ptbdb
from ekg.hackathon.simulated import PtbdbLikeSettings, simulate_ptbdb
from ekg.records.record import LEADS, read_header, read_record

SMALL = PtbdbLikeSettings(patients_per_class=2, records_per_patient=2, seconds=6.0, seed=3)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ptbdb")
    simulate_ptbdb(folder, SMALL)
    return folder


@pytest.fixture
def copied(simulated, tmp_path):
    return shutil.copytree(simulated, tmp_path / "set")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Myocardial infarction", "Myocardial infarction"),
        ("healthy  Control", "Control"),
        ("Heart failure (NYHA 4)", "Heart failure"),
        ("Cardiomyopathy", "Heart failure"),
        ("Bundle branch block", "Bundle branch block"),
        ("Dysrhythmia", "Dysrhythmia"),
        ("Valvular heart disease", None),
        ("Hypertrophy", None),
        ("Unstable angina", None),
        ("n/a", None),
        ("", None),
    ],
)
def test_class_of_reason(reason, expected):
    assert class_of_reason(reason) == expected


def test_real_records_without_their_folders(shared):
    records, notes = read_ptbdb(shared / "real" / "ptbdb")
    assert [one.record for one in records] == ["s0010_re", "s0014lre", "s0016lre"]
    assert {one.diagnosis for one in records} == {"Myocardial infarction"}
    assert records[0].sampling_frequency == 1000
    assert records[0].n_samples == 38400
    # The three are of one patient: the headers differ in the recording's date alone.
    assert len({one.patient for one in records}) == 1
    assert any("patient's folder" in note for note in notes)
    assert any("CONTROLS" in note for note in notes)


def test_real_records_in_their_folder(shared, tmp_path):
    shutil.copytree(shared / "real" / "ptbdb", tmp_path / "patient001")
    (tmp_path / "CONTROLS").write_text("")
    records, notes = read_ptbdb(tmp_path)
    assert {one.patient for one in records} == {"patient001"}
    assert not notes


def test_simulated_set_reads_as_ptbdb(simulated):
    records, notes = read_ptbdb(simulated)
    assert notes == []
    assert {one.diagnosis for one in records} == {*HACKATHON_CLASSES, None}
    assert all(one.left_out for one in records if one.diagnosis is None)
    first = read_header(records[0].header)
    assert first.leads == (*(lead.lower() for lead in LEADS), "vx", "vy", "vz")
    assert first.sampling_frequency == 1000
    assert (records[0].header.parent / f"{first.name}.xyz").stat().st_size == 2 * 3 * 6000
    signal = read_record(records[0].header, 1000).signal
    assert signal.shape == (12, 6000)
    assert 0.2 < abs(signal).max() < 10


def test_records_of_a_patient_are_alike_and_of_one_class(simulated):
    records, _ = read_ptbdb(simulated)
    by_patient = {}
    for one in records:
        by_patient.setdefault(one.patient, []).append(one)
    assert any(len(members) > 1 for members in by_patient.values())
    for members in by_patient.values():
        assert len({one.reason for one in members}) == 1
        ages = {
            comment
            for one in members
            for comment in read_header(one.header).comments
            if comment.startswith("age")
        }
        assert len(ages) == 1


def test_the_simulated_set_depends_on_its_settings_alone(simulated, tmp_path):
    simulate_ptbdb(tmp_path / "again", SMALL)
    files = sorted(path.relative_to(simulated) for path in simulated.rglob("s*_re.*"))
    assert len(files) % 3 == 0
    for file in files:
        assert (simulated / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_a_folder_of_other_records_is_not_written_into(copied, tmp_path, shared):
    with pytest.raises(ConfigError, match="choose another folder"):
        simulate_ptbdb(copied, PtbdbLikeSettings(patients_per_class=3))
    shutil.copytree(shared / "real" / "ptbdb", tmp_path / "real")
    (tmp_path / "real").chmod(0o755)  # the reference data may be read-only
    with pytest.raises(RecordError, match="not simulated here"):
        simulate_ptbdb(tmp_path / "real", SMALL)
    with pytest.raises(ConfigError, match="at least one patient"):
        simulate_ptbdb(tmp_path / "none", PtbdbLikeSettings(patients_per_class=0))


def test_contradictions_with_the_list_of_controls_are_left_out(copied):
    records, _ = read_ptbdb(copied)
    control = next(one for one in records if one.diagnosis == "Control")
    other = next(one for one in records if one.diagnosis == "Dysrhythmia")
    valve = next(one for one in records if one.diagnosis is None)
    listed = (copied / "CONTROLS").read_text().splitlines()
    listed.remove(f"{control.patient}/{control.record}")
    listed += [f"{other.patient}/{other.record}", f"{valve.patient}/{valve.record}"]
    (copied / "CONTROLS").write_text("\n".join(listed) + "\n")
    now = {one.record: one for one in read_ptbdb(copied)[0]}
    assert now[control.record].diagnosis is None
    assert "not in CONTROLS" in now[control.record].left_out
    assert now[other.record].diagnosis is None
    assert "Dysrhythmia" in now[other.record].left_out
    assert now[valve.record].diagnosis == "Control"


def test_flat_folders_take_patients_from_the_list_of_records(copied, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in [*copied.rglob("s*_re.*"), copied / "RECORDS", copied / "CONTROLS"]:
        shutil.copy(file, flat / file.name)
    assert [(one.record, one.patient, one.diagnosis) for one in read_ptbdb(flat)[0]] == [
        (one.record, one.patient, one.diagnosis) for one in read_ptbdb(copied)[0]
    ]


def test_missing_and_damaged_records_are_told(copied):
    records, _ = read_ptbdb(copied)
    records[0].header.unlink()
    records[1].header.write_text("nonsense\n")
    now, notes = read_ptbdb(copied)
    assert any(note.startswith("1 of the") and "RECORDS" in note for note in notes)
    assert now[0].diagnosis is None
    assert now[0].left_out
    (copied / "CONTROLS").write_bytes(b"\xff\xfe")
    with pytest.raises(RecordError, match="CONTROLS"):
        read_ptbdb(copied)


def test_patient_of_comments():
    told = ("age: 81", "sex: female", "ECG date: 01/10/1990", "Reason for admission: x")
    later = ("age: 81", "sex: female", "ECG date: 17/10/1990", "Reason for admission: x")
    older = ("age: 82", "sex: female", "ECG date: 01/10/1990", "Reason for admission: x")
    assert ptbdb.patient_of_comments(told) == ptbdb.patient_of_comments(later)
    assert ptbdb.patient_of_comments(told) != ptbdb.patient_of_comments(older)
    assert ptbdb.patient_of_comments(("ECG date: 01/10/1990",)) is None
