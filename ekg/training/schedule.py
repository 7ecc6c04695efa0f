"""The learning rate over a training, and the paper's rule for stopping early."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ekg.config import EarlyStoppingConfig, ScheduleConfig


def rate_factor(progress: float, config: ScheduleConfig) -> float:
    """Return the learning rate as a share of the largest.

    `progress`: Share of the training that is done, 0 to 1.
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


def should_stop(val_losses: Sequence[float], config: EarlyStoppingConfig | None = None) -> bool:
    """Return whether training stops after the epoch whose validation loss comes last.

    Checked when the epoch index is over `after_epoch` (epochs count from 0). Of the last
    `window` losses the first is the reference; training stops if none of them is lower than it
    by more than `min_improvement` (a share). This is not plain patience: a run that recovers
    from a bad epoch continues, because the reference moves along.
    """
    config = config or EarlyStoppingConfig()
    epoch = len(val_losses) - 1
    if not config.enabled or epoch <= config.after_epoch or len(val_losses) < config.window:
        return False
    recent = val_losses[-config.window :]
    reference = recent[0]
    threshold = reference * (1.0 - config.min_improvement)
    return not any(math.isfinite(loss) and loss < threshold for loss in recent)
