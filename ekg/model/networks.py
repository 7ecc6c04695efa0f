"""Networks by name: the paper's, and torchvision's for comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ekg.errors import ModelError
from ekg.model.mobilenetv3 import MobileNetV3
from ekg.model.weights import fill_network, load_weights

PAPER_NETWORK = "mobilenetv3_small_custom"
"""The name the paper's files give to its network."""
IMAGENET = "imagenet"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of the three channels; published with torchvision's weights."""
IMAGENET_STD = (0.229, 0.224, 0.225)
_IMAGENET_CLASSES = 1000
_IMAGENET_CHANNELS = 3


@dataclass(frozen=True)
class Backbone:
    """Where a torchvision network keeps the two layers that are replaced."""

    first: str
    """The first convolution; replaced when the number of channels is not three."""
    final: str
    """The layer that gives the logits."""


BACKBONES: Mapping[str, Backbone] = {
    "resnet101": Backbone("conv1", "fc"),
    "densenet121": Backbone("features.conv0", "classifier"),
    "vgg11_bn": Backbone("features.0", "classifier.6"),
    "alexnet": Backbone("features.0", "classifier.6"),
    "squeezenet1_0": Backbone("features.0", "classifier.1"),
    "mobilenet_v3_small": Backbone("features.0.0", "classifier.3"),
    "efficientnet_v2_s": Backbone("features.0.0", "classifier.1"),
    "convnext_tiny": Backbone("features.0.0", "classifier.2"),
}


def build_backbone(
    name: str,
    n_classes: int = 7,
    *,
    in_channels: int = 3,
    weights: str | Path | None = None,
    train: str = "all",
) -> nn.Module:
    """Build a torchvision network with a new final layer.

    Parameters
    ----------
    name
        A key of `BACKBONES`.
    n_classes
        Number of logits.
    in_channels
        3, or 1 for grey images: the first convolution's weights are then summed over the
        colours, which gives what the same grey in all three channels would give.
    weights
        None: fresh weights. "imagenet": torchvision's first set (IMAGENET1K_V1), from torch's
        cache or the network. Else the path of a file with those weights.
    train
        "all", or "final": every weight but the final layer's is frozen. (Batch norm continues
        following the mean and variance of the batches in training mode, as it did in the 2019
        hackathon.)

    Returns
    -------
    nn.Module
        Takes normalised float images (N, in_channels, H, W), returns logits (N, n_classes).
        Its state dict has torchvision's names.

    Raises
    ------
    ModelError
        If a name is unknown or the weights are not available.
    """
    import torchvision  # takes a second that the paper's network does not need

    if name not in BACKBONES:
        raise ModelError(
            f"unknown network {name!r}",
            remedy=f"choose mobilenetv3_small_custom or one of {', '.join(BACKBONES)}",
        )
    if in_channels not in (1, _IMAGENET_CHANNELS):
        raise ModelError(f"option in_channels is {in_channels}", remedy="use 1 or 3")
    if train not in ("all", "final"):
        raise ModelError(f"option train is {train!r}", remedy='use "all" or "final"')
    places = BACKBONES[name]
    network = torchvision.models.get_model(name, weights=None, num_classes=_IMAGENET_CLASSES)
    if weights is not None:
        fill_network(
            network,
            _modern_names(_imagenet_weights(name, weights)),
            path=weights,
            name=f"{name} with {_IMAGENET_CLASSES} classes",
        )
    if in_channels != _IMAGENET_CHANNELS:
        first = network.get_submodule(places.first)
        _set(network, places.first, _grey(first, keep=weights is not None))
    if train == "final":
        network.requires_grad_(False)
    _set(network, places.final, _new_final(network.get_submodule(places.final), n_classes))
    if isinstance(network, torchvision.models.SqueezeNet):
        network.num_classes = n_classes
    return network


def _imagenet_weights(name: str, weights: str | Path) -> dict[str, Tensor]:
    if str(weights) != IMAGENET:
        return load_weights(weights)[0]
    import torchvision

    listed = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    file_name = listed.url.rsplit("/", 1)[-1]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    try:
        return dict(listed.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:
        # OSError: no way to the network, or no room; RuntimeError: a wrong checksum.
        raise ModelError(
            f"ImageNet weights of {name} are not at {cached} and could not be fetched "
            f"from {listed.url} ({error})",
            remedy="put the file there, give its path as `weights`, or use no weights",
        ) from None


def _modern_names(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename densenet's tensors from the form in which torchvision publishes them."""
    old = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
    return {old.sub(r"\1\2", name): tensor for name, tensor in state_dict.items()}


def _set(network: nn.Module, place: str, layer: nn.Module) -> None:
    parent, _, name = place.rpartition(".")
    setattr(network.get_submodule(parent), name, layer)


def _grey(first: nn.Module, *, keep: bool) -> nn.Conv2d:
    if not isinstance(first, nn.Conv2d):
        raise TypeError(f"expected a convolution, found {type(first).__name__}")
    grey = nn.Conv2d(
        1,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    with torch.no_grad():
        if keep:
            grey.weight.copy_(first.weight.sum(dim=1, keepdim=True))
        else:
            grey.weight.copy_(first.weight[:, :1])
        if grey.bias is not None and first.bias is not None:
            grey.bias.copy_(first.bias)
    return grey


def _new_final(final: nn.Module, n_classes: int) -> nn.Module:
    if isinstance(final, nn.Linear):
        return nn.Linear(final.in_features, n_classes)
    if isinstance(final, nn.Conv2d):
        return nn.Conv2d(final.in_channels, n_classes, kernel_size=1)
    raise TypeError(f"expected a linear layer or a convolution, found {type(final).__name__}")


def network_names() -> tuple[str, ...]:
    """Return every name that `build_network` knows, the paper's network first."""
    return (PAPER_NETWORK, *BACKBONES)


def build_network(name: str = PAPER_NETWORK, n_classes: int = 7, **options: Any) -> nn.Module:
    """Build a network with fresh (or, for a backbone by option, ImageNet) weights.

    Parameters
    ----------
    name
        `mobilenetv3_small_custom`, or a backbone of `ekg.model.networks.BACKBONES`.
    n_classes
        Number of logits.
    **options
        For the paper's network see `MobileNetV3`, for a backbone `build_backbone`.

    Returns
    -------
    nn.Module
        Takes normalised float images (N, C, H, W), returns logits (N, n_classes).

    Raises
    ------
    ModelError
        If the name or an option is unknown.
    """
    try:
        if name == PAPER_NETWORK:
            return MobileNetV3(n_classes, **options)

        return build_backbone(name, n_classes, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ModelError(
            f"network {name} does not accept one of the options {', '.join(sorted(options))}",
            remedy="correct the network's options",
        ) from None
