"""Device, precision, threads and seeds; what to say when memory runs out."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import shutil
from dataclasses import dataclass

import numpy as np
import torch

from ekg.config import ComputeConfig
from ekg.errors import ConfigError, TrainingError

_PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Compute:
    """What a configuration's compute settings come to on this machine."""

    device: torch.device
    precision: torch.dtype
    compile: bool

    @property
    def scaled(self) -> bool:
        """Whether gradients need scaling (float16)."""
        return self.precision == torch.float16

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return the mixed-precision context; nothing for float32."""
        if self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.precision)


def set_up(config: ComputeConfig, local_rank: int = 0) -> Compute:
    """Choose device and precision, set threads and determinism."""
    device = _device(config.device, local_rank)
    if device.type == "cpu" and not config.plain:
        keep_freed_memory()
    threads = config.threads or _cores()
    torch.set_num_threads(threads)
    if config.deterministic:
        # cuBLAS reads this when it starts: https://docs.nvidia.com/cuda/cublas (reproducibility)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    if device.type == "cuda":  # pragma: no cover - needs a GPU
        torch.backends.cudnn.benchmark = not config.deterministic
    return Compute(device, _precision(config.precision, device), _compile(config, device))


def _device(name: str, local_rank: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda" and device.index is None:  # pragma: no cover - needs a GPU
            device = torch.device("cuda", local_rank)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"field `compute.device` is {name!r}, which is not available ({reason})",
            remedy="use cpu, or auto",
        ) from None
    return device


def _precision(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        if device.type == "cuda":  # pragma: no cover - needs a GPU
            # Only what the hardware does itself: emulated bfloat16 is slow.
            native = torch.cuda.is_bf16_supported(including_emulation=False)
            return torch.bfloat16 if native else torch.float16
        return torch.float32
    if name == "float16" and device.type == "cpu":
        raise ConfigError(
            'field `compute.precision` is "float16", which is slow on a CPU',
            remedy='use "float32" or "bfloat16"',
        )
    return _PRECISIONS[name]


def _compile(config: ComputeConfig, device: torch.device) -> bool:
    if config.compile == "on":
        if device.type == "cpu" and not has_compiler():
            raise ConfigError(
                'field `compute.compile` is "on" and there is no C++ compiler',
                remedy='install one (g++), or use "auto"',
            )
        return True
    return False


def has_compiler() -> bool:
    """Return whether torch.compile can build code for the CPU here."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def seed_everything(seed: int) -> None:
    """Seed Python and NumPy with `seed`, torch with seed + 1 and CUDA with seed + 2.

    With the default 44 these are the paper's 44, 45 and 46.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for libraries that use the global generator
    torch.manual_seed(seed + 1)
    if torch.cuda.is_available():  # pragma: no cover - needs a GPU
        torch.cuda.manual_seed_all(seed + 2)


def random_states() -> dict[str, torch.Tensor]:
    """Return torch's random states, for a checkpoint. Nothing else is drawn from."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():  # pragma: no cover - needs a GPU
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, torch.Tensor]) -> None:
    """Take back what `random_states` gave."""
    torch.set_rng_state(states["cpu"].cpu())
    if "cuda" in states and torch.cuda.is_available():  # pragma: no cover - needs a GPU
        torch.cuda.set_rng_state(states["cuda"].cpu())


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory instead of handing it back to the system.

    At 800 pixels each layer's result is tens of megabytes. By default glibc maps such blocks
    again each time and the system fills every page with zeros first: about half of all the time a
    CPU spends in training. Returns whether it was done (Linux with glibc).
    """
    trim_threshold, mmap_max = -1, -4  # the numbers of mallopt(3)
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(mmap_max, 0)) and bool(mallopt(trim_threshold, -1))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether torch raised this for lack of memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def out_of_memory(device: torch.device, batch_size: int) -> TrainingError:
    """Return the error that says what to change."""
    return TrainingError(
        f"out of memory on {device} with field `training.batch_size` {batch_size}",
        remedy="use a smaller --batch-size or data.image_size, or another device",
    )
