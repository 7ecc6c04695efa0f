"""From one record to its images: which records, under which class, drawn by a worker."""

from __future__ import annotations

import functools
import hashlib
import math
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ekg.config import PAPER_SEED, SliceConfig
from ekg.errors import RecordError
from ekg.images.layout import PAPER_LAYOUT, Layout
from ekg.images.png import write_png
from ekg.images.renderer import Renderer
from ekg.paths import Address, Place
from ekg.records.addresses import bytes_at, signal_files, size_and_stamp
from ekg.records.diagnoses import DIAGNOSES, ECTOPY, diagnoses_of_comments, unknown_diagnoses
from ekg.records.header_text import decoded, read_header_text
from ekg.records.opening import read_header, read_record
from ekg.records.quality import blank_slices, warnings_of
from ekg.records.record import Header
from ekg.records.signal_files import find_signal_files
from ekg.records.slicing import number_of_slices, slice_starts

Status = Literal["kept", "excluded", "skipped"]
"""kept: drawn. excluded: left out by the paper's rules. skipped: it cannot be used."""


@dataclass(frozen=True)
class ImageSetConfig:
    """What decides the pixels of an image set and which records are in it."""

    size: int = 800
    """Pixels on a side."""
    seed: int = PAPER_SEED
    """With a record's name it decides where the slices are."""
    slices: SliceConfig = field(default_factory=SliceConfig)
    keep_multi: bool = False
    """Draw records with several diagnoses too; the paper leaves them out."""
    keep_ectopy: bool = False
    """Draw records with PAC or PVC too; the paper leaves them out."""

    def pixel_settings(self) -> dict[str, Any]:
        """Return what two runs into one folder must have in common."""
        return {"size": self.size, "seed": self.seed, "slices": asdict(self.slices)}


@dataclass(frozen=True)
class Decision:
    """What becomes of a record by its diagnoses."""

    status: Status
    reason: str = ""
    diagnosis: str = ""
    """Name of the class, if kept."""


def decide(diagnoses: Sequence[str], config: ImageSetConfig) -> Decision:
    """Apply the paper's exclusions to a record's diagnoses."""
    if not diagnoses:
        return Decision("skipped", "no diagnosis in the header")
    unknown = unknown_diagnoses(diagnoses)
    if unknown:
        return Decision(
            "skipped",
            f"unknown diagnosis code{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}",
        )
    if len(diagnoses) > 1 and not config.keep_multi:
        return Decision("excluded", "multi-label")
    ectopy = [diagnosis for diagnosis in ECTOPY if diagnosis in diagnoses]
    if ectopy and not config.keep_ectopy:
        return Decision("excluded", f"ectopy ({', '.join(ectopy)})")
    ordered = [d.abbreviation for d in DIAGNOSES if d.abbreviation in diagnoses]
    return Decision("kept", diagnosis="+".join(ordered))


@dataclass(frozen=True)
class RecordJob:
    """One record to be drawn."""

    header: Place
    folder: Path
    """The image set."""
    config: ImageSetConfig
    write_png: bool = True
    raw: Path | None = None
    """Where to put all images of the record as bare bytes, for the pack."""
    name: str = ""
    """The record's name in the set, where its header's is not the only one."""

    @property
    def record(self) -> str:
        """The record's name in the set."""
        return self.name or self.header.stem


def image_name(record: str, diagnosis: str, slice_number: int) -> str:
    """Return the path of one image relative to the set's folder."""
    return f"all/{diagnosis}/{record}-s{slice_number:02d}_PIL.png"


def layout_of(config: ImageSetConfig) -> Layout:
    """Return the paper's page for slices of the configured length."""
    return Layout(samples=config.slices.length, seconds=config.slices.seconds)


@functools.lru_cache(maxsize=16)
def _renderer_of(thread: int, size: int, layout: Layout) -> Renderer:
    return Renderer(size, layout)


def _renderer(size: int, layout: Layout) -> Renderer:
    return _renderer_of(threading.get_ident(), size, layout)


def warm_up(config: ImageSetConfig) -> None:
    """Make this process's renderer, which takes as long as hundreds of images."""
    _renderer(config.size, layout_of(config))


def draw_record(job: RecordJob) -> dict[str, Any]:
    """Draw all slices of one record."""
    entry, signal, starts = examine(job.header, job.config)
    entry["record"] = job.record
    if signal is not None:
        entry["images"] = _draw_slices(job, entry["diagnosis"], signal, starts)
    return entry


def examine(
    header_file: Place, config: ImageSetConfig
) -> tuple[dict[str, Any], np.ndarray | None, np.ndarray]:
    """Read one record and decide what becomes of it.

    Returns `signal`: float64 (12, N), mV; None for a record that is not drawn.
    """
    seen = glance(header_file, config)
    entry = skipped(header_file, seen, "")
    nothing = np.zeros(0, np.int64)
    try:
        # Reading a record parses its header too, so the quick look decides which of the two.
        record = None
        if decide(seen.diagnoses, config).status == "kept":
            record = read_record(header_file, config.slices.sampling_frequency)
        header = record.header if record else read_header(header_file)
        entry["diagnoses"] = list(header.diagnoses)
        entry["sampling_frequency"] = header.sampling_frequency
        decision = decide(header.diagnoses, config)
        entry["status"], entry["reason"] = decision.status, decision.reason
        if decision.status != "kept":
            entry["n_samples"] = _resampled_length(header, config)
            return entry, None, nothing
        if record is None:
            record = read_record(header_file, config.slices.sampling_frequency)
        signal = record.signal
        entry["n_samples"] = signal.shape[1]
        starts = slice_starts(header.name, signal.shape[1], config.slices, seed=config.seed)
        if not len(starts):
            raise RecordError(
                f"{signal.shape[1]} samples are too short for one slice of {config.slices.length} "
                f"within {config.slices.utilization_fraction:.0%} of the record"
            )
        entry["warnings"] = warnings_of(record)
        blank = blank_slices(signal, starts, config.slices.length)
        if blank.all():
            raise RecordError("all slices are blank: no lead changes in most of the recording")
        if blank.any():
            entry["warnings"].append(f"{blank.sum()} of {len(starts)} slices are blank, not drawn")
            starts = starts[~blank]
    except RecordError as error:
        entry["status"], entry["reason"] = "skipped", error.problem
        return entry, None, nothing
    entry["diagnosis"] = decision.diagnosis
    return entry, signal, starts


def skipped(header_file: Place, seen: Glance, reason: str) -> dict[str, Any]:
    """Return the journal's entry of a record that is not drawn."""
    return {
        "record": header_file.stem,
        "sources": fingerprint(header_file, seen.files),
        "diagnoses": list(seen.diagnoses),
        "sampling_frequency": None,
        "n_samples": None,
        "status": "skipped",
        "reason": reason,
        "diagnosis": "",
        "warnings": [],
        "images": [],
    }


def _resampled_length(header: Header, config: ImageSetConfig) -> int | None:
    """Return how many samples a record has once resampled, as `read_record` would give it."""
    if header.n_samples is None:
        return None
    ratio = config.slices.sampling_frequency / header.sampling_frequency
    return math.ceil(header.n_samples * ratio)


def _draw_slices(
    job: RecordJob, diagnosis: str, signal: np.ndarray, starts: np.ndarray
) -> list[dict[str, Any]]:
    renderer = _renderer(job.config.size, layout_of(job.config))
    low, high = PAPER_LAYOUT.millivolts
    (job.folder / "all" / diagnosis).mkdir(parents=True, exist_ok=True)
    rows, images = [], []
    for number, start in enumerate(starts.tolist()):
        part = signal[:, start : start + job.config.slices.length]
        image = renderer.draw(part)
        size = None
        if job.write_png:
            target = job.folder / image_name(job.record, diagnosis, number)
            size = write_png(target, image)
        if job.raw is not None:
            images.append(image)
        rows.append(
            {
                "start": start,
                "sha256": hashlib.sha256(image.data).hexdigest(),
                "clipped": round(float(np.mean((part < low) | (part > high))), 6),
                "bytes": size,
            }
        )
    if job.raw is not None:
        with open(job.raw, "wb") as stream:
            for image in images:
                stream.write(image.data)
    return rows


@dataclass(frozen=True)
class Glance:
    """Facts from a quick look at a header's text, without any check."""

    files: tuple[str, ...]
    """The header and the signal files that it names."""
    diagnoses: tuple[str, ...]
    images: int
    """How many images to expect; 0 where that is unknown."""


def glance(header: Place, config: ImageSetConfig) -> Glance:
    """Look at a header's text; a damaged one gives no images and no error."""
    if header.suffix.lower() != ".hea":  # another machine's file, whose reader alone can tell
        return Glance((header.name,), (), 0)
    try:
        content = bytes_at(header) if isinstance(header, Address) else header.read_bytes()
    except (OSError, RecordError):
        return Glance((header.name,), (), 0)
    lines = decoded(content).splitlines()
    comments = [line.strip() for line in lines if line.strip().startswith("#")]
    fields = [line.split() for line in lines if line.strip() and not line.strip().startswith("#")]
    diagnoses = diagnoses_of_comments([line.lstrip("#").strip() for line in comments])
    images = 0
    try:
        n_samples = int(fields[0][3]) / float(fields[0][2].split("/")[0])
        if decide(diagnoses, config).status == "kept":
            n_samples *= config.slices.sampling_frequency
            images = number_of_slices(int(n_samples), config.slices)
    except (IndexError, ValueError, ZeroDivisionError, OverflowError):
        images = 0
    return Glance((header.name, *_signal_files(header, content)), diagnoses, images)


def _signal_files(header: Place, content: bytes) -> list[str]:
    if isinstance(header, Address):
        return signal_files(content)
    try:
        return [file.path.name for file in find_signal_files(header, read_header_text(header))]
    except RecordError:
        return []


def fingerprint(header: Place, files: tuple[str, ...]) -> list[list[Any]]:
    """Return name, size and time of change (ns) of a record's files; a change means: draw again.

    At an address, whatever tells there that a file was changed.
    """
    if isinstance(header, Address):
        beside = header.removesuffix(header.name)
        return [[name, *size_and_stamp(beside + name)] for name in files]
    found: list[list[Any]] = []
    for name in files:
        try:
            status = (header.parent / name).stat()
            found.append([name, status.st_size, status.st_mtime_ns])
        except OSError:
            found.append([name, -1, -1])
    return found
