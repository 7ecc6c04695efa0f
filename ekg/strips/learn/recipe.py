"""The settings of a training, as an experiment file in `experiments/` gives them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ekg.config import load_table


@dataclass(frozen=True)
class StripRecipe:
    """How one of the two networks learns."""

    network: Literal["names", "segment"]
    """Lead names, or the segmentation of the page."""
    samples: int
    """Images of words, or pages, that are simulated."""
    steps: int
    batch_size: int
    learning_rate: float = 0.004
    """The largest, after the warm-up; it falls to nothing along half a cosine."""
    warmup: int = 100
    """Steps."""
    weight_decay: float = 0.01
    averaging_decay: float = 0.995
    """Of the moving average of the weights, which is what is kept."""
    seed: int = 44
    checkpoint_steps: int = 100
    export_steps: int = 500
    threads: int = 1
    """Of torch; the weights repeat to the last bit with the same number."""
    crops: int = 8
    """Squares cut from each page (segment)."""
    first_pages: int = 40
    """Pages from which the first steps draw; one more is added every `steps_a_page` steps."""
    steps_a_page: int = 8


def load_recipe(path: Path) -> StripRecipe:
    """Read an experiment file of a training for pages."""
    return load_table(path, StripRecipe)
