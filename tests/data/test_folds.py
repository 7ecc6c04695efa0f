"""Images divided into folds, and thinned out."""

import numpy as np
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


def message_of(tmp_path, rows, folds, **options):
    path = split_file(tmp_path, **folds)
    with pytest.raises(SplitError) as caught:
        divide(rows, path, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("number", "named"),
    [(2, "A1, A2"), (5, "A1, A2, A3, A4, A5"), (6, "A1, A2, A3, A4, A5, ...")],
)
def test_records_that_are_not_named(tmp_path, number, named):
    rows = manifest(*[(f"A{i}", "AF") for i in range(number + 1)])
    assert message_of(tmp_path, rows, {"A0": "train"}) == (
        f"{number} of the image set's {number + 1} records are missing: {named}; "
        "make the split from this image set, or add them"
    )


def test_a_fold_without_an_image(tmp_path):
    assert message_of(tmp_path, manifest(("A1", "AF")), {"A1": "train"}) == (
        "fold val has no image in this set; use more records, or another split"
    )


def test_records_of_no_class(tmp_path):
    rows = manifest(("A2", "PVC"), ("A1", "PAC"), ("A3", "AF"), slices=1)
    folds = {"A1": "train", "A2": "train", "A3": "train"}
    assert message_of(tmp_path, rows, folds, needed=["train"], classes=("AF", "STE")) == (
        "fold train has records of other classes than AF, STE: A1, A2 (PAC); "
        "make the image set and the split with the same exclusions"
    )


def test_the_notes_word_by_word(tmp_path):
    rows = manifest(("A1", "AF"), ("A2", "STE"), ("A3", "Normal"))
    path = split_file(tmp_path, A1="train", A2="train", A3="test", A4="val", A5="none")
    folds = divide(rows, path, needed=["train", "train"], classes=("AF", "STE", "LBBB", "RBBB"))
    assert folds.notes == (
        "1 records of the split file's folds are not in the image set",
        "fold train has no image of LBBB, RBBB: weight 0, left out of averages",
    )
    assert list(folds.rows) == ["train", "val", "test"]
    assert list(folds.fold("test")["record"]) == ["A3", "A3"]
    assert not len(folds.fold("val"))


def test_rows_are_numbered_anew_and_slices_in_order_of_their_numbers(tmp_path):
    rows = manifest(("A2", "AF"), ("A1", "AF"), slices=11).astype({"slice": str})
    path = split_file(tmp_path, A1="train", A2="train")
    train = divide(rows.iloc[::-1], path, needed=["train"], classes=["AF"]).fold("train")
    assert list(train.columns) == ["image", "record", "diagnosis", "slice"]
    assert list(train.index) == list(range(22))
    assert list(train["record"]) == ["A1"] * 11 + ["A2"] * 11
    assert list(train["slice"]) == [str(n) for n in range(11)] * 2


def test_labels_are_places_in_the_list_of_classes():
    rows = manifest(("A1", "STE"), ("A2", "AF"), slices=1)
    labels = labels_of(rows, ("AF", "STE"))
    assert labels.tolist() == [1, 0] and labels.dtype == np.int64
    assert labels_of(rows).tolist() == [6, 0]


def test_thinning_out_takes_first_slices_and_leaves_every_class():
    rows = manifest(("B", "AF"), ("A", "AF"), *[(f"C{i}", "Normal") for i in range(9)], slices=3)
    rows = rows.sample(frac=1, random_state=4).sort_values("slice", kind="stable")
    rows.index = np.arange(100, 133)
    kept = thin_out(rows, 11)
    assert list(kept.index) == list(range(11))
    assert list(kept.columns) == list(rows.columns)
    assert kept["diagnosis"].value_counts().to_dict() == {"Normal": 9, "AF": 2}
    assert set(kept["slice"]) == {0} and kept["record"].nunique() == 11
    assert list(kept["image"]) == [image for image in rows["image"] if image in set(kept["image"])]
    one = thin_out(rows, 1)
    assert one["diagnosis"].value_counts().to_dict() == {"AF": 1, "Normal": 1}
    assert thin_out(rows, 33) is rows and thin_out(rows, -1) is rows
    assert len(thin_out(rows, 32)) == 32


def test_of_equal_slices_the_first_records_of_the_file_stay():
    rows = manifest(*[(f"A{i}", "AF") for i in range(40)], slices=2)
    kept = thin_out(rows, 30)
    assert list(kept["record"]) == [f"A{i}" for i in range(30)]
