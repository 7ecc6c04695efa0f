"""Which lead a printed name names: a small network on images of single words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ekg.records.record import LEADS
from ekg.strips.session import open_session

NAMES: tuple[str, ...] = (*LEADS, "-aVR", "other")
"""The classes. `other` is anything that is not a lead name, or one that is not upright."""

HEIGHT, WIDTH = 24, 64
"""Pixels of the network's input."""
_MARGIN = 2
_USUAL = 15.0
"""Pixels: the height of a name of 2.5 mm at 6 pixels a mm."""
_WEIGHTS = Path(__file__).parent / "networks" / "names.onnx"


def prepared(crop: np.ndarray) -> np.ndarray:
    """Return a crop as the network takes it, float32 of shape (2, HEIGHT, WIDTH).

    Parameters
    ----------
    crop
        Ink, 0 for paper to 1 for black, shape (H, W), at 6 pixels a mm: one word, cut out with
        at most 2 pixels to spare on each side. What is left of the grid and a piece of a trace
        may be in it.
    """
    ink = np.clip(np.asarray(crop, dtype=np.float32), 0, 1)
    rows, columns = max(ink.shape[0], 1), max(ink.shape[1], 1)
    factor = min((HEIGHT - 2 * _MARGIN) / rows, (WIDTH - 2 * _MARGIN) / columns, 4.0)
    size = max(round(columns * factor), 1), max(round(rows * factor), 1)
    if ink.size:
        # Pillow widens its filter when it makes an image smaller: nothing is left out.
        scaled = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR))
    else:
        scaled = np.zeros(size[::-1], dtype=np.float32)
    top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    out = np.zeros((2, HEIGHT, WIDTH), dtype=np.float32)
    out[0, top : top + size[1], left : left + size[0]] = scaled
    # The size is lost by scaling, and tells an I from a separator.
    out[1] = np.clip(np.log2(rows / _USUAL) / 2, -1, 1)
    return out


def classify_names(crops: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probability of each of `NAMES` for each crop, float32 of shape (N, 14).

    Parameters
    ----------
    crops
        As `prepared` describes them.
    """
    if not len(crops):
        return np.zeros((0, len(NAMES)), dtype=np.float32)
    batch = np.stack([prepared(crop) for crop in crops])
    (logits,) = _session().run(None, {"ink": batch})
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


@functools.lru_cache(maxsize=1)
def _session():  # type: ignore[no-untyped-def]  # onnxruntime has no types
    return open_session(_WEIGHTS)
