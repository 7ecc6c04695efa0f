from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekg.errors import SplitError
from ekg.hackathon.ptbdb import HACKATHON_CLASSES, PtbdbRecord
from ekg.hackathon.split import acquaintance, balance, divide, leakage, plan_images, random_starts


def record(name, patient, diagnosis, seconds=20.0):
    return PtbdbRecord(
        name, Path(f"{name}.hea"), patient, "", diagnosis, "", 1000.0, round(1000 * seconds)
    )


def some_records(patients=4, per_patient=2):
    return [
        record(f"s{c}{p}{r}", f"patient{c}{p:02d}", name)
        for c, name in enumerate(HACKATHON_CLASSES)
        for p in range(patients + c)
        for r in range(per_patient)
    ]


def test_starts_depend_on_seed_and_name_and_may_overlap():
    starts = random_starts("a", 7000, 5000, 30, 1)
    assert starts.min() >= 0
    assert starts.max() <= 2000
    assert np.array_equal(random_starts("a", 7000, 5000, 10, 1), starts[:10])
    assert not np.array_equal(random_starts("b", 7000, 5000, 30, 1), starts)
    assert not np.array_equal(random_starts("a", 7000, 5000, 30, 2), starts)
    assert random_starts("a", 5000, 5000, 2, 1).tolist() == [0, 0]
    assert len(random_starts("a", 4999, 5000, 2, 1)) == 0


def test_classes_are_balanced_whatever_the_order_of_records():
    records = some_records()
    images = balance(plan_images(records, 3, 7), 7)
    assert set(Counter(images["diagnosis"]).values()) == {4 * 2 * 3}
    again = balance(plan_images(records[::-1], 3, 7), 7)
    assert set(again["image"]) == set(images["image"])
    other = balance(plan_images(records, 3, 8), 8)
    assert set(other["image"]) != set(images["image"])


def test_a_class_without_a_slice_is_named():
    records = [one for one in some_records() if one.diagnosis != "Dysrhythmia"]
    records.append(record("brief", "patientx", "Dysrhythmia", seconds=4))
    with pytest.raises(SplitError, match="no record of Dysrhythmia that is long enough"):
        balance(plan_images(records, 2))
    with pytest.raises(SplitError, match="use 1 or more"):
        plan_images(records, 0)


@settings(max_examples=25, deadline=None)
@given(
    patients=st.integers(3, 12),
    per_patient=st.integers(1, 3),
    slices=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_nobody_is_in_two_folds(patients, per_patient, slices, seed):
    images = balance(plan_images(some_records(patients, per_patient), slices, seed), seed)
    folds = divide(images, "patients", seed)
    assert len(folds) == len(images)
    of_patient = set(zip(images["patient"], folds, strict=True))
    assert len(of_patient) == len({who for who, _ in of_patient})
    assert leakage(images, folds)["images_by_acquaintance"]["stranger"] == (folds == "test").sum()
    for _, of_class in folds.groupby(images["diagnosis"]):
        assert set(of_class) == {"train", "val", "test"}
    shuffled = images.sample(frac=1, random_state=seed).reset_index(drop=True)
    again = dict(zip(shuffled["image"], divide(shuffled, "patients", seed), strict=True))
    assert again == dict(zip(images["image"], folds, strict=True))


def test_many_patients_come_close_to_the_shares():
    images = balance(plan_images(some_records(60, 1), 3))
    for protocol in ("images", "patients"):
        for _, of_class in divide(images, protocol).groupby(images["diagnosis"]):
            share = of_class.value_counts(normalize=True)
            assert share["train"] == pytest.approx(0.7, abs=0.03)
            assert share["val"] == pytest.approx(0.1, abs=0.03)
            assert share["test"] == pytest.approx(0.2, abs=0.03)


def test_division_by_image_gives_the_published_numbers():
    """795 images of four classes and 720 of one give test rows of 159 and 144, and 392 in val."""
    sizes = [720, 795, 795, 795, 795]
    images = pd.DataFrame(
        [
            (f"{name}-{n}", f"r{name}{n % 40}", f"p{name}{n % 20}", name, n, n, 1000.0)
            for name, size in zip(HACKATHON_CLASSES, sizes, strict=True)
            for n in range(size)
        ],
        columns=["image", "record", "patient", "diagnosis", "slice", "start", "sampling_frequency"],
    )
    folds = divide(images, "images")
    tested = images[folds == "test"]["diagnosis"].value_counts()
    assert [tested[name] for name in HACKATHON_CLASSES] == [144, 159, 159, 159, 159]
    assert (folds == "val").sum() == 392


def test_too_few_patients_or_images_are_named():
    images = balance(plan_images(some_records(2, 4), 3))
    with pytest.raises(SplitError, match=r"Bundle branch block has 2 patients.*3 patients"):
        divide(images, "patients")
    assert set(divide(images, "images")) == {"train", "val", "test"}
    with pytest.raises(SplitError, match=r"Bundle branch block has 2 images.*--per-record"):
        divide(balance(plan_images(some_records(2, 1), 1)), "images")
    with pytest.raises(SplitError, match="unknown protocol"):
        divide(images, "hospitals")


def test_a_patient_of_two_classes_stays_whole():
    records = some_records(5, 2)
    records += [record("extra", records[0].patient, "Myocardial infarction")]
    images = plan_images(records, 3)
    folds = divide(images, "patients")
    assert len(set(folds[images["patient"] == records[0].patient])) == 1


def test_acquaintance_names_the_closest():
    rows = [
        ("train", "r1", "p1", 0),
        ("train", "r2", "p1", 0),
        ("test", "r1", "p1", 4999),
        ("test", "r1", "p1", 5000),
        ("test", "r3", "p1", 0),
        ("test", "r4", "p2", 0),
        ("val", "r5", "p2", 0),
    ]
    images = pd.DataFrame(rows, columns=["fold", "record", "patient", "start"])
    images = images.assign(sampling_frequency=1000.0)
    kinds = acquaintance(images, images["fold"])
    assert kinds.tolist() == ["seconds", "record", "patient", "stranger"]
    counts = leakage(images, images["fold"])
    assert counts["images_by_acquaintance"] == dict.fromkeys(
        ("seconds", "record", "patient", "stranger"), 1
    )
    assert (counts["patients"], counts["patients_in_train"]) == (2, 1)
    assert (counts["records"], counts["records_in_train"]) == (3, 1)
    assert leakage(images, images["fold"], "val")["images_by_acquaintance"]["stranger"] == 1
