import pytest
import torch
from torch import nn

from ekg.errors import ModelError
from ekg.model import build_network, network_names, save_weights
from ekg.model.networks import BACKBONES

SMALL = ("squeezenet1_0", "mobilenet_v3_small")


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_backbone_has_the_layers_that_are_replaced(name):
    with torch.device("meta"):
        network = build_network(name, 5, in_channels=1, train="final")
    first = network.get_submodule(BACKBONES[name].first)
    final = network.get_submodule(BACKBONES[name].final)
    assert isinstance(first, nn.Conv2d)
    assert first.in_channels == 1
    assert next(final.parameters()).shape[0] == 5
    trainable = {id(p) for p in network.parameters() if p.requires_grad}
    assert trainable == {id(p) for p in final.parameters()}
    assert network.eval()(torch.empty(2, 1, 224, 224, device="meta")).shape == (2, 5)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_backbone_reads_images(name, in_channels):
    network = build_network(name, 7, in_channels=in_channels).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, in_channels, 96, 96))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()


def imagenet_file(name, folder):
    """A file as torchvision publishes it, with drawn weights."""
    import torchvision

    torch.manual_seed(5)
    path = folder / f"{name}.pth"
    torch.save(torchvision.models.get_model(name, weights=None).state_dict(), path)
    return path


@pytest.mark.parametrize("name", SMALL)
def test_weights_from_a_local_file(name, tmp_path):
    path = imagenet_file(name, tmp_path)
    colour = build_network(name, 7, weights=path).eval()
    grey = build_network(name, 7, weights=str(path), in_channels=1).eval()
    grey.get_submodule(BACKBONES[name].final).load_state_dict(
        colour.get_submodule(BACKBONES[name].final).state_dict()
    )
    images = torch.randn(2, 1, 96, 96)
    with torch.inference_mode():
        expected = colour(images.expand(-1, 3, -1, -1))
        torch.testing.assert_close(grey(images), expected, rtol=1e-3, atol=1e-4)
    kept = torch.load(path, weights_only=True)[f"{BACKBONES[name].first}.weight"]
    assert torch.equal(colour.state_dict()[f"{BACKBONES[name].first}.weight"], kept)


def test_densenets_old_names_are_understood(tmp_path):
    network = build_network("densenet121", 1000)
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): tensor
        for name, tensor in network.state_dict().items()
    }
    assert set(old) != set(network.state_dict())
    path = tmp_path / "densenet.pth"
    torch.save(old, path)
    again = build_network("densenet121", 7, weights=path)
    assert torch.equal(again.features.conv0.weight, network.features.conv0.weight)


def test_neither_network_nor_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_way(*arguments, **options):
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_way)
    with pytest.raises(ModelError, match=r"not at .*squeezenet1_0.*no route.*put the file"):
        build_network("squeezenet1_0", weights="imagenet")


def test_a_file_of_another_network_is_refused(tmp_path):
    path = imagenet_file("squeezenet1_0", tmp_path)
    with pytest.raises(ModelError, match=r"squeezenet1_0\.pth.*another network than alexnet"):
        build_network("alexnet", weights=path)
    save_weights(tmp_path / "w.safetensors", build_network("squeezenet1_0", 5).state_dict())
    with pytest.raises(ModelError, match="1000 classes"):
        build_network("squeezenet1_0", weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("lenet", {}, "unknown network 'lenet'"),
        ("alexnet", {"in_channels": 2}, "in_channels is 2"),
        ("alexnet", {"train": "some"}, "train is 'some'"),
        ("alexnet", {"depth": 3}, "options depth"),
        ("mobilenetv3_small_custom", {"depth": 3}, "options depth"),
    ],
)
def test_unknown_names_and_options_are_refused(name, options, words):
    with pytest.raises(ModelError, match=words):
        build_network(name, **options)


def test_names():
    assert network_names()[0] == "mobilenetv3_small_custom"
    assert len(network_names()) == 9
