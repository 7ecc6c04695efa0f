"""Metrics of every level."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from ekg.evaluation.levels import LEVELS, Units, levels_of
from ekg.evaluation.metrics import (
    SMALLEST_PROBABILITY,
    confusion_matrix,
    metrics_of,
    probability_metrics,
    reliability_bins,
    reliability_curve,
)
from ekg.evaluation.predictions import make_predictions, read_predictions
from ekg.evaluation.runs import flatten
from tests.evaluation.conftest import toy_predictions


def hand_made():
    """Three records: AF (3 images, 2 right), STE (1, right), Normal (2, tie AF and Normal)."""
    p = np.full((6, 7), 0.02)
    for row, (k, value) in enumerate([(0, 0.9), (0, 0.5), (3, 0.6), (6, 0.8), (3, 0.7), (0, 0.75)]):
        p[row, k] = value
    p /= p.sum(axis=1, keepdims=True)
    images = ["a-s00.png", "a-s01.png", "a-s02.png", "b-s00.png", "c-s00.png", "c-s01.png"]
    return make_predictions(
        images, list("aaabcc"), ["AF", "AF", "AF", "STE", "Normal", "Normal"], p
    )


def test_levels_by_hand():
    levels = {name: metrics_of(units) for name, units in levels_of(hand_made()).items()}
    assert list(levels) == list(LEVELS)
    assert levels["per_image"]["accuracy"] == pytest.approx(4 / 6)
    assert levels["record_weighted"]["accuracy"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    # Mean probabilities: a is AF, b is STE, c is AF (0.75 of 0.87 against 0.7 of 0.82).
    assert levels["per_record"]["accuracy"] == pytest.approx(2 / 3)
    # The tie of c counts half AF, half Normal.
    assert levels["per_record_majority"]["accuracy"] == pytest.approx(2.5 / 3)
    matrix = np.array(levels["per_record_majority"]["confusion_matrix"])
    assert matrix[3, 0] == matrix[3, 3] == 0.5 and matrix.sum() == 3


def test_absent_classes_are_left_out_of_macro_averages():
    metrics = metrics_of(levels_of(hand_made())["per_image"])
    recalls = [2 / 3, 1.0, 1 / 2]
    assert metrics["macro_recall"] == pytest.approx(np.mean(recalls))
    assert metrics["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert metrics["per_class"]["LBBB"]["recall"] is None
    assert metrics["per_class"]["LBBB"]["auroc"] is None
    assert metrics["per_class"]["LBBB"]["support"] == 0


def test_order_of_rows_changes_nothing(predictions):
    shuffled = predictions.sample(frac=1, random_state=3)
    for level, units in levels_of(predictions).items():
        again = flatten(metrics_of(levels_of(shuffled)[level]))
        for name, value in flatten(metrics_of(units)).items():
            if isinstance(value, float):
                assert again[name] == pytest.approx(value, abs=1e-12), name
            elif name == "confusion_matrix":
                assert np.allclose(again[name], value)


def test_hard_labels_have_no_mean_of_probabilities(predictions):
    hard = predictions[["image", "record", "label", "pred", "weight"]]
    levels = levels_of(hard)
    assert "per_record" not in levels
    assert "macro_auroc" not in metrics_of(levels["per_image"])


@pytest.mark.parametrize("fold", ["test", "val"])
def test_every_published_figure_to_four_decimals(shared, fold):
    import json

    published = json.loads((shared / "spec" / "published_results.json").read_text())
    expected = published["sets"][fold]
    levels = levels_of(read_predictions(shared / "published_model" / f"preds_{fold}.csv"))
    checked = 0
    for level in ("record_weighted", "per_image"):
        metrics = metrics_of(levels[level])
        for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1"):
            assert round(metrics[name], 4) == expected[level][name]
        for name in ("precision", "recall", "f1"):
            for class_, value in expected[level][name].items():
                assert round(metrics["per_class"][class_][name], 4) == value
                checked += 1
        matrix = np.array(metrics["confusion_matrix"]).round(4)
        assert np.array_equal(matrix, expected[level]["confusion_matrix_rows_true"])
    assert checked == 42
    units = levels["per_image"]
    assert (units.n_records, len(units.labels)) == (expected["records"], expected["images"])


def test_majority_vote_of_the_published_predictions(shared):
    table = read_predictions(shared / "published_model" / "preds_test.csv")
    metrics = metrics_of(levels_of(table)["per_record_majority"])
    assert 0.82 < metrics["accuracy"] < 0.84 and 0.78 < metrics["macro_f1"] < 0.81


def test_other_class_lists():
    table = toy_predictions(classes=("x", "y", "z"))
    assert list(metrics_of(levels_of(table)["per_record"])["per_class"]) == ["x", "y", "z"]
    assert isinstance(table, pd.DataFrame)


THREE_CLASSES = ("AF", "Normal", "STE")


def units(labels, predictions=None, probabilities=None, weights=None, classes=THREE_CLASSES):
    """Units of a record each."""
    labels = np.array(labels)
    if probabilities is not None:
        probabilities = np.array(probabilities, float)
    if predictions is None:
        predictions = probabilities.argmax(axis=1)
    return Units(
        labels,
        np.array(predictions),
        probabilities,
        np.ones(len(labels)) if weights is None else np.array(weights, float),
        np.arange(len(labels)),
        tuple(f"r{i}" for i in range(len(labels))),
        classes,
    )


FOUR = units(
    [0, 0, 1, 1],
    probabilities=[[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.2, 0.8, 0.0], [0.5, 0.4, 0.1]],
    weights=[0.5, 0.25, 0.125, 0.125],
)


def test_the_matrix_sums_weights_with_the_truth_in_rows():
    matrix = confusion_matrix(FOUR)
    assert matrix.tolist() == [[0.5, 0.25, 0], [0.125, 0.125, 0], [0, 0, 0]]
    # Whole weights give whole sums; they are fractions all the same to what divides by them.
    assert confusion_matrix(units([0, 1], [0, 0])).dtype == np.float64


def test_every_figure_of_four_units():
    metrics = metrics_of(FOUR)
    assert list(metrics) == [
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
        "reliability",
        "per_class",
        "confusion_matrix",
    ]
    assert metrics["accuracy"] == pytest.approx(0.625)
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    af = metrics["per_class"]["AF"]
    assert list(af) == [
        "precision",
        "recall",
        "f1",
        "specificity",
        "auroc",
        "average_precision",
        "support",
    ]
    assert af["precision"] == pytest.approx(0.8)
    assert af["recall"] == pytest.approx(2 / 3)
    assert af["f1"] == pytest.approx(2 * 0.8 * (2 / 3) / (0.8 + 2 / 3))
    assert af["specificity"] == pytest.approx(0.5)
    assert af["support"] == 0.75
    # Of 0.75 x 0.25 pairs by weight, 0.7 beats both others and 0.3 beats 0.2 alone.
    assert af["auroc"] == pytest.approx((0.5 * 0.25 + 0.25 * 0.125) / (0.75 * 0.25))
    # Precision at 0.7 is 1; at 0.3 it is 0.75 of 0.875.
    assert af["average_precision"] == pytest.approx(2 / 3 * 1 + 1 / 3 * 0.75 / 0.875)
    normal = metrics["per_class"]["Normal"]
    assert normal["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 0.25 / 0.5)
    assert metrics["macro_average_precision"] == pytest.approx(
        (af["average_precision"] + normal["average_precision"]) / 2
    )
    assert metrics["per_class"]["STE"] == {**dict.fromkeys(af), "support": 0}


def test_long_fractions_are_rounded_to_nine_places():
    # Thirds of a record: their sum in floating point is not the fraction that people write.
    metrics = metrics_of(units([0, 0, 1], [0, 1, 1], weights=[1 / 3, 1 / 3, 2 / 3]))
    assert metrics["per_class"]["AF"]["support"] == 0.666666667
    assert metrics["confusion_matrix"][0] == [0.333333333, 0.333333333, 0]


def test_light_classes_have_a_specificity():
    metrics = metrics_of(units([0, 1], [0, 0], weights=[0.75, 0.25]))
    assert metrics["per_class"]["AF"]["specificity"] == 0
    assert metrics["per_class"]["Normal"]["specificity"] == 1


@pytest.mark.filterwarnings("error")
def test_a_single_class_has_neither_specificity_nor_warning():
    metrics = metrics_of(units([1, 1], probabilities=[[0.1, 0.8, 0.1], [0.6, 0.3, 0.1]]))
    assert metrics["per_class"]["Normal"]["specificity"] is None
    assert metrics["per_class"]["Normal"]["auroc"] is None
    assert metrics["macro_average_precision"] is None
    # A class that is never called has precision 0, and scikit-learn need not warn of it.
    assert metrics_of(units([0, 1], [0, 0]))["per_class"]["Normal"]["precision"] == 0


def test_probability_figures_by_hand():
    metrics = probability_metrics(FOUR)
    squares = [0.09 + 0.04 + 0.01, 0.49 + 0.36 + 0.01, 0.04 + 0.04, 0.25 + 0.36 + 0.01]
    assert metrics["brier"] == pytest.approx(np.dot(squares, FOUR.weights))
    assert metrics["log_loss"] == pytest.approx(-np.dot(np.log([0.7, 0.3, 0.8, 0.4]), FOUR.weights))
    assert metrics["ece"] == pytest.approx(0.5 * 0.3 + 0.25 * 0.6 + 0.125 * 0.2 + 0.125 * 0.5)


def test_a_probability_of_zero_costs_much_but_not_everything():
    metrics = probability_metrics(units([2, 0], probabilities=[[1, 0, 0], [1, 0, 0]]))
    assert metrics["log_loss"] == pytest.approx(-np.log(SMALLEST_PROBABILITY) / 2)


def test_bins_at_their_edges():
    p = np.array([[0.0, 0.0], [0.04, 0.01], [0.1, 0.0], [0.11, 0], [0.2, 0.2], [1.0, 0.0]])
    assert reliability_bins(p).tolist() == [0, 0, 0, 1, 1, 9]
    assert reliability_bins(p, 2).tolist() == [0, 0, 0, 0, 0, 1]
    # A sum of probabilities may pass 1 by a rounding.
    assert reliability_bins(np.array([[1.0000001]])).tolist() == [9]


def test_the_reliability_curve_by_hand():
    curve = reliability_curve(FOUR, bins=5)
    assert curve["edges"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert curve["weight"] == [0, 0, 0.375, 0.625, 0]
    assert curve["confidence"][2] == pytest.approx((0.25 * 0.6 + 0.125 * 0.5) / 0.375)
    assert curve["confidence"][3] == pytest.approx((0.5 * 0.7 + 0.125 * 0.8) / 0.625)
    assert curve["accuracy"] == [None, None, 0, 1, None]
    assert curve["units"] == [0, 0, 2, 2, 0]
    assert reliability_curve(FOUR)["edges"] == pytest.approx(np.linspace(0, 1, 11))
    assert len(reliability_curve(FOUR)["units"]) == 10


def test_against_scikit_learn_class_by_class():
    rng = np.random.default_rng(3)
    p = rng.dirichlet([1, 1, 1], 90).round(2)
    weights = rng.uniform(0.1, 1, 90)
    some = units(rng.integers(0, 3, 90), probabilities=p, weights=weights)
    metrics = metrics_of(some)
    for k, name in enumerate(THREE_CLASSES):
        mine = metrics["per_class"][name]
        truth = some.labels == k
        assert mine["average_precision"] == pytest.approx(
            sk.average_precision_score(truth, p[:, k], sample_weight=weights)
        )
        assert mine["auroc"] == pytest.approx(
            sk.roc_auc_score(truth, p[:, k], sample_weight=weights)
        )
