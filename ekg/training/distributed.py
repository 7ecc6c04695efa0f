"""Several processes that train one network: what they must agree on.

`torchrun` starts the processes. Each takes its part of every batch; loss and gradients are those
of the whole batch. On GPUs batch norm is too; on CPUs each process normalises its own part, and
the statistics kept are the first one's. Dropout is drawn by each process for itself.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

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

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

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


def adapt_network(network: nn.Module, device_type: str) -> None:
    """Let batch norm see the whole batch on GPUs; torch's `SyncBatchNorm` has no form for CPUs."""
    if device_type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
