"""An exponential moving average of the weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class WeightAverage:
    """Follows a network's weights and batch-norm statistics.

    average <- d * average + (1 - d) * weights after every step, with
    d = min(decay, (1 + step) / (10 + step)): at first it follows closely, so that the random
    start does not linger (the rule of TensorFlow's ExponentialMovingAverage).

    Parameters
    ----------
    network
        What is followed.
    decay
        Between 0 and 1.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0
        followed, own = network.state_dict(), self.network.state_dict()
        # Both keep their tensors for good and change them in place: looked up once.
        pairs = [(own[name], followed[name]) for name in own]
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        averages, values = map(list, zip(*self._floats, strict=True))
        torch._foreach_lerp_(averages, values, 1.0 - decay)
        for average, value in self._counts:
            average.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Return everything for a checkpoint."""
        return {"network": self.network.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self.steps = int(state["steps"])
