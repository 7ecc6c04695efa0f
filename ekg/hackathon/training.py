"""The hackathon's training: coloured images, five classes, the epoch of best accuracy kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ekg.config import TrainConfig, config_to_dict, load_config
from ekg.data.folds import labels_of
from ekg.data.loader import Loader
from ekg.errors import ModelError, TrainingError
from ekg.files import folder_lock
from ekg.hackathon.images import ColourSource
from ekg.hackathon.ptbdb import HACKATHON_CLASSES
from ekg.model import build_network, load_weights
from ekg.model.ekg_model import EkgModel
from ekg.model.networks import IMAGENET_MEAN, IMAGENET_STD, PAPER_NETWORK
from ekg.model.weights import fill_network
from ekg.progress import Progress, log_line
from ekg.run import CHECKPOINT_FILE, WEIGHTS_FILE
from ekg.training import compute, run_folder
from ekg.training.checkpoint import save_checkpoint
from ekg.training.distributed import World
from ekg.training.history import line_of
from ekg.training.provenance import describe_environment
from ekg.training.state import State, Sums, new_state
from ekg.training.step import StepRunner
from ekg.training.trainer import network_options
from ekg.training.validation import evaluate_fold

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
        state = new_state(config, model, settings)
        world = World()
        if checkpoint is not None:
            state.from_checkpoint(checkpoint, world)
            log("already finished" if state.finished else f"resuming at epoch {state.epoch}")
        else:
            environment = describe_environment(
                settings,
                images=pictures,
                split_file=split_file,
                seed=config.training.seed,
                processes=1,
            )
            run_folder.begin(run, config, environment)
        loaders = {}
        for fold in ("train", "val"):
            rows = images[folds == fold].reset_index(drop=True)
            source = ColourSource(pictures, rows, config.data.image_size)
            labels = labels_of(rows, HACKATHON_CLASSES)
            loaders[fold] = (
                rows,
                labels,
                stack.enter_context(Loader(source, labels, config.compute.workers)),
            )
        _run_epochs(config, state, settings, loaders, run, log)


def _checkpoint(run: Path, config: TrainConfig) -> dict[str, Any] | None:
    try:
        return run_folder.checkpoint_to_resume(run, config, resume=True, overwrite=False)
    except TrainingError as error:
        raise TrainingError(
            error.problem,
            path=error.path,
            remedy="use its original settings, or choose another --out",
        ) from None


def _run_epochs(
    config: TrainConfig,
    state: State,
    settings: compute.Compute,
    loaders: dict[str, tuple[pd.DataFrame, Any, Loader]],
    run: Path,
    log: Callable[[str], None],
) -> None:
    world, n_classes = World(), len(HACKATHON_CLASSES)
    rows, labels, loader = loaders["train"]
    runner = StepRunner(
        config,
        state,
        state.model,
        names=rows["image"].to_numpy(str),
        labels=labels,
        weights=torch.ones(n_classes, dtype=torch.float64).numpy(),
        compute=settings,
        world=world,
    )
    _, val_labels, val_loader = loaders["val"]
    # Wrapped, so that nothing takes it for a model of grey images and rebuilds it as one.
    measured = nn.Sequential(state.measured_model)
    while not state.finished:
        with Progress(len(labels), f"epoch {state.epoch}", "picture") as progress:
            runner.run_epoch(loader, progress.update)
            val = evaluate_fold(
                measured,
                val_loader,
                val_labels,
                n_classes=n_classes,
                batch_size=config.training.batch_size,
                seed=config.training.seed,
                weighted=False,
                compute=settings,
                world=world,
                progress=lambda count: None,
            )
        best = max((row["val_accuracy"] for row in state.rows), default=-1.0)
        row = _row(state, settings, val.loss, val.accuracy, val.macro_f1, val.accuracy > best)
        state.rows.append(row)
        state.epoch, state.step, state.sums = state.epoch + 1, 0, Sums()
        if state.epoch >= config.training.epochs:
            state.finished = "all epochs done"
        if row["saved_model"]:
            run_folder.keep_weights(run, state.measured_model, row)
        run_folder.keep_history(run, state.rows)
        save_checkpoint(
            run / CHECKPOINT_FILE,
            {**state.to_checkpoint(world), "config": config_to_dict(config)},
        )
        log(line_of(row))
    best_row = next(row for row in reversed(state.rows) if row["saved_model"])
    run_folder.finish(
        run,
        {
            "run": run.name,
            "epochs": len(state.rows),
            "best_epoch": best_row["epoch"],
            "best_val_accuracy": best_row["val_accuracy"],
            "minutes": state.rows[-1]["elapsed_time"],
            "reason": state.finished,
        },
    )


def _row(
    state: State,
    settings: compute.Compute,
    val_loss: float,
    val_accuracy: float,
    val_macro_f1: float,
    better: bool,
) -> dict[str, Any]:
    """Return the epoch's row of the history; `saved_model` marks the best accuracy so far."""
    sums, minutes = state.sums, state.minutes
    best = min((row["val_loss"] for row in state.rows), default=val_loss)
    on_gpu = settings.device.type == "cuda"
    images = max(sums.images, 1)
    return {
        "epoch": state.epoch,
        "train_loss": sums.loss / images,
        "val_loss": val_loss,
        "best_val_loss": min(best, val_loss),
        "delta_per_best": (val_loss - best) / best if best else 0.0,
        "saved_model": better,
        "elapsed_time": minutes,
        "epoch_time": minutes - (state.rows[-1]["elapsed_time"] if state.rows else 0.0),
        "cuda_mem_alloc": torch.cuda.memory_allocated() if on_gpu else 0,
        "cuda_mem_cached": torch.cuda.max_memory_reserved() if on_gpu else 0,
        "learning_rate": float(state.optimizer.param_groups[0]["lr"]),
        "images_per_second": images / max(sums.seconds, 1e-9),
        "train_accuracy": sums.correct / images,
        "val_accuracy": val_accuracy,
        "val_macro_f1": val_macro_f1,
        "steps": state.step,
    }
