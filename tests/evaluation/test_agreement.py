import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score

from ekg.evaluation.agreement import (
    MEAN_RULE,
    VOTE_RULE,
    agreement_of,
    mcnemar_exact,
    resampled_kappa,
)
from ekg.evaluation.levels import levels_of
from ekg.evaluation.resampling import resample_counts
from tests.evaluation.conftest import toy_predictions


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (10, 10), (25, 4)])
def test_mcnemar_against_the_binomial_distribution(b, c):
    """Twice the smaller tail of Bin(b + c, 1/2), at most 1."""
    expected = min(1.0, 2 * binom.cdf(min(b, c), b + c, 0.5))
    assert mcnemar_exact(b, c) == pytest.approx(expected)
    assert mcnemar_exact(b, c) == mcnemar_exact(c, b)


def test_mcnemar_without_discordant_records():
    assert mcnemar_exact(0, 0) == 1.0


def test_mcnemar_textbook_value():
    # 6 against 16 discordant pairs: exact two-sided p = 0.0525.
    assert mcnemar_exact(6, 16) == pytest.approx(0.0525, abs=5e-5)


def test_kappa_in_every_resample_is_scikit_learns():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 50)
    second = np.where(rng.random(50) < 0.6, first, rng.integers(0, 4, 50))
    counts = resample_counts(50, 20, 44)
    values = resampled_kappa(first, second, 7, counts)
    for b in range(20):
        expected = cohen_kappa_score(first, second, sample_weight=counts[b])
        assert values[b] == pytest.approx(expected, abs=1e-6)


def test_kappa_is_undefined_where_all_is_one_class():
    same = np.zeros(12, int)
    assert np.isnan(resampled_kappa(same, same, 7, np.ones((1, 12), np.float32))).all()


def compared(a, b):
    units = levels_of(a)["per_image"]
    return agreement_of(a, b, units, resample_counts(units.n_records, 200, 44))


def test_agreement_counts_records_not_images():
    a, b = toy_predictions(50), toy_predictions(50)
    summary, differing = compared(a, b)
    assert summary["agree"] == 50 and differing == [] and summary["kappa"] == 1
    assert summary["mcnemar_p"] == 1 and summary["rule"] == MEAN_RULE
    assert summary["both_right"] + summary["both_wrong"] == 50 < len(a)


def test_the_four_cells_and_the_differing_records():
    from ekg.evaluation.predictions import make_predictions

    a = toy_predictions(60)
    columns = [c for c in a.columns if c.startswith("p_")]
    rolled = a[columns].to_numpy().copy()
    flipped = a["record"].isin(["T0003", "T0005", "T0031"]).to_numpy()
    rolled[flipped] = np.roll(rolled[flipped], 1, axis=1)
    b = make_predictions(a["image"], a["record"], a["label"], rolled)
    summary, differing = compared(a, b)
    assert [row["record"] for row in differing] == ["T0003", "T0005", "T0031"]
    assert summary["a_only"] + summary["b_only"] <= 3
    total = sum(summary[k] for k in ("both_right", "a_only", "b_only", "both_wrong"))
    assert total == summary["records"] == 60
    labels = a.drop_duplicates("record").set_index("record")["label"]
    assert all(row["a"] != row["b"] for row in differing)
    assert all(row["label"] == labels[row["record"]] for row in differing)


def test_votes_decide_where_one_side_has_hard_labels():
    a = toy_predictions(40)
    hard = a[["image", "record", "label", "pred", "weight"]]
    summary, differing = compared(a, hard)
    assert summary["rule"] == VOTE_RULE and differing == []
