"""The image of the hackathon: twelve coloured panels; drawn for planned slices into a folder."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ekg.errors import ImageError, RecordError
from ekg.files import atomic_path, folder_lock, read_json, write_json
from ekg.images.paper_figure import matplotlib_defaults
from ekg.images.png import open_image
from ekg.progress import Progress
from ekg.records.record import LEADS, read_record
from ekg.workers import Lost, Workers, in_order

INCHES = 20.0
DPI = 40
SIZE = 224
"""Pixels on a side after resizing: what networks with ImageNet weights take."""
SECONDS = 5.0
"""Length of a slice."""

_MAJOR = {"color": "#b0b0b0", "linewidth": 0.8}
_MINOR = {"color": "#dddddd", "linewidth": 0.5}


class HackathonPainter:
    """Draws images one after another on one figure.

    Each image depends on its slice alone: what an earlier one left (limits, margins) is reset.

    `sampling_frequency`: Hz; `size`: Side of the finished image, pixels.
    """

    def __init__(
        self, sampling_frequency: float = 1000.0, seconds: float = SECONDS, size: int = SIZE
    ):
        self.samples = round(sampling_frequency * seconds)
        self.size = size
        times = np.arange(self.samples) / sampling_frequency
        with matplotlib_defaults():
            self._figure = Figure(figsize=(INCHES, INCHES), dpi=DPI, facecolor="white")
            self._canvas = FigureCanvasAgg(self._figure)
            self._axes = self._figure.subplots(len(LEADS), 1, sharex=True, sharey=True)
            self._lines = []
            for number, (axes, lead) in enumerate(zip(self._axes, LEADS, strict=True)):
                # C0, C1, ...: the default cycle of ten colours, so V5 and V6 repeat I and II.
                (line,) = axes.plot(times, np.zeros(self.samples), color=f"C{number}")
                self._lines.append(line)
                axes.set_ylabel(lead)
                axes.minorticks_on()
                axes.grid(True, which="major", **_MAJOR)
                axes.grid(True, which="minor", **_MINOR)
                axes.set_axisbelow(True)
            self._axes[-1].set_xlabel("Time [S]")
        margins = self._figure.subplotpars
        self._margins = {
            side: getattr(margins, side)
            for side in ("left", "right", "bottom", "top", "wspace", "hspace")
        }

    def draw_large(self, signal: np.ndarray) -> np.ndarray:
        """Return the image before it is made small, uint8 (800, 800, 3).

        `signal`: mV, shape (12, samples), leads in the order of `ekg.records.record.LEADS`.
        """
        signal = np.asarray(signal, np.float64)
        if signal.shape != (len(LEADS), self.samples) or not np.isfinite(signal).all():
            raise ImageError(
                f"a slice has shape {signal.shape} or values that are not numbers",
                remedy=f"give {len(LEADS)} leads of {self.samples} finite samples",
            )
        with matplotlib_defaults():
            for line, values in zip(self._lines, signal, strict=True):
                line.set_ydata(values)
            for axes in self._axes:
                axes.relim()
            # One autoscaled range for all panels: they share it.
            self._axes[0].autoscale(axis="y")
            self._axes[0].autoscale_view()
            self._figure.subplots_adjust(**self._margins)
            self._figure.tight_layout()
            self._canvas.draw()
        return np.array(self._canvas.buffer_rgba())[..., :3]

    def draw(self, signal: np.ndarray) -> np.ndarray:
        """Return the finished image, uint8 (size, size, 3); see `draw_large`."""
        large = Image.fromarray(self.draw_large(signal))
        return np.array(large.resize((self.size, self.size), Image.Resampling.BILINEAR))


IMAGE_VERSION = 1
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


def draw_images(
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

    `images`: Columns image (path within the folder), record, start (samples), sampling_frequency;
    `seconds, size`: Length of a slice; side of the image in pixels.
    """
    folder = Path(folder)
    with folder_lock(folder, "drawing images"):
        _check_kind(
            folder,
            {"version": IMAGE_VERSION, "seconds": seconds, "size": size, "seed": seed},
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
            Progress(len(images), "drawing", "image", done=len(images) - total) as progress,
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
            raise ImageError("contains other images", path=folder, remedy="choose another folder")
        write_json(path, wanted)
    elif (found := read_json(path)) != wanted:
        raise ImageError(
            f"contains images made with {found}, not {wanted}",
            path=folder,
            remedy="choose another folder, or delete it",
        )


def _job(folder: Path, header: Path, rows: pd.DataFrame, seconds: float, size: int) -> _Job:
    """Return what is still to be drawn of one record: no image, or one older than the record."""
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
    """Draw the images of one record; return why it cannot be done, empty when it is."""
    try:
        signal = read_record(job.header, job.sampling_frequency).signal
    except RecordError as error:
        return error.problem
    painter = _painter(job.sampling_frequency, job.seconds, job.size)
    for start, file in zip(job.starts, job.files, strict=True):
        if start + painter.samples > signal.shape[1]:
            return f"has {signal.shape[1]} samples, a slice from {start} on does not fit"
        image = painter.draw(signal[:, start : start + painter.samples])
        with atomic_path(file) as temporary:
            Image.fromarray(image).save(temporary, format="PNG", compress_level=3)
    return ""


def read_colour_image(path: str | Path, size: int) -> np.ndarray:
    """Read one image, uint8 (3, size, size): red, green, blue."""
    with open_image(path, size) as image:
        pixels = np.array(image.convert("RGB"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


class ColourSource:
    """Gives a loader the images of a table's rows, uint8 (n, 3, size, size)."""

    uses_processes = False

    def __init__(self, folder: str | Path, images: pd.DataFrame, size: int):
        self._paths = [Path(folder) / image for image in images["image"]]
        self._size = size

    def read(self, rows: np.ndarray, epoch: int) -> np.ndarray:
        """See `ekg.data.image_sources.ImageSource.read`."""
        images = np.empty((len(rows), 3, self._size, self._size), np.uint8)
        for index, row in enumerate(rows):
            images[index] = read_colour_image(self._paths[row], self._size)
        return images
