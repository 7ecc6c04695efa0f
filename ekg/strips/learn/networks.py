"""The two networks: a small U-Net for the page, a small classifier for lead names."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ekg.strips.names import HEIGHT, NAMES, WIDTH


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Block(nn.Module):
    """A depthwise and a pointwise convolution around a shortcut."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.spread = nn.Conv2d(
            channels, channels, 3, 1, dilation, dilation, groups=channels, bias=False
        )
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.first, self.second = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x and what the two convolutions add to it."""
        return x + self.second(self.mix(functional.relu(self.first(self.spread(x)))))


class SegmentNetwork(nn.Module):
    """A U-Net at a half, a quarter, an eighth and a sixteenth of the page's resolution.

    It takes (N, 6, H, W) as `ekg.strips.segment.network_inputs` gives, H and W multiples of 16,
    and returns logits (N, 4, H, W). Two pixels by two enter and leave together, so that no layer
    works at the full resolution.
    """

    widths = (16, 32, 48, 64)

    def __init__(self, inputs: int = 6, classes: int = 4):
        super().__init__()
        a, b, c, d = self.widths
        self.enter = nn.Sequential(nn.PixelUnshuffle(2), _convolution(4 * inputs, a), Block(a))
        self.down = nn.ModuleList(
            [
                nn.Sequential(_convolution(a, b, 2), Block(b)),
                nn.Sequential(_convolution(b, c, 2), Block(c)),
                nn.Sequential(_convolution(c, d, 2), Block(d), Block(d, 2), Block(d, 4)),
            ]
        )
        self.narrow = nn.ModuleList(nn.Conv2d(m, n, 1) for m, n in ((d, c), (c, b), (b, a)))
        self.up = nn.ModuleList(Block(n) for n in (c, b, a))
        self.leave = nn.Sequential(nn.Conv2d(a, 4 * classes, 3, 1, 1), nn.PixelShuffle(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of trace, text, mark and background."""
        seen = [self.enter(x)]
        for down in self.down:
            seen.append(down(seen[-1]))
        x = seen.pop()
        for narrow, up in zip(self.narrow, self.up, strict=True):
            x = functional.interpolate(narrow(x), scale_factor=2.0, mode="nearest")
            x = up(x + seen.pop())
        logits: torch.Tensor = self.leave(x)
        return logits


class NameNetwork(nn.Module):
    """A classifier of images of words: (N, 2, 24, 64) to logits of `names.NAMES`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _convolution(2, 16),
            nn.MaxPool2d(2),
            _convolution(16, 32),
            nn.MaxPool2d(2),
            _convolution(32, 48),
            nn.MaxPool2d(2),
            nn.Conv2d(48, 32, 1),
            nn.ReLU(inplace=True),
        )
        self.classify = nn.Linear(32 * (HEIGHT // 8) * (WIDTH // 8), len(NAMES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        logits: torch.Tensor = self.classify(self.features(x).flatten(1))
        return logits
