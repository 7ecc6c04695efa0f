"""The learning rate over a training."""

from __future__ import annotations

import math

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
