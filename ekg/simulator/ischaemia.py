"""ST elevation and depression: which way the injury current points, and how far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.simulator.leads import frank_vector, twelve_leads
from ekg.simulator.waves import Waves

_AVR = 3
_V2_V3 = (7, 8)


@dataclass(frozen=True)
class Territory:
    """A wall of the heart as a direction: frontal length, frontal angle (degrees), z."""

    frontal: float
    angle: float
    z: float
    scatter: float

    def direction(self, generator: np.random.Generator) -> np.ndarray:
        """Draw a unit vector towards the wall, shape (3,)."""
        vector = frank_vector(
            self.frontal, self.angle + generator.normal(0, self.scatter), self.z
        ) + generator.normal(0, 0.06, 3)
        return vector / np.linalg.norm(vector)


ELEVATION: dict[str, Territory] = {
    # infarction: leads that face the wall rise, those that look away fall (Wagner 2009)
    "anterior": Territory(0.12, 20, -0.75, 30),
    "anterolateral": Territory(0.50, -25, -0.55, 10),
    "inferior": Territory(0.75, 105, 0.05, 10),
    "inferolateral": Territory(0.70, 72, 0.22, 10),
    "lateral": Territory(0.70, -12, 0.10, 12),
    # not ischaemic: widespread, along the main forces of the heart (Macfarlane 2015)
    "early repolarisation": Territory(0.35, 50, -0.50, 12),
    "pericarditis": Territory(0.60, 48, -0.30, 8),
}
"""ST elevation. The first five are territories of infarction."""

INFARCTION: tuple[str, ...] = ("anterior", "anterolateral", "inferior", "inferolateral", "lateral")

DEPRESSION = Territory(0.60, -132, 0.22, 16)
"""Subendocardial ischaemia: away from the apex, so that I, II, V4-V6 fall and aVR rises."""


def elevation_threshold(age: int, sex: str) -> np.ndarray:
    """Return the least ST elevation at J that counts, in mV, shape (12,).

    0.1 mV; in V2 and V3 0.2 mV for men of 40 and older, 0.25 mV for younger men, 0.15 mV for
    women (Thygesen 2018).
    """
    threshold = np.full(12, 0.1)
    threshold[list(_V2_V3)] = 0.15 if sex == "Female" else 0.25 if age < 40 else 0.2
    return threshold


def scaled_to_elevation(
    direction: np.ndarray,
    other: Waves,
    lead_field: np.ndarray,
    moment: float,
    threshold: np.ndarray,
    margin: float,
) -> np.ndarray:
    """Return the ST vector along `direction` that lifts two leads `margin` over the threshold.

    Parameters
    ----------
    direction
        Unit vector, shape (3,).
    other
        What else there is at that moment (the climb into T).
    lead_field
        Shape (8, 3).
    moment
        s after the onset of QRS, at which the level counts.
    threshold
        mV, shape (12,).
    margin
        mV.
    """
    per_unit = _twelve(lead_field, direction)
    base = _twelve(lead_field, other.level(moment))
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(per_unit > 0.15, (threshold + margin - base) / per_unit, np.inf)
    needed[_AVR] = np.inf
    return direction * float(np.clip(np.sort(needed)[1], 0.02, 1.2))


def scaled_to_depression(
    direction: np.ndarray, other: Waves, lead_field: np.ndarray, moment: float, depth: float
) -> np.ndarray:
    """Return the ST vector along `direction` that lowers two leads to -`depth` mV."""
    per_unit = _twelve(lead_field, direction)
    base = _twelve(lead_field, other.level(moment))
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(per_unit < -0.15, (-depth - base) / per_unit, np.inf)
    return direction * float(np.clip(np.sort(needed)[1], 0.02, 1.0))


def _twelve(lead_field: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return twelve_leads((lead_field @ vector)[:, None])[:, 0]
