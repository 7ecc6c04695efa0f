"""What changes during a run: network, optimiser, average of the weights, history."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ekg.config import OptimizerConfig, TrainConfig
from ekg.errors import TrainingError
from ekg.model import EkgModel
from ekg.training.compute import Compute, random_states, restore_random_states
from ekg.training.distributed import World
from ekg.training.history import COLUMNS


class WeightAverage:
    """Follows a network's weights and batch-norm statistics.

    average <- d * average + (1 - d) * weights after every step, with
    d = min(decay, (1 + step) / (10 + step)): at first it follows closely, so that the random
    start does not linger (the rule of TensorFlow's ExponentialMovingAverage).
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


@dataclass
class Sums:
    """Running sums of an epoch's training steps, of this process."""

    loss: float = 0.0
    """Sum of batch loss times batch size."""
    correct: int = 0
    images: int = 0
    """Images of whole batches, over all processes."""
    seconds: float = 0.0
    """Time spent in this epoch before it was interrupted."""


@dataclass
class State:
    """Everything that changes during a run."""

    model: EkgModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: WeightAverage | None
    epoch: int = 0
    step: int = 0
    """Steps done in this epoch: the sampler's position."""
    sums: Sums = field(default_factory=Sums)
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds_before: float = 0.0
    """Training time before this process started (a resumed run)."""
    started: float = field(default_factory=time.monotonic)
    finished: str = ""
    """Why the run ended; empty while it is running."""

    @property
    def minutes(self) -> float:
        """Training time so far, over all interruptions."""
        return (self.seconds_before + time.monotonic() - self.started) / 60.0

    @property
    def measured_model(self) -> EkgModel:
        """The model that is validated and kept: the average where there is one."""
        if self.average is None:
            return self.model
        assert isinstance(self.average.network, EkgModel)
        return self.average.network

    def to_checkpoint(self, world: World) -> dict[str, Any]:
        """Return all of it as tensors and plain values. Called on every process."""
        return {
            "model": self.model.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": world.gather(vars(self.sums).copy()),
            "rows": self.rows,
            "seconds": self.minutes * 60.0,
            "finished": self.finished,
            "random": random_states(),
        }

    def from_checkpoint(self, content: dict[str, Any], world: World) -> None:
        """Take back what `to_checkpoint` gave."""
        try:
            self._take_back(content, world)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise TrainingError(
                f"the checkpoint is incomplete or of another network "
                f"({type(error).__name__}: {error})",
                remedy="start again without --resume",
            ) from None

    def _take_back(self, content: dict[str, Any], world: World) -> None:
        self.model.network.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.scaler.load_state_dict(content["scaler"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.epoch, self.step = content["epoch"], content["step"]
        self.sums = _share(content["sums"], world)
        self.rows = [{name: row[name] for name in COLUMNS} for row in content["rows"]]
        self.seconds_before = content["seconds"]
        self.started = time.monotonic()
        self.finished = content["finished"]
        if world.is_first:  # the others go on drawing their own dropout
            restore_random_states(content["random"])


def _share(parts: list[dict[str, Any]], world: World) -> Sums:
    """Return this process's sums; with another number of processes the first takes them all."""
    if len(parts) == world.size:
        return Sums(**parts[world.rank])
    own = Sums(images=parts[0]["images"], seconds=parts[0]["seconds"])
    if world.is_first:
        own.loss = sum(part["loss"] for part in parts)
        own.correct = sum(part["correct"] for part in parts)
    return own


def new_state(config: TrainConfig, model: EkgModel, compute: Compute) -> State:
    """Return the state at the beginning of a run."""
    training = config.training
    return State(
        model=model,
        optimizer=build_optimizer(model, config.optimizer),
        scaler=torch.amp.GradScaler(compute.device.type, enabled=compute.scaled),
        average=(
            WeightAverage(model, training.averaging_decay) if training.averaging_decay else None
        ),
    )


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Return the optimiser of the trainable weights; biases and batch norm do not decay."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate)
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
