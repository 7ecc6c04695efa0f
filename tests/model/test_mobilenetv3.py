import math

import numpy as np
import pytest
import torch
from torch import nn

from ekg.model import build_network, load_weights
from ekg.model.mobilenetv3 import BLOCKS, InvertedResidual, MobileNetV3, rounded_channels


@pytest.mark.parametrize("plain", [False, True])
def test_the_papers_number_of_parameters(plain):
    network = build_network(plain=plain)
    assert sum(parameter.numel() for parameter in network.parameters()) == 151_463
    assert len(network.state_dict()) == 156


@pytest.mark.parametrize("plain", [False, True])
def test_names_and_shapes_are_those_of_the_published_file(published_file, plain):
    published, _ = load_weights(published_file)
    ours = build_network(plain=plain).state_dict()
    assert list(ours) == list(published)
    assert [tensor.shape for tensor in ours.values()] == [t.shape for t in published.values()]


def test_both_forms_give_the_same_numbers():
    torch.manual_seed(3)
    fused, plain = MobileNetV3().eval(), MobileNetV3(plain=True).eval()
    with torch.no_grad():
        for name, buffer in fused.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.2, 1.0)
        for parameter in fused.classifier.parameters():
            parameter.normal_(0.0, 0.2)
    plain.load_state_dict(fused.state_dict())
    images = torch.randn(3, 1, 96, 96)
    with torch.inference_mode():
        ours, textbook = fused(images), plain(images)
    assert ours.std() > 0.01  # the comparison would say nothing about zeros
    torch.testing.assert_close(ours, textbook, rtol=0, atol=1e-5)


def test_both_forms_train_alike():
    torch.manual_seed(4)
    fused = MobileNetV3(dropout=0.0)
    plain = MobileNetV3(dropout=0.0, plain=True)
    plain.load_state_dict(fused.state_dict())
    images, labels = torch.randn(4, 1, 64, 64), torch.tensor([0, 1, 2, 3])
    gradients = []
    for network in (fused, plain):
        nn.functional.cross_entropy(network(images), labels).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert gradients[0].norm() > 0
    assert torch.dist(*gradients) <= 1e-3 * gradients[0].norm()


@pytest.mark.parametrize(
    ("asked", "given"), [(4, 8), (8, 8), (16, 16), (30, 32), (36, 40), (29.36, 32), (19, 24)]
)
def test_channels_are_rounded_the_mobilenet_way(asked, given):
    assert rounded_channels(asked) == given


def test_shortcuts_stand_where_shapes_agree():
    blocks = [m for m in MobileNetV3().features if isinstance(m, InvertedResidual)]
    assert len(blocks) == len(BLOCKS)
    assert [block.has_shortcut for block in blocks] == [0, 0, 1, 0, 1, 0, 1]


def test_fresh_weights_follow_the_recipe():
    torch.manual_seed(45)
    for module in MobileNetV3().modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 1000:
            expected = math.sqrt(2 / (math.prod(module.kernel_size) * module.out_channels))
            assert module.weight.std().item() == pytest.approx(expected, rel=0.15)
        elif isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.01, rel=0.2)
            assert not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all()
            assert (module.bias == 0).all()


def test_fresh_weights_depend_on_the_seed_alone():
    torch.manual_seed(45)
    first = MobileNetV3().state_dict()
    torch.manual_seed(45)
    again = MobileNetV3(plain=True).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_golden_logits(golden, published):
    with torch.inference_mode():
        logits = torch.cat([published(batch) for batch in golden.images.split(8)]).numpy()
    assert np.abs(logits - golden.logits).max() <= 1e-3


def test_golden_logits_of_the_plain_form(golden, published_file):
    from ekg.model import load_model

    with torch.inference_mode():
        logits = load_model(published_file, plain=True)(golden.images[:4]).numpy()
    assert np.abs(logits - golden.logits[:4]).max() <= 1e-3
