"""Records divided into folds."""

import csv
import math
import random
from collections import Counter

import pytest

from ekg.cli import main
from ekg.data import split
from ekg.errors import SplitError


def made_up_labels(n=400, seed=1):
    generator = random.Random(seed)
    classes = ["AF", "I-AVB", "LBBB", "Normal", "RBBB", "STD", "STE", "PAC", "AF,RBBB"]
    return {f"R{number}": generator.choice(classes) for number in range(n)}


def write_labels(path, labels):
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["record", "diagnoses"])
        writer.writerows(labels.items())
    return path


def test_published_split_row_by_row_whatever_the_order(shared, tmp_path, capsys):
    published = (shared / "spec" / "paper_split.csv").read_text().splitlines()
    rows = list(csv.DictReader(published))
    random.Random(5).shuffle(rows)
    labels = write_labels(tmp_path / "l.csv", {row["record"]: row["diagnoses"] for row in rows})
    out = tmp_path / "split.csv"
    assert main(["split", "--labels", str(labels), "--out", str(out)]) == 0
    assert out.read_text().splitlines() == published
    assert "equals the published split" in capsys.readouterr().err


def test_stored_checksum_is_that_of_the_published_split(shared):
    folds = split.read_split(shared / "spec" / "paper_split.csv")
    assert split.split_checksum(folds) == split.PAPER_SPLIT_SHA256
    assert Counter(folds.values()) == split.PAPER_FOLD_SIZES


def test_full_record_set_with_other_labels_is_refused(tmp_path, capsys):
    labels = {f"A{number:04d}": "AF" for number in range(1, 6878)}
    path = write_labels(tmp_path / "l.csv", labels)
    out = tmp_path / "split.csv"
    assert main(["split", "--labels", str(path), "--out", str(out)]) == 2
    assert split.PAPER_SPLIT_SHA256 in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("protocol", split.PROTOCOLS)
def test_order_of_rows_does_not_matter(protocol):
    labels = made_up_labels()
    names = list(labels)
    random.Random(2).shuffle(names)
    expected = split.split_records(labels, protocol=protocol)
    got = split.split_records({name: labels[name] for name in names}, protocol=protocol)
    assert list(got.items()) == list(expected.items())
    assert list(got)[:3] == ["R0", "R1", "R2"]


def test_stratified_uses_every_record_and_keeps_proportions():
    labels = made_up_labels(700)
    folds = split.split_records(labels, protocol="stratified")
    assert "none" not in folds.values()
    for name in ("AF", "STE"):
        members = [folds[record] for record, diagnosis in labels.items() if diagnosis == name]
        for fold in ("val", "test"):
            assert abs(members.count(fold) - 0.15 * len(members)) <= 0.5
    assert {folds[r] for r, d in labels.items() if d in ("PAC", "AF,RBBB")} == {"excluded"}


def test_stratified_depends_on_the_seed():
    labels = made_up_labels()
    assert split.split_records(labels, protocol="stratified", seed=1) != split.split_records(
        labels, protocol="stratified", seed=2
    )


def test_exclusions_can_be_switched_off():
    labels = {
        **{f"P{i}": "PAC" for i in range(9)},
        **{f"M{i}": "RBBB,AF" for i in range(9)},
        "x": "?",
    }
    with pytest.raises(SplitError, match="none of the 19 records"):
        split.split_records(labels)
    folds = split.split_records(labels, keep_multi=True, keep_ectopy=True)
    assert folds["x"] == "excluded"
    assert "excluded" not in {fold for record, fold in folds.items() if record != "x"}
    assert split.stratum_of("RBBB,AF", keep_multi=True) == split.stratum_of(
        "AF,59118001", keep_multi=True
    )


def test_missing_and_binary_label_files(tmp_path, capsys):
    assert main(["split", "--labels", str(tmp_path / "no.csv"), "--out", str(tmp_path / "s")]) == 2
    assert "no.csv: file not found" in capsys.readouterr().err
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x81" * 9)
    assert main(["split", "--labels", str(tmp_path / "b.csv"), "--out", str(tmp_path / "s")]) == 2


CLASSES = "AF, I-AVB, LBBB, Normal, RBBB, STD, STE"


def error_of(call):
    with pytest.raises(SplitError) as caught:
        call()
    return str(caught.value)


def file(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_the_paper_excludes():
    assert split.stratum_of("AF") == "AF"
    assert split.stratum_of("164889003") == "AF"
    assert split.stratum_of("AF,RBBB") is None
    assert split.stratum_of("PAC") is None
    assert split.stratum_of("") is None
    assert split.stratum_of("RBBB,AF", keep_multi=True) == "AF+RBBB"
    assert split.stratum_of("RBBB,PAC", keep_multi=True) is None
    assert split.stratum_of("RBBB,PAC", keep_multi=True, keep_ectopy=True) == "PAC+RBBB"


@pytest.mark.parametrize(
    ("n", "test"), [(1, 0), (2, 0), (3, 1), (9, 1), (10, 2), (16, 2), (17, 3), (100, 15)]
)
def test_stratified_sizes_are_rounded_and_small_classes_go_to_train(n, test):
    folds = split.split_records({f"r{i}": "AF" for i in range(n)}, protocol="stratified")
    found = list(folds.values())
    assert [found.count(fold) for fold in ("test", "val", "train")] == [test, test, n - 2 * test]


@pytest.mark.parametrize("n", [1, 6, 7, 19, 20, 100, 1695])
def test_paper_sizes_are_rounded_down(n):
    found = list(split.split_records({f"r{i}": "STE" for i in range(n)}).values())
    few, many = math.floor(0.15 * n), math.floor((1 - 0.15 - 0.15) * n)
    assert [found.count(fold) for fold in ("test", "val", "train")] == [few, few, many]
    assert found.count("none") == n - 2 * few - many


def test_a_pinned_split_of_each_protocol():
    labels = {f"S{i}": "AF" if i % 2 else "STE" for i in range(14)}
    folds = {p: split.split_records(labels, protocol=p, seed=44) for p in split.PROTOCOLS}
    shown = {p: " ".join(fold[:2] for fold in folds[p].values()) for p in folds}
    # An outside change of the hash, the shuffle or the order of classes shows here.
    assert shown == {
        "paper": "tr tr no va tr te te no tr tr va tr tr tr",
        "stratified": "tr tr tr tr tr tr va tr tr va tr tr te te",
    }
    assert split.split_records(labels) == folds["paper"]


def test_an_unknown_protocol():
    assert error_of(lambda: split.split_records({"a": "AF"}, protocol="kfold")) == (
        "unknown protocol 'kfold'; use paper or stratified"
    )


def test_no_record_of_the_classes():
    assert error_of(lambda: split.split_records({"a": "PAC", "b": "AF,STE"})) == (
        "none of the 2 records has exactly one diagnosis of "
        f"{CLASSES}; check the column `diagnoses`"
    )


def test_another_split_of_the_published_records():
    folds = {"A0001": "train", "A0002": "train", "A0003": "none"}
    message = error_of(lambda: split.check_published_split(folds))
    assert message == (
        "the split of the 6877 CPSC 2018 records is not the published one: "
        f"SHA-256 {split.split_checksum(folds)} instead of {split.PAPER_SPLIT_SHA256}, "
        "sizes {'train': 2, 'none': 1} instead of {'train': 3680, 'val': 784, 'test': 784, "
        "'none': 13, 'excluded': 1616}; "
        "check that the records are those of PhysioNet challenge-2020 1.0.2, unchanged"
    )


def test_checksum_is_of_sorted_lines():
    # `printf 'a,test\nb,train\n' | sha256sum`
    digest = "363ebee12f1e8d34a90e5d532acec9ac14aea31c8b8978205517752d873a28d5"
    assert split.split_checksum({"b": "train", "a": "test"}) == digest


def test_the_published_records_are_known_by_their_names():
    names = [f"A{n:04d}" for n in range(1, 6878)]
    assert split.is_published_record_set(names)
    assert not split.is_published_record_set(names[1:])
    assert not split.is_published_record_set([*names, "A6878"])
    assert not split.is_published_record_set([*names, "A0000"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,dx\nA,AF\n",
            "no column `record`, `split` (there are: name, dx); "
            "the header row must name the columns record, split",
        ),
        ("record,split\n,train\n", "a row has an empty field `record`"),
        ("record,split\nA,val\n A ,val\n", "duplicate record 'A'; give each record one row"),
        ("record,split\n", "has no rows"),
        (
            "record,split\nA,train\nB,Val\n",
            "record B: field `split` is 'Val'; use one of train, val, test, none, excluded",
        ),
    ],
)
def test_bad_tables_are_refused_in_one_whole_line(tmp_path, text, message):
    path = file(tmp_path, text)
    assert error_of(lambda: split.read_split(path)) == f"{path}: {message}"


def test_files_that_are_not_there_or_no_tables(tmp_path):
    missing = tmp_path / "no.csv"
    assert error_of(lambda: split.read_labels(missing)) == f"{missing}: file not found"
    binary = file(tmp_path, b"\xff\xfe\x00\x81")
    message = error_of(lambda: split.read_labels(binary))
    assert message.startswith(f"{binary}: not a readable CSV file (") and "codec" in message


def test_files_from_spreadsheets_and_names_of_digits(tmp_path):
    # Excel puts a byte order mark in front; a name of digits keeps its zeros.
    path = file(tmp_path, b"\xef\xbb\xbfrecord,diagnoses,age\n0012,AF,60\n 7 ,NA,\n")
    assert split.read_labels(path) == {"0012": "AF", "7": "NA"}


def test_a_written_split_is_read_back_and_has_these_bytes(tmp_path):
    folds = {"A2": "train", "A10": "excluded"}
    split.write_split(tmp_path / "split.csv", folds, {"A10": "AF,PAC", "A2": "AF", "x": "STE"})
    assert (tmp_path / "split.csv").read_bytes() == (
        b'record,diagnoses,split\nA2,AF,train\nA10,"AF,PAC",excluded\n'
    )
    assert split.read_split(tmp_path / "split.csv") == folds
    assert split.read_labels(tmp_path / "split.csv") == {"A2": "AF", "A10": "AF,PAC"}
