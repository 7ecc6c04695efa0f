"""The paper's network: an austere MobileNetV3-small with 151,463 parameters.

Architecture after Howard et al., "Searching for MobileNetV3" (2019), arXiv:1905.02244, in the
narrow form of Das et al. (2023). Two forms share one state dict: the default one uses fused
activations and likes channels-last memory; the plain one is the textbook form, kept for
measuring what the other gains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class BlockSettings:
    """One inverted residual block."""

    kernel: int
    expansion: float
    """Width inside the block over the width coming in."""
    channels: int
    """Channels going out, before rounding to a multiple of eight."""
    squeeze_excite: bool
    h_swish: bool
    """h-swish inside the block, else ReLU."""
    stride: int


BLOCKS: tuple[BlockSettings, ...] = (
    BlockSettings(3, 1, 4, squeeze_excite=True, h_swish=False, stride=2),
    BlockSettings(3, 4.5, 8, squeeze_excite=False, h_swish=False, stride=2),
    BlockSettings(3, 3.67, 8, squeeze_excite=False, h_swish=False, stride=1),
    BlockSettings(5, 4, 16, squeeze_excite=True, h_swish=True, stride=2),
    BlockSettings(5, 6, 16, squeeze_excite=True, h_swish=True, stride=1),
    BlockSettings(5, 6, 30, squeeze_excite=True, h_swish=True, stride=1),
    BlockSettings(5, 3, 30, squeeze_excite=True, h_swish=True, stride=1),
)
STEM_CHANNELS = 16
HEAD_FEATURES = 1024
SQUEEZE_RATIO = 4


def rounded_channels(channels: float, multiple: int = 8) -> int:
    """Return the nearest multiple of eight, the MobileNet way.

    Never below eight, and never more than a tenth below what was asked for.
    """
    rounded = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < 0.9 * channels else rounded


class PlainHardSigmoid(nn.Module):
    """relu6(x + 3) / 6, composed of elementary operations."""

    def forward(self, x: Tensor) -> Tensor:
        """Return values between 0 and 1, of the input's shape."""
        return functional.relu6(x + 3) / 6


class PlainHardSwish(nn.Module):
    """x * relu6(x + 3) / 6, composed of elementary operations."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation, of the input's shape."""
        return x * (functional.relu6(x + 3) / 6)


def _h_swish(plain: bool) -> nn.Module:
    return PlainHardSwish() if plain else nn.Hardswish()


def _h_sigmoid(plain: bool) -> nn.Module:
    return PlainHardSigmoid() if plain else nn.Hardsigmoid()


class SqueezeExcite(nn.Module):
    """Weigh each channel by a small network that looks at all channels' means.

    Parameters
    ----------
    channels
        Channels in and out.
    plain
        Use activations composed of elementary operations.
    """

    def __init__(self, channels: int, *, plain: bool = False):
        super().__init__()
        inner = rounded_channels(channels // SQUEEZE_RATIO)
        self.fc = nn.Sequential(
            nn.Linear(channels, inner),
            nn.ReLU(inplace=True),
            nn.Linear(inner, channels),
            _h_sigmoid(plain),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Take and return (N, channels, H, W)."""
        weights = self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return x * weights[:, :, None, None]


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel by itself, weigh channels, narrow by 1x1.

    The input is added to the output where both have the same shape. A block with expansion 1
    has no widening step, and its activation comes before squeeze-and-excite; in the others it
    comes after. An empty place (`nn.Identity`) is where a wide block has no
    squeeze-and-excite, so that the names of the weights do not shift.
    """

    def __init__(self, channels_in: int, settings: BlockSettings, *, plain: bool = False):
        super().__init__()
        channels_out = rounded_channels(settings.channels)
        inner = rounded_channels(int(channels_in * settings.expansion))

        def activation() -> nn.Module:
            return _h_swish(plain) if settings.h_swish else nn.ReLU(inplace=True)

        by_channel = nn.Conv2d(
            inner,
            inner,
            settings.kernel,
            stride=settings.stride,
            padding=settings.kernel // 2,
            groups=inner,
            bias=False,
        )
        excite = SqueezeExcite(inner, plain=plain) if settings.squeeze_excite else nn.Identity()
        layers: list[nn.Module]
        if settings.expansion == 1:
            layers = [by_channel, nn.BatchNorm2d(inner), activation(), excite]
        else:
            layers = [
                nn.Conv2d(channels_in, inner, 1, bias=False),
                nn.BatchNorm2d(inner),
                activation(),
                by_channel,
                nn.BatchNorm2d(inner),
                excite,
                activation(),
            ]
        layers += [nn.Conv2d(inner, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out)]
        self.conv = nn.Sequential(*layers)
        self.has_shortcut = settings.stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Take (N, channels in, H, W), return (N, channels out, H / stride, W / stride)."""
        return x + self.conv(x) if self.has_shortcut else self.conv(x)


class MobileNetV3(nn.Module):
    """The paper's network.

    Parameters
    ----------
    n_classes
        Number of logits.
    in_channels
        Channels of the image; 1 in the paper (grey).
    dropout
        Probability of dropping a feature before the last layer.
    plain
        The textbook form: activations composed of elementary operations, default memory
        layout. The default form gives the same numbers within rounding, faster.

    Notes
    -----
    With one channel and seven classes: 151,463 parameters and 156 tensors in the state dict,
    under the names of the paper's published weights.
    """

    def __init__(
        self,
        n_classes: int = 7,
        *,
        in_channels: int = 1,
        dropout: float = 0.2,
        plain: bool = False,
    ):
        super().__init__()
        self.plain = plain
        stem = nn.Sequential(
            nn.Conv2d(in_channels, STEM_CHANNELS, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(STEM_CHANNELS),
            _h_swish(plain),
        )
        blocks: list[nn.Module] = []
        channels = STEM_CHANNELS
        inner = channels
        for settings in BLOCKS:
            blocks.append(InvertedResidual(channels, settings, plain=plain))
            inner = rounded_channels(int(channels * settings.expansion))
            channels = rounded_channels(settings.channels)
        self.features = nn.Sequential(stem, *blocks)
        self.conv = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), _h_swish(plain)
        )
        self.classifier = nn.Sequential(
            nn.Linear(inner, HEAD_FEATURES),
            _h_swish(plain),
            nn.Dropout(dropout),
            nn.Linear(HEAD_FEATURES, n_classes),
        )
        initialise(self)
        if not plain:
            self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, float (N, n_classes), of normalised images, float (N, C, H, W)."""
        x = self.conv(self.features(x))
        return self.classifier(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def initialise(network: nn.Module) -> None:
    """Draw fresh weights from torch's current random state.

    Convolutions: normal with standard deviation sqrt(2 / (kernel area x output channels))
    (He et al. 2015, fan-out). Batch norm: 1 and 0. Linear layers: normal with standard
    deviation 0.01, bias 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels
            nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)
