"""All images of a set in one memory-mapped file, for training without decoding PNG files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd

from ekg.errors import ImageError
from ekg.files import DAMAGE
from ekg.images.journal import Journal
from ekg.images.manifest import read_manifest

PACK, INDEX = "pack.npy", "pack.csv"
_HEADER_BYTES = 128
_PARTIAL, _JOURNAL, _RAW = ".pack.part", ".pack.jsonl", ".pack-raw"


def open_pack(folder: str | Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Open the packed images of a set; nothing is read until it is used.

    Returns `images`: Read-only. Its pixels are those of the PNG files.
    """
    folder = Path(folder)
    if not (folder / PACK).is_file() or not (folder / INDEX).is_file():
        raise ImageError(
            "has no finished pack",
            path=folder,
            remedy="run `python -m ekg images ... --pack`",
        )
    try:
        images = np.load(folder / PACK, mmap_mode="r", allow_pickle=False)
    except PermissionError:
        raise
    except (OSError, *DAMAGE) as error:
        raise ImageError(
            f"is corrupt ({error})", path=folder / PACK, remedy="delete it and pack the set again"
        ) from None
    index = read_manifest(folder / INDEX)
    if images.dtype != np.uint8 or images.ndim != 3 or len(images) != len(index):
        raise ImageError(
            f"contains {images.dtype} of shape {images.shape}, the index has {len(index)} rows",
            path=folder / PACK,
            remedy="delete both and pack the set again",
        )
    return images, index


def has_pack(folder: str | Path, size: int) -> bool:
    """Return whether a set has a finished pack with images of this size."""
    folder = Path(folder)
    if not (folder / PACK).is_file() or not (folder / INDEX).is_file():
        return False
    return open_pack(folder)[0].shape[1:] == (size, size)


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
        if packed is None or packed != _pack_entry(entry):
            return False
        images = self.images + len(packed["sha256"])
        partial = self.folder / (PACK if self.finished else _PARTIAL)
        if not partial.is_file() or partial.stat().st_size < self._end_of(images):
            return False
        self._front += 1
        self.images = images
        return True

    @property
    def is_complete(self) -> bool:
        """Whether the finished pack holds exactly the records stepped over."""
        return self.finished and self._front == len(self._order)

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
        (self.folder / _RAW).mkdir(exist_ok=True)

    def discard_finished(self) -> None:
        """Remove a finished pack; whoever has it open keeps what is open."""
        for name in (INDEX, PACK):
            (self.folder / name).unlink(missing_ok=True)
        self.finished = False

    def raw_file(self, record: str) -> Path:
        """Return where a worker leaves the pixels of a record."""
        return self.folder / _RAW / f"{record}.raw"

    def append(self, entry: dict[str, Any]) -> None:
        """Take over the pixels that a worker left for this record."""
        raw = self.raw_file(entry["record"])
        count = len(entry["images"])
        if raw.stat().st_size != count * self.image_bytes:
            raise ImageError("does not hold all images of its record", path=raw)
        with open(self.folder / _PARTIAL, "r+b") as target, open(raw, "rb") as source:
            target.seek(self._end_of(self.images))
            shutil.copyfileobj(source, target, 1 << 20)
        raw.unlink()
        self._journal.append(_pack_entry(entry))
        self.images += count

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
        temporary = self.folder / f".{INDEX}.part-"
        shutil.copyfile(manifest, temporary)
        os.replace(temporary, self.folder / INDEX)

    def _end_of(self, images: int) -> int:
        return _HEADER_BYTES + images * self.image_bytes


def _pack_entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {"record": entry["record"], "sha256": [image["sha256"] for image in entry["images"]]}
