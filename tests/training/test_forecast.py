"""How long a training takes, as it says itself."""

from ekg.config import TrainConfig, config_from_dict
from ekg.training.forecast import Forecast, time_left


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
