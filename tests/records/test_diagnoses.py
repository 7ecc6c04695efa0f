import pytest

from ekg.records.diagnoses import (
    CLASSES,
    DIAGNOSES,
    diagnoses_of_comments,
    normalise_diagnoses,
    unknown_diagnoses,
)


def test_classes_stand_in_index_order():
    assert CLASSES == ("AF", "I-AVB", "LBBB", "Normal", "RBBB", "STD", "STE")


@pytest.mark.parametrize(
    "comment",
    [
        "Dx: RBBB,AF",
        "#Dx: RBBB,AF",
        "# Dx: RBBB, AF",
        "dx:rbbb,af",
        "Dx: 59118001,164889003",
        "#Dx: 713427006,AF,RBBB",
    ],
)
def test_every_header_form(comment):
    assert diagnoses_of_comments(["Age: 74", comment, "Rx: Unknown"]) == ("RBBB", "AF")


def test_no_diagnosis():
    assert diagnoses_of_comments(["Age: 74", "Dx:", "Hx: Dx"]) == ()


def test_unknown_codes_stay_as_they_are():
    found = diagnoses_of_comments(["Dx: 426177001,59118001"])
    assert found == ("426177001", "RBBB")
    assert unknown_diagnoses(found) == ("426177001",)


def test_codes_mean_one_diagnosis_each():
    codes = [code for diagnosis in DIAGNOSES for code in diagnosis.codes]
    assert len(codes) == len(set(codes))
    for diagnosis in DIAGNOSES:
        assert normalise_diagnoses(diagnosis.codes) == (diagnosis.abbreviation,)
