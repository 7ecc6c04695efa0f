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
    """How many epochs are planned, and how far along the schedule each one leads.

    Where time runs short the plan is shortened between epochs (`shorten`): the rest of the
    schedule is run through faster, so that it still ends where it should.
    """

    epochs: int
    """Planned number of epochs."""
    epoch: int = 0
    """The epoch at whose beginning the plan was last set."""
    progress: float = 0.0
    """Share of the schedule that was done at its beginning."""

    def at(self, epoch: int, fraction: float) -> float:
        """Return the progress after `fraction` of `epoch`."""
        left = max(self.epochs - self.epoch, 1)
        done = (epoch - self.epoch + fraction) / left
        return min(self.progress + (1.0 - self.progress) * done, 1.0)

    def shorten(self, next_epoch: int, epochs: int) -> None:
        """Plan to end after `epochs` epochs in all, from the beginning of `next_epoch` on."""
        self.progress = self.at(next_epoch, 0.0)
        self.epoch, self.epochs = next_epoch, epochs


def epochs_that_fit(
    epochs_done: int, planned: int, minutes_so_far: float, limit_minutes: float
) -> int:
    """Return how many epochs to plan for, never more than planned, so that the limit is kept.

    Judged by the mean time of the epochs so far, which includes the start.
    """
    if limit_minutes <= 0 or epochs_done == 0:
        return planned
    each = minutes_so_far / epochs_done
    fit = int(max(limit_minutes - minutes_so_far, 0.0) / each)
    return min(planned, epochs_done + fit)
