import numpy as np
import pandas as pd
import pytest

from ekg.errors import EvaluationError
from ekg.evaluation.predictions import (
    classes_of,
    has_probabilities,
    make_predictions,
    probabilities_of,
    read_predictions,
    record_of_image,
    write_predictions,
)
from ekg.records.diagnoses import CLASSES

PUBLISHED = """label,pred,is_correct,fname,weight
0,0,1,A0004-s01_PIL.png,0.5
0,6,0,A0004-s00_PIL.png,0.5
3,3,1,A0009-s00_PIL.png,1.0
"""


def test_round_trip_keeps_every_bit(tmp_path, predictions):
    write_predictions(tmp_path / "predictions_test.csv", predictions)
    again = read_predictions(tmp_path / "predictions_test.csv")
    pd.testing.assert_frame_equal(again, predictions, check_dtype=False, check_exact=True)
    assert list(again.columns) == [
        "image",
        "record",
        "label",
        "pred",
        *(f"p_{c}" for c in CLASSES),
        "weight",
    ]


def test_published_form(tmp_path):
    (tmp_path / "preds_test.csv").write_text(PUBLISHED)
    table = read_predictions(tmp_path / "preds_test.csv")
    assert table["label"].tolist() == ["AF", "AF", "Normal"]
    assert table["pred"].tolist() == ["AF", "STE", "Normal"]
    assert table["record"].tolist() == ["A0004", "A0004", "A0009"]
    assert not has_probabilities(table) and probabilities_of(table) is None
    assert classes_of(table) == CLASSES


def test_other_classes_are_named_by_the_columns(tmp_path):
    table = make_predictions(["a-s00.png"], ["a"], ["y"], np.array([[0.2, 0.8]]), ("x", "y"))
    write_predictions(tmp_path / "p.csv", table)
    assert classes_of(read_predictions(tmp_path / "p.csv")) == ("x", "y")
    assert read_predictions(tmp_path / "p.csv")["pred"].tolist() == ["y"]


def test_records_named_like_missing_values_stay_text(tmp_path):
    table = make_predictions(
        ["NA-s00.png", "007-s00.png"], ["NA", "007"], ["AF", "AF"], np.eye(7)[[0, 1]]
    )
    write_predictions(tmp_path / "p.csv", table)
    assert read_predictions(tmp_path / "p.csv")["record"].tolist() == ["NA", "007"]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("A0004-s01_PIL.png", "A0004"),
        ("all/AF/S-s1-s10_PIL.png", "S-s1"),
        ("all\\AF\\x-s00.png", "x"),
        ("A0004.png", None),
    ],
)
def test_record_of_image(name, record):
    assert record_of_image(name) == record


def own_file(tmp_path, change):
    table = make_predictions(
        ["a-s00.png", "a-s01.png", "b-s00.png"],
        ["a", "a", "b"],
        ["AF", "AF", "STE"],
        np.eye(7)[[0, 0, 6]] * 0.93 + 0.01,
    )
    table = change(table)
    table.to_csv(tmp_path / "p.csv", index=False)
    return tmp_path / "p.csv"


def put(column, row, value):
    def change(table):
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[:0], "no predictions"),
        (lambda t: t.drop(columns="record"), "column `record` is missing"),
        (put("label", 0, "XYZ"), "'XYZ' is not one of the classes"),
        (put("label", 0, "STE"), "record 'a' has two different labels"),
        (put("image", 1, "a-s00.png"), "duplicate image"),
        (put("p_AF", 1, "many"), "line 3: `p_AF` is not a number"),
        (put("p_AF", 1, float("nan")), "line 3: `p_AF` is not a number"),
        (put("p_AF", 1, 0.5), "line 3: probabilities must be in 0..1"),
        (put("pred", 2, "AF"), "line 4: `pred` is not the class of the largest"),
        (lambda t: t.drop(index=1), "line 2: `weight` is not 1/"),
    ],
)
def test_contradictions_are_named(tmp_path, change, message):
    path = own_file(tmp_path, change)
    with pytest.raises(EvaluationError) as caught:
        read_predictions(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0,6,0", "0,7,0", "'7' is not a class index 0..6"),
        ("0,6,0", "0,6,1", "line 3: `is_correct` contradicts"),
        ("A0009-s00_PIL.png", "A0009.png", "is not <record>-sNN_PIL.png"),
    ],
)
def test_published_contradictions(tmp_path, old, new, message):
    (tmp_path / "p.csv").write_text(PUBLISHED.replace(old, new))
    with pytest.raises(EvaluationError, match=message.replace("[", r"\[")):
        read_predictions(tmp_path / "p.csv")


def test_missing_file_says_what_to_run(tmp_path):
    with pytest.raises(EvaluationError, match="python -m ekg evaluate"):
        read_predictions(tmp_path / "none.csv")
