"""Levels, resamples of records and their intervals."""

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from ekg.evaluation.intervals import (
    FEWEST_RECORDS,
    evaluate_predictions,
    intervals_of,
    metrics_with_intervals,
    notes_of,
    percentile_interval,
    with_interval,
)
from ekg.evaluation.levels import Units, count_votes, levels_of, majority_vote, shared_votes
from ekg.evaluation.metrics import metrics_of
from ekg.evaluation.predictions import make_predictions, read_predictions
from ekg.evaluation.resampling import all_metrics, confusion_metrics, resample_counts
from ekg.records.diagnoses import CLASSES
from tests.evaluation.conftest import toy_predictions

LEVEL_NAMES = ("per_image", "record_weighted", "per_record", "per_record_majority")


def point(metrics, name):
    """A metric of `metrics_of` by the name that `all_metrics` has for it."""
    metric, _, part = name.partition("/")
    if metric == "reliability":
        return metrics["reliability"]["accuracy"][int(part)]
    return metrics["per_class"][part][metric] if part else metrics[metric]


@pytest.mark.parametrize("level", LEVEL_NAMES[:3])
def test_a_resample_is_a_file_with_its_records_repeated(predictions, level):
    """Each vectorised metric equals scikit-learn's on the images weighted by the counts."""
    units = levels_of(predictions)[level]
    counts = resample_counts(units.n_records, 5, 44)
    resampled = all_metrics(units, counts)
    for b in range(5):
        weights = units.weights * counts[b][units.records]
        there = weights > 0
        labels, p, w = units.labels[there], units.probabilities[there], weights[there]
        called = units.predictions[there]
        assert resampled["accuracy"][b] == pytest.approx(
            sk.accuracy_score(labels, called, sample_weight=w), abs=1e-5
        )
        present = sorted(set(labels))
        assert resampled["macro_f1"][b] == pytest.approx(
            sk.f1_score(labels, called, labels=present, average="macro", sample_weight=w), abs=1e-5
        )
        for k in present:
            auroc = sk.roc_auc_score(labels == k, p[:, k], sample_weight=w)
            average = sk.average_precision_score(labels == k, p[:, k], sample_weight=w)
            assert resampled[f"auroc/{CLASSES[k]}"][b] == pytest.approx(auroc, abs=1e-5)
            assert resampled[f"average_precision/{CLASSES[k]}"][b] == pytest.approx(
                average, abs=1e-5
            )
        assert resampled["log_loss"][b] == pytest.approx(
            sk.log_loss(labels, p, sample_weight=w, labels=list(range(7))), rel=1e-5
        )


def test_large_folds_are_compared_in_strips(predictions, monkeypatch):
    from ekg.evaluation import resampling

    units = levels_of(predictions)["per_image"]
    counts = resample_counts(units.n_records, 7, 1)
    whole = all_metrics(units, counts)
    monkeypatch.setattr(resampling, "_PAIRS_AT_ONCE", 500)
    monkeypatch.setattr(resampling, "_BLOCK", 3)
    for name, values in all_metrics(units, counts).items():
        assert np.allclose(values, whole[name], atol=1e-6, equal_nan=True), name


def test_slices_of_a_record_do_not_narrow_the_interval():
    """Copying every image five times adds no information, and no precision."""
    table = toy_predictions(80)
    copies = np.repeat(np.arange(len(table)), 5)
    probabilities = table[[f"p_{c}" for c in CLASSES]].to_numpy()[copies]
    names = [f"{table['record'].iloc[r]}-s{k:05d}.png" for k, r in enumerate(copies)]
    many = make_predictions(
        names, table["record"].iloc[copies], table["label"].iloc[copies], probabilities
    )
    one, five = (
        evaluate_predictions(t, resamples=500)["record_weighted"]["intervals"]
        for t in (table, many)
    )
    for name, interval in one.items():
        assert five[name] == pytest.approx(interval, abs=1e-5), name


def test_records_are_wider_than_naive_images():
    """Images of one record agree: to treat them as independent would claim too much."""
    units = levels_of(toy_predictions(100, seed=2))["per_image"]
    low, high = percentile_interval(
        confusion_metrics(units, resample_counts(units.n_records, 2000, 44))["accuracy"]
    )
    right = (units.labels == units.predictions).astype(float)
    naive = 2 * 1.96 * right.std() / np.sqrt(len(right))
    assert high - low > 1.2 * naive


def test_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        records, skill = 60, rng.beta(8, 3, 60)
        right = rng.random((records, 4)) < skill[:, None]
        probabilities = np.eye(7)[np.where(right, 0, 1).ravel()]
        names = [f"{r}-s{s}.png" for r in range(records) for s in range(4)]
        owners = [str(r) for r in range(records) for _ in range(4)]
        table = make_predictions(names, owners, ["AF"] * len(names), probabilities)
        units = levels_of(table)["per_image"]
        values = confusion_metrics(units, resample_counts(records, 400, trial))["accuracy"]
        low, high = percentile_interval(values)
        covered += low <= 8 / 11 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_intervals_hold_their_figures(predictions):
    result = evaluate_predictions(predictions, resamples=500)
    for level in LEVEL_NAMES:
        for name, (low, high) in result[level]["intervals"].items():
            if name in ("accuracy", "macro_f1", "macro_auroc", "brier"):
                assert low < result[level][name] < high
        assert "AF" in result[level]["per_class"]
    assert result["per_record"]["per_class"]["AF"].get("intervals") is not None


def test_a_class_missing_from_a_resample_is_left_out_of_its_macro_average():
    table = toy_predictions(12, seed=4)
    units = levels_of(table)["per_record"]
    counts = np.ones((1, 12), np.float32)
    rare = units.record_labels == units.record_labels[0]
    counts[0, rare] = 0
    metrics = all_metrics(units, counts)
    name = CLASSES[units.record_labels[0]]
    assert np.isnan(metrics[f"recall/{name}"][0]) and np.isfinite(metrics["macro_recall"][0])
    recalls = [metrics[f"recall/{c}"][0] for c in CLASSES]
    assert metrics["macro_recall"][0] == pytest.approx(np.nanmean(recalls))


def test_confusion_only_leaves_probabilities_alone(predictions):
    units = levels_of(predictions)["per_image"]
    counts = resample_counts(units.n_records, 50, 1)
    found = intervals_of(units, counts, confusion_only=True)
    assert "macro_f1" in found and "macro_auroc" not in found
    whole = metrics_with_intervals(units, counts)
    assert whole["intervals"]["macro_f1"] == found["macro_f1"]


def test_published_intervals_come_out_near(shared):
    table = read_predictions(shared / "published_model" / "preds_test.csv")
    started = time.perf_counter()
    result = evaluate_predictions(table)
    assert time.perf_counter() - started < 30  # measured properly by scripts/bench_statistics.py
    weighted, images = result["record_weighted"]["intervals"], result["per_image"]["intervals"]
    assert weighted["accuracy"] == pytest.approx([0.767, 0.813], abs=0.002)
    assert weighted["macro_f1"] == pytest.approx([0.717, 0.782], abs=0.003)
    assert images["accuracy"] == pytest.approx([0.774, 0.823], abs=0.004)
    assert images["macro_f1"] == pytest.approx([0.736, 0.800], abs=0.003)


THREE_CLASSES = ("AF", "Normal", "STE")


def tied_predictions(records=14, seed=8):
    """Two to four images a record, with probabilities of one decimal: many ties and sure errors."""
    rng = np.random.default_rng(seed)
    owners = [f"r{i}" for i in range(records) for _ in range(2 + i % 3)]
    labels = [THREE_CLASSES[int(owner[1:]) // 3 % 3] for owner in owners]
    p = rng.multinomial(10, [0.5, 0.3, 0.2], len(owners)) / 10
    p = np.stack([rng.permutation(row) for row in p])
    images = [f"{owner}-s{k:02d}.png" for k, owner in enumerate(owners)]
    return make_predictions(images, owners, labels, p, THREE_CLASSES)


def units(labels, predictions, probabilities=None, records=None, weights=None):
    labels = np.array(labels)
    records = np.arange(len(labels)) if records is None else np.array(records)
    return Units(
        labels,
        np.array(predictions),
        None if probabilities is None else np.array(probabilities, float),
        np.ones(len(labels)) if weights is None else np.array(weights, float),
        records,
        tuple(f"r{i}" for i in range(records.max() + 1)),
        THREE_CLASSES,
    )


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_every_figure_of_every_resample_is_that_of_its_images(level):
    some = levels_of(tied_predictions())[level]
    counts = resample_counts(some.n_records, 12, 3)
    resampled = all_metrics(some, counts)
    for b, row in enumerate(counts):
        weights = some.weights * row[some.records]
        there = weights > 0
        alone = dataclasses.replace(
            some,
            labels=some.labels[there],
            predictions=some.predictions[there],
            probabilities=None if some.probabilities is None else some.probabilities[there],
            weights=weights[there],
            records=some.records[there],
        )
        metrics = metrics_of(alone)
        for name, values in resampled.items():
            expected = point(metrics, name)
            assert values[b] == pytest.approx(
                np.nan if expected is None else expected, abs=1e-5, nan_ok=True
            ), name


def test_classes_of_a_single_record_have_their_figures():
    some = units([0, 1], [0, 1], [[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]])
    once = np.ones((1, 2), np.float32)
    resampled = {name: values[0] for name, values in all_metrics(some, once).items()}
    for name in ("recall", "precision", "auroc", "average_precision"):
        # The first record of Normal is the second of all.
        assert resampled[f"{name}/AF"] == resampled[f"{name}/Normal"] == 1, name
    for name in ("macro_f1", "macro_average_precision"):
        assert resampled[name] == 1, name
    assert resampled["specificity/Normal"] == 1
    assert np.isnan(resampled["recall/STE"])


def test_a_single_class_has_averages_but_no_ranking():
    some = units([1, 1, 1], [1, 1, 0], np.eye(3)[[1, 1, 0]])
    resampled = all_metrics(some, np.ones((2, 3), np.float32))
    assert resampled["macro_recall"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan(resampled["macro_auroc"]).all()
    assert np.isnan(resampled["macro_specificity"]).all()


def test_precision_of_a_class_that_is_there_or_called_or_neither():
    # AF is there and never called; STE is called and not there.
    some = units([0, 1, 1], [1, 1, 2])
    resampled = {n: v[0] for n, v in all_metrics(some, np.ones((1, 3), np.float32)).items()}
    assert resampled["precision/AF"] == 0
    assert resampled["precision/Normal"] == 0.5
    assert np.isnan(resampled["precision/STE"])
    assert resampled["macro_precision"] == 0.25
    assert "macro_auroc" not in resampled and "brier" not in resampled


def test_the_draw_is_pinned():
    counts = resample_counts(6, 2, 44)
    assert counts.dtype == np.float32
    assert counts.tolist() == [[0, 0, 1, 2, 3, 0], [1, 1, 0, 2, 0, 2]]


def test_the_central_95_percent():
    assert percentile_interval(np.arange(1001) / 1000) == pytest.approx([0.025, 0.975])
    assert percentile_interval(np.array([np.nan, 3.0, np.nan])) == [3, 3]
    assert percentile_interval(np.array([np.nan])) is None


def test_ten_records_are_enough():
    for records, expected in ((FEWEST_RECORDS - 1, False), (FEWEST_RECORDS, True)):
        p = np.eye(3)[[0] * records]
        table = make_predictions(
            [f"r{i}-s00.png" for i in range(records)],
            [f"r{i}" for i in range(records)],
            ["AF"] * records,
            p,
            THREE_CLASSES,
        )
        result = evaluate_predictions(table, THREE_CLASSES, resamples=1, seed=9)
        assert bool(result["per_image"]["intervals"]) == expected
        assert bool(result["per_image"]["per_class"]["AF"]["intervals"]) == expected
        assert result["resampling"] == {
            "unit": "record",
            "method": "percentile interval of plain resamples of the fold's records",
            "coverage": 0.95,
            "resamples": int(expected),
            "seed": 9,
        }
        some = levels_of(table, THREE_CLASSES)["per_image"]
        assert bool(intervals_of(some, np.ones((3, records), np.float32))) == expected


def test_no_resamples_give_no_intervals():
    result = evaluate_predictions(tied_predictions(), THREE_CLASSES, resamples=0)
    assert result["resampling"]["resamples"] == 0
    assert result["per_image"]["intervals"] == {}
    assert result["notes"] == []
    assert result["per_image"]["reliability"]["accuracy_interval"] == [None] * 10


def test_what_stands_beside_the_figures():
    table = tied_predictions(36)
    result = evaluate_predictions(table, resamples=60)
    assert (result["records"], result["images"]) == (36, 108)
    assert result["records_by_class"] == dict.fromkeys(THREE_CLASSES, 12)
    assert result["images_by_class"] == dict.fromkeys(THREE_CLASSES, 36)
    assert result["left_out"] == [] and result["notes"] == []
    images = result["per_image"]
    assert set(images["intervals"]) == {
        "accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "macro_specificity",
        "macro_auroc",
        "macro_average_precision",
        "brier",
        "ece",
        "log_loss",
    }
    assert set(images["per_class"]["STE"]["intervals"]) == {
        "precision",
        "recall",
        "f1",
        "specificity",
        "auroc",
        "average_precision",
    }
    curve = images["reliability"]
    for accuracy, interval in zip(curve["accuracy"], curve["accuracy_interval"], strict=True):
        assert (accuracy is None) == (interval is None)
        if interval is not None:
            assert interval[0] <= accuracy <= interval[1]
    assert any(curve["accuracy_interval"])


def test_the_seed_decides_and_nothing_else():
    table = tied_predictions(12)
    one, same, other = (
        evaluate_predictions(table, resamples=30, seed=seed)["per_image"]["intervals"]
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_class_of_ten_records_has_intervals_of_its_own():
    some = units([0] * 10 + [1] * 9 + [2] * 10, [0] * 29)
    result = metrics_with_intervals(some, resample_counts(29, 40, 1))
    assert result["per_class"]["AF"]["intervals"] and result["per_class"]["STE"]["intervals"]
    assert result["per_class"]["Normal"]["intervals"] == {}


def test_classes_named_by_the_caller_are_those_of_the_figures():
    hard = tied_predictions()[["image", "record", "label", "pred", "weight"]]
    result = evaluate_predictions(hard, (*THREE_CLASSES, "STD", "AFL"), resamples=0)
    assert result["left_out"] == ["STD", "AFL"]
    assert list(result["per_image"]["per_class"]) == [*THREE_CLASSES, "STD", "AFL"]


def test_the_notes_word_by_word():
    few = units([0] * 12 + [1] * 9 + [2], [0] * 22)
    hard = "hard labels only: no figure that needs probabilities"
    small = (
        "fewer than 10 records of Normal (9), STE (1): "
        "no intervals for the figures of these classes"
    )
    assert notes_of(few) == notes_of(few, 1) == [small, hard]
    assert notes_of(few, 0) == [hard]
    absent = units([2] * 9, [0] * 9, np.eye(3)[[0] * 9])
    missing = "no image of AF, Normal in this fold: left out of all macro averages"
    assert notes_of(absent, 0) == [missing]
    assert notes_of(absent, 1) == [missing, "9 records: too few for intervals (at least 10)"]
    assert notes_of(units([0] * 10, [0] * 10, np.eye(3)[[0] * 10]), 1)[1:] == []


def test_votes_by_hand():
    records, votes = np.array([0, 0, 0, 1, 1]), np.array([2, 2, 1, 0, 1])
    assert count_votes(records, votes, 3).tolist() == [[0, 1, 2], [1, 1, 0]]
    assert [part.tolist() for part in shared_votes(records, votes, 3)] == [
        [0, 1, 1],
        [2, 0, 1],
        [1, 0.5, 0.5],
    ]
    # The later record's tie is broken by its first image, whatever the votes of the former.
    assert majority_vote(records, votes, 3).tolist() == [2, 0]
    assert majority_vote(np.array([0, 0]), np.array([1, 0]), 3).tolist() == [1]


def test_levels_have_records_and_images_in_natural_order():
    names = ["r10", "r2", "r2"]
    table = make_predictions(
        ["all/AF/r10-s00.png", "all/STE/r2-s10.png", "all/STE/r2-s9.png"],
        names,
        ["AF", "STE", "STE"],
        np.eye(3)[[0, 1, 2]],
        THREE_CLASSES,
    )
    levels = levels_of(table)
    images = levels["per_image"]
    assert images.record_names == ("r2", "r10")
    assert images.records.tolist() == [0, 0, 1]
    assert images.predictions.tolist() == [2, 1, 0]
    assert images.labels.tolist() == [2, 2, 0]
    assert images.weights.tolist() == [1, 1, 1]
    assert levels["record_weighted"].weights.tolist() == [0.5, 0.5, 1]
    record = levels["per_record"]
    assert record.probabilities.tolist() == [[0, 0.5, 0.5], [1, 0, 0]]
    assert record.predictions.tolist() == [1, 0] and record.labels.tolist() == [2, 0]
    majority = levels["per_record_majority"]
    assert majority.records.tolist() == [0, 0, 1] and majority.weights.tolist() == [0.5, 0.5, 1]
    assert majority.labels.tolist() == [2, 2, 0] and majority.predictions.tolist() == [1, 2, 0]
    assert isinstance(table, pd.DataFrame)


def test_a_metric_is_written_with_its_interval():
    assert with_interval(0.79, [0.767, 0.8134]) == "0.790 (0.767-0.813)"
    assert with_interval(0.79, (0.7, 0.8), 2, to=" to ") == "0.79 (0.70 to 0.80)"
    assert with_interval(0.79, [None, 0.8], to="–") == with_interval(0.79, None) == "0.790"
    assert with_interval(None, [0, 1]) == "-"
    assert with_interval(float("nan"), None, to="–") == "–"
