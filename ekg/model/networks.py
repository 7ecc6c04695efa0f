"""Networks by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from ekg.errors import ModelError
from ekg.model.mobilenetv3 import MobileNetV3

PAPER_NETWORK = "mobilenetv3_small_custom"
"""The name the paper's files give to its network."""


def network_names() -> tuple[str, ...]:
    """Return every name that `build_network` knows, the paper's network first."""
    from ekg.model.backbones import BACKBONES

    return (PAPER_NETWORK, *BACKBONES)


def build_network(name: str = PAPER_NETWORK, n_classes: int = 7, **options: Any) -> nn.Module:
    """Build a network with fresh (or, for a backbone by option, ImageNet) weights.

    Parameters
    ----------
    name
        `mobilenetv3_small_custom`, or a backbone of `ekg.model.backbones.BACKBONES`.
    n_classes
        Number of logits.
    **options
        For the paper's network see `MobileNetV3`, for a backbone `build_backbone`.

    Returns
    -------
    nn.Module
        Takes normalised float pictures (N, C, H, W), returns logits (N, n_classes).

    Raises
    ------
    ModelError
        If the name or an option is unknown.
    """
    try:
        if name == PAPER_NETWORK:
            return MobileNetV3(n_classes, **options)
        from ekg.model.backbones import build_backbone

        return build_backbone(name, n_classes, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ModelError(
            f"network {name} does not know one of the options {', '.join(sorted(options))}",
            remedy="correct the network's options",
        ) from None
