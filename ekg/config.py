"""The settings of every stage, as frozen dataclasses whose defaults are the paper's values."""

from __future__ import annotations

from dataclasses import dataclass

PAPER_SEED = 44
IMAGE_SIZE_LIMITS = (16, 2048)


@dataclass(frozen=True)
class SliceConfig:
    """How a record is cut into slices."""

    sampling_frequency: int = 500
    """Hz; records of another rate are resampled to it."""
    seconds: float = 2.5
    """Length of one slice."""
    utilization_fraction: float = 0.8
    """At most this part of a record is used."""
    n_slices_max: int = 10
    """At most this many slices a record."""

    @property
    def length(self) -> int:
        """Samples per slice: 1250."""
        return round(self.sampling_frequency * self.seconds)
