"""The hackathon's training: coloured images, five classes, the epoch of best accuracy kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ekg.config import TrainConfig, load_config
from ekg.data.folds import labels_of
from ekg.data.loader import Loader
from ekg.data.training_data import FoldData, RunData
from ekg.errors import ModelError, TrainingError
from ekg.files import folder_lock
from ekg.hackathon.images import ColourSource
from ekg.hackathon.ptbdb import HACKATHON_CLASSES
from ekg.model import build_network, load_weights
from ekg.model.ekg_model import EkgModel
from ekg.model.networks import IMAGENET_MEAN, IMAGENET_STD, PAPER_NETWORK
from ekg.model.weights import fill_network
from ekg.progress import log_line
from ekg.run import CHECKPOINT_FILE, WEIGHTS_FILE
from ekg.training import compute, run_folder
from ekg.training.distributed import World
from ekg.training.provenance import describe_environment
from ekg.training.trainer import Course, network_options

COLOURS = 3


class ColourModel(EkgModel):
    """`EkgModel` for red, green and blue, each normalised with its own mean and deviation.

    Used by the hackathon's comparison alone.
    """

    def normalise(self, images: Tensor) -> Tensor:
        """Return what the network takes.

        Returns float (N, 3, H, W): (value / 255 - mean) / std; `images`: uint8 (N, 3, H, W), or (N,
        1, 3, H, W) as the training loop hands them over.
        """
        if images.ndim == 5 and images.shape[1] == 1:
            images = images.squeeze(1)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != COLOURS:
            raise ModelError(
                f"images are {images.dtype} of shape {tuple(images.shape)}",
                remedy="give uint8 of shape (N, 3, H, W)",
            )
        return (images.to(self.mean.dtype) / 255 - self.mean) / self.std


BATCH_SIZES = {"final": 16, "all": 8}
"""Images per step when the final layer alone is trained, and when the whole network is."""
TRAIN_PARTS = {"final": "final layer only", "all": "whole network"}


def hackathon_settings(train: str) -> dict[str, Any]:
    """Return the settings of 2019 as nested tables: what `ekg.config` reads from TOML."""
    return {
        "network": {"name": "resnet101", "weights": "imagenet", "train": train},
        "data": {
            "image_size": 224,
            "channels": COLOURS,
            "mean": list(IMAGENET_MEAN),
            "std": list(IMAGENET_STD),
        },
        "training": {
            "epochs": 20,
            "max_minutes": 0.0,
            "batch_size": BATCH_SIZES[train],
            "train_loss_pass": False,
            "class_weights": "none",
        },
        "optimizer": {"name": "sgd", "learning_rate": 0.001, "momentum": 0.9},
        "schedule": {"name": "constant"},
        "early_stopping": {"enabled": False},
        "compute": {"compile": "off"},
    }


def hackathon_config(train: str, overrides: Iterable[str] = ()) -> TrainConfig:
    """Return `hackathon_settings` as a configuration."""
    own = [
        f"{section}.{name}={json.dumps(value)}"  # these values are written alike in TOML
        for section, table in hackathon_settings(train).items()
        for name, value in table.items()
    ]
    return load_config(None, [*own, *overrides])


def build_colour_model(config: TrainConfig) -> ColourModel:
    """Build the network with its first weights."""
    name, data = config.network.name, config.data
    if name == PAPER_NETWORK:
        raise ModelError(
            f"the hackathon's training is for torchvision's networks, not {name}",
            remedy="set network.name=resnet101",
        )
    options = network_options(config.network, data.channels, plain=config.compute.plain)
    return ColourModel(
        build_network(name, len(HACKATHON_CLASSES), **options),
        HACKATHON_CLASSES,
        data.image_size,
        data.mean,
        data.std,
        network_name=name,
        network_options={"in_channels": data.channels},
    )


def load_colour_model(run: Path, config: TrainConfig) -> ColourModel:
    """Return the model of a run's best epoch, in eval mode."""
    path = run / WEIGHTS_FILE
    name = config.network.name
    network = build_network(name, len(HACKATHON_CLASSES), in_channels=config.data.channels)
    fill_network(network, load_weights(path)[0], path=path, name=name)
    model = ColourModel(
        network,
        HACKATHON_CLASSES,
        config.data.image_size,
        config.data.mean,
        config.data.std,
        network_name=name,
    )
    return model.eval()


def train_hackathon(
    config: TrainConfig,
    pictures: Path,
    images: pd.DataFrame,
    folds: pd.Series,
    run: Path,
    split_file: Path,
    *,
    log: Callable[[str], None] | None = None,
) -> None:
    """Train one network and leave its run folder; resume from a checkpoint if there is one.

    `log`: Takes each line for the user; standard error by default.
    """
    log = log or log_line
    with folder_lock(run, "training"), ExitStack() as stack:
        checkpoint = None
        if (run / CHECKPOINT_FILE).is_file():
            checkpoint = _checkpoint(run, config)
        settings = compute.set_up(config.compute)
        compute.seed_everything(config.training.seed)
        model = build_colour_model(config).to(settings.device)
        train, val = (
            stack.enter_context(_fold(config, pictures, images[folds == name], name))
            for name in ("train", "val")
        )
        data = RunData(train, train, val)
        world = World()
        course = Course(config, settings, world, run, data, model, log, best_by="val_accuracy")
        if checkpoint is not None:
            course.state.from_checkpoint(checkpoint, world)
            done = course.state.finished
            log("already finished" if done else f"resuming at epoch {course.state.epoch}")
        else:
            environment = describe_environment(
                settings,
                images=pictures,
                split_file=split_file,
                seed=config.training.seed,
                processes=1,
            )
            run_folder.begin(run, config, environment)
        course.go()
        result = course.result()
        best = course.state.rows[result.best_epoch]
        run_folder.finish(
            run,
            {
                "run": run.name,
                "epochs": result.epochs,
                "best_epoch": result.best_epoch,
                "best_val_accuracy": best["val_accuracy"],
                "minutes": result.minutes,
                "reason": result.reason,
            },
        )


@contextmanager
def _fold(config: TrainConfig, pictures: Path, rows: pd.DataFrame, name: str) -> Iterator[FoldData]:
    rows = rows.reset_index(drop=True)
    labels = labels_of(rows, HACKATHON_CLASSES)
    source = ColourSource(pictures, rows, config.data.image_size)
    with Loader(source, labels, config.compute.workers) as loader:
        yield FoldData(name, loader, labels, rows["image"].to_numpy(str))


def _checkpoint(run: Path, config: TrainConfig) -> dict[str, Any] | None:
    try:
        return run_folder.checkpoint_to_resume(run, config, resume=True, overwrite=False)
    except TrainingError as error:
        raise TrainingError(
            error.problem,
            path=error.path,
            remedy="use its original settings, or choose another --out",
        ) from None
