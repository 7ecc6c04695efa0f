"""The person: what all recordings of one patient share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ekg.simulator.leads import recovery_lead_field, torso_lead_field
from ekg.simulator.population import Population


@dataclass(frozen=True)
class Patient:
    """Age, sex, torso and the healthy heart's measures."""

    age: int
    sex: str
    """Male or Female."""
    lead_field: np.ndarray
    """Lead vectors of I, II, V1..V6, shape (8, 3), amplitude variety included."""
    qrs_amplitude: float
    """Peak frontal QRS vector, mV."""
    axis: float
    """Frontal QRS axis of normal activation, degrees."""
    t_amplitude: float
    """mV, frontal."""
    t_axis: float
    """Degrees."""
    t_anterior: float
    """mV towards the front."""
    qtc: float
    """s."""
    population: Population

    def recovery_field(self, ventricular: np.ndarray | None = None) -> np.ndarray:
        """Return the lead vectors for ST, T and U, shape (8, 3), as the electrodes are placed."""
        field = self.lead_field if ventricular is None else ventricular
        return recovery_lead_field(field) if self.population.measured_waves else field


_AGES: dict[str, tuple[float, float]] = {
    # mean, sd of ages at which a finding is recorded
    "Normal": (45, 16),
    "AF": (71, 10),
    "I-AVB": (64, 14),
    "LBBB": (70, 11),
    "RBBB": (63, 15),
    "STD": (63, 13),
    "STE": (50, 17),
    "PAC": (62, 15),
    "PVC": (58, 16),
    "MI": (61, 11),
    "HF": (63, 12),
}


def draw_patient(
    generator: np.random.Generator, findings: Collection[str], population: Population
) -> Patient:
    """Draw a person whose age suits the findings.

    Amplitudes fall with age and are lower in women, the axis turns left with age, QT is longer
    in women, T is taller in young men (Rijnbeek 2014, Mason 2007).
    """
    mean, sd = max((_AGES[f] for f in findings if f in _AGES), default=_AGES["Normal"])
    age = int(np.clip(round(generator.normal(mean, sd)), 18, 92))
    female = bool(generator.random() < (0.3 if "STE" in findings else 0.46))
    years = (age - 45) / 10
    amplitude = (
        population.draw("qrs.amplitude", generator)
        * (0.92 if female else 1.06)
        * (1 - 0.03 * years)
    )
    if generator.random() < 0.05:
        amplitude = generator.uniform(0.28, 0.45)  # low voltage: below 0.5 mV in limb leads
    measured = population.measured_waves
    field = torso_lead_field(generator, 0.8 if measured else 1.0)
    middle, spread = (-0.03, 0.15) if measured else (0.12, 0.22)
    field[2:] *= np.exp(generator.normal(middle, spread))  # thin or thick chest wall
    t_amplitude = population.draw("t.amplitude", generator) * (0.88 if female else 1.08)
    t_anterior = (
        population.draw("t.anterior", generator) * (0.75 if female else 1.15) * (1 - 0.05 * years)
    )
    return Patient(
        age=age,
        sex="Female" if female else "Male",
        lead_field=field,
        qrs_amplitude=float(np.clip(amplitude, 0.25, 2.2)),
        axis=float(np.clip(population.draw("axis.normal", generator) - 5 * years, -30, 95)),
        t_amplitude=t_amplitude * float(np.clip(0.55 + 0.45 * amplitude, 0.5, 1.4)),
        t_axis=population.draw("t.axis", generator),
        t_anterior=max(t_anterior, 0.01),
        qtc=float(
            np.clip(population.draw("qtc", generator) + (0.008 if female else -0.004), 0.36, 0.47)
        ),
        population=population,
    )
