"""Waves: bell-shaped components of the heart's dipole, and how they are drawn into leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_REACH = 3.6  # standard deviations; beyond it a wave is below 0.2 % of its peak


@dataclass(frozen=True)
class Waves:
    """K waves of one beat, each a 3-D vector times a shape in time.

    A shape is a Gaussian whose rise and fall may differ, with a flat (or tilted) top where
    `hold` is not 0; the classic Gaussian description of the EKG (McSharry 2003; as a dipole
    Sameni 2007) is the case hold = 0.
    """

    vector: np.ndarray  # Frank's x, y, z in mV at the peak, shape (K, 3)
    centre: np.ndarray  # peak (or start of the top) in seconds after the beat's anchor, shape (K,)
    rise: np.ndarray  # standard deviations of the two flanks, s, shape (K,)
    fall: np.ndarray  # standard deviations of the two flanks, s, shape (K,)
    hold: np.ndarray  # length of the top, s, shape (K,)
    tilt: np.ndarray  # relative change of height along the top, shape (K,)

    @classmethod
    def of(
        cls,
        vector: np.ndarray | Sequence[np.ndarray],
        centre: Sequence[float] | np.ndarray,
        rise: Sequence[float] | np.ndarray,
        fall: Sequence[float] | np.ndarray | None = None,
        hold: Sequence[float] | np.ndarray | None = None,
        tilt: Sequence[float] | np.ndarray | None = None,
    ) -> Waves:
        """Make waves from sequences; `fall` equals `rise` and the tops are points by default."""
        count = len(centre)
        return cls(
            vector=np.asarray(vector, float).reshape(count, 3),
            centre=np.asarray(centre, float),
            rise=np.asarray(rise, float),
            fall=np.asarray(rise if fall is None else fall, float),
            hold=np.zeros(count) if hold is None else np.asarray(hold, float),
            tilt=np.zeros(count) if tilt is None else np.asarray(tilt, float),
        )

    def __add__(self, other: Waves) -> Waves:
        return Waves(
            *(
                np.concatenate([getattr(self, field), getattr(other, field)])
                for field in ("vector", "centre", "rise", "fall", "hold", "tilt")
            )
        )

    def scaled(self, factor: float) -> Waves:
        """Return the same waves, `factor` times as high."""
        return replace(self, vector=self.vector * factor)

    def stretched(self, origin: float, factor: float) -> Waves:
        """Return the waves with all times after `origin` stretched by `factor`."""
        return replace(
            self,
            centre=origin + (self.centre - origin) * factor,
            rise=self.rise * factor,
            fall=self.fall * factor,
            hold=self.hold * factor,
        )

    def shapes(self, time: np.ndarray) -> np.ndarray:
        """Return the K shapes at times (s) after the anchor, shape (K, len(time))."""
        late = time[None, :] - self.centre[:, None]
        after = late - self.hold[:, None]
        flank = np.minimum(late, 0) / self.rise[:, None] + np.maximum(after, 0) / self.fall[:, None]
        shape = np.exp(-0.5 * flank * flank)
        if self.tilt.any():
            along = np.clip(late / np.maximum(self.hold, 1e-3)[:, None], 0, 1)
            shape *= 1 + self.tilt[:, None] * along
        return shape

    def span(self) -> tuple[float, float]:
        """Return the first and last moment (s after the anchor) that matter."""
        return (
            float((self.centre - _REACH * self.rise).min()),
            float((self.centre + self.hold + _REACH * self.fall).max()),
        )

    def level(self, time: float) -> np.ndarray:
        """Return the dipole at one moment, shape (3,), mV."""
        return self.shapes(np.array([time]))[:, 0] @ self.vector


def add_waves(
    leads: np.ndarray,
    waves: Waves,
    field: np.ndarray,
    anchor: float,
    sampling_frequency: float,
    gain: float | np.ndarray = 1.0,
) -> None:
    """Add one beat's waves to the leads, in place.

    `leads`: shape (L, N), mV; `field`: Lead vectors, shape (L, 3); `sampling_frequency`: Hz;
    `gain`: A number or one for each lead, shape (L,).
    """
    low, high = waves.span()
    first = max(int(np.ceil((anchor + low) * sampling_frequency)), 0)
    last = min(int((anchor + high) * sampling_frequency) + 1, leads.shape[1])
    if first >= last:
        return
    time = np.arange(first, last) / sampling_frequency - anchor
    amplitude = field @ waves.vector.T * np.reshape(gain, (-1, 1))
    leads[:, first:last] += amplitude @ waves.shapes(time)
