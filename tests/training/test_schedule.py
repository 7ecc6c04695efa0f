"""The learning rate, and the paper's rule for stopping early."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekg.config import EarlyStoppingConfig, ScheduleConfig
from ekg.training.schedule import rate_factor, should_stop


def test_the_published_run_would_not_have_stopped_before_its_47th_epoch(shared):
    losses = pd.read_csv(shared / "published_model/train_results.csv")["val_loss"].tolist()
    assert len(losses) == 46
    assert not any(should_stop(losses[: n + 1]) for n in range(46))
    # Epoch 37 is the best: with it as the reference nothing later is lower, so it ends at 46.
    assert should_stop([*losses, max(losses[-9:])])


def test_nothing_stops_before_epoch_11():
    assert not should_stop([1.0] * 11)
    assert should_stop([1.0] * 12)


def test_it_is_not_plain_patience():
    # The best was long ago, but the run recovers from a worse place: it goes on.
    losses = [0.5, *[2.0] * 10, *np.linspace(2.0, 1.5, 10)]
    assert not should_stop(losses)


def test_improvement_must_exceed_the_threshold():
    base = [1.0] * 11
    assert should_stop([*base, 0.9996])
    assert not should_stop([*base, 0.9994])


def test_switched_off_and_not_a_number():
    assert not should_stop([1.0] * 50, EarlyStoppingConfig(enabled=False))
    assert should_stop([math.nan] * 12)


@given(st.lists(st.floats(0.1, 3.0), min_size=1, max_size=40))
def test_against_the_rule_in_other_words(losses):
    epoch = len(losses) - 1
    expected = False
    if epoch > 10:
        tail = losses[epoch - 9 :]
        expected = min(tail) >= tail[0] * 0.9995
    assert should_stop(losses) == expected


def test_constant_cosine_one_cycle():
    assert rate_factor(0.7, ScheduleConfig()) == 1.0
    cosine = ScheduleConfig("cosine", 0.1, 0.01)
    assert rate_factor(0.05, cosine) == pytest.approx(0.5)
    assert rate_factor(0.1, cosine) == pytest.approx(1.0)
    assert rate_factor(1.0, cosine) == pytest.approx(0.01)
    cycle = ScheduleConfig("one_cycle", 0.3)
    assert rate_factor(0.0, cycle) == pytest.approx(0.04)
    assert rate_factor(0.3, cycle) == pytest.approx(1.0)
    assert rate_factor(1.0, cycle) == pytest.approx(0.0)


@given(st.floats(0, 1), st.sampled_from(["constant", "cosine", "one_cycle"]), st.floats(0, 1))
def test_the_rate_stays_between_zero_and_the_largest(progress, name, warmup):
    assert 0.0 <= rate_factor(progress, ScheduleConfig(name, warmup)) <= 1.0 + 1e-12
