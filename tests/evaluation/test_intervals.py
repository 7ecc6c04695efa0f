import time

import numpy as np
import pytest
from sklearn import metrics as sk

from ekg.evaluation.intervals import (
    evaluate_predictions,
    figures_with_intervals,
    intervals_of,
    percentile_interval,
)
from ekg.evaluation.levels import levels_of
from ekg.evaluation.metrics import figures_of
from ekg.evaluation.predictions import make_predictions, read_predictions
from ekg.evaluation.resampling import all_figures, confusion_figures, resample_counts
from ekg.records.diagnoses import CLASSES
from tests.evaluation.conftest import toy_predictions

LEVEL_NAMES = ("per_image", "record_weighted", "per_record", "per_record_majority")


def point(figures, name):
    figure, _, part = name.partition("/")
    if figure == "reliability":
        return figures["reliability"]["accuracy"][int(part)]
    return figures["per_class"][part][figure] if part else figures[figure]


@pytest.mark.parametrize("level", LEVEL_NAMES)
def test_every_record_once_gives_the_figures_themselves(predictions, level):
    units = levels_of(predictions)[level]
    resampled = all_figures(units, np.ones((1, units.n_records), np.float32))
    figures = figures_of(units)
    assert len(resampled) >= 34
    for name, values in resampled.items():
        expected = point(figures, name)
        if expected is None:
            assert np.isnan(values[0]), name
        else:
            assert values[0] == pytest.approx(expected, abs=2e-6), name


@pytest.mark.parametrize("level", LEVEL_NAMES[:3])
def test_a_resample_is_a_file_with_its_records_repeated(predictions, level):
    """Each vectorised figure equals scikit-learn's on the images weighted by the counts."""
    units = levels_of(predictions)[level]
    counts = resample_counts(units.n_records, 5, 44)
    resampled = all_figures(units, counts)
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
    whole = all_figures(units, counts)
    monkeypatch.setattr(resampling, "_PAIRS_AT_ONCE", 500)
    monkeypatch.setattr(resampling, "_BLOCK", 3)
    for name, values in all_figures(units, counts).items():
        assert np.allclose(values, whole[name], atol=1e-6, equal_nan=True), name


def test_counts_are_resamples_of_records():
    counts = resample_counts(50, 2000, 44)
    assert counts.shape == (2000, 50) and (counts.sum(axis=1) == 50).all()
    assert counts.mean() == pytest.approx(1)
    assert counts.var() == pytest.approx(1 - 1 / 50, abs=0.03)
    assert np.array_equal(counts, resample_counts(50, 2000, 44))
    assert not np.array_equal(counts, resample_counts(50, 2000, 45))


def test_slices_of_a_record_do_not_narrow_the_interval():
    """Copying every image five times adds no information, and no precision."""
    table = toy_predictions(80)
    copies = np.repeat(np.arange(len(table)), 5)
    probabilities = table[[f"p_{c}" for c in CLASSES]].to_numpy()[copies]
    names = [f"{table['record'].iloc[r]}-s{k:05d}.png" for k, r in enumerate(copies)]
    many = make_predictions(names, table["record"].iloc[copies], table["label"].iloc[copies],
                            probabilities)  # fmt: skip
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
        confusion_figures(units, resample_counts(units.n_records, 2000, 44))["accuracy"]
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
        values = confusion_figures(units, resample_counts(records, 400, trial))["accuracy"]
        low, high = percentile_interval(values)
        covered += low <= 8 / 11 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_seed_decides(predictions):
    one, same, other = (
        evaluate_predictions(predictions, resamples=200, seed=seed)["per_record"]["intervals"]
        for seed in (1, 1, 2)
    )
    assert one == same and one != other


def test_intervals_hold_their_figures(predictions):
    result = evaluate_predictions(predictions, resamples=500)
    for level in LEVEL_NAMES:
        for name, (low, high) in result[level]["intervals"].items():
            if name in ("accuracy", "macro_f1", "macro_auroc", "brier"):
                assert low < result[level][name] < high
        assert "AF" in result[level]["per_class"]
    assert result["per_record"]["per_class"]["AF"].get("intervals") is not None


def test_no_interval_for_fewer_than_ten_records():
    table = toy_predictions(9)
    result = evaluate_predictions(table, resamples=100)
    assert result["per_image"]["intervals"] == {}
    assert result["resampling"]["resamples"] == 0
    assert any("9 records: too few for intervals" in note for note in result["notes"])


def test_no_interval_for_a_class_of_fewer_than_ten_records(predictions):
    sizes = predictions.drop_duplicates("record")["label"].value_counts()
    small = [c for c in CLASSES if sizes[c] < 10]
    large = [c for c in CLASSES if sizes[c] >= 10]
    assert small and large
    result = evaluate_predictions(predictions, resamples=100)
    per_class = result["per_image"]["per_class"]
    assert all(per_class[c]["intervals"] == {} for c in small)
    assert all({"recall", "auroc"} <= set(per_class[c]["intervals"]) for c in large)
    assert any(f"{small[0]} ({sizes[small[0]]})" in note for note in result["notes"])


def test_absent_classes_are_named_once(predictions):
    table = predictions[~predictions["label"].isin(["STE", "LBBB"])]
    result = evaluate_predictions(table, CLASSES, resamples=50)
    assert result["left_out"] == ["LBBB", "STE"]
    assert sum("LBBB" in note for note in result["notes"]) == 1
    assert result["per_image"]["per_class"]["STE"]["f1"] is None


def test_a_class_missing_from_a_resample_is_left_out_of_its_macro_average():
    table = toy_predictions(12, seed=4)
    units = levels_of(table)["per_record"]
    counts = np.ones((1, 12), np.float32)
    rare = units.record_labels == units.record_labels[0]
    counts[0, rare] = 0
    figures = all_figures(units, counts)
    name = CLASSES[units.record_labels[0]]
    assert np.isnan(figures[f"recall/{name}"][0]) and np.isfinite(figures["macro_recall"][0])
    recalls = [figures[f"recall/{c}"][0] for c in CLASSES]
    assert figures["macro_recall"][0] == pytest.approx(np.nanmean(recalls))


def test_confusion_only_leaves_probabilities_alone(predictions):
    units = levels_of(predictions)["per_image"]
    counts = resample_counts(units.n_records, 50, 1)
    found = intervals_of(units, counts, confusion_only=True)
    assert "macro_f1" in found and "macro_auroc" not in found
    whole = figures_with_intervals(units, counts)
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
