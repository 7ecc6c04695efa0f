"""The paper's class weights and loss, and the average of the weights."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from ekg.training.state import WeightAverage
from ekg.training.validation import class_weights, epoch_loss, step_loss


def test_class_weights_of_the_published_training_set():
    counts = [2946, 1958, 523, 2846, 4411, 2320, 608]
    weights = class_weights(np.repeat(np.arange(7), counts), 7)
    assert weights.max() == weights[2] == 1.0
    np.testing.assert_allclose(weights, 523 / np.array(counts))


def test_a_class_with_no_image_has_weight_zero():
    np.testing.assert_allclose(class_weights(np.array([0, 0, 2]), 4), [0.5, 0.0, 1.0, 0.0])


def test_epoch_loss_is_the_papers_formula():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(23, 7, generator=generator)
    labels = torch.randint(0, 7, (23,), generator=generator)
    weights = torch.rand(7, generator=generator)
    total = 0.0
    for start in range(0, 23, 5):
        part = slice(start, start + 5)
        batch = functional.cross_entropy(logits[part], labels[part], weights)
        total += batch.item() * len(labels[part])
    ours = epoch_loss(logits.numpy(), labels.numpy(), weights.double().numpy(), 5)
    assert ours == pytest.approx(total / 23, rel=1e-6)


def test_epoch_loss_of_a_batch_whose_classes_weigh_nothing():
    logits = np.zeros((2, 2), np.float32)
    assert epoch_loss(logits, np.array([0, 1]), np.array([1.0, 0.0]), 1) == pytest.approx(
        math.log(2) / 2
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_parts_of_a_batch_add_up_to_the_whole(smoothing):
    logits = torch.randn(9, 7)
    labels = torch.randint(0, 7, (9,))
    weights = torch.rand(7)
    whole = functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    total = float(weights[labels].sum())
    parts = [slice(0, 4), slice(4, 9), slice(9, 9)]
    added = sum(step_loss(logits[p], labels[p], weights, total, smoothing) for p in parts)
    torch.testing.assert_close(added, whole)


def test_the_average_is_what_the_formula_says():
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    average = WeightAverage(network, 0.9)
    expected = network[0].weight.detach().clone()
    for step in range(30):
        with torch.no_grad():
            network[0].weight.add_(torch.randn(2, 3))
            network[1].num_batches_tracked.add_(1)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network[0].weight.detach()
    torch.testing.assert_close(average.network[0].weight, expected)
    assert average.network[1].num_batches_tracked == 30
    again = WeightAverage(network, 0.9)
    again.load_state_dict(average.state_dict())
    assert again.steps == 30
    torch.testing.assert_close(again.network[0].weight, expected)
