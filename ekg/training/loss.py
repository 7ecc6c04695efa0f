"""Class weights and the epoch loss, as the paper has them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def class_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the weight of each class in the loss of a fold.

    total / count, divided by the largest; a class with no image gets 0.

    Parameters
    ----------
    labels
        Class index of every image of the fold.
    n_classes
        Number of classes.

    Returns
    -------
    ndarray of float64, shape (n_classes,)
    """
    counts = np.bincount(labels, minlength=n_classes).astype(np.float64)
    weights = np.divide(len(labels), counts, out=np.zeros(n_classes), where=counts > 0)
    return weights / weights.max()


def step_loss(
    logits: Tensor, labels: Tensor, weights: Tensor, total_weight: float, label_smoothing: float
) -> Tensor:
    """Return this process's part of a batch's weighted mean cross entropy.

    Parameters
    ----------
    logits
        Float (n, n_classes); n may be 0.
    labels
        int64 (n,).
    weights
        (n_classes,).
    total_weight
        Sum of the class weights over the images of the whole batch, on all processes: the parts
        add up to what one process would get for the whole batch.
    label_smoothing
        As in `torch.nn.functional.cross_entropy`.
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
