"""The simulated images of words that the name network learns from, in one file."""

from __future__ import annotations

import functools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from ekg.files import atomic_path
from ekg.progress import Progress
from ekg.seeds import generator_for
from ekg.strips.learn.name_samples import name_sample
from ekg.strips.learn.recipe import StripRecipe
from ekg.strips.names import HEIGHT, WIDTH
from ekg.strips.simulate.page import VERSION
from ekg.workers import end_with_parent

_AT_A_TIME = 500


class NameData:
    """Batches of images; each depends on the seed and the step alone."""

    def __init__(self, recipe: StripRecipe, folder: Path, jobs: int):
        self.recipe = recipe
        path = folder / f"names-v{VERSION}-{recipe.seed}-{recipe.samples}.npz"
        if not path.is_file():
            _simulate(path, recipe, jobs)
        with np.load(path, allow_pickle=False) as stored:
            self.ink, self.size, self.label = stored["ink"], stored["size"], stored["label"]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs (N, 2, HEIGHT, WIDTH) and classes (N,)."""
        generator = generator_for(self.recipe.seed, f"names/batch/{step}")
        chosen = generator.integers(0, len(self.label), self.recipe.batch_size)
        inputs = np.empty((len(chosen), 2, HEIGHT, WIDTH), dtype=np.float32)
        inputs[:, 0] = self.ink[chosen] / np.float32(255)
        inputs[:, 1] = self.size[chosen, None, None]
        for picture, shift in zip(
            inputs[:, 0], generator.integers(-1, 2, (len(chosen), 2)), strict=True
        ):
            picture[:] = np.roll(picture, tuple(shift), axis=(0, 1))
        strength = generator.uniform(0.7, 1.2, (len(chosen), 1, 1)).astype(np.float32)
        inputs[:, 0] = np.clip(inputs[:, 0] * strength, 0, 1)
        return torch.from_numpy(inputs), torch.from_numpy(self.label[chosen])

    def close(self) -> None:
        """Do nothing: there is no work in the background."""


def stacked(
    names: list[str], seed: int, *, held_out: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ink (uint8), size and class of the samples of these names."""
    pairs = [name_sample(name, seed, held_out=held_out) for name in names]
    ink = np.stack([(x[0] * 255).round().astype(np.uint8) for x, _ in pairs])
    size = np.array([x[1, 0, 0] for x, _ in pairs], dtype=np.float32)
    return ink, size, np.array([label for _, label in pairs], dtype=np.int64)


def _simulate(path: Path, recipe: StripRecipe, jobs: int) -> None:
    every = [str(number) for number in range(recipe.samples)]
    groups = [every[i : i + _AT_A_TIME] for i in range(0, len(every), _AT_A_TIME)]
    work = functools.partial(stacked, seed=recipe.seed)
    parts = []
    with (
        Progress(recipe.samples, "drawing", "word") as progress,
        ProcessPoolExecutor(jobs, initializer=end_with_parent) as pool,
    ):
        for part in pool.map(work, groups):
            parts.append(part)
            progress.update(len(part[2]))
    ink, size, label = (np.concatenate(column) for column in zip(*parts, strict=True))
    with atomic_path(path) as temporary:
        np.savez(temporary, ink=ink, size=size, label=label)
