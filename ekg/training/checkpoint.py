"""Everything a run needs to resume, in one file that is never half-written."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from ekg.errors import TrainingError
from ekg.files import DAMAGE, atomic_path
from ekg.model.weights import archive_is_whole

_VERSION = 1


def save_checkpoint(path: str | Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values, atomically."""
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        try:
            torch.save({"version": _VERSION, **content}, stream)
        except RuntimeError as error:
            # Over a full disk torch raises this one; what the disk said is behind it.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU; nothing but tensors and plain values is accepted."""
    path = Path(path)
    damaged = TrainingError(
        "is not a complete checkpoint",
        path=path,
        remedy="delete it and run the same command again to start training over",
    )
    try:
        if not archive_is_whole(path):
            raise damaged
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(
            "no checkpoint to resume from", path=path, remedy="start without --resume"
        ) from None
    except (pickle.UnpicklingError, *DAMAGE):
        raise damaged from None
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise TrainingError(
            "is a checkpoint from another version", path=path, remedy="start without --resume"
        )
    if content.get("shortened"):
        raise TrainingError(
            "is of a run whose schedule a time limit had shortened, which is no longer supported",
            path=path,
            remedy="start without --resume, with --overwrite or another --run",
        )
    config = content.get("config")
    if not isinstance(config, dict) or not all(isinstance(t, dict) for t in config.values()):
        raise damaged
    return content


def check_same(
    path: Path, saved: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]
) -> None:
    """Refuse a checkpoint whose configuration differs in what changes the result.

    Device, threads, workers, the time limit and checkpoint intervals may change.
    """
    free = {"training.checkpoint_minutes", "training.max_minutes"}
    different = []
    for section in sorted(saved.keys() | now.keys()):
        if section == "compute":
            continue
        before, after = saved.get(section, {}), now.get(section, {})
        for name in sorted(before.keys() | after.keys()):
            full = f"{section}.{name}"
            if full not in free and before.get(name) != after.get(name):
                different.append(f"{full} was {before.get(name)!r}, now {after.get(name)!r}")
    if different:
        raise TrainingError(
            f"the checkpoint has another configuration: {'; '.join(different)}",
            path=path,
            remedy="resume with the original configuration, or choose another --run",
        )
