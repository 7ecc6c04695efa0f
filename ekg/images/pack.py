"""All images of a set in one memory-mapped file, for training without decoding PNG files.

A set that a cluster drew has several such files instead (`pack_shards`), which are read alike.
"""

from __future__ import annotations

import bisect
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd

from ekg.errors import ImageError
from ekg.files import DAMAGE
from ekg.images.journal import Journal
from ekg.images.manifest import read_manifest
from ekg.workers import Workers

PACK, INDEX = "pack.npy", "pack.csv"
SHARD_PATTERN = "pack-{:06d}.npy"
_HEADER_BYTES = 128
_PARTIAL, _JOURNAL, _RAW = ".pack.part", ".pack.jsonl", ".pack-raw"


class ShardedImages:
    """The images of several arrays under one numbering, each read when it is asked for."""

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._arrays = list(arrays)
        self._ends = list(itertools.accumulate(len(array) for array in self._arrays))
        self.shape = (self._ends[-1], *self._arrays[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: int) -> np.ndarray:
        """Return one image, read-only."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        shard = bisect.bisect_right(self._ends, place)
        image: np.ndarray = self._arrays[shard][place - self._ends[shard]]  # counted from its end
        return image

    def __iter__(self) -> Iterator[np.ndarray]:
        return itertools.chain.from_iterable(self._arrays)


def shards_of(folder: Path) -> list[Path]:
    """Return the files of a pack in shards, in order."""
    return sorted(folder.glob("pack-[0-9]*.npy"))


def pack_files(folder: str | Path) -> list[Path]:
    """Return the files that a set's finished pack consists of; none where there is no pack."""
    folder = Path(folder)
    if not (folder / INDEX).is_file():
        return []
    return [folder / PACK] if (folder / PACK).is_file() else shards_of(folder)


def has_single_file(folder: Path) -> bool:
    """Return whether a pack of one file is there, or was begun."""
    return (folder / PACK).is_file() or (folder / _PARTIAL).is_file()


def open_pack(folder: str | Path) -> tuple[np.ndarray | ShardedImages, pd.DataFrame]:
    """Open the packed images of a set; nothing is read until it is used.

    Returns `images`: Read-only. Its pixels are those of the PNG files.
    """
    folder = Path(folder)
    files = pack_files(folder)
    if not files:
        raise ImageError(
            "has no finished pack",
            path=folder,
            remedy="run `python -m ekg images ... --pack`",
        )
    arrays = [open_array(path) for path in files]
    index = read_manifest(folder / INDEX)
    for number, (path, array) in enumerate(zip(files, arrays, strict=True)):
        if path.name not in (PACK, SHARD_PATTERN.format(number)):
            raise ImageError(
                f"{SHARD_PATTERN.format(number)} is missing",
                path=folder,
                remedy="copy the folder again, or delete pack*.npy and pack the set again",
            )
        if array.dtype != np.uint8 or array.shape[1:] != arrays[0].shape[1:] or array.ndim != 3:
            raise _unlike_its_index(path, array, index)
    images = arrays[0] if files == [folder / PACK] else ShardedImages(arrays)
    if len(images) != len(index):
        raise _unlike_its_index(files[0], images, index)
    return images, index


def _unlike_its_index(
    path: Path, images: np.ndarray | ShardedImages, index: pd.DataFrame
) -> ImageError:
    return ImageError(
        f"contains {images.dtype} of shape {images.shape}, the index has {len(index)} rows",
        path=path,
        remedy="delete both and pack the set again",
    )


def open_array(path: Path) -> np.ndarray:
    """Open a file of images without reading it."""
    try:
        images: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except PermissionError:
        raise
    except (OSError, *DAMAGE) as error:
        raise ImageError(
            f"is corrupt ({error})", path=path, remedy="delete it and pack the set again"
        ) from None
    return images


def has_pack(folder: str | Path, size: int) -> bool:
    """Return whether a set has a finished pack with images of this size."""
    return bool(pack_files(folder)) and open_pack(folder)[0].shape[1:] == (size, size)


class PackWriter:
    """Builds `pack.npy` record by record, in the manifest's order, across interruptions.

    Workers leave the pixels of a record in a file of their own; the writer appends it to the
    unfinished pack and notes it in a journal. Going on after an interruption, the records at the
    front of the pack that are still the same are kept and the rest is appended again.
    """

    def __init__(self, folder: Path, size: int):
        self.folder = folder
        self.image_bytes = size * size
        self.size = size
        self.images = 0
        self._journal = Journal(folder / _JOURNAL)
        self._order = list(self._journal.names())
        self._front = 0
        self.finished = (folder / PACK).is_file() and (folder / INDEX).is_file()
        shutil.rmtree(folder / _RAW, ignore_errors=True)

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._journal.close()
        if not len(self._journal):
            (self.folder / _JOURNAL).unlink()
        shutil.rmtree(self.folder / _RAW, ignore_errors=True)

    def matches_next(self, entry: dict[str, Any]) -> bool:
        """Return whether the pack's next record is this one, drawn alike; if so step over it."""
        if self._front >= len(self._order):
            return False
        packed = self._journal.get(self._order[self._front])
        wanted = self.entry_of(entry)
        if packed is None or {key: packed.get(key) for key in wanted} != wanted:
            return False
        if not self._is_there(packed):
            return False
        self._front += 1
        self.images += len(packed["sha256"])
        return True

    def _is_there(self, packed: dict[str, Any]) -> bool:
        partial = self.folder / (PACK if self.finished else _PARTIAL)
        end = self._end_of(self.images + len(packed["sha256"]))
        return partial.is_file() and partial.stat().st_size >= end

    @property
    def is_complete(self) -> bool:
        """Whether the finished pack holds exactly the records stepped over."""
        return self.finished and self._front == len(self._order)

    @property
    def may_go_on(self) -> bool:
        """Whether the records stepped over can be kept while what is behind them is replaced."""
        return True

    def start(self, *, afresh: bool) -> None:
        """Make the pack ready for appending behind the records stepped over, or from nothing."""
        self.discard_finished()
        entries = [] if afresh else [self._journal.get(n) for n in self._order[: self._front]]
        if afresh:
            self.images = 0
            (self.folder / _PARTIAL).unlink(missing_ok=True)
        self._journal.clear()
        for entry in entries:
            if entry is not None:
                self._journal.append(entry)
        with open(self.folder / _PARTIAL, "ab") as stream:
            stream.truncate(self._end_of(self.images))
        self.raw_folder.mkdir(exist_ok=True)

    def discard_finished(self) -> None:
        """Remove a finished pack; whoever has it open keeps what is open."""
        for name in (INDEX, PACK):
            (self.folder / name).unlink(missing_ok=True)
        self.finished = False

    @property
    def raw_folder(self) -> Path:
        """Where workers leave pixels."""
        return self.folder / _RAW

    def raw_file(self, record: str) -> Path:
        """Return where a worker leaves the pixels of a record."""
        return self.raw_folder / f"{record}.raw"

    def append(self, entry: dict[str, Any], workers: Workers) -> None:
        """Take over the pixels that a worker left for this record."""
        raw = self.raw_file(entry["record"])
        count = len(entry["images"])
        if raw.stat().st_size != count * self.image_bytes:
            raise ImageError("does not hold all images of its record", path=raw)
        with open(self.folder / _PARTIAL, "r+b") as target, open(raw, "rb") as source:
            target.seek(self._end_of(self.images))
            shutil.copyfileobj(source, target, 1 << 20)
        raw.unlink()
        self._journal.append(self.entry_of(entry))
        self.images += count

    def flush(self, workers: Workers) -> None:
        """Wait until all that was appended is written."""

    def finish(self, manifest: Path) -> None:
        """Give the pack its header, its name and its index."""
        partial = self.folder / _PARTIAL
        with open(partial, "r+b") as stream:
            stream.truncate(self._end_of(self.images))
            np.lib.format.write_array_header_1_0(
                stream,
                {
                    "descr": "|u1",
                    "fortran_order": False,
                    "shape": (self.images, self.size, self.size),
                },
            )
            if stream.tell() != _HEADER_BYTES:
                raise ImageError(f"its header has {stream.tell()} bytes", path=partial)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, self.folder / PACK)
        self.write_index(manifest)

    def write_index(self, manifest: Path) -> None:
        """Write the index, which is the manifest: with it the pack is finished."""
        temporary = self.folder / f".{INDEX}.part-"
        shutil.copyfile(manifest, temporary)
        os.replace(temporary, self.folder / INDEX)

    def _end_of(self, images: int) -> int:
        return _HEADER_BYTES + images * self.image_bytes

    @staticmethod
    def entry_of(entry: dict[str, Any]) -> dict[str, Any]:
        """Return what the pack's journal notes of a record."""
        return {"record": entry["record"], "sha256": [image["sha256"] for image in entry["images"]]}
