import csv
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


def test_paper_sizes_round_down_and_leave_some_over():
    labels = {f"R{number}": "AF" for number in range(99)}
    sizes = Counter(split.split_records(labels).values())
    assert sizes == {"test": 14, "val": 14, "train": 69, "none": 2}


def test_stratified_uses_every_record_and_keeps_proportions():
    labels = made_up_labels(700)
    folds = split.split_records(labels, protocol="stratified")
    assert "none" not in folds.values()
    for name in ("AF", "STE"):
        members = [folds[record] for record, diagnosis in labels.items() if diagnosis == name]
        for fold in ("val", "test"):
            assert abs(members.count(fold) - 0.15 * len(members)) <= 0.5
    assert {folds[r] for r, d in labels.items() if d in ("PAC", "AF,RBBB")} == {"excluded"}


def test_stratified_gives_each_fold_one_of_a_class_of_three():
    folds = split.split_records({"a": "AF", "b": "AF", "c": "AF"}, protocol="stratified")
    assert sorted(folds.values()) == ["test", "train", "val"]


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("record,dx\nA,AF\n", "no column `diagnoses`"),
        ("record,diagnoses\nA,AF\nA,AF\n", "record A is named twice"),
        ("record,diagnoses\n,AF\n", "empty field `record`"),
        ("record,diagnoses\n", "has no rows"),
        ("", "not a readable CSV"),
        ('record,diagnoses\n"A,AF\n', "not a readable CSV"),
    ],
)
def test_bad_label_files_are_refused_with_their_name(tmp_path, capsys, text, message):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    assert main(["split", "--labels", str(path), "--out", str(tmp_path / "s.csv")]) == 2
    error = capsys.readouterr().err
    assert message in error and "labels.csv" in error and len(error.splitlines()) == 1


def test_missing_and_binary_label_files(tmp_path, capsys):
    assert main(["split", "--labels", str(tmp_path / "no.csv"), "--out", str(tmp_path / "s")]) == 2
    assert "no.csv: file not found" in capsys.readouterr().err
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x81" * 9)
    assert main(["split", "--labels", str(tmp_path / "b.csv"), "--out", str(tmp_path / "s")]) == 2


def test_wrong_value_in_a_split_file(tmp_path):
    path = tmp_path / "split.csv"
    path.write_text("record,split\nA,train\nB,validation\n")
    with pytest.raises(SplitError, match="record B: field `split` is 'validation'"):
        split.read_split(path)
