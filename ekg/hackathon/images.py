"""Draws the hackathon's pictures of planned slices into a folder, one PNG file each."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ekg.errors import ImageError, RecordError
from ekg.files import atomic_path, folder_lock, read_json, write_json
from ekg.hackathon.picture import HackathonPainter
from ekg.images.png import open_picture
from ekg.progress import Progress
from ekg.records.record import read_record
from ekg.workers import Lost, Workers, in_order

PICTURE_VERSION = 1
"""Raised whenever the same slice gives other pixels."""

_DESCRIPTION = "pictures.json"


@dataclass(frozen=True)
class _Job:
    header: Path
    sampling_frequency: float
    seconds: float
    size: int
    starts: tuple[int, ...]
    files: tuple[Path, ...]


def draw_pictures(
    folder: str | Path,
    images: pd.DataFrame,
    headers: Mapping[str, Path],
    *,
    seconds: float,
    size: int,
    seed: int,
    jobs: int = 1,
) -> dict[str, str]:
    """Draw what is not there yet.

    Parameters
    ----------
    folder
        Where the pictures go.
    images
        Columns image (path within the folder), record, start (samples), sampling_frequency.
    headers
        Header file of each record.
    seconds, size
        Length of a slice; side of the picture in pixels.
    seed
        Seed of the starts, so that a folder never mixes the slices of two.
    jobs
        Processes; the pictures do not depend on it.

    Returns
    -------
    dict
        Records that cannot be drawn, and why. Their pictures are missing.

    Raises
    ------
    ImageError
        If the folder holds pictures of another kind.
    """
    folder = Path(folder)
    with folder_lock(folder, "drawing pictures"):
        _check_kind(
            folder,
            {"version": PICTURE_VERSION, "seconds": seconds, "size": size, "seed": seed},
        )
        work = [
            (str(record), _job(folder, headers[str(record)], rows, seconds, size))
            for record, rows in images.groupby("record", sort=False)
        ]
        missing = [(record, job) for record, job in work if job.files]
        total = sum(len(job.files) for _, job in missing)
        for parent in sorted({file.parent for _, job in missing for file in job.files}):
            parent.mkdir(parents=True, exist_ok=True)
        sizes = {record: len(job.files) for record, job in missing}
        failed: dict[str, str] = {}
        jobs = max(1, min(jobs, len(missing)))
        with (
            Workers(jobs) as workers,
            Progress(len(images), "drawing", "picture", done=len(images) - total) as progress,
        ):
            for record, problem in in_order(workers, _draw_record, missing):
                if problem:
                    failed[record] = problem.reason if isinstance(problem, Lost) else problem
                progress.update(sizes[record])
    return failed


def _check_kind(folder: Path, wanted: dict[str, float]) -> None:
    path = folder / _DESCRIPTION
    if not path.is_file():
        if any(folder.glob("all/*/*.png")):
            raise ImageError("holds other pictures", path=folder, remedy="choose another folder")
        write_json(path, wanted)
    elif (found := read_json(path)) != wanted:
        raise ImageError(
            f"holds pictures made with {found}, not {wanted}",
            path=folder,
            remedy="choose another folder, or delete it",
        )


def _job(folder: Path, header: Path, rows: pd.DataFrame, seconds: float, size: int) -> _Job:
    """Return what is still to be drawn of one record: no picture, or one older than the record."""
    changed = max(
        (file.stat().st_mtime for file in header.parent.glob(f"{header.stem}.*")), default=0.0
    )
    todo = [
        (int(start), folder / image)
        for start, image in zip(rows["start"], rows["image"], strict=True)
        if not (folder / image).is_file() or (folder / image).stat().st_mtime < changed
    ]
    return _Job(
        header=header,
        sampling_frequency=float(rows["sampling_frequency"].iloc[0]),
        seconds=seconds,
        size=size,
        starts=tuple(start for start, _ in todo),
        files=tuple(file for _, file in todo),
    )


@functools.lru_cache(maxsize=2)
def _painter(sampling_frequency: float, seconds: float, size: int) -> HackathonPainter:
    return HackathonPainter(sampling_frequency, seconds, size)


def _draw_record(job: _Job) -> str:
    """Draw the pictures of one record; return why it cannot be done, empty when it is."""
    try:
        signal = read_record(job.header, job.sampling_frequency).signal
    except RecordError as error:
        return error.problem
    painter = _painter(job.sampling_frequency, job.seconds, job.size)
    for start, file in zip(job.starts, job.files, strict=True):
        if start + painter.samples > signal.shape[1]:
            return f"has {signal.shape[1]} samples, a slice from {start} on does not fit"
        picture = painter.draw(signal[:, start : start + painter.samples])
        with atomic_path(file) as temporary:
            Image.fromarray(picture).save(temporary, format="PNG", compress_level=3)
    return ""


def read_picture(path: str | Path, size: int) -> np.ndarray:
    """Read one picture, uint8 (3, size, size): red, green, blue.

    Raises
    ------
    ImageError
        If the file is missing, damaged or of another size.
    """
    with open_picture(path, size) as image:
        pixels = np.array(image.convert("RGB"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


class ColourSource:
    """Gives a loader the pictures of a table's rows, uint8 (n, 3, size, size)."""

    uses_processes = False

    def __init__(self, folder: str | Path, images: pd.DataFrame, size: int):
        self._paths = [Path(folder) / image for image in images["image"]]
        self._size = size

    def read(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """See `ekg.data.image_sources.ImageSource.read`."""
        pictures = np.empty((len(rows), 3, self._size, self._size), np.uint8)
        for index, row in enumerate(rows):
            pictures[index] = read_picture(self._paths[row], self._size)
        return pictures
