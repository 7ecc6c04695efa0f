"""The training steps of one epoch."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ekg.config import TrainConfig
from ekg.data.loader import Batch, Loader, batches_of, epoch_order, share_of
from ekg.errors import TrainingError
from ekg.training.compute import Compute
from ekg.training.distributed import World
from ekg.training.schedule import rate_factor
from ekg.training.state import State
from ekg.training.validation import step_loss, to_device

_STEPS_BETWEEN_LOOKS_GPU = 20  # looking at a loss makes the GPU wait

Forward = Callable[[Tensor], Tensor]


class StepRunner:
    """Runs the steps of an epoch from any position on.

    `forward`: The model as it is to be called for training (compiled, wrapped for many processes).
    """

    def __init__(
        self,
        config: TrainConfig,
        state: State,
        forward: Forward,
        *,
        names: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        compute: Compute,
        world: World,
    ):
        self.config, self.state, self.forward = config, state, forward
        self.names, self.labels, self.weights = names, labels, weights
        self.compute, self.world = compute, world
        self._device_weights = torch.tensor(weights, dtype=torch.float32, device=compute.device)
        self._unseen: list[tuple[int, np.ndarray, Tensor, Tensor, int]] = []
        self._look_every = _STEPS_BETWEEN_LOOKS_GPU if compute.device.type == "cuda" else 1

    def run_epoch(
        self,
        loader: Loader,
        progress: Callable[[int], None],
        between_steps: Callable[[], None] = lambda: None,
    ) -> None:
        """Do the epoch's remaining steps."""
        state, world = self.state, self.world
        order = epoch_order(len(self.labels), self.config.training.seed, state.epoch)
        batches = batches_of(order, self.config.training.batch_size)
        # A last batch with fewer images than processes would leave one of them nothing.
        batches = [batch for batch in batches if len(batch) >= world.size]
        mine = [share_of(batch, world.rank, world.size) for batch in batches]
        # The order depends on seed and epoch alone, so a resumed run continues at its step.
        remaining = range(state.step, len(batches))
        state.model.train()
        started = time.monotonic() - state.sums.seconds
        images = loader.batches([mine[step] for step in remaining], state.epoch)
        for step, part in zip(remaining, images, strict=True):
            # The rate of a step is that of its middle: the last one of a cosine is not zero.
            self._step(batches[step], part, (step + 0.5) / len(batches))
            state.step = step + 1
            state.sums.seconds = time.monotonic() - started
            progress(len(batches[step]))
            if state.step % self._look_every == 0 and state.step < len(batches):
                self._look()
                between_steps()
        self._look()
        state.sums.seconds = time.monotonic() - started

    def _step(self, batch: np.ndarray, part: Batch, fraction: float) -> None:
        state, training = self.state, self.config.training
        progress = (state.epoch + fraction) / training.epochs
        rate = self.config.optimizer.learning_rate * rate_factor(progress, self.config.schedule)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        # The weighted mean is over the whole batch, not over this process's part of it.
        total_weight = float(self.weights[self.labels[batch]].sum())
        labels = torch.from_numpy(part.labels).to(self.compute.device, non_blocking=True)
        with self.compute.autocast():
            logits = self.forward(to_device(part.pixels, self.compute.device))
        loss = step_loss(
            logits, labels, self._device_weights, total_weight, training.label_smoothing
        )
        # DistributedDataParallel averages gradients over processes; the parts are to be added.
        state.optimizer.zero_grad(set_to_none=True)
        state.scaler.scale(loss * self.world.size).backward()
        if training.gradient_clip > 0:
            # The limit is for the true gradient, without the scale of float16.
            state.scaler.unscale_(state.optimizer)
            nn.utils.clip_grad_norm_(state.model.parameters(), training.gradient_clip)
        # Reading a loss makes a GPU wait: there it is read every few steps. On a CPU waiting costs
        # nothing, and a loss that is not a number stops the run before the weights change.
        correct = (logits.detach().argmax(1) == labels).sum()
        self._unseen.append((state.step, part.rows, loss.detach(), correct, len(batch)))
        if self._look_every == 1:
            self._look()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if state.average is not None:
            state.average.update()

    def _look(self) -> None:
        """Add up the losses of the steps since the last look; stop at one that is not a number."""
        if not self._unseen:
            return
        losses = torch.stack([loss for _, _, loss, _, _ in self._unseen]).cpu().double().tolist()
        counts = torch.stack([correct for _, _, _, correct, _ in self._unseen]).cpu().tolist()
        sums = self.state.sums
        for (step, rows, _, _, size), loss, correct in zip(
            self._unseen, losses, counts, strict=True
        ):
            if not np.isfinite(loss):
                raise self._not_a_number(step, rows, loss)
            sums.loss += loss * size
            sums.correct += int(correct)
            sums.images += size
        self._unseen.clear()

    def _not_a_number(self, step: int, rows: np.ndarray, loss: float) -> TrainingError:
        return TrainingError(
            f"the loss is {loss} in step {step} of epoch {self.state.epoch}, with the images "
            f"{', '.join(self.names[rows])}",
            remedy="lower optimizer.learning_rate, set training.gradient_clip=1, or use "
            "compute.precision=float32; the last checkpoint predates it",
        )
