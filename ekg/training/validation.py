"""The paper's class weights and loss, and losses and scores of a fold during training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional

from ekg.data.loader import Loader, batches_of, fixed_order, share_of
from ekg.model import EkgModel
from ekg.model.torch_engine import for_inference
from ekg.training.compute import Compute
from ekg.training.distributed import World


def class_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the weight of each class in the loss of a fold.

    total / count, divided by the largest; a class with no image gets 0.
    """
    counts = np.bincount(labels, minlength=n_classes).astype(np.float64)
    weights = np.divide(len(labels), counts, out=np.zeros(n_classes), where=counts > 0)
    return weights / weights.max()


def step_loss(
    logits: Tensor, labels: Tensor, weights: Tensor, total_weight: float, label_smoothing: float
) -> Tensor:
    """Return this process's part of a batch's weighted mean cross entropy.

    `logits`: float (n, n_classes); n may be 0; `labels`: int64 (n,); `weights`: (n_classes,).
    """
    total = functional.cross_entropy(
        logits.float(), labels, weights, reduction="sum", label_smoothing=label_smoothing
    )
    return total / total_weight


def epoch_loss(
    logits: np.ndarray, labels: np.ndarray, weights: np.ndarray, batch_size: int
) -> float:
    """Return the loss of an epoch from all logits, in the order in which they were batched.

    The sum over batches of (weighted mean of the batch x its size), divided by the number of
    images: the paper's formula, which depends a little on how images fall into batches. A batch
    in which every class has weight 0 counts as 0.
    """
    log_probabilities = torch.log_softmax(torch.from_numpy(logits).double(), dim=1).numpy()
    losses = -log_probabilities[np.arange(len(labels)), labels]
    weight_of = weights[labels]
    total = 0.0
    for start in range(0, len(labels), batch_size):
        part = slice(start, start + batch_size)
        weight = weight_of[part].sum()
        if weight > 0:
            mean = (weight_of[part] * losses[part]).sum() / weight
            total += float(mean) * len(weight_of[part])
    return total / len(labels)


@dataclass(frozen=True)
class FoldScores:
    """What one pass over a fold gives."""

    loss: float
    accuracy: float
    macro_f1: float
    """Over the classes that have an image in the fold."""


def predict_logits(
    model: nn.Module,
    loader: Loader,
    batches: list[np.ndarray],
    compute: Compute,
    world: World,
    progress: Callable[[int], None],
) -> np.ndarray:
    """Return float32 logits in the order of the batches' rows, on every process.

    Each process computes its part of each batch, so that every image counts once.
    """
    shares = [share_of(batch, world.rank, world.size) for batch in batches]
    parts: list[Tensor] = []
    model = _as_measured(model)
    with torch.inference_mode(), compute.autocast():
        for batch in loader.batches([share for share in shares if len(share)]):
            images = to_device(batch.pixels, compute.device)
            parts.append(model(images).float())
            progress(len(batch.rows))
    own = torch.cat(parts).cpu().numpy() if parts else np.zeros((0, 0), np.float32)
    gathered = world.gather(own)
    if world.size == 1:
        return gathered[0]
    n_classes = max(part.shape[1] for part in gathered)
    logits = np.empty((sum(map(len, batches)), n_classes), np.float32)
    for rank, part in enumerate(gathered):
        logits[_places(batches, rank, world.size)] = part.reshape(-1, n_classes)
    return logits


def _as_measured(model: nn.Module) -> nn.Module:
    """Return the model in eval mode, batch norm folded where that is faster."""
    model.eval()
    if type(model) is not EkgModel or getattr(model.network, "plain", False):
        return model
    return for_inference(model).to(model.mean.device).eval()


def _places(batches: list[np.ndarray], rank: int, processes: int) -> np.ndarray:
    """Return where the rows of one process are among the rows of all batches."""
    places, start = [], 0
    for batch in batches:
        places.append(share_of(np.arange(start, start + len(batch)), rank, processes))
        start += len(batch)
    return np.concatenate(places)


def evaluate_fold(
    model: nn.Module,
    loader: Loader,
    labels: np.ndarray,
    *,
    n_classes: int,
    batch_size: int,
    seed: int,
    weighted: bool,
    compute: Compute,
    world: World,
    progress: Callable[[int], None],
) -> FoldScores:
    """Measure a fold with its own class weights; see `epoch_loss`."""
    order = fixed_order(len(labels), seed)
    logits = predict_logits(model, loader, batches_of(order, batch_size), compute, world, progress)
    weights = class_weights(labels, n_classes) if weighted else np.ones(n_classes)
    truth = labels[order]
    guess = logits.argmax(1)
    return FoldScores(
        loss=epoch_loss(logits, truth, weights, batch_size),
        accuracy=float((guess == truth).mean()),
        macro_f1=float(
            f1_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)
        ),
    )


def to_device(images: Tensor, device: torch.device) -> Tensor:
    """Return (n, 1, size, size) on the device; from pinned memory the copy runs beside work."""
    return images.unsqueeze(1).to(device, non_blocking=True)
