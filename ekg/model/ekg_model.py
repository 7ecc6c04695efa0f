"""A network together with what it needs to read images: normalisation, classes, temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ekg.errors import ModelError
from ekg.model.networks import PAPER_NETWORK
from ekg.records.diagnoses import CLASSES

PUBLISHED_MEAN = 0.95816243
"""Mean of the published training images, grey values in 0..1."""
PUBLISHED_STD = 0.09317242
"""Mean of the per-batch standard deviations of the same images."""
PUBLISHED_SIZE = 800


class EkgModel(nn.Module):
    """Grey images in, logits out.

    Parameters
    ----------
    network
        Takes normalised float images (N, C, H, W), returns logits (N, number of classes).
    classes
        Abbreviations in the order of the logits.
    image_size
        Height and width of the images, in pixels.
    mean, std
        What the grey values (0..1) are normalised with. A sequence of three means a network of
        three channels: the grey image is repeated.
    temperature
        Divides the logits before the softmax (Guo et al. 2017, arXiv:1706.04599); None where
        the probabilities have not been calibrated.
    network_name, network_options
        How `build_network` builds this network again.
    name
        What to call the model in tables and messages.

    Raises
    ------
    ModelError
        If a value is out of range.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        classes: Sequence[str] = CLASSES,
        image_size: int = PUBLISHED_SIZE,
        mean: float | Sequence[float] = PUBLISHED_MEAN,
        std: float | Sequence[float] = PUBLISHED_STD,
        temperature: float | None = None,
        *,
        network_name: str = PAPER_NETWORK,
        network_options: Mapping[str, Any] | None = None,
        name: str = "",
    ):
        super().__init__()
        means = [float(mean)] if isinstance(mean, int | float) else [float(m) for m in mean]
        stds = [float(std)] if isinstance(std, int | float) else [float(s) for s in std]
        if len(means) != len(stds) or not means:
            raise ModelError(f"mean has {len(means)} values, std has {len(stds)}")
        if not all(map(math.isfinite, means)) or not all(0 < s < math.inf for s in stds):
            raise ModelError(f"mean {means} and std {stds} must be finite, std above 0")
        if temperature is not None and not 0 < temperature < math.inf:
            raise ModelError(f"temperature is {temperature}, it must be above 0 and finite")
        self.network = network
        self._mean, self._std = tuple(means), tuple(stds)
        self.classes = tuple(classes)
        self.image_size = int(image_size)
        self.temperature = None if temperature is None else float(temperature)
        self.network_name = network_name
        self.network_options = dict(network_options or {})
        self.name = name or network_name
        self.notes: tuple[str, ...] = ()
        """Caveats about its predictions, e.g. that its classes are assumed."""
        # Not part of the state dict: it holds what training changes.
        self.register_buffer("mean", torch.tensor(means).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(stds).view(1, -1, 1, 1), persistent=False)

    @property
    def in_channels(self) -> int:
        """Channels that the network takes."""
        return self.mean.shape[1]

    @property
    def metadata(self) -> dict[str, Any]:
        """What is beside the weights in a file, for `save_weights`."""
        return {
            "network": self.network_name,
            "network_options": self.network_options,
            "classes": list(self.classes),
            "image_size": self.image_size,
            "mean": self._mean[0] if len(self._mean) == 1 else list(self._mean),
            "std": self._std[0] if len(self._std) == 1 else list(self._std),
            "temperature": self.temperature,
        }

    def normalise(self, images: Tensor) -> Tensor:
        """Return what the network takes.

        Parameters
        ----------
        images
            uint8 (N, 1, H, W) or (N, H, W): grey, 0 black to 255 white.

        Returns
        -------
        Tensor
            Float (N, C, H, W): (grey / 255 - mean) / std.
        """
        if images.dtype != torch.uint8 or images.ndim not in (3, 4):
            raise ModelError(
                f"images are {images.dtype} of shape {tuple(images.shape)}",
                remedy="give uint8 of shape (N, 1, H, W) or (N, H, W)",
            )
        if images.ndim == 3:
            images = images.unsqueeze(1)
        if images.shape[1] != 1:
            raise ModelError(
                f"images have {images.shape[1]} channels", remedy="give one grey channel"
            )
        return (images.to(self.mean.dtype) / 255 - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, float (N, number of classes), of uint8 images; see `normalise`."""
        if images.shape[-1] != self.image_size or images.shape[-2] != self.image_size:
            raise ModelError(
                f"images of {images.shape[-1]} x {images.shape[-2]} pixels for a model of "
                f"{self.image_size} x {self.image_size}",
                remedy="draw them at the model's size",
            )
        return self.network(self.normalise(images))

    def probabilities(self, images: Tensor) -> Tensor:
        """Return the probabilities, float (N, number of classes), of uint8 images."""
        return self.probabilities_of_logits(self(images))

    def probabilities_of_logits(self, logits: Tensor) -> Tensor:
        """Return softmax(logits / temperature); the temperature is 1 where there is none."""
        logits = logits.float()
        if self.temperature is not None:
            logits = logits / self.temperature
        return torch.softmax(logits, dim=-1)
