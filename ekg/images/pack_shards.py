"""A pack in several files, each put together by a worker: what a cluster writes.

The pixels of a pack of one file all pass through the process that gives the command; here it only
says which records belong to a shard.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter, deque
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any

import numpy as np

from ekg.errors import ImageError
from ekg.files import atomic_path
from ekg.images.pack import INDEX, SHARD_PATTERN, PackWriter, has_single_file, open_array, shards_of
from ekg.workers import Workers

SHARD_RECORDS = 1000
"""Records whose images are one file: 2 GB at 800 pixels and three slices a record."""
_UNDER_WAY = 4


class ShardWriter(PackWriter):
    """Builds `pack-NNNNNN.npy` shard by shard, in the manifest's order, across interruptions.

    Which records are in a shard does not depend on the workers. The journal knows the records of
    whole shards only.
    """

    def __init__(self, folder: Path, size: int):
        super().__init__(folder, size)
        self.finished = bool(shards_of(folder)) and (folder / INDEX).is_file()
        self._pending: list[dict[str, Any]] = []
        self._written: deque[tuple[list[dict[str, Any]], Future[None]]] = deque()
        self._next = 0
        self._images_of: Counter[int] = Counter()
        """By shard, as the journal has them."""
        self._whole: dict[int, bool] = {}
        for name in self._order:
            packed = self._journal.get(name) or {}
            self._images_of[packed.get("shard", -1)] += len(packed.get("sha256", ()))

    @property
    def may_go_on(self) -> bool:
        """Whether all that is packed was stepped over: a shard is kept whole or not at all."""
        return self._front == len(self._order)

    def _is_there(self, packed: dict[str, Any]) -> bool:
        number = packed.get("shard", -1)
        if number not in self._whole:
            try:
                found = len(open_array(self.folder / SHARD_PATTERN.format(number)))
            except (ImageError, OSError):
                found = -1
            self._whole[number] = found == self._images_of.get(number)
        return self._whole[number]

    def start(self, *, afresh: bool) -> None:
        """Make the pack ready for the shards behind those stepped over, or for the first."""
        if afresh:
            self.discard_finished()
            self._journal.clear()
            self.images = 0
            self._images_of.clear()
        self._next = len(self._images_of)
        for path in shards_of(self.folder)[self._next :]:  # written, but not noted any more
            path.unlink()
        self.raw_folder.mkdir(exist_ok=True)

    def discard_finished(self) -> None:
        """Remove the shards and their index."""
        for path in (self.folder / INDEX, *shards_of(self.folder)):
            path.unlink(missing_ok=True)
        self.finished = False

    def append(self, entry: dict[str, Any], workers: Workers) -> None:
        """Note that a worker left the pixels of this record; a full shard goes to a worker."""
        self._pending.append(self.entry_of(entry))
        self.images += len(entry["images"])
        if len(self._pending) == SHARD_RECORDS:
            self._submit(workers)
        while len(self._written) > _UNDER_WAY:
            self._collect(workers)

    def flush(self, workers: Workers) -> None:
        """Write the last shard and wait for all."""
        if self._pending:
            self._submit(workers)
        while self._written:
            self._collect(workers)

    def _submit(self, workers: Workers) -> None:
        entries = [entry | {"shard": self._next} for entry in self._pending]
        future = workers.submit(write_shard, *self._job(entries))
        self._written.append((entries, future))
        self._pending = []
        self._next += 1

    def _job(self, entries: list[dict[str, Any]]) -> tuple[Path, list[tuple[Path, int]], int]:
        raws = [(self.raw_file(entry["record"]), len(entry["sha256"])) for entry in entries]
        return self.folder / SHARD_PATTERN.format(entries[0]["shard"]), raws, self.size

    def _collect(self, workers: Workers) -> None:
        entries, future = self._written.popleft()
        try:
            workers.outcome(future)
        except BrokenExecutor:  # whoever reads the records starts the workers again
            write_shard(*self._job(entries))
        for entry in entries:
            self.raw_file(entry["record"]).unlink(missing_ok=True)
            self._journal.append(entry)

    def finish(self, manifest: Path) -> None:
        """Write the index: the shards are whole."""
        self.write_index(manifest)


def pack_writer(folder: Path, size: int, *, in_shards: bool) -> PackWriter:
    """Return a writer of the pack that is there already, else of one file or of shards."""
    if not shards_of(folder) and (not in_shards or has_single_file(folder)):
        return PackWriter(folder, size)
    return ShardWriter(folder, size)


def write_shard(target: Path, raws: list[tuple[Path, int]], size: int) -> None:
    """Put the images of some records into one array file.

    `raws`: Files of bare pixels with the number of images in each.
    """
    shape = (sum(count for _, count in raws), size, size)
    with atomic_path(target) as temporary, open(temporary, "wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        for raw, count in raws:
            if raw.stat().st_size != count * size * size:
                raise ImageError("does not hold all images of its record", path=raw)
            with open(raw, "rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())
