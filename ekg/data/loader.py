"""Batches of uint8 images, in a stated order, read ahead by workers."""

from __future__ import annotations

import collections
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ekg.data.image_sources import ImageSource
from ekg.seeds import generator_for
from ekg.workers import end_with_parent

_MAX_THREADS = 8  # copying and decoding: more do not help a single consumer


@dataclass(frozen=True)
class Batch:
    """Some images and who they are."""

    rows: np.ndarray
    """int64 (n,): index of each image in the fold's table."""
    pixels: Tensor
    """uint8 (n, size, size), in pinned memory if asked for; normalisation belongs to the model."""
    labels: np.ndarray
    """int64 (n,): class index."""

    @property
    def images(self) -> np.ndarray:
        """The same pixels for NumPy."""
        return self.pixels.numpy()


def epoch_order(n_images: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of training images in an epoch: a function of seed and epoch alone.

    That is what lets a resumed run continue in the middle of an epoch.
    """
    return generator_for(seed, f"order of epoch {epoch}").permutation(n_images)


def fixed_order(n_images: int, seed: int) -> np.ndarray:
    """Return one mixed order for measuring a loss, the same in every epoch.

    The paper's epoch loss depends on how images fall into batches: sorted by class, each batch
    would be of one class, and class weights would cancel.
    """
    return generator_for(seed, "order of evaluation").permutation(n_images)


def batches_of(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Cut an order into batches; the last one may be smaller."""
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def share_of(batch: np.ndarray, rank: int, processes: int) -> np.ndarray:
    """Return one process's contiguous part of a batch (empty when there are too few images)."""
    return np.array_split(batch, processes)[rank]


class Loader:
    """Reads batches ahead, in order, with the same result for every number of workers.

    Use as a context manager, or call `close`.

    `workers`: Threads, or processes for a source that draws; 0 reads when asked; -1 chooses.
    """

    def __init__(
        self, source: ImageSource, labels: np.ndarray, workers: int = -1, *, pinned: bool = False
    ):
        self._source, self._labels, self._pinned = source, labels, pinned
        self.workers = _chosen_workers(source) if workers < 0 else workers
        self._pool: Executor | None = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def batches(self, rows_of_batches: Sequence[np.ndarray], epoch: int = 0) -> Iterator[Batch]:
        """Yield one `Batch` for each array of rows, in the order given."""
        if self.workers == 0:
            for rows in rows_of_batches:
                yield self._batch(rows, self._read(rows, epoch))
            return
        pool = self._start()
        waiting: collections.deque[tuple[np.ndarray, Future[Any]]] = collections.deque()
        upcoming = iter(rows_of_batches)
        try:
            for rows in upcoming:
                waiting.append((rows, self._submit(pool, rows, epoch)))
                if len(waiting) > self.workers:
                    break
            while waiting:
                rows, result = waiting.popleft()
                images = result.result()
                following = next(upcoming, None)
                if following is not None:
                    waiting.append((following, self._submit(pool, following, epoch)))
                yield self._batch(rows, images)
        finally:
            for _, result in waiting:
                result.cancel()

    def _batch(self, rows: np.ndarray, images: np.ndarray | Tensor) -> Batch:
        if isinstance(images, np.ndarray):  # from a worker process
            images = self._as_tensor(images)
        return Batch(rows, images, self._labels[rows])

    def _read(self, rows: np.ndarray, epoch: int) -> Tensor:
        return self._as_tensor(self._source.read(rows, epoch))

    def _as_tensor(self, images: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(images)
        return tensor.pin_memory() if self._pinned else tensor

    def _submit(self, pool: Executor, rows: np.ndarray, epoch: int) -> Future[Any]:
        if self._source.uses_processes:
            return pool.submit(_read_in_worker, rows, epoch)
        return pool.submit(self._read, rows, epoch)

    def _start(self) -> Executor:
        if self._pool is None:
            if self._source.uses_processes:
                # "spawn": a fork of a process that has started torch's threads can hang.
                self._pool = ProcessPoolExecutor(
                    self.workers,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_set_worker_source,
                    initargs=(self._source,),
                )
            else:
                self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="loader")
        return self._pool


def _chosen_workers(source: ImageSource) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    return cores if source.uses_processes else min(max(cores // 2, 1), _MAX_THREADS)


_worker_source: list[ImageSource] = []  # of a worker process: set once, when it starts


def _set_worker_source(source: ImageSource) -> None:
    end_with_parent()
    _worker_source[:] = [source]


def _read_in_worker(rows: np.ndarray, epoch: int) -> np.ndarray:
    return _worker_source[0].read(rows, epoch)
