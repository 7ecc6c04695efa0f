"""Figures of a few units by hand, where the toy predictions cannot tell right from nearly right."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ekg.evaluation.levels import Units
from ekg.evaluation.metrics import (
    SMALLEST_PROBABILITY,
    confusion_matrix,
    figures_of,
    probability_figures,
    reliability_bins,
    reliability_curve,
)

CLASSES = ("AF", "Normal", "STE")


def units(labels, predictions=None, probabilities=None, weights=None, classes=CLASSES):
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
    figures = figures_of(FOUR)
    assert list(figures) == [
        "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1",
        "macro_specificity", "macro_auroc", "macro_average_precision", "brier", "ece",
        "log_loss", "reliability", "per_class", "confusion_matrix",
    ]  # fmt: skip
    assert figures["accuracy"] == pytest.approx(0.625)
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    af = figures["per_class"]["AF"]
    assert list(af) == [
        "precision", "recall", "f1", "specificity", "auroc", "average_precision", "support"
    ]  # fmt: skip
    assert af["precision"] == pytest.approx(0.8)
    assert af["recall"] == pytest.approx(2 / 3)
    assert af["f1"] == pytest.approx(2 * 0.8 * (2 / 3) / (0.8 + 2 / 3))
    assert af["specificity"] == pytest.approx(0.5)
    assert af["support"] == 0.75
    # Of 0.75 x 0.25 pairs by weight, 0.7 beats both others and 0.3 beats 0.2 alone.
    assert af["auroc"] == pytest.approx((0.5 * 0.25 + 0.25 * 0.125) / (0.75 * 0.25))
    # Precision at 0.7 is 1; at 0.3 it is 0.75 of 0.875.
    assert af["average_precision"] == pytest.approx(2 / 3 * 1 + 1 / 3 * 0.75 / 0.875)
    normal = figures["per_class"]["Normal"]
    assert normal["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 0.25 / 0.5)
    assert figures["macro_average_precision"] == pytest.approx(
        (af["average_precision"] + normal["average_precision"]) / 2
    )
    assert figures["per_class"]["STE"] == {**dict.fromkeys(af), "support": 0}


def test_long_fractions_are_rounded_to_nine_places():
    # Thirds of a record: their sum in floating point is not the fraction that people write.
    figures = figures_of(units([0, 0, 1], [0, 1, 1], weights=[1 / 3, 1 / 3, 2 / 3]))
    assert figures["per_class"]["AF"]["support"] == 0.666666667
    assert figures["confusion_matrix"][0] == [0.333333333, 0.333333333, 0]


def test_light_classes_have_a_specificity():
    figures = figures_of(units([0, 1], [0, 0], weights=[0.75, 0.25]))
    assert figures["per_class"]["AF"]["specificity"] == 0
    assert figures["per_class"]["Normal"]["specificity"] == 1


@pytest.mark.filterwarnings("error")
def test_a_single_class_has_neither_specificity_nor_warning():
    figures = figures_of(units([1, 1], probabilities=[[0.1, 0.8, 0.1], [0.6, 0.3, 0.1]]))
    assert figures["per_class"]["Normal"]["specificity"] is None
    assert figures["per_class"]["Normal"]["auroc"] is None
    assert figures["macro_average_precision"] is None
    # A class that is never called has precision 0, and scikit-learn need not warn of it.
    assert figures_of(units([0, 1], [0, 0]))["per_class"]["Normal"]["precision"] == 0


def test_probability_figures_by_hand():
    figures = probability_figures(FOUR)
    squares = [0.09 + 0.04 + 0.01, 0.49 + 0.36 + 0.01, 0.04 + 0.04, 0.25 + 0.36 + 0.01]
    assert figures["brier"] == pytest.approx(np.dot(squares, FOUR.weights))
    assert figures["log_loss"] == pytest.approx(-np.dot(np.log([0.7, 0.3, 0.8, 0.4]), FOUR.weights))
    assert figures["ece"] == pytest.approx(0.5 * 0.3 + 0.25 * 0.6 + 0.125 * 0.2 + 0.125 * 0.5)


def test_a_probability_of_zero_costs_much_but_not_everything():
    figures = probability_figures(units([2, 0], probabilities=[[1, 0, 0], [1, 0, 0]]))
    assert figures["log_loss"] == pytest.approx(-np.log(SMALLEST_PROBABILITY) / 2)


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
    figures = figures_of(some)
    for k, name in enumerate(CLASSES):
        mine = figures["per_class"][name]
        truth = some.labels == k
        assert mine["average_precision"] == pytest.approx(
            sk.average_precision_score(truth, p[:, k], sample_weight=weights)
        )
        assert mine["auroc"] == pytest.approx(
            sk.roc_auc_score(truth, p[:, k], sample_weight=weights)
        )
