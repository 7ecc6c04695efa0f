"""Several processes that train one network: what they must agree on.

`torchrun` starts the processes. Each takes its part of every batch; the parts add up to what
one process would compute for the whole batch, batch norm and dropout included.
"""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from ekg.errors import TrainingError

_TIMEOUT = datetime.timedelta(minutes=30)


@dataclass(frozen=True)
class World:
    """The place of a process among all that train together."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of every process's values, on all of them."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values

    def decided_by_first(self, flag: bool, device: torch.device) -> bool:
        """Return the first process's answer on all of them."""
        if self.size == 1:
            return flag
        answer = torch.tensor([int(flag)], device=device)
        dist.broadcast(answer, 0)
        return bool(answer.item())

    def gather(self, part: Any) -> list[Any]:
        """Return every process's part, in the order of ranks, on all of them."""
        if self.size == 1:
            return [part]
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, part)
        return parts

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.size > 1:
            dist.barrier()


def join(device_type: str) -> World:
    """Join the processes that torchrun started; alone without torchrun."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return World()
    try:
        world = World(*(int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")))
    except (KeyError, ValueError) as error:
        raise TrainingError(
            f"WORLD_SIZE is set, but {error} cannot be used",
            remedy="start with torchrun, or unset WORLD_SIZE",
        ) from None
    if device_type == "cuda":  # pragma: no cover - needs a GPU
        torch.cuda.set_device(world.local_rank)
    dist.init_process_group("nccl" if device_type == "cuda" else "gloo", timeout=_TIMEOUT)
    return world


def is_first_process() -> bool:
    """Return whether this process speaks for all: always so without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1")) <= 1 or os.environ.get("RANK") == "0"


def leave(world: World) -> None:
    """Part from the other processes."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()


class _SumOverProcesses(torch.autograd.Function):
    """Adds a tensor over processes; the gradient is added likewise."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


class ExactSyncBatchNorm(nn.BatchNorm2d):
    """Batch norm with the statistics of the whole batch, on any backend.

    torch's `SyncBatchNorm` runs on GPUs only. The variance is taken in a second pass around the
    common mean, which keeps the result within rounding of a single process. A process whose part
    of the batch is empty takes part with nothing.
    """

    def forward(self, input: Tensor) -> Tensor:
        """See `torch.nn.BatchNorm2d`."""
        if not self.training:
            return super().forward(input)
        count = input.new_tensor([input.numel() // input.shape[1]], dtype=torch.float64)
        dist.all_reduce(count)
        n = float(count.item())
        total = input.sum((0, 2, 3))
        mean = _SumOverProcesses.apply(total) / n
        centred = input - mean.view(1, -1, 1, 1)
        var = _SumOverProcesses.apply((centred * centred).sum((0, 2, 3))) / n
        self._follow(mean.detach(), var.detach() * (n / max(n - 1.0, 1.0)))
        scale = self.weight / torch.sqrt(var + self.eps)
        return centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor) -> None:
        momentum = 0.1 if self.momentum is None else self.momentum
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(var.to(self.running_var.dtype), momentum)


class SharedDropout(nn.Module):
    """Dropout whose mask is drawn for the whole batch, the same on every process.

    Each process applies its own rows of it. `rows` must be set before each batch; the random
    states of all processes stay equal, as that of a single process would.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p
        self.batch, self.start = 0, 0

    def forward(self, x: Tensor) -> Tensor:
        """Take and return (n, ...), the rows `start` to `start + n` of the batch."""
        if not self.training or self.p == 0.0:
            return x
        mask = functional.dropout(x.new_ones((self.batch, *x.shape[1:])), self.p)
        return x * mask[self.start : self.start + len(x)]


def adapt_network(network: nn.Module, device_type: str) -> nn.Module:
    """Replace batch norm and dropout by forms that see the whole batch."""
    if device_type == "cuda":  # pragma: no cover - needs a GPU
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(parent, name, SharedDropout(child.p))
            elif isinstance(child, nn.BatchNorm2d) and device_type != "cuda":
                shared = ExactSyncBatchNorm(child.num_features, child.eps, child.momentum)
                shared.load_state_dict(child.state_dict())
                shared.train(child.training)
                setattr(parent, name, shared.to(child.weight.device))
    return network


def set_rows(network: nn.Module, batch: int, start: int) -> None:
    """Tell every `SharedDropout` which rows of the batch come next."""
    for module in network.modules():
        if isinstance(module, SharedDropout):
            module.batch, module.start = batch, start
