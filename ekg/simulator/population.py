"""Who is recorded: the textbook's patients, or those of a hospital with milder, mixed findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from ekg.errors import ConfigError
from ekg.simulator.ranges import HOSPITAL_NOISE, HOSPITAL_RANGES, NOISE, RANGES, LogRange, Range


@dataclass(frozen=True)
class Population:
    """Distributions and chances that all simulated patients share."""

    name: str
    ranges: Mapping[str, Range]
    noise: Mapping[str, LogRange]
    hypertrophy: float
    """Chance of high voltage with ST depression."""
    flat_t: Mapping[str, float]
    """Chance of a non-specific flat or inverted T wave, by finding."""
    ectopy: float
    """Chance of a premature beat in passing where the heart is not normal."""
    measured_waves: bool = False
    """Whether leads, J point and directions follow measured recordings beyond one dipole."""
    old_infarction: Mapping[str, float] = field(default_factory=dict)
    """Chance of Q waves and a turned T wave beside a finding."""

    def draw(self, name: str, generator: np.random.Generator) -> float:
        """Draw a parameter."""
        return self.ranges[name].draw(generator)

    def flat_t_chance(self, findings: Collection[str]) -> float:
        """Return the chance of a flat T wave with these findings."""
        return max((self.flat_t.get(finding, 0.0) for finding in findings), default=0.0)

    def old_infarction_chance(self, findings: Collection[str]) -> float:
        """Return the chance of an old infarction beside these findings."""
        return max((self.old_infarction.get(finding, 0.0) for finding in findings), default=0.0)


TEXTBOOK = Population(
    name="textbook",
    ranges=RANGES,
    noise=NOISE,
    hypertrophy=0.3,
    flat_t={"STD": 0.45, "AF": 0.6, "HF": 0.8, "MI": 0.4, "RBBB": 0.3, "LBBB": 0.3, "I-AVB": 0.1},
    ectopy=0.04,
)
"""Clear findings, one disease at a time."""

HOSPITAL = Population(
    name="hospital",
    ranges=RANGES | HOSPITAL_RANGES,
    noise=NOISE | HOSPITAL_NOISE,
    hypertrophy=0.5,
    flat_t={
        "Normal": 0.04,
        "STD": 0.7,
        "AF": 0.65,
        "HF": 0.8,
        "MI": 0.4,
        "RBBB": 0.35,
        "LBBB": 0.3,
        "I-AVB": 0.35,
    },
    ectopy=0.12,
    measured_waves=True,
    old_infarction={"AF": 0.2, "I-AVB": 0.3, "STD": 0.15, "RBBB": 0.2},
)
"""Slight ST depression, J points below the baseline in the healthy, sinus arrhythmia, findings
beside the diagnosis: fitted to medians and percentiles of recordings (docs/simulator.md)."""

POPULATIONS: dict[str, Population] = {p.name: p for p in (TEXTBOOK, HOSPITAL)}


def population_of(name: str) -> Population:
    """Return a population by its name."""
    if name not in POPULATIONS:
        raise ConfigError(
            f"population {name!r} is not known", remedy=f"choose {' or '.join(POPULATIONS)}"
        )
    return POPULATIONS[name]
