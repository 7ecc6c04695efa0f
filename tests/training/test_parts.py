"""Early stopping, loss, schedule, weight average, memory: each by itself."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from ekg.config import EarlyStoppingConfig, ScheduleConfig, TrainConfig, config_from_dict
from ekg.training.compute import largest_batch, out_of_memory
from ekg.training.forecast import Forecast, time_left
from ekg.training.schedule import rate_factor, should_stop
from ekg.training.state import WeightAverage
from ekg.training.validation import class_weights, epoch_loss, step_loss

# ------------------------------------------------------------------------ early stopping


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


# -------------------------------------------------------------------------------- loss


def test_class_weights_of_the_published_training_set():
    counts = [2946, 1958, 523, 2846, 4411, 2320, 608]
    weights = class_weights(np.repeat(np.arange(7), counts), 7)
    assert weights.max() == weights[2] == 1.0
    np.testing.assert_allclose(weights, 523 / np.array(counts))


def test_a_class_with_no_image_has_weight_zero():
    np.testing.assert_allclose(class_weights(np.array([0, 0, 2]), 4), [0.5, 0.0, 1.0, 0.0])


def test_epoch_loss_is_the_papers_formula():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(23, 7, generator=generator)
    labels = torch.randint(0, 7, (23,), generator=generator)
    weights = torch.rand(7, generator=generator)
    total = 0.0
    for start in range(0, 23, 5):
        part = slice(start, start + 5)
        batch = functional.cross_entropy(logits[part], labels[part], weights)
        total += batch.item() * len(labels[part])
    ours = epoch_loss(logits.numpy(), labels.numpy(), weights.double().numpy(), 5)
    assert ours == pytest.approx(total / 23, rel=1e-6)


def test_epoch_loss_of_a_batch_whose_classes_weigh_nothing():
    logits = np.zeros((2, 2), np.float32)
    assert epoch_loss(logits, np.array([0, 1]), np.array([1.0, 0.0]), 1) == pytest.approx(
        math.log(2) / 2
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_parts_of_a_batch_add_up_to_the_whole(smoothing):
    logits = torch.randn(9, 7)
    labels = torch.randint(0, 7, (9,))
    weights = torch.rand(7)
    whole = functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    total = float(weights[labels].sum())
    parts = [slice(0, 4), slice(4, 9), slice(9, 9)]
    added = sum(step_loss(logits[p], labels[p], weights, total, smoothing) for p in parts)
    torch.testing.assert_close(added, whole)


# ---------------------------------------------------------------------------- schedule


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


def _row(minutes: float) -> dict:
    return {"elapsed_time": minutes}


def test_the_first_steps_tell_how_long_the_rest_takes_and_only_once():
    now = [0.0]
    config = config_from_dict({"training": {"epochs": 4, "batch_size": 8, "max_minutes": 0}})
    forecast = Forecast(config, 1000, clock=lambda: now[0])
    lines = []
    for step in range(1, 60):
        now[0] += 90.0 if step == 1 else 2.0  # the first step sets things up
        lines.append(forecast.after_steps(0, 8 * step))
    (line,) = [line for line in lines if line]
    assert lines.index(line) == 20
    # 8 images in 2 s; 4,000 - 21 x 8 images are left.
    assert line == "4.0 images/s: the rest of 4 epochs takes at most 16 minutes, without validation"


def test_a_resumed_process_measures_its_own_speed():
    now = [50.0]
    config = config_from_dict(
        {
            "training": {"epochs": 2, "batch_size": 10, "max_minutes": 30},
            "early_stopping": {"enabled": False},
        }
    )
    forecast = Forecast(config, 1000, clock=lambda: now[0])
    assert forecast.after_steps(1, 500) == ""
    now[0] += 100.0
    line = forecast.after_steps(1, 700)
    assert line.startswith("2.0 images/s: the rest of 2 epochs takes about 2 minutes")
    assert line.endswith("; no epoch begins after 30 minutes")


def test_the_time_left_is_that_of_the_epochs_so_far():
    free = config_from_dict(
        {"training": {"epochs": 5, "max_minutes": 0}, "early_stopping": {"enabled": False}}
    )
    assert time_left([_row(2.0), _row(4.0)], free) == "about 6 minutes left"
    assert time_left([_row(0.1), _row(0.2)], free) == "about 18 seconds left"
    # Of 300 epochs of 10 minutes, 180 minutes leave 3 after the 15th.
    rows = [_row(10.0 * epoch) for epoch in range(1, 16)]
    assert time_left(rows, TrainConfig()) == "at most 30 minutes left"
    assert time_left([_row(50.0), _row(100.0)], TrainConfig()) == "at most 100 minutes left"


# ---------------------------------------------------------------- averaging and memory


def test_the_average_is_what_the_formula_says():
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    average = WeightAverage(network, 0.9)
    expected = network[0].weight.detach().clone()
    for step in range(30):
        with torch.no_grad():
            network[0].weight.add_(torch.randn(2, 3))
            network[1].num_batches_tracked.add_(1)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network[0].weight.detach()
    torch.testing.assert_close(average.network[0].weight, expected)
    assert average.network[1].num_batches_tracked == 30
    again = WeightAverage(network, 0.9)
    again.load_state_dict(average.state_dict())
    assert again.steps == 30
    torch.testing.assert_close(again.network[0].weight, expected)


def test_the_largest_batch_that_fits():
    tried = []

    def trial(size):
        tried.append(size)
        if size > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")

    assert largest_batch(trial, 32) == 4
    assert tried == [16, 8, 4]
    assert "--batch-size 4" in str(out_of_memory(torch.device("cpu"), 32, 4))
    assert "not even one" in str(out_of_memory(torch.device("cpu"), 32, 0))


def test_other_errors_are_not_taken_for_lack_of_memory():
    def trial(size):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        largest_batch(trial, 32)
