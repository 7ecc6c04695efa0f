"""From a configuration to a model that is ready for its first step."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ekg.config import NetworkConfig, TrainConfig
from ekg.model import EkgModel, build_network, load_weights
from ekg.model.loading import weights_file_of
from ekg.model.networks import PAPER_NETWORK
from ekg.model.weights import fill_network
from ekg.records.diagnoses import CLASSES
from ekg.training.compute import Compute


def build_model(config: TrainConfig, compute: Compute) -> EkgModel:
    """Build the network with its first weights, drawn from torch's current random state.

    Raises
    ------
    ModelError
        If the network is unknown, or the weights to start from are another network's.
    """
    network_config, data = config.network, config.data
    options = network_options(network_config, data.channels, plain=config.compute.plain)
    name = network_config.name
    network = build_network(name, len(CLASSES), **options)
    if name == PAPER_NETWORK and network_config.weights:
        file = weights_file_of(network_config.weights)
        fill_network(network, load_weights(file)[0], path=file, name=name)
    model = EkgModel(
        network,
        CLASSES,
        data.image_size,
        _per_channel(data.mean, data.channels),
        _per_channel(data.std, data.channels),
        network_name=name,
        network_options={k: v for k, v in options.items() if k not in ("plain", "train")},
    ).to(compute.device)
    if config.compute.channels_last and not config.compute.plain:
        model = model.to(memory_format=torch.channels_last)
    return model


def network_options(config: NetworkConfig, channels: int, *, plain: bool) -> dict[str, Any]:
    """Return what `build_network` is told."""
    if config.name == PAPER_NETWORK:
        return {"in_channels": channels, "dropout": config.dropout, "plain": plain}
    return {"in_channels": channels, "weights": config.weights or None, "train": config.train}


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values


def trainable_names(model: nn.Module) -> list[str]:
    """Return the names of the parameters that training changes."""
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]
