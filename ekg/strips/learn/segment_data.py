"""The simulated pages that the segmentation learns from, made in the background as it learns."""

from __future__ import annotations

import os
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from ekg.files import atomic_path
from ekg.seeds import generator_for
from ekg.strips.learn.recipe import StripRecipe
from ekg.strips.learn.segment_samples import squares
from ekg.strips.segment import network_inputs
from ekg.strips.simulate.page import VERSION
from ekg.workers import end_with_parent


class SegmentData:
    """Batches of squares; each depends on the seed and the step alone.

    The first steps draw from the first pages, and one page more joins every few steps, so that
    learning need not wait for all of them.
    """

    def __init__(self, recipe: StripRecipe, folder: Path, jobs: int):
        self.recipe = recipe
        self.folder = folder / f"squares-v{VERSION}-{recipe.seed}-{recipe.crops}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._pool = ProcessPoolExecutor(jobs, initializer=_wait_behind)
        self._coming: dict[int, Future[None]] = {
            number: self._pool.submit(make_squares, self.folder, number, recipe.seed, recipe.crops)
            for number in range(recipe.samples)
            if not self._path(number).is_file()
        }
        self._held: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def _path(self, number: int) -> Path:
        return self.folder / f"T{number:05d}.npz"

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return inputs (N, 6, H, W), coverage (N, 4, H, W) and what is seen (N, H, W)."""
        recipe = self.recipe
        generator = generator_for(recipe.seed, f"squares/batch/{step}")
        known = min(recipe.samples, recipe.first_pages + step // recipe.steps_a_page)
        parts: list[list[torch.Tensor]] = [[], [], []]
        for _ in range(recipe.batch_size):
            page, corners = self._page(int(generator.integers(known)))
            which = int(generator.integers(recipe.crops))
            one = augmented(generator, page[which], corners[which])
            for column, part in zip(parts, one, strict=True):
                column.append(torch.from_numpy(part))
        inputs, targets, seen = (torch.stack(column) for column in parts)
        return inputs, targets, seen

    def _page(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if number not in self._held:
            coming = self._coming.pop(number, None)
            if coming is not None and not self._path(number).is_file():
                coming.result()
            with np.load(self._path(number), allow_pickle=False) as stored:
                self._held[number] = stored["squares"], stored["corners"]
            if len(self._held) > 400:  # about 1.2 GB
                del self._held[next(iter(self._held))]
        return self._held[number]

    def close(self) -> None:
        """End the simulation in the background."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _wait_behind() -> None:
    """Let a worker end with its parent, and leave the processor to the training."""
    end_with_parent()
    if hasattr(os, "nice"):
        os.nice(5)


def make_squares(folder: Path, number: int, seed: int, count: int) -> None:
    """Simulate one page and write its squares, unless they are there."""
    if (folder / f"T{number:05d}.npz").is_file():
        return
    torch.set_num_threads(1)
    cut, corners = squares(f"T{number:05d}", seed, count)
    with atomic_path(folder / f"T{number:05d}.npz") as temporary:
        np.savez(temporary, squares=cut, corners=corners)


def augmented(
    generator: np.random.Generator, square: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, coverage and what is seen of a square, changed a little.

    Parameters
    ----------
    generator
        Decides the changes: a quarter turn now and then, contrast, colour, noise, an error of
        the grid's phase, and paper without a grid that can be found.
    square, corner
        As `segment_samples.squares` gives.
    """
    shades = square[:2].astype(np.float32)
    contrast = generator.uniform(0.75, 1.15)
    shades[0] = 200 + (shades[0] - 200) * contrast + generator.uniform(-8, 8)
    shades[1] *= generator.choice([0.0, 1.0], p=[0.1, 0.9]) * generator.uniform(0.6, 1.3)
    shades += generator.uniform(0, 6) * generator.standard_normal(shades.shape, dtype=np.float32)
    first = corner + generator.normal(0, 0.05, 2)
    inputs = network_inputs(np.clip(shades, 0, 255), (float(first[0]), float(first[1])))
    trace, text, mark = square[2:5].astype(np.float32) / 255
    text = text * (1 - trace)
    mark = mark * (1 - trace) * (1 - text)
    background = np.clip(1 - trace - text - mark, 0, 1)
    target = np.stack([trace, text, mark, background])
    seen = (square[5] > 200).astype(np.float32)
    turns = int(generator.choice(4, p=[0.7, 0.1, 0.1, 0.1]))
    if turns:
        inputs, target = (np.rot90(a, turns, axes=(1, 2)) for a in (inputs, target))
        seen = np.rot90(seen, turns)
        if turns % 2:  # x and y change places with the page
            inputs = inputs[[0, 1, 3, 2, 5, 4]]
    inputs, target, seen = (np.ascontiguousarray(a) for a in (inputs, target, seen))
    return inputs, target, seen
