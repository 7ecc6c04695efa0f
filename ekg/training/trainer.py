"""The training of one network, from a configuration to a run folder."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ekg.config import NetworkConfig, TrainConfig, config_to_dict
from ekg.data.training_data import FoldData, RunData, open_run_data
from ekg.files import folder_lock
from ekg.model import EkgModel, build_network, load_weights
from ekg.model.model_files import weights_file_of
from ekg.model.networks import PAPER_NETWORK
from ekg.model.weights import fill_network
from ekg.progress import Progress, log_line
from ekg.records.diagnoses import CLASSES
from ekg.run import CHECKPOINT_FILE
from ekg.training import compute, distributed, run_folder
from ekg.training import compute as memory
from ekg.training.checkpoint import save_checkpoint
from ekg.training.compute import Compute
from ekg.training.forecast import Forecast, time_left
from ekg.training.history import line_of
from ekg.training.provenance import describe_dataset, describe_environment
from ekg.training.schedule import should_stop
from ekg.training.state import State, Sums, new_state
from ekg.training.step import StepRunner
from ekg.training.validation import FoldScores, class_weights, evaluate_fold

Log = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    run: Path
    epochs: int
    best_epoch: int
    best_val_loss: float
    minutes: float
    reason: str
    """Why it ended: all epochs done, early stop, time limit."""


def train(
    config: TrainConfig,
    images: str | Path,
    split_file: str | Path,
    run: str | Path,
    *,
    records: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    log: Log | None = None,
) -> Result:
    """Train a network and leave its run folder.

    `log`: Takes each line for the user; standard error by default.
    """
    run = Path(run)
    on_gpu = config.compute.device.startswith(("auto", "cuda")) and torch.cuda.is_available()
    world = distributed.join("cuda" if on_gpu else "cpu")
    try:
        with contextlib.ExitStack() as stack:
            if world.is_first:
                stack.enter_context(folder_lock(run, "training"))
            settings = compute.set_up(config.compute, world.local_rank)
            checkpoint = run_folder.checkpoint_to_resume(
                run, config, resume=resume, overwrite=overwrite
            )
            if checkpoint is not None:
                run_folder.check_data(run, Path(images), Path(split_file))
            world.wait()  # every process has looked before the first one changes anything
            log = (log or log_line) if world.is_first else _silent
            pinned = settings.device.type == "cuda"
            data = stack.enter_context(
                open_run_data(config, Path(images), Path(split_file), records, log, pinned=pinned)
            )
            compute.seed_everything(config.training.seed)
            model = build_model(config, settings)
            course = Course(config, settings, world, run, data, model, log)
            if checkpoint is not None:
                course.state.from_checkpoint(checkpoint, world)
                log(f"resuming at epoch {course.state.epoch}, step {course.state.step}")
            elif world.is_first:
                environment = describe_environment(
                    settings,
                    images=Path(images),
                    split_file=Path(split_file),
                    seed=config.training.seed,
                    processes=world.size,
                )
                dataset = describe_dataset(config.data, Path(images), Path(split_file), records)
                run_folder.begin(run, config, environment, dataset)
            course.go()
            result = course.result()
            if world.is_first:
                run_folder.finish(run, {**vars(result), "run": run.name})
            return result
    finally:
        distributed.leave(world)


def _silent(line: str) -> None:
    """Leave speaking to the first process."""


class Course:
    """The epochs of one run.

    `best_by`: The column of the history that decides which epoch's weights are kept.
    """

    def __init__(
        self,
        config: TrainConfig,
        settings: compute.Compute,
        world: distributed.World,
        run: Path,
        data: RunData,
        model: EkgModel,
        log: Log,
        best_by: str = "",
    ):
        self.config, self.compute, self.world = config, settings, world
        self.run, self.data, self.log = run, data, log
        self.best_by = best_by or config.training.best_by
        self.n_classes = len(model.classes)
        if world.size > 1:
            distributed.adapt_network(model, settings.device.type)
            if not world.is_first:  # each process draws its own dropout
                compute.seed_everything(config.training.seed + 1000 * world.rank)
        self.state: State = new_state(config, model, settings)
        self.weighted = config.training.class_weights == "balanced"
        weights = class_weights(data.train.labels, self.n_classes)
        self.runner = StepRunner(
            config,
            self.state,
            self._wrapped(model),
            names=data.train.images,
            labels=data.train.labels,
            weights=weights if self.weighted else (weights > 0).astype(float),
            compute=settings,
            world=world,
        )
        self._forecast = Forecast(config, len(data.train.labels))
        self._last_checkpoint = time.monotonic()

    def _wrapped(self, model: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        if self.compute.compile:
            model = torch.compile(model)  # type: ignore[assignment]
        if self.world.size > 1:
            ids = [self.compute.device.index] if self.compute.device.type == "cuda" else None
            return nn.parallel.DistributedDataParallel(
                model,
                device_ids=ids,
                broadcast_buffers=False,
            )
        return model

    def go(self) -> None:
        """Do epochs until there is a reason to stop."""
        while not self.state.finished:
            self._learn()
            row = self._measured_row()
            self._keep(row)
            left = "" if self.state.finished else time_left(self.state.rows, self.config)
            self.log(f"{line_of(row)}  {left}".rstrip())

    def result(self) -> Result:
        """Describe how the run ended."""
        rows = self.state.rows
        best = [row for row in rows if row["saved_model"]][-1]
        return Result(
            run=self.run,
            epochs=len(rows),
            best_epoch=best["epoch"],
            best_val_loss=best["val_loss"],
            minutes=rows[-1]["elapsed_time"],
            reason=self.state.finished,
        )

    # ------------------------------------------------------------------------- an epoch

    def _learn(self) -> None:
        """Do the rest of the epoch's steps."""
        sums, total = self.state.sums, len(self.data.train.labels)
        with self._progress(total, f"epoch {self.state.epoch}", sums.images) as progress:

            def show(count: int) -> None:
                progress.note(f"loss {sums.loss / max(sums.images, 1):.4f}")
                progress.update(count)

            try:
                self.runner.run_epoch(self.data.train.loader, show, self._between_steps)
            except (RuntimeError, MemoryError) as error:
                if not memory.is_out_of_memory(error):
                    raise
                batch = self.config.training.batch_size
                raise memory.out_of_memory(self.compute.device, batch) from None

    def _between_steps(self) -> None:
        """Say once how long it will take; save a checkpoint when it is time."""
        if line := self._forecast.after_steps(self.state.epoch, self.state.sums.images):
            self.log(line)
        limit = 60.0 * self.config.training.checkpoint_minutes
        late = time.monotonic() - self._last_checkpoint >= limit
        if self.world.decided_by_first(late, self.compute.device):
            self._save_checkpoint()

    def _measured_row(self) -> dict[str, Any]:
        """Measure the folds and return the epoch's row of the history."""
        state, sums = self.state, self.state.sums
        self.world.copy_from_first(state.model.buffers())
        self.world.copy_from_first(state.measured_model.buffers())
        own = torch.tensor([sums.loss, sums.correct], dtype=torch.float64)
        loss, correct = self.world.sum(own.to(self.compute.device)).tolist()
        images = max(sums.images, 1)
        train_loss, train_accuracy = loss / images, correct / images
        if self.config.training.train_loss_pass:
            scores = self._evaluate(self.data.measured_train)
            train_loss, train_accuracy = scores.loss, scores.accuracy
        val = self._evaluate(self.data.val)
        on_gpu = self.compute.device.type == "cuda"
        best_loss = min((row["val_loss"] for row in state.rows), default=math.nan)
        if self.best_by == "last":
            better = True
        elif self.best_by == "val_loss":
            # "not >=" is true for the first epoch (best is NaN), so that there are always weights.
            better = not val.loss >= best_loss
        else:
            score = {"val_macro_f1": val.macro_f1, "val_accuracy": val.accuracy}[self.best_by]
            better = score > max((row[self.best_by] for row in state.rows), default=-math.inf)
        first = not state.rows
        minutes = state.minutes
        return {
            "epoch": state.epoch,
            "train_loss": train_loss,
            "val_loss": val.loss,
            "best_val_loss": val.loss if first else min(best_loss, val.loss),
            "delta_per_best": 0.0 if first else (val.loss - best_loss) / best_loss,
            "saved_model": better,
            "elapsed_time": minutes,
            "epoch_time": minutes - (0.0 if first else state.rows[-1]["elapsed_time"]),
            "cuda_mem_alloc": torch.cuda.memory_allocated() if on_gpu else 0,
            "cuda_mem_cached": torch.cuda.max_memory_reserved() if on_gpu else 0,
            "learning_rate": float(state.optimizer.param_groups[0]["lr"]),
            "images_per_second": images / max(sums.seconds, 1e-9),
            "train_accuracy": train_accuracy,
            "val_accuracy": val.accuracy,
            "val_macro_f1": val.macro_f1,
            "steps": state.step,
        }

    def _keep(self, row: dict[str, Any]) -> None:
        """Write weights (if best), history and checkpoint, in this order.

        A run killed in between resumes from the previous checkpoint, and writes the same again.
        """
        state = self.state
        state.rows.append(row)
        state.epoch, state.step, state.sums = state.epoch + 1, 0, Sums()
        state.finished = self._reason_to_stop()
        if self.world.is_first:
            if row["saved_model"]:
                run_folder.keep_weights(self.run, state.measured_model, row)
            run_folder.keep_history(self.run, state.rows)
            if self.config.compute.tensorboard:
                run_folder.keep_events(self.run, row)
        self._save_checkpoint()

    def _reason_to_stop(self) -> str:
        if should_stop([row["val_loss"] for row in self.state.rows], self.config.early_stopping):
            return "early stop"
        training, epochs = self.config.training, self.state.epoch
        if epochs >= training.epochs:
            return "all epochs done"
        over = 0 < training.max_minutes <= self.state.rows[-1]["elapsed_time"]
        if self.world.decided_by_first(over, self.compute.device):
            return (
                f"time limit of {training.max_minutes:g} minutes, after {epochs} of "
                f"{training.epochs} epochs"
            )
        return ""

    # -------------------------------------------------------------------------- helpers

    def _evaluate(self, fold: FoldData) -> FoldScores:
        training = self.config.training
        with self._progress(len(fold.labels), f"measuring {fold.name}", 0) as progress:
            return evaluate_fold(
                self.state.measured_model,
                fold.loader,
                fold.labels,
                n_classes=self.n_classes,
                batch_size=training.batch_size,
                seed=training.seed,
                weighted=self.weighted,
                compute=self.compute,
                world=self.world,
                progress=progress.update,
            )

    def _save_checkpoint(self) -> None:
        content = self.state.to_checkpoint(self.world)
        if self.world.is_first:
            content["config"] = config_to_dict(self.config)
            save_checkpoint(self.run / CHECKPOINT_FILE, content)
        self._last_checkpoint = time.monotonic()

    @contextlib.contextmanager
    def _progress(self, total: int, what: str, done: int) -> Iterator[Any]:
        """Show a bar on a terminal; elsewhere be silent between the lines of the epochs."""
        if self.world.is_first and sys.stderr.isatty():
            with Progress(total, what, "image", done) as progress:
                yield progress
        else:
            yield _Silence()


class _Silence:
    """Stands in for a progress bar where there is no terminal."""

    def update(self, count: int = 1) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""


def build_model(config: TrainConfig, compute: Compute) -> EkgModel:
    """Build the network with its first weights, drawn from torch's current random state."""
    network_config, data = config.network, config.data
    options = network_options(network_config, data.channels, plain=config.compute.plain)
    name = network_config.name
    network = build_network(name, len(CLASSES), **options)
    if name == PAPER_NETWORK and network_config.weights:
        file = weights_file_of(network_config.weights)
        fill_network(network, load_weights(file)[0], path=file, name=name)
    model = EkgModel(
        network,
        CLASSES,
        data.image_size,
        _per_channel(data.mean, data.channels),
        _per_channel(data.std, data.channels),
        network_name=name,
        network_options={k: v for k, v in options.items() if k not in ("plain", "train")},
    ).to(compute.device)
    if config.compute.channels_last and not config.compute.plain:
        model = model.to(memory_format=torch.channels_last)
    return model


def network_options(config: NetworkConfig, channels: int, *, plain: bool) -> dict[str, Any]:
    """Return what `build_network` is told."""
    if config.name == PAPER_NETWORK:
        return {"in_channels": channels, "dropout": config.dropout, "plain": plain}
    return {"in_channels": channels, "weights": config.weights or None, "train": config.train}


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values
