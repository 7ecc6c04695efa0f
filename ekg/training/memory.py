"""What to say when memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from ekg.errors import TrainingError


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether torch raised this for lack of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def largest_batch(trial: Callable[[int], None], below: int) -> int:
    """Return the largest halving of `below` for which `trial` does not run out of memory.

    Parameters
    ----------
    trial
        Does a forward and backward pass with so many images.
    below
        The batch size that was too large.

    Returns
    -------
    int
        0 when not even one image fits.
    """
    size = below // 2
    while size >= 1:
        _release()
        try:
            trial(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            size //= 2
        else:
            return size
    return 0


def _release() -> None:
    gc.collect()
    if torch.cuda.is_available():  # pragma: no cover - needs a GPU
        torch.cuda.empty_cache()


def out_of_memory(device: torch.device, batch_size: int, fits: int) -> TrainingError:
    """Return the error that says which batch size would fit."""
    remedy = (
        f"use --batch-size {fits}, which fits"
        if fits
        else "not even one image fits: use a smaller data.image_size or another device"
    )
    return TrainingError(
        f"out of memory on {device} with field `training.batch_size` {batch_size}", remedy=remedy
    )
