"""Training of either network: resumable, and the same to the last bit wherever it stopped."""

from __future__ import annotations

import csv
import hashlib
import io
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional

from ekg.errors import TrainingError
from ekg.files import atomic_open, write_json, write_text
from ekg.model.export import traced
from ekg.progress import Progress
from ekg.strips.learn.networks import NameNetwork, SegmentNetwork
from ekg.strips.learn.recipe import StripRecipe
from ekg.strips.names import HEIGHT, WIDTH
from ekg.training.checkpoint import load_checkpoint, save_checkpoint
from ekg.training.state import WeightAverage

CHECKPOINT, HISTORY, START, ONNX = "checkpoint.pt", "history.csv", "start.csv", "network.onnx"
NOTED_STEPS = (1, 10, 50, 100, 200)
"""Steps after which the weights' checksum is noted in `start.csv`."""
_CLASS_WEIGHTS = (2.0, 2.0, 3.0, 1.0)
"""Of trace, text, mark and background in the loss of the segmentation."""


class Data(Protocol):
    """What gives a training its batches."""

    def batch(self, step: int) -> tuple[torch.Tensor, ...]:
        """Return the batch of a step, which depends on the seed and the step alone."""
        ...

    def close(self) -> None:
        """End work in the background."""
        ...


def make_data(recipe: StripRecipe, folder: Path, jobs: int) -> Data:
    """Return the data of a recipe; what is missing in `folder` is simulated."""
    if recipe.network == "names":
        from ekg.strips.learn.name_data import NameData

        return NameData(recipe, folder, jobs)
    from ekg.strips.learn.segment_data import SegmentData

    return SegmentData(recipe, folder, jobs)


def make_network(recipe: StripRecipe) -> nn.Module:
    """Return the untrained network, initialised from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    return NameNetwork() if recipe.network == "names" else SegmentNetwork()


def loss_of(
    recipe: StripRecipe, logits: torch.Tensor, batch: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    """Return the loss of a batch."""
    if recipe.network == "names":
        return functional.cross_entropy(logits, batch[1])
    _, target, seen = batch
    weights = torch.tensor(_CLASS_WEIGHTS).view(1, -1, 1, 1)
    each = -(weights * target * functional.log_softmax(logits, dim=1)).sum(dim=1) * seen
    return each.sum() / ((weights * target).sum(dim=1) * seen).sum().clamp(min=1.0)


def learning_rate(recipe: StripRecipe, step: int) -> float:
    """Return the learning rate of a step: a linear rise, then half a cosine down to nothing."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    part = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(part, 1.0)))


class Training:
    """A training and where it stands."""

    def __init__(self, recipe: StripRecipe, data: Data):
        torch.set_num_threads(recipe.threads)
        torch.use_deterministic_algorithms(True)
        self.recipe, self.data = recipe, data
        self.network = make_network(recipe).train()
        self.average = WeightAverage(self.network, recipe.averaging_decay)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.done = 0
        self.seconds = 0.0
        self.start: list[tuple[int, str]] = []
        self.history: list[tuple[int, float]] = []

    def step(self) -> float:
        """Take one step; return its loss."""
        batch = self.data.batch(self.done)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.done)
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(self.recipe, self.network(batch[0]), batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.average.update()
        self.done += 1
        if self.done in NOTED_STEPS:
            self.start.append((self.done, checksum(self.network)))
        return float(loss.detach())

    def save(self, folder: Path) -> None:
        """Write the checkpoint and the tables."""
        content = {
            "config": {"recipe": asdict(self.recipe)},
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "done": self.done,
            "seconds": self.seconds,
            "start": self.start,
            "history": self.history,
        }
        save_checkpoint(folder / CHECKPOINT, content)
        write_text(folder / START, _table(("step", "weights_sha256"), self.start))
        write_text(folder / HISTORY, _table(("step", "loss"), self.history))

    def load(self, folder: Path) -> None:
        """Go back to where the checkpoint stands."""
        path = folder / CHECKPOINT
        saved = load_checkpoint(path)
        if saved["config"].get("recipe") != asdict(self.recipe):
            raise TrainingError(
                "was trained with another recipe",
                path=path,
                remedy="give the same recipe, or another folder with --run",
            )
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.done, self.seconds = int(saved["done"]), float(saved["seconds"])
        self.start = [(int(step), str(sha)) for step, sha in saved["start"]]
        self.history = [(int(step), float(loss)) for step, loss in saved["history"]]


def train(
    recipe: StripRecipe, folder: Path, data_folder: Path, *, jobs: int = 1, steps: int | None = None
) -> Training:
    """Train a network, from the start or from the checkpoint in `folder`, and export it.

    Parameters
    ----------
    recipe
        How.
    folder, data_folder
        For the checkpoint and the network, and for what is simulated.
    jobs
        Processes that simulate; the network does not depend on it.
    steps
        Stop, to be resumed, when so many steps are done in all.
    """
    data_folder.mkdir(parents=True, exist_ok=True)
    data = make_data(recipe, data_folder, jobs)
    try:
        training = Training(recipe, data)
        if (folder / CHECKPOINT).is_file():
            training.load(folder)
        _run(training, folder, min(recipe.steps, recipe.steps if steps is None else steps))
    finally:
        data.close()
    return training


def _run(training: Training, folder: Path, end: int) -> None:
    recipe = training.recipe
    recent: list[float] = []
    with Progress(recipe.steps, "training", "step", done=training.done) as progress:
        while training.done < end:
            started = time.monotonic()
            recent.append(training.step())
            training.seconds += time.monotonic() - started
            progress.update()
            last = training.done == end
            if training.done % recipe.checkpoint_steps == 0 or last:
                mean = sum(recent) / len(recent)
                training.history.append((training.done, round(mean, 6)))
                progress.note(f"loss {mean:.4f}")
                recent = []
                training.save(folder)
            if training.done % recipe.export_steps == 0 or last:
                export(training, folder / ONNX)
    if training.done == recipe.steps:
        write_json(folder / "finished.json", {"steps": training.done, "seconds": training.seconds})


def checksum(network: nn.Module) -> str:
    """Return the SHA-256 of all weights in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def export(training: Training, path: Path) -> None:
    """Write the averaged weights as ONNX."""
    network = training.average.network
    example: torch.Tensor
    free: dict[int, Any]
    if training.recipe.network == "names":
        name, example, free = "ink", torch.zeros(2, 2, HEIGHT, WIDTH), {0: torch.export.Dim("n")}
    else:
        height, width = (torch.export.Dim(d, min=2, max=4096) for d in ("height", "width"))
        name, example, free = "page", torch.zeros(1, 6, 64, 96), {2: 16 * height, 3: 16 * width}
    proto = traced(network, training.recipe.network, example, (name, "logits"), free)
    with atomic_open(path, "wb") as stream:
        stream.write(proto.SerializeToString())


def _table(columns: tuple[str, ...], rows: list[tuple[int, str]] | list[tuple[int, float]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()
