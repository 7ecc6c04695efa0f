import numpy as np
import pytest
from scipy.special import softmax

from ekg.errors import ModelError
from ekg.evaluation.calibration import (
    apply_temperature,
    before_and_after,
    fit_calibration,
    fit_temperature,
)
from ekg.evaluation.predictions import make_predictions
from ekg.run import Run
from tests.evaluation.conftest import toy_predictions


def drawn(temperature, n=20_000, seed=0):
    """Logits whose honest probabilities are softmax(logits / temperature), and labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 7)) * 3
    honest = softmax(logits / temperature, axis=1)
    labels = (honest.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    logits, labels = drawn(temperature)
    found = fit_temperature(softmax(logits, axis=1), labels, np.ones(len(labels)))
    assert found == pytest.approx(temperature, rel=0.04)


def test_applying_it_is_dividing_the_logits():
    logits, _ = drawn(1.0, 50)
    expected = softmax(logits / 1.7, axis=1)
    assert np.allclose(apply_temperature(softmax(logits, axis=1), 1.7), expected, atol=1e-12)


def test_exact_zeros_stay_finite():
    p = np.array([[1.0, 0, 0, 0, 0, 0, 0]])
    scaled = apply_temperature(p, 3.0)
    assert np.isfinite(scaled).all() and scaled.sum() == pytest.approx(1)


def test_weights_count():
    logits, labels = drawn(1.0, 3000, seed=1)
    p = softmax(logits, axis=1)
    weights = np.random.default_rng(2).integers(1, 4, len(labels))
    repeated = np.repeat(np.arange(len(labels)), weights)
    assert fit_temperature(p, labels, weights.astype(float)) == pytest.approx(
        fit_temperature(p[repeated], labels[repeated], np.ones(len(repeated))), rel=1e-4
    )


def overconfident(records=150):
    table = toy_predictions(records, seed=7, skill=1.0)
    columns = [c for c in table.columns if c.startswith("p_")]
    sharp = apply_temperature(table[columns].to_numpy(), 0.4)
    return make_predictions(table["image"], table["record"], table["label"], sharp)


def test_overconfidence_is_taken_back():
    table = overconfident()
    fitted = fit_calibration(table, "abc")
    assert fitted["temperature"] > 1.5 and not fitted["at_limit"]
    assert fitted["fitted_on"] == "val" and fitted["records"] == 150
    for level in ("per_image", "record_weighted"):
        before, after = (fitted["levels"][level][k] for k in ("before", "after"))
        assert after["log_loss"] < before["log_loss"] and after["ece"] < before["ece"]


def test_predictions_stay_the_same_per_image():
    table = overconfident(40)
    columns = [c for c in table.columns if c.startswith("p_")]
    p = table[columns].to_numpy()
    assert (apply_temperature(p, 2.2).argmax(axis=1) == p.argmax(axis=1)).all()
    assert set(before_and_after(table, 2.2)) == {
        "temperature",
        "per_image",
        "record_weighted",
        "per_record",
    }


def test_nothing_is_fitted_on_too_little():
    assert fit_calibration(toy_predictions(9), "abc") is None
    hard = toy_predictions(30)[["image", "record", "label", "pred", "weight"]]
    assert fit_calibration(hard, "abc") is None


def test_nothing_is_fitted_where_nothing_is_wrong():
    """The log loss then falls for ever as the temperature goes to 0."""
    table = overconfident(60)
    assert fit_calibration(table[table["label"] == table["pred"]], "abc") is None


def test_a_temperature_of_other_weights_does_not_count(tmp_path):
    run = Run(tmp_path)
    run.write_calibration(fit_calibration(overconfident(40), "abc"))
    assert run.temperature("abc") > 1
    assert run.temperature("def") is None
    assert Run(tmp_path / "nowhere").temperature("abc") is None


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "calibration.json").write_text('{"temperature": "warm"}')
    with pytest.raises(ModelError, match="`temperature` is not a number above 0"):
        Run(tmp_path).temperature("abc")
