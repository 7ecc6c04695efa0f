import pandas as pd
import pytest

from ekg.data.folds import divide, labels_of, thin_out
from ekg.errors import SplitError


def manifest(*records, slices=2):
    rows = [
        (f"all/{name}/{record}-s{s:02d}_PIL.png", record, name, s)
        for record, name in records
        for s in range(slices)
    ]
    return pd.DataFrame(rows, columns=["image", "record", "diagnosis", "slice"])


def split_file(tmp_path, **folds):
    path = tmp_path / "split.csv"
    path.write_text("record,diagnoses,split\n" + "".join(f"{r},X,{f}\n" for r, f in folds.items()))
    return path


RECORDS = [("A10", "AF"), ("A2", "STE"), ("A3", "AF"), ("A4", "Normal")]


def test_folds_are_by_record_and_in_natural_order(tmp_path):
    split = split_file(tmp_path, A2="train", A3="val", A4="none", A10="train")
    shuffled = manifest(*RECORDS).sample(frac=1, random_state=1)
    folds = divide(shuffled, split, needed=("train", "val"))
    train = folds.fold("train")
    assert list(train["record"]) == ["A2", "A2", "A10", "A10"]
    assert list(train["slice"]) == [0, 1, 0, 1]
    assert list(labels_of(train)) == [6, 6, 0, 0]
    assert set(folds.fold("val")["record"]) == {"A3"}


def test_what_is_missing_is_said_once(tmp_path):
    split = split_file(
        tmp_path, A2="train", A3="val", A4="train", A10="train", A77="test", A78="train",
        A79="excluded",
    )  # fmt: skip
    folds = divide(manifest(*RECORDS), split, needed=("train", "val"))
    assert [n for n in folds.notes if "2 records" in n]
    assert [n for n in folds.notes if "fold val" in n and "STE" in n]
    assert len(folds.notes) == 3


def test_records_the_split_does_not_name(tmp_path):
    split = split_file(tmp_path, A2="train", A3="val")
    with pytest.raises(SplitError, match=r"2 of the image set's 4 records.*A4, A10"):
        divide(manifest(*RECORDS), split)


def test_an_empty_fold(tmp_path):
    split = split_file(tmp_path, A2="train", A3="train", A4="train", A10="train")
    with pytest.raises(SplitError, match="fold val has no image"):
        divide(manifest(*RECORDS), split, needed=("train", "val"))


def test_a_record_of_no_class(tmp_path):
    split = split_file(tmp_path, A1="train", A2="val")
    with pytest.raises(SplitError, match="PVC"):
        divide(manifest(("A1", "PVC"), ("A2", "AF")), split, needed=("train", "val"))


def test_thinning_out_keeps_classes_and_records():
    rows = manifest(*[(f"A{i}", "AF") for i in range(20)], *[(f"B{i}", "STE") for i in range(10)])
    kept = thin_out(rows, 30)
    assert len(kept) == 30
    assert kept["record"].nunique() == 30
    assert (kept["diagnosis"] == "AF").sum() == 20
    assert thin_out(rows, 0) is rows
    assert thin_out(rows, 99) is rows
