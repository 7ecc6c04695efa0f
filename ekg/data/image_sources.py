"""Where a batch of images comes from: a packed file, PNG files, or the records themselves."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ekg.config import AugmentationConfig, SliceConfig
from ekg.data.augmentation import change_signal, page_columns, shifted_start
from ekg.errors import ImageError, RecordError
from ekg.images.pack import ShardedImages, open_pack, pack_files
from ekg.paths import Place
from ekg.records.opening import named_records, read_record
from ekg.records.quality import blank_slices
from ekg.records.slicing import slice_starts
from ekg.seeds import generator_for


class ImageChecksums:
    """The SHA-256 of the grey bytes of each image, as the manifest has them.

    A bit that a disk has turned over changes what a network learns, or what it is evaluated by,
    without any other sign: a packed file has no checksums of its own, and readers of PNG files
    do not ask for theirs. Rows whose `sha256` is empty (sets that were made elsewhere) pass.
    """

    def __init__(self, rows: pd.DataFrame):
        self._names = list(rows["image"])
        self._sums = [str(value) for value in rows["sha256"]] if "sha256" in rows else []
        self._open = np.array([bool(value) for value in self._sums], dtype=bool)

    def check(self, row: int, image: np.ndarray, path: Path) -> None:
        """Compare one image with its row.

        `image`: uint8 (size, size), contiguous.
        """
        if not len(self._open) or not self._open[row]:
            return
        if hashlib.sha256(image.data).hexdigest() != self._sums[row]:
            raise ImageError(
                f"the pixels of {self._names[row]} do not match the manifest's checksum",
                path=path,
                remedy="delete this file and run `python -m ekg images` again",
            )
        self._open[row] = False


_BYTES_KEPT = 768 * 2**20  # of signals in one process: thousands of records of 10 s
_MICROVOLTS = 1000  # a mV


class ImageSource(Protocol):
    """Gives images of a table's rows."""

    uses_processes: bool
    """Whether workers must be processes (Python work) or may be threads (copying, decoding)."""

    def read(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """Return uint8 images (len(rows), size, size) of the rows with these indices."""
        ...


class PackSource:
    """Images of a memory-mapped file: no decoding, and the system's page cache is shared."""

    uses_processes = False

    def __init__(
        self,
        pack: np.ndarray | ShardedImages,
        places: np.ndarray,
        checksums: ImageChecksums | None = None,
        path: Path = Path("pack.npy"),
    ):
        """Take the open pack (n, size, size), the place in it of each row, and what is in them."""
        self._pack, self._places = pack, places
        self._checksums, self._path = checksums, path

    def read(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """See `ImageSource.read`."""
        places = self._places[rows]
        images = np.empty((len(rows), *self._pack.shape[1:]), np.uint8)
        for index, place in enumerate(places):
            images[index] = self._pack[place]
            if self._checksums is not None:
                self._checksums.check(int(rows[index]), images[index], self._path)
        return images


class PngSource:
    """Images of PNG files."""

    uses_processes = False

    def __init__(self, paths: Sequence[Path], size: int, checksums: ImageChecksums | None = None):
        self._paths, self._size = list(paths), size
        self._checksums = checksums

    def read(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """See `ImageSource.read`."""
        from ekg.images.image_set import read_image

        images = np.empty((len(rows), self._size, self._size), np.uint8)
        for index, row in enumerate(rows):
            images[index] = read_image(self._paths[row], self._size)
            if self._checksums is not None:
                self._checksums.check(int(row), images[index], self._paths[row])
        return images


class RecordSource:
    """Images drawn when they are asked for.

    `size`: Side of the image, pixels.
    """

    uses_processes = True

    def __init__(
        self,
        rows: pd.DataFrame,
        headers: Mapping[str, Place],
        size: int,
        *,
        seed: int,
        random_slices: bool = False,
        augmentation: AugmentationConfig | None = None,
        config: SliceConfig | None = None,
    ):
        missing = sorted(set(rows["record"]) - headers.keys())
        if missing:
            raise RecordError(
                f"{len(missing)} records of the image set are missing, first {missing[0]}",
                remedy="give their folder with --records",
            )
        self._records = list(rows["record"])
        self._slices = rows["slice"].astype(int).to_list()
        self._starts = rows["start"].astype(int).to_list()
        self._headers, self._size, self._seed = headers, size, seed
        self._random_slices = random_slices
        self._augmentation = augmentation or AugmentationConfig()
        self._config = config or SliceConfig()
        self._signals = SignalCache()

    def read(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """See `ImageSource.read`."""
        draw = _renderer(self._size).draw
        images = np.empty((len(rows), self._size, self._size), np.uint8)
        for index, row in enumerate(rows):
            images[index] = draw(self.signal(int(row), epoch), gaps=True)
        return images

    def signal(self, row: int, epoch: int) -> np.ndarray:
        """Return what is drawn for a row in an epoch: float64 (12, slice length), mV."""
        name, number = self._records[row], self._slices[row]
        length = self._config.length
        signal = self._signals.get(self._headers[name], self._config.sampling_frequency)
        start = self._starts[row]
        if self._random_slices:
            starts = slice_starts(
                f"{name}/epoch {epoch}",
                signal.shape[1],
                self._config,
                seed=self._seed,
                at_least=number + 1,
            )
            start = int(starts[number])
        if start + length > signal.shape[1]:
            raise ImageError(
                f"slice {number} starts at {start}, the record has {signal.shape[1]} samples",
                path=self._headers[name],
                remedy="draw the image set again from these records",
            )
        generator = generator_for(self._seed, f"{name}/slice {number}/epoch {epoch}")
        if self._augmentation.active:
            start = shifted_start(
                start,
                signal.shape[1] - length,
                self._augmentation,
                self._config.sampling_frequency,
                generator,
            )
        if start != self._starts[row] and blank_slices(signal, np.array([start]), length)[0]:
            start = self._starts[row]  # the image set has no blank slice
        cut = signal[:, start : start + length]
        if not self._augmentation.active:
            return cut
        share = self._augmentation.columns
        if share > 0 and generator.random() < share:
            columns = page_columns(signal, length, generator)
            if columns is not None and not blank_slices(columns, np.array([0]), length)[0]:
                cut = columns
        return change_signal(cut, self._augmentation, self._config.sampling_frequency, generator)


class SignalCache:
    """Signals of the records read last, up to a number of bytes.

    Signals whose samples are all whole microvolts (the usual gain of 1000 a mV) are kept as int16:
    the same numbers in a quarter of the memory.
    """

    def __init__(self, most_bytes: int = _BYTES_KEPT):
        self._most_bytes = most_bytes
        self._bytes = 0
        self._signals: OrderedDict[tuple[Place, int], np.ndarray] = OrderedDict()

    def get(self, header: Place, sampling_frequency: int) -> np.ndarray:
        """Return a record's signal, float64 (12, N), mV."""
        key = (header, sampling_frequency)
        kept = self._signals.get(key)
        if kept is None:
            kept = _as_microvolts(read_record(header, sampling_frequency).signal)
            self._signals[key] = kept
            self._bytes += kept.nbytes
            while self._bytes > self._most_bytes and len(self._signals) > 1:
                self._bytes -= self._signals.popitem(last=False)[1].nbytes
        self._signals.move_to_end(key)
        return kept / _MICROVOLTS if kept.dtype == np.int16 else kept

    def __reduce__(self) -> tuple[type[SignalCache], tuple[int]]:
        """Start empty in a worker process: each reads what it needs."""
        return SignalCache, (self._most_bytes,)


def _as_microvolts(signal: np.ndarray) -> np.ndarray:
    """Return the signal as int16 microvolts where that loses nothing, else as it is."""
    if not np.isfinite(signal).all() or np.abs(signal).max(initial=0) * _MICROVOLTS > 32767:
        return signal
    whole = np.rint(signal * _MICROVOLTS).astype(np.int16)
    return whole if np.array_equal(whole / _MICROVOLTS, signal) else signal


@lru_cache(maxsize=2)
def _renderer(size: int):  # type: ignore[no-untyped-def]
    from ekg.images.renderer import Renderer

    return Renderer(size)


def open_source(
    folder: str | Path,
    rows: pd.DataFrame,
    *,
    size: int,
    source: str = "auto",
    records: str | Path | None = None,
    seed: int = 44,
    random_slices: bool = False,
    augmentation: AugmentationConfig | None = None,
) -> ImageSource:
    """Open the source of a fold's images.

    `size`: Side that the images must have, pixels.
    """
    folder = Path(folder)
    if source == "records":
        if records is None:
            raise RecordError(
                'field `data.source` is "records" and no records are given',
                remedy="add --records FOLDER",
            )
        headers = named_records(records)
        return RecordSource(
            rows, headers, size, seed=seed, random_slices=random_slices, augmentation=augmentation
        )
    if source == "pack" or (source == "auto" and pack_files(folder)):
        return _open_pack(folder, rows, size)
    paths = [folder / image for image in rows["image"]]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise ImageError(
            f"{len(absent)} images of the manifest are missing",
            path=absent[0],
            remedy="draw the image set again",
        )
    from ekg.images.image_set import read_image

    if paths:
        read_image(paths[0], size)  # says what is wrong before anything is started
    return PngSource(paths, size, ImageChecksums(rows))


def _open_pack(folder: Path, rows: pd.DataFrame, size: int) -> PackSource:
    pack, index = open_pack(folder)
    path = pack_files(folder)[0]
    if pack.shape[1:] != (size, size):
        raise ImageError(
            f"images of {pack.shape[2]} x {pack.shape[1]} pixels, expected {size} x {size}",
            path=path,
            remedy=f"draw the set at size {size}, or set data.image_size={pack.shape[1]}",
        )
    place = {image: i for i, image in enumerate(index["image"])}
    absent = [image for image in rows["image"] if image not in place]
    if absent:
        raise ImageError(
            f"{len(absent)} images of the manifest are not packed, first {absent[0]}",
            path=path,
            remedy="pack the image set again",
        )
    places = np.array([place[image] for image in rows["image"]], np.int64)
    return PackSource(pack, places, ImageChecksums(rows), path)
