"""When a verdict is withheld, and what the set of possible classes promises."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ekg.errors import EkgError
from ekg.evaluation.abstention import (
    calibrated_means,
    effect_of,
    fix_rules,
    risk_and_coverage,
)
from ekg.evaluation.calibration import apply_temperature
from ekg.predict.verdict_rules import Rules, read_priors, read_rules, with_priors
from ekg.records.diagnoses import CLASSES
from tests.evaluation.conftest import toy_predictions


def rules_from(content: dict) -> Rules:
    return Rules(
        **{k: content[k] for k in ("least_probability", "least_in_set", "coverage", "promised")},
        fixed_on=content["fixed_on"],
    )


def test_rules_keep_their_promise_on_records_of_the_same_kind():
    fixed = fix_rules(toy_predictions(800, seed=1), 0.8, "sha", "val")
    means, labels = calibrated_means(toy_predictions(4000, seed=2), 0.8)
    effect = effect_of(rules_from(fixed), means, labels)
    # Four standard deviations of both the rule and the measurement.
    margin = 4 * math.sqrt(0.25 / 800 + 0.25 / 4000)
    assert effect["kept"] == pytest.approx(0.8, abs=margin)
    assert effect["class_in_set"] == pytest.approx(0.9, abs=margin)
    assert effect["accuracy_of_kept"] > effect["accuracy"]
    assert 1 <= effect["classes_in_set"] <= 7


def test_the_threshold_of_the_set_is_the_quantile_of_split_conformal_prediction():
    predictions = toy_predictions(99, seed=3)
    fixed = fix_rules(predictions, None, "sha", "val")
    means, labels = calibrated_means(predictions, None)
    scores = np.sort(1 - means[np.arange(99), labels])
    assert fixed["least_in_set"] == pytest.approx(1 - scores[90 - 1])  # ceil(100 * 0.9)
    assert (means.max(axis=1) >= fixed["least_probability"]).sum() == math.floor(0.8 * 99)


def test_each_image_is_calibrated_before_the_mean():
    predictions = toy_predictions(10, seed=4)
    means, _ = calibrated_means(predictions, 2.0)
    columns = [f"p_{name}" for name in CLASSES]
    first = predictions[predictions["record"] == "T0000"][columns].to_numpy()
    assert means[0] == pytest.approx(apply_temperature(first, 2.0).mean(axis=0))


def test_few_records_fix_no_rules():
    assert fix_rules(toy_predictions(49), None, "sha", "val") is None


def test_risk_and_coverage_end_with_the_accuracy_of_all():
    means, labels = calibrated_means(toy_predictions(60), None)
    curve = risk_and_coverage(means, labels)
    assert curve["coverage"].iloc[-1] == 1.0
    assert curve["accuracy"].iloc[-1] == pytest.approx((means.argmax(axis=1) == labels).mean())
    assert (np.diff(curve["least_probability"]) <= 0).all()


def test_outside_the_classes_only_the_share_withheld_is_counted():
    rules = Rules(0.6, 0.2, 0.8, 0.9, "val")
    shown = np.full((4, 7), 0.1)
    shown[:, 0] = [0.4, 0.59, 0.6, 0.9]
    effect = effect_of(rules, shown)
    assert effect["kept"] == 0.5 and "accuracy" not in effect


def test_the_likeliest_class_is_always_possible():
    rules = Rules(0.0, 0.9, 0.8, 0.9, "val")
    assert rules.possible(np.full((1, 7), 1 / 7)).sum() == 1


def test_rules_of_other_weights_do_not_count(tmp_path):
    path = tmp_path / "abstention.json"
    path.write_text(json.dumps(fix_rules(toy_predictions(60), None, "sha", "val")))
    assert read_rules(path, "sha") is not None
    assert read_rules(path, "other") is None
    path.write_text("{}")
    with pytest.raises(EkgError, match=r"abstention\.json.*evaluate"):
        read_rules(path, "sha")


def test_priors_follow_bayes_rule(tmp_path):
    shares = {name: 1.0 + k for k, name in enumerate(CLASSES)}
    path = tmp_path / "priors.json"
    path.write_text(json.dumps(shares))
    priors = read_priors(str(path), CLASSES)
    assert priors == pytest.approx(np.arange(1, 8) / 28)
    text = ",".join(f"{name}={value}" for name, value in shares.items())
    assert read_priors(text, CLASSES) == pytest.approx(priors)
    given = np.full((2, 7), 1 / 7)
    assert with_priors(given, priors) == pytest.approx(np.tile(priors, (2, 1)))
    assert with_priors(given, None) is given
    equal = np.full(7, 1 / 7)
    table = np.random.default_rng(1).dirichlet(np.ones(7), 5)
    assert with_priors(table, equal) == pytest.approx(table)


@pytest.mark.parametrize(
    "text", ["AF=1", "AF=0,I-AVB=1,LBBB=1,Normal=1,RBBB=1,STD=1,STE=1", "AF=many", "X=1"]
)
def test_priors_that_leave_a_class_out_are_refused(text):
    with pytest.raises(EkgError, match=r"--priors.*write AF="):
        read_priors(text, CLASSES)
