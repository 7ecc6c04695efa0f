"""The learning rate over a training whose planned length may be shortened on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ekg.config import ScheduleConfig


def rate_factor(progress: float, config: ScheduleConfig) -> float:
    """Return the learning rate as a share of the largest.

    Parameters
    ----------
    progress
        Share of the training that is done, 0 to 1.
    config
        Shape of the schedule.
    """
    warmup = config.warmup_fraction
    if progress < warmup:
        rise = progress / warmup
        # One cycle begins at a 25th, as in Smith's schedule (arXiv:1708.07120) and in torch.
        if config.name == "one_cycle":
            return 0.04 + 0.96 * (1.0 - math.cos(math.pi * rise)) / 2.0
        return rise
    if config.name == "constant":
        return 1.0
    fall = (progress - warmup) / (1.0 - warmup) if warmup < 1.0 else 1.0
    low = config.final_fraction
    return low + (1.0 - low) * (1.0 + math.cos(math.pi * min(fall, 1.0))) / 2.0


@dataclass
class Plan:
    """How long the training is to be, and how far along the schedule each moment is.

    Positions are in epochs: 2.25 is a quarter into epoch 2. Where time runs short the end is
    moved (`move_end`): the rest of the schedule is then run through faster, so that it still
    ends where it should.
    """

    epochs: float
    """Planned length."""
    since: float = 0.0
    """Position at which the end was last moved."""
    progress: float = 0.0
    """Share of the schedule that was done there."""

    def at(self, position: float) -> float:
        """Return the share of the schedule that is done at a position, 0 to 1."""
        left = self.epochs - self.since
        done = (position - self.since) / left if left > 0 else 1.0
        return min(self.progress + (1.0 - self.progress) * done, 1.0)

    def move_end(self, position: float, epochs: float) -> None:
        """Plan to end after `epochs` in all, from `position` on."""
        self.progress = self.at(position)
        self.since, self.epochs = position, epochs


def end_that_fits(position: float, minutes: float, limit_minutes: float) -> float:
    """Return the length, in epochs, that ends at the time limit at the speed so far."""
    if position <= 0 or minutes <= 0:
        return math.inf
    return max(limit_minutes / minutes * position, position)
