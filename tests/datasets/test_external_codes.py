"""Other hospitals' statements and the seven classes."""

import pytest

from ekg.datasets.labels import (
    label_of,
    matched,
    parse_statements,
    read_codes,
    read_label_table,
    statements_of,
    units_of,
)
from ekg.errors import EkgError
from ekg.records.diagnoses import CLASSES, DIAGNOSES
from ekg.records.record import find_records, read_header


def codes(*names):
    return dict.fromkeys(names)


def test_table_agrees_with_the_diagnoses():
    table = read_codes()
    for diagnosis in DIAGNOSES:
        for code in diagnosis.codes:
            assert table["SNOMED", code].diagnosis == diagnosis.abbreviation
    by_system = {"SNOMED": set(), "SCP": set(), "MACHINE": set()}
    for code in table.values():
        if code.role == "class":
            by_system[code.system].add(code.diagnosis)
    assert by_system == {system: set(CLASSES) for system in ("SNOMED", "SCP", "MACHINE")}


def test_docs_show_the_class_codes_of_the_table(root):
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    for code in read_codes().values():
        if code.role == "class":
            assert code.code in text, f"docs/data.md lacks {code.code} ({code.meaning})"


@pytest.mark.parametrize(
    "row",
    [
        "SNOMED,1,x,form,kind,",
        "ICD,1,x,form,class,AF",
        "SNOMED,1,x,form,class,XYZ",
        "SNOMED,1,x,form,finding,AF",
        "SCP,A,x,form,finding,\nSCP,A,x,form,finding,",
    ],
)
def test_wrong_table(tmp_path, row):
    path = tmp_path / "codes.csv"
    path.write_text(f"system,code,meaning,kind,role,diagnosis\n{row}\n")
    with pytest.raises(EkgError, match="unknown system, role or diagnosis, or is a duplicate"):
        read_codes(path)


@pytest.mark.parametrize(
    ("statements", "diagnosis"),
    [
        (codes("164889003"), "AF"),
        (codes("AF"), "AF"),
        (codes("733534002", "164909002"), "LBBB"),
        (codes("426783006"), "Normal"),
        (codes("426783006", "426177001", "39732003"), "Normal"),
        (codes("426783006", "713427006"), "RBBB"),  # sinus rhythm under a block
        (codes("429622005", "Normal", "47665007"), "STD"),
        ({"NORM": 100.0, "SR": 0.0}, "Normal"),
        ({"NORM": 50.0, "SBRAD": 0.0}, "Normal"),
        ({"AFIB": 0.0}, "AF"),
        ({"1AVB": 100.0, "SR": 0.0}, "I-AVB"),
        ({"STE_": 0.0, "SR": 0.0}, "STE"),
        ({"CLBBB": 80.0}, "LBBB"),
    ],
)
def test_kept(statements, diagnosis):
    label = label_of(statements)
    assert (label.diagnosis, label.reason) == (diagnosis, "")


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ({}, "no statement: unlabelled"),
        (codes("164889003", "59118001"), "multi-label: AF, RBBB"),
        (codes("164889003", "426783006"), "multi-label: AF, Normal"),
        ({"NORM": 100.0, "CRBBB": 100.0}, "multi-label: Normal, RBBB"),
        (codes("164889003", "PVC"), "ectopy: ventricular ectopics"),
        (codes("17338001"), "ectopy: ventricular premature beats"),
        (codes("426177001"), "outside the seven classes: sinus bradycardia"),
        (codes("164873001"), "outside the seven classes: left ventricular hypertrophy"),
        (codes("164890007"), "outside the seven classes: atrial flutter"),
        (codes("164890007", "AF"), "conflict with AF: atrial flutter"),
        (codes("12345", "AF"), "unknown code: 12345"),
        ({"QQQ": 100.0}, "unknown code: QQQ"),
        ({"AF": 100.0}, "unknown code: AF"),  # an abbreviation is no SCP statement
        (codes("426783006", "164873001"), "other finding beside Normal: left ventricular hypert"),
        (codes("164889003", "164934002"), "other finding beside AF: T wave abnormal"),
        ({"NORM": 35.0, "SR": 0.0}, "uncertain: normal ECG at likelihood 35"),
        ({"1AVB": 0.0}, "uncertain: first degree AV block at likelihood 0"),
    ],
)
def test_left_out(statements, reason):
    label = label_of(statements)
    assert label.diagnosis is None and label.reason.startswith(reason)


def test_findings_may_be_allowed_but_never_beside_normal():
    kept = label_of(codes("AF", "164934002", "39732003"), allow_findings=True)
    assert kept.diagnosis == "AF"
    assert kept.others == ("T wave abnormal", "left axis deviation")
    assert label_of({"NORM": 100.0, "LVH": 100.0}, allow_findings=True).diagnosis is None


def test_likelihood_from_which_a_statement_counts():
    assert label_of({"NORM": 35.0}, least_likelihood=35).diagnosis == "Normal"
    assert label_of({"NORM": 80.0}, least_likelihood=100).diagnosis is None
    # Rhythm and form statements carry no likelihood: 0 is how they are written.
    assert label_of({"AFIB": 0.0}, least_likelihood=100).diagnosis == "AF"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'NORM': 100.0, 'SR': 0.0}", {"NORM": 100.0, "SR": 0.0}),
        ("{'PRC(S)': 100}", {"PRC(S)": 100.0}),
        ("{}", {}),
        ("164889003,713427006", {"AF": None, "RBBB": None}),
        ("RBBB; af", {"RBBB": None, "AF": None}),
        ("", {}),
    ],
)
def test_cells(text, expected):
    assert parse_statements(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{'NORM': 100.0",
        "{'NORM'}",
        "{'NORM': '100'}",
        "{1: 100}",
        "{'NORM': 101}",
        "{'A': -1}",
        "{'NORM': __import__('os').getpid()}",
        "{'NORM': float('nan')}",
        "{" * 500,
    ],
)
def test_cells_that_are_none(text):
    with pytest.raises(ValueError, match=r"is not a dictionary|must give a likelihood"):
        parse_statements(text)


def test_label_table_of_ptbxl(tmp_path):
    path = tmp_path / "ptbxl_database.csv"
    path.write_text(
        "ecg_id,age,scp_codes,filename_lr,filename_hr\n"
        "1,56,\"{'NORM': 100.0}\",records100/00000/00001_lr,records500/00000/00001_hr\n"
    )
    assert read_label_table(path) == {"00001_lr": {"NORM": 100.0}, "00001_hr": {"NORM": 100.0}}


AF_AND_NORMAL = {"S1": {"AF": None}, "S2": {"Normal": None}}


@pytest.mark.parametrize(
    "content",
    [
        "record,diagnoses\nS1.hea,AF\nS2.mat,Normal\n",
        "record,diagnoses\nfolder/S1,164889003.0\nC:\\x\\S2.HEA,426783006.00\n",
        "record;diagnoses\nS1;AF\nS2;Normal\n",
        "Record\tDx\nS1\t164889003\nS2\t426783006\n",
        "record ; diagnoses\r\nS1 ;1.64889003E+08\r\n S2;4.26783006e8\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_tables_that_went_through_other_programs_are_read(tmp_path, content, encoding):
    path = tmp_path / "labels.csv"
    path.write_bytes(content.encode(encoding))
    assert read_label_table(path) == AF_AND_NORMAL


def test_rows_that_name_no_record_are_counted_and_named():
    table = {**AF_AND_NORMAL, "nobody": {"AF": None}}
    assert matched(table, ["S0", "S1", "S2"]) == ("S1", "S2")
    with pytest.raises(
        EkgError, match=r"none of the 3 rows names a record here \(rows: S1, S2, no"
    ):
        matched(table, ["S01", "S02"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("record,dx\nA,4.26783E+08\n", "line 2, column `dx`: '4.26783E.08' is a code whose last"),
        (None, "label file not found"),
        ("", "not a CSV file"),
        ("record,label\nA,AF\n", "columns are missing; give one of record, "),
        ("record,dx\nA,\"{'NORM'\"\n", "line 2, column `dx`: .* is not a dictionary"),
        ("record,dx\nA,AF\nA,RBBB\n", "line 3 contradicts an earlier line on A"),
    ],
)
def test_wrong_label_table(tmp_path, text, problem):
    path = tmp_path / "labels.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(EkgError, match=problem):
        read_label_table(path)


def test_every_code_of_the_real_records_is_known(shared):
    table = read_label_table(shared / "real" / "INDEX.csv")
    for folder in ("challenge2021", "ptbxl", "cpsc2018"):
        labels = table if folder == "ptbxl" else {}
        for path in find_records(shared / "real" / folder):
            label = label_of(statements_of(read_header(path), labels))
            assert not label.reason.startswith(("unknown", "no statement")), f"{path}: {label}"


def test_units(tmp_path):
    path = tmp_path / "A.hea"
    path.write_text(
        "A 3 500 10\n# note 1 2/uV\nA.dat 16 1000.0(0)/mV 16 0 0 0 0 I\nA.dat 16 200/uV 16\n"
        "A.dat 16 200 16\n"
    )
    header = read_header(path)
    assert units_of(header) == "mV, uV, not stated"
