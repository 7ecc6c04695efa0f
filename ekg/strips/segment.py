"""Which pixels of a flattened page are trace, text or marks: a small U-Net."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from scipy.ndimage import percentile_filter, uniform_filter

from ekg.strips.session import open_session

RESOLUTION = 6.0
"""Pixels a mm of the flattened page."""
CLASSES: tuple[str, ...] = ("trace", "text", "mark", "background")
"""Marks are calibration pulses and separators."""
_BLOCK = 6  # pixels: a millimetre
_WINDOW = 5  # blocks
_MULTIPLE = 16  # the network's coarsest level
_WEIGHTS = Path(__file__).parent / "networks" / "segment.onnx"


def paper_white(flat: np.ndarray) -> np.ndarray:
    """Return the colour of the paper around each pixel, float32 of the shape of `flat`.

    It is what the brighter quarter of the blocks of a millimetre in a window of 5 mm reach:
    strokes are narrower, shadows mostly wider.
    """
    height, width = flat.shape[:2]
    rows, columns = -(-height // _BLOCK), -(-width // _BLOCK)
    padded = np.pad(
        flat, ((0, rows * _BLOCK - height), (0, columns * _BLOCK - width), (0, 0)), mode="edge"
    )
    blocks = padded.reshape(rows, _BLOCK, columns, _BLOCK, 3).mean(axis=(1, 3), dtype=np.float32)
    white = np.stack(
        [
            uniform_filter(percentile_filter(blocks[:, :, c], 75, size=_WINDOW), size=3)
            for c in range(3)
        ],
        axis=-1,
    )
    return np.repeat(np.repeat(white, _BLOCK, axis=0), _BLOCK, axis=1)[:height, :width]


def grey_and_chroma(flat: np.ndarray) -> np.ndarray:
    """Return brightness and colour relative to the paper, uint8 of shape (2, H, W).

    Parameters
    ----------
    flat
        uint8 of shape (H, W, 3).
    """
    relative = flat / np.maximum(paper_white(flat), 16.0)
    grey = relative @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    chroma = relative.max(axis=2) - relative.min(axis=2)
    both = np.stack([grey * 200.0, chroma * 255.0])
    return np.clip(np.round(both), 0, 255).astype(np.uint8)


def network_inputs(
    shades: np.ndarray, first: tuple[float, float], step: float = 1 / RESOLUTION
) -> np.ndarray:
    """Return what the network takes, float32 of shape (6, H, W).

    Parameters
    ----------
    shades
        As `grey_and_chroma` returns.
    first
        x and y of the upper left corner of pixel (0, 0), in mm from a crossing of two 5-mm
        lines.
    step
        mm a pixel.
    """
    height, width = shades.shape[1:]
    out = np.empty((6, height, width), dtype=np.float32)
    out[0] = shades[0] / np.float32(200) - 1
    out[1] = shades[1] / np.float32(255)
    x = first[0] + (np.arange(width) + 0.5) * step
    y = first[1] + (np.arange(height) + 0.5) * step
    for number, period in enumerate((5.0, 1.0)):
        out[2 + 2 * number] = np.cos(2 * np.pi * x / period)[None, :]
        out[3 + 2 * number] = np.cos(2 * np.pi * y / period)[:, None]
    return out


def segment(flat: np.ndarray, first: tuple[float, float]) -> np.ndarray:
    """Return the probability of each of `CLASSES` for each pixel, float32 of shape (4, H, W).

    Parameters
    ----------
    flat
        The flattened page, uint8 of shape (H, W, 3), 6 pixels a mm; its grid is upright, the page
        itself may be turned by quarters.
    first
        Place of its corner in the grid, as in `network_inputs`.
    """
    inputs = network_inputs(grey_and_chroma(flat), first)
    height, width = flat.shape[:2]
    padding = ((0, 0), (0, -height % _MULTIPLE), (0, -width % _MULTIPLE))
    padded = np.pad(inputs, padding, mode="edge")[None]
    (logits,) = _session().run(None, {"page": padded})
    logits = logits[0, :, :height, :width]
    weights = np.exp(logits - logits.max(axis=0))
    probabilities: np.ndarray = weights / weights.sum(axis=0)
    return probabilities


@functools.lru_cache(maxsize=1)
def _session():  # type: ignore[no-untyped-def]  # onnxruntime has no types
    return open_session(_WEIGHTS)
