"""What an effect leaves behind, and soft random fields that several effects need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Effect:
    """One effect on a page, with its exact map."""

    name: str
    parameters: dict[str, Any]
    field: np.ndarray | None = None
    """Factor on the light, or coverage, over the whole page or image (coarse); None where the
    effect moves points (its map is part of the page's) or works on each pixel alone."""


def smooth(generator: np.random.Generator, size: tuple[int, int], cells: int) -> np.ndarray:
    """Return a soft random field of about unit spread, float32 of shape (height, width)."""
    width, height = size
    down = max(round(cells * height / width), 2)
    coarse = generator.standard_normal((down, max(cells, 2))).astype(np.float32)
    return stretched(coarse, size, Image.Resampling.BICUBIC)


def stretched(
    field: np.ndarray,
    size: tuple[int, int],
    how: Image.Resampling = Image.Resampling.BILINEAR,
) -> np.ndarray:
    """Return a coarse field at the size (width, height) of an image."""
    return np.asarray(Image.fromarray(np.asarray(field, dtype=np.float32)).resize(size, how))


def coarse_grid(size: tuple[int, int], factor: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y (0 to 1) of the pixels of a coarse field over an image."""
    width, height = max(size[0] // factor, 2), max(size[1] // factor, 2)
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return x.astype(np.float32), y.astype(np.float32)
