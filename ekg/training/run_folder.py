"""The folder of a run: what is there, and who may write into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekg.config import TrainConfig, config_to_dict, save_config
from ekg.errors import TrainingError
from ekg.files import sha256_of_file, write_json
from ekg.images.manifest import MANIFEST
from ekg.model import EkgModel, save_weights
from ekg.run import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    DATASET_FILE,
    ENVIRONMENT_FILE,
    FINISHED_FILE,
    HISTORY_FILE,
    WEIGHTS_FILE,
    Run,
)
from ekg.training.checkpoint import check_same, load_checkpoint
from ekg.training.history import write_history


def checkpoint_to_resume(
    folder: Path, config: TrainConfig, *, resume: bool, overwrite: bool
) -> dict[str, Any] | None:
    """Return the checkpoint to resume from, None for a run that begins."""
    path = folder / CHECKPOINT_FILE
    if resume:
        if not path.is_file():
            return None  # stopped before its first checkpoint
        content = load_checkpoint(path)
        check_same(path, content["config"], config_to_dict(config))
        return content
    if not overwrite and (path.is_file() or (folder / WEIGHTS_FILE).is_file()):
        raise TrainingError(
            "already has a run",
            path=folder,
            remedy="use --resume to resume it, --overwrite to start over, or choose another --run",
        )
    return None


def check_data(folder: Path, images: Path, split_file: Path) -> None:
    """Refuse to continue other images or another split than the run began with."""
    known = Run(folder).environment
    changed = []
    for key, file in (("manifest_sha256", images / MANIFEST), ("split_sha256", split_file)):
        now = sha256_of_file(file) if file.is_file() else "missing"
        if known.get(key) != now:
            changed.append(f"{file} (field `{key}` is {now:.12}, was {known.get(key)!s:.12})")
    if changed:
        raise TrainingError(
            f"the run was started with other data: {' and '.join(changed)} changed",
            path=folder,
            remedy="restore them, use --overwrite to start over, or choose another --run "
            "(with make: RUN=another-name)",
        )


def begin(
    folder: Path,
    config: TrainConfig,
    environment: dict[str, Any],
    dataset: dict[str, Any] | None = None,
) -> None:
    """Remove what an earlier run left, and write down what this one is."""
    for name in (FINISHED_FILE, CHECKPOINT_FILE, WEIGHTS_FILE, HISTORY_FILE, DATASET_FILE):
        (folder / name).unlink(missing_ok=True)
    save_config(folder / CONFIG_FILE, config)
    write_json(folder / ENVIRONMENT_FILE, environment)
    if dataset is not None:
        write_json(folder / DATASET_FILE, dataset)


def keep_weights(folder: Path, model: EkgModel, row: dict[str, Any]) -> None:
    """Write the weights of the best epoch so far."""
    metadata = {**model.metadata, "epoch": row["epoch"], "val_loss": row["val_loss"]}
    save_weights(folder / WEIGHTS_FILE, model.network.state_dict(), metadata)


def keep_history(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write the history of all epochs so far."""
    write_history(folder / HISTORY_FILE, rows)


def keep_events(folder: Path, row: dict[str, Any]) -> None:
    """Add an epoch's figures to the run's TensorBoard events."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard")) as writer:
        for name, value in row.items():
            if isinstance(value, float) and name not in ("elapsed_time", "epoch_time"):
                writer.add_scalar(name.replace("_", "/", 1), value, row["epoch"])


def finish(folder: Path, summary: dict[str, Any]) -> None:
    """Write how the run ended."""
    write_json(folder / FINISHED_FILE, summary)
