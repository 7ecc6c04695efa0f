"""Groups by sex and age: what headers say, and how many records were right."""

import pytest

from ekg.evaluation.groups import NOT_STATED, Person, metrics_by_group, person_of, pooled, shares


@pytest.mark.parametrize(
    ("comments", "sex", "age"),
    [
        (("Age: 45", "Sex: Male"), "Male", "under 50"),
        (("age: 50", "sex: f"), "Female", "50 to 69"),
        (("AGE:69.5", "SEX: FEMALE"), "Female", "50 to 69"),
        (("Age: 70", "Sex: M"), "Male", "70 and over"),
        (("Age: 300", "Sex: Unknown"), NOT_STATED, NOT_STATED),
        (("Age: NaN", "Sex: "), NOT_STATED, NOT_STATED),
        (("Age: -3", "no colon"), NOT_STATED, NOT_STATED),
        (("Age: ٤٥",), NOT_STATED, NOT_STATED),
        ((), NOT_STATED, NOT_STATED),
    ],
)
def test_what_a_header_says_of_a_person(comments, sex, age):
    assert person_of(comments) == Person(sex, age)


def test_every_record_counts_in_one_group_of_each_kind():
    people = [
        (Person("Female", "under 50"), True),
        (Person("Female", "under 50"), False),
        (Person("Male", NOT_STATED), True),
    ]
    groups = metrics_by_group(people)
    assert list(groups["sex"]) == ["Female", "Male"]
    assert groups["sex"]["Female"] == {"records": 2, "correct": 1, "accuracy": 0.5}
    assert groups["age"] == {
        "under 50": {"records": 2, "correct": 1, "accuracy": 0.5},
        NOT_STATED: {"records": 1, "correct": 1, "accuracy": 1.0},
    }


def test_an_interval_from_ten_records_on_and_that_of_wilson():
    assert "interval" not in shares(9, 9)
    # Newcombe 1998, table I: 81 of 263 by the score method without correction.
    assert shares(81, 263)["interval"] == pytest.approx([0.2553, 0.3662], abs=5e-5)
    low, high = shares(10, 10)["interval"]
    assert 0.7 < low < 0.75 and high == pytest.approx(1)


def test_sources_add_up():
    first = metrics_by_group([(Person("Male", "under 50"), True)] * 6)
    second = metrics_by_group([(Person("Male", "under 50"), False)] * 4)
    both = pooled([first, second, {}])
    assert both["sex"]["Male"] == shares(6, 10)
    assert "Female" not in both["sex"]
