"""Slices of simulated records, regenerated from seed and name alone."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ekg.config import SliceConfig
from ekg.data.image_sources import open_source
from ekg.files import read_json
from ekg.images.manifest import read_manifest
from ekg.images.renderer import Renderer
from ekg.model import EkgModel
from ekg.records.record import read_record
from ekg.records.slicing import slice_starts
from ekg.simulator.record_files import SimulationSettings, write_record

_AT_ONCE = 16


@dataclass(frozen=True)
class DrawnRecord:
    """A simulated record and its images."""

    name: str
    diagnoses: tuple[str, ...]
    signal: np.ndarray
    """float64 (12, N), mV, as read from its files; empty where only its images are known."""
    starts: np.ndarray
    """First sample of each slice."""
    images: np.ndarray
    """uint8 (slices, size, size)."""

    @property
    def signal_sha256(self) -> str:
        """SHA-256 of the signal in whole microvolts, little-endian int16, lead by lead."""
        return sha256_of(np.round(self.signal * 1000).astype("<i2"))


def sha256_of(values: np.ndarray) -> str:
    """Return the SHA-256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def draw_records(
    names: Iterable[str],
    settings: SimulationSettings,
    renderer: Renderer,
    *,
    slice_seed: int,
    slices: SliceConfig | None = None,
) -> Iterator[DrawnRecord]:
    """Simulate records into a temporary folder, read them back, cut and draw them.

    Images of a set are made the same way: through the record's files.
    """
    slices = slices or SliceConfig()
    with tempfile.TemporaryDirectory(prefix="ekg-verify-") as folder:
        for name in names:
            diagnoses = write_record(Path(folder), name, settings)
            signal = read_record(Path(folder) / name).signal
            starts = slice_starts(name, signal.shape[1], slices, seed=slice_seed)
            images = [renderer.draw(signal[:, s : s + slices.length]) for s in starts]
            yield DrawnRecord(name, diagnoses, signal, starts, np.array(images, np.uint8))


def drawn_records(images: Path, names: Iterable[str]) -> Iterator[DrawnRecord]:
    """Yield records of an image set with their pictures as they are there, and no signal."""
    manifest = read_manifest(images)
    wanted = set(names)
    for name, rows in manifest[manifest["record"].isin(wanted)].groupby("record", sort=False):
        rows = rows.sort_values("slice").reset_index(drop=True)
        size = int(read_json(images / "dataset.json")["size"])
        pictures = open_source(images, rows, size=size).read(np.arange(len(rows)), 0)
        label = tuple(str(rows["diagnosis"].iloc[0]).split("+"))
        starts = rows["start"].to_numpy(np.int64)
        yield DrawnRecord(str(name), label, np.empty((12, 0)), starts, pictures)


def logits_of(model: EkgModel, images: np.ndarray) -> np.ndarray:
    """Return a model's logits on the CPU, float64 (n, classes), for uint8 images."""
    with torch.inference_mode():
        parts = [
            model(batch[:, None]).double().numpy()
            for batch in torch.from_numpy(images).split(_AT_ONCE)
        ]
    return np.concatenate(parts)
