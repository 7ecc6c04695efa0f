import pytest
import torch

from ekg.errors import ModelError
from ekg.model import EkgModel, build_network
from ekg.model.networks import IMAGENET_MEAN, IMAGENET_STD


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(2)
    return EkgModel(build_network(), image_size=64, mean=0.9, std=0.1).eval()


def grey(n=2, size=64):
    return torch.randint(0, 256, (n, 1, size, size), dtype=torch.uint8)


def test_normalises_as_the_recipe_says(model):
    images = grey()
    expected = (images.double() / 255 - 0.9) / 0.1
    torch.testing.assert_close(model.normalise(images).double(), expected, rtol=0, atol=1e-5)


def test_a_channel_axis_may_be_left_out(model):
    images = grey()
    assert torch.equal(model.normalise(images), model.normalise(images[:, 0]))


def test_probabilities_sum_to_one_and_follow_the_temperature(model):
    images = grey()
    with torch.inference_mode():
        cold = model.probabilities(images)
        logits = model(images)
    hot = EkgModel(model.network, image_size=64, mean=0.9, std=0.1, temperature=1e6).eval()
    with torch.inference_mode():
        warm = hot.probabilities(images)
    torch.testing.assert_close(cold.sum(1), torch.ones(2))
    assert torch.equal(cold.argmax(1), logits.argmax(1))
    torch.testing.assert_close(warm, torch.full((2, 7), 1 / 7), rtol=0, atol=1e-4)


def test_grey_is_repeated_for_a_network_of_three_channels():
    network = build_network(in_channels=3).eval()
    model = EkgModel(network, image_size=64, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    assert model.in_channels == 3
    images = grey()
    normalised = model.normalise(images)
    assert normalised.shape == (2, 3, 64, 64)
    blue = (images[:, 0] / 255 - IMAGENET_MEAN[2]) / IMAGENET_STD[2]
    torch.testing.assert_close(normalised[:, 2], blue)
    assert model.metadata["mean"] == list(IMAGENET_MEAN)


def test_its_state_dict_is_the_networks_alone(model):
    assert len(model.state_dict()) == 156


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(1, 1, 64, 64), "torch.float32"),
        (grey(size=32), "32 x 32 pixels for a model of 64 x 64"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "3 channels"),
        (torch.zeros(64, 64, dtype=torch.uint8), "shape"),
    ],
)
def test_unfit_images_are_refused(model, images, words):
    with pytest.raises(ModelError, match=words):
        model(images)


@pytest.mark.parametrize(
    "options",
    [
        {"std": 0.0},
        {"mean": float("nan")},
        {"temperature": 0.0},
        {"mean": [0.1, 0.2]},
        {"temperature": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused(model, options):
    with pytest.raises(ModelError):
        EkgModel(model.network, **options)
