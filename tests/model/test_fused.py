import numpy as np
import pytest
import torch
from torch import nn

from ekg.model import EkgModel, build_network
from ekg.model.torch_engine import TorchEngine, fold_batch_norm, for_inference


def lively(network):
    """Give batch norm something to do."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)
    return network.eval()


@pytest.mark.parametrize("name", ["mobilenetv3_small_custom", "mobilenet_v3_small", "resnet101"])
def test_folding_changes_no_number(name):
    torch.manual_seed(6)
    options = {} if name == "mobilenetv3_small_custom" else {"in_channels": 1}
    network = lively(build_network(name, **options))
    nn.init.normal_(list(network.parameters())[-2], std=0.5)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.randn(2, 1, 64, 64)
    folded = fold_batch_norm(network)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_no_batch_norm_is_left_in_the_papers_network():
    norms = [m for m in fold_batch_norm(build_network()).modules() if "Norm" in type(m).__name__]
    assert norms == []


def test_golden_logits_of_the_folded_form(golden, published):
    with torch.inference_mode():
        logits = for_inference(published)(golden.images[:8]).numpy()
    assert np.abs(logits - golden.logits[:8]).max() <= 1e-3


def test_a_model_keeps_its_kind_and_settings():
    class Odd(EkgModel):
        pass

    model = Odd(build_network(), "ABCDEFG", 32, mean=0.5, std=0.2, temperature=3.0, name="odd")
    fast = for_inference(model)
    assert type(fast) is Odd
    assert fast.metadata == model.metadata
    assert fast.name == "odd"
    assert not fast.training
    assert model.training
    assert torch.equal(fast.mean, model.mean)


def test_the_engine_takes_any_number_of_images():
    torch.manual_seed(7)
    model = EkgModel(lively(build_network()), image_size=32, temperature=2.0).eval()
    engine = TorchEngine(model)
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    probabilities = engine.probabilities(images)
    assert probabilities.shape == (5, 7)
    assert engine.calibrated
    with torch.inference_mode():
        expected = model.probabilities(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
