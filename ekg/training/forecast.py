"""How long a training takes, from its own measured speed; said, and used for nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from ekg.config import TrainConfig

_STEPS_MEASURED = 20  # after the first one, which also sets things up


class Forecast:
    """Measure the speed of this process's first steps, then tell once how long the rest takes."""

    def __init__(
        self, config: TrainConfig, images: int, clock: Callable[[], float] = time.monotonic
    ):
        self._config, self._images, self._clock = config, images, clock
        self._start: tuple[int, float] | None = None
        self._reported = False

    def after_steps(self, epoch: int, images: int) -> str:
        """Return the line to say once the speed is known, else nothing."""
        if self._reported:
            return ""
        done, now = epoch * self._images + images, self._clock()
        if self._start is None:
            self._start = done, now
        if done - self._start[0] < _STEPS_MEASURED * self._config.training.batch_size:
            return ""
        self._reported = True
        speed = (done - self._start[0]) / max(now - self._start[1], 1e-9)
        left = self._config.training.epochs * self._images - done
        line = (
            f"{speed:,.1f} images/s: the rest of {self._config.training.epochs} epochs takes "
            f"{_at_most(self._config)} {_minutes(left / speed / 60.0)}, without validation"
        )
        limit = self._config.training.max_minutes
        return f"{line}; no epoch begins after {limit:g} minutes" if limit > 0 else line


def time_left(rows: Sequence[dict[str, Any]], config: TrainConfig) -> str:
    """Return how long the rest takes if its epochs take as long as those so far."""
    training, elapsed = config.training, float(rows[-1]["elapsed_time"])
    each = elapsed / len(rows)
    epochs = training.epochs - len(rows)
    if training.max_minutes > 0:
        epochs = min(epochs, math.ceil(max(training.max_minutes - elapsed, 0.0) / each))
    return f"{_at_most(config)} {_minutes(epochs * each)} left"


def _at_most(config: TrainConfig) -> str:
    return "at most" if config.early_stopping.enabled else "about"


def _minutes(minutes: float) -> str:
    return f"{minutes:,.0f} minutes" if minutes >= 1.5 else f"{60.0 * minutes:.0f} seconds"
