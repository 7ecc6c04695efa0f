"""`saliency.npz` as the figures need it."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ekg.errors import EkgError
from ekg.files import DAMAGE

SALIENCY_FILE = "saliency.npz"
_MOST_BYTES = 256 * 2**20  # seven examples of the largest picture and small tables: under 40 MB
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class SaliencyExample:
    """One example image with what spoke for the network's answer."""

    record: str
    label: str
    pred: str
    probability: float
    """Of `pred`, uncalibrated."""
    image: np.ndarray
    """uint8 (size, size)."""
    gradcam: np.ndarray
    """float (h, w) in 0..1."""
    occlusion: np.ndarray
    """Loss of probability without each lead, float (12,)."""


@dataclass(frozen=True)
class Saliency:
    """What `evaluate --saliency` left: examples, and means over a sample of records."""

    examples: tuple[SaliencyExample, ...]
    classes: tuple[str, ...]
    leads: tuple[str, ...]
    fold: str
    mean_by_lead: np.ndarray
    """float (12,)."""
    interval_by_lead: np.ndarray
    """float (12, 2)."""
    mean_by_class: np.ndarray
    """float (n_classes, 12)."""
    records_by_class: tuple[int, ...]
    stages: tuple[str, ...]
    gradcam_correlation: np.ndarray
    """float (n_stages,)."""
    occlusion_correlation: float

    @property
    def records(self) -> int:
        """Records behind the means, one image each."""
        return sum(self.records_by_class)

    def lead_table(self) -> pd.DataFrame:
        """Return the loss of probability by class and lead, one row a class."""
        table = pd.DataFrame(self.mean_by_class.astype(float), columns=list(self.leads))
        table.insert(0, "class", list(self.classes))
        table.insert(1, "records", list(self.records_by_class))
        overall = [["all", self.records, *map(float, self.mean_by_lead)]]
        return pd.concat([table, pd.DataFrame(overall, columns=table.columns)], ignore_index=True)


def read_saliency(folder: Path) -> Saliency | None:
    """Read a run's saliency, None when none was saved.

    Raises
    ------
    EkgError
        If the file cannot be read or lacks an array.
    """
    path = folder / SALIENCY_FILE
    if not path.exists():
        return None
    try:
        # Object arrays (pickles) are refused: nothing in the file is ever executed.
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as arrays:
            return _saliency_of({name: arrays[name] for name in arrays.files})
    except (OSError, *DAMAGE) as error:
        raise EkgError(
            f"not a file of saliency ({error})",
            path=path,
            remedy="make it again: `python -m ekg evaluate --saliency`",
        ) from None


def _check_sizes(path: Path) -> None:
    """Refuse a file that unpacks to more than a run's saliency, or less than its arrays say."""
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
            raise ValueError(f"unpacks to more than {_MOST_BYTES:,} bytes")
        for member in archive.infolist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                if version not in _HEADER_READERS:
                    raise ValueError(f"{member.filename} is of format {version}")
                shape, _, dtype = _HEADER_READERS[version](stream)
            # numpy asks for the memory before it looks at how much there is.
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"{member.filename} is shorter than its header says")


def _saliency_of(arrays: dict[str, np.ndarray]) -> Saliency:
    examples = tuple(
        SaliencyExample(
            record=str(arrays["record"][k]),
            label=str(arrays["label"][k]),
            pred=str(arrays["pred"][k]),
            probability=float(arrays["probability"][k]),
            image=arrays["images"][k],
            gradcam=arrays["gradcam"][k].astype(np.float32),
            occlusion=arrays["occlusion"][k],
        )
        for k in range(len(arrays["label"]))
    )
    return Saliency(
        examples=examples,
        classes=tuple(map(str, arrays["classes"])),
        leads=tuple(map(str, arrays["leads"])),
        fold=str(arrays["fold"]),
        mean_by_lead=arrays["mean_occlusion_by_lead"],
        interval_by_lead=arrays["mean_occlusion_interval"],
        mean_by_class=arrays["mean_occlusion_by_class"],
        records_by_class=tuple(int(n) for n in arrays["mean_occlusion_records_by_class"]),
        stages=tuple(map(str, arrays["randomised_stage"])),
        gradcam_correlation=arrays["randomised_correlation"],
        occlusion_correlation=float(arrays["randomised_occlusion_correlation"]),
    )
