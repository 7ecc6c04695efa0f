"""The heart of one patient with given findings: its waves and its rhythm's parameters."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from ekg.simulator import atria, repolarisation, st_changes, ventricles
from ekg.simulator.leads import frank_vector
from ekg.simulator.patient import Patient
from ekg.simulator.population import Population
from ekg.simulator.repolarisation import Beat, TShape
from ekg.simulator.waves import Waves


@dataclass(frozen=True)
class Heart:
    """All waves of a patient with findings, and the rhythm's mean values."""

    rate: float
    """Beats per minute."""
    fibrillating: bool
    pr: float
    """s."""
    p: Waves
    early_p: Waves
    """P wave of premature atrial complexes."""
    p_duration: float
    conducted: Beat
    aberrant: Beat
    """Conducted beat that came too early for the right bundle."""
    ectopic: Beat
    f_rate: float
    f_amplitude: float
    """mV in V1."""
    variability: float
    notes: dict[str, float | str] = field(default_factory=dict)


def draw_heart(
    generator: np.random.Generator, patient: Patient, findings: Collection[str]
) -> Heart:
    """Draw the heart of a patient with the findings."""
    notes: dict[str, float | str] = {}
    population = patient.population
    rate = _rate(generator, population, findings)
    rr = 60 / rate
    # QRS and what it would have been with normal conduction: the latter fixes the gradient.
    usual_duration = population.draw("qrs.HF" if "HF" in findings else "qrs.normal", generator)
    amplitude, axis = patient.qrs_amplitude, patient.axis
    if "HF" in findings:
        amplitude *= generator.uniform(0.45, 0.8)
    if "STD" in findings and generator.random() < population.hypertrophy:
        amplitude = min(amplitude * generator.uniform(1.2, 1.6), 2.4)  # hypertrophied
        notes["hypertrophy"] = "left ventricular"
        axis -= 25.0 if population.measured_waves else 0.0
    if "STE" in findings and generator.random() < 0.5:
        amplitude = min(amplitude * generator.uniform(1.1, 1.8), 2.6)  # a slim young chest
    terminal = 0.26 if "Normal" in findings or "STE" in findings else 0.48
    usual = ventricles.normal_qrs(generator, usual_duration, axis, amplitude, terminal)
    shape = TShape(
        rise=generator.uniform(0.135, 0.175),
        fall=generator.uniform(0.090, 0.118),
        ramp=generator.uniform(0.02, 0.16),
    )
    qt = repolarisation.qt_interval(rr, patient.qtc)
    t_vector = _t_vector(generator, patient, findings)
    qrs, duration = _conduction(
        generator, population, findings, usual, usual_duration, axis, amplitude
    )
    share = 0.5 if "LBBB" in findings else 0.8
    conducted = _beat(qrs, duration, qt, usual, t_vector, shape, share)
    conducted = _with_st_changes(generator, conducted, patient, findings, notes)
    conducted = st_changes.with_u_wave(generator, conducted, patient, t_vector)
    late = population.draw("qrs.RBBB", generator)
    aberrant_qrs = ventricles.right_bundle_branch_block(generator, late, axis, amplitude)
    origin = str(generator.choice(list(ventricles.ECTOPIC_ORIGINS)))
    wide = population.draw("qrs.ectopic", generator)
    ectopic_qrs = ventricles.ectopic_qrs(
        generator, wide, origin, float(np.clip(1.25 * amplitude, 0.7, 2.0))
    )
    p_duration = population.draw("p.duration", generator)
    p_amplitude = population.draw("p.amplitude", generator)
    pr = _pr(generator, population, findings, rr)
    return Heart(
        rate=rate,
        fibrillating="AF" in findings,
        pr=pr,
        p=atria.p_wave(generator, p_duration, population.draw("p.axis", generator), p_amplitude),
        early_p=atria.ectopic_p_wave(generator, p_duration, p_amplitude),
        p_duration=p_duration,
        conducted=conducted,
        aberrant=_beat(aberrant_qrs, late, qt, usual, t_vector, shape, 0.8),
        ectopic=_beat(
            ectopic_qrs, wide, qt + 0.5 * (wide - usual_duration), usual, t_vector, shape, 0.6
        ),
        f_rate=population.draw("f.rate", generator),
        f_amplitude=population.draw("f.amplitude", generator),
        variability=float(np.clip(1.5 - patient.age / 75, 0.3, 1.3) * min(70 / rate, 1.2)),
        notes={**notes, "ectopic_origin": origin},
    )


def _rate(
    generator: np.random.Generator, population: Population, findings: Collection[str]
) -> float:
    for finding in ("AF", "LBBB", "RBBB", "I-AVB", "STD", "STE", "MI", "HF"):
        if finding in findings:
            return population.draw(f"rate.{finding}", generator)
    ectopic = "PAC" in findings or "PVC" in findings
    return population.draw("rate.ectopic" if ectopic else "rate.Normal", generator)


def _pr(
    generator: np.random.Generator, population: Population, findings: Collection[str], rr: float
) -> float:
    if "I-AVB" in findings:
        return min(population.draw("pr.I-AVB", generator), max(0.212, 0.42 * rr))
    return min(population.draw("pr.normal", generator), 0.30 * rr + 0.02)


def _conduction(
    generator: np.random.Generator,
    population: Population,
    findings: Collection[str],
    usual: Waves,
    usual_duration: float,
    axis: float,
    amplitude: float,
) -> tuple[Waves, float]:
    if "LBBB" in findings:
        duration = population.draw("qrs.LBBB", generator)
        size = float(np.clip(amplitude, 0.5, 1.6))
        return ventricles.left_bundle_branch_block(
            generator, duration, population.draw("axis.LBBB", generator), size
        ), duration
    if "RBBB" in findings:
        # The class of CPSC 2018 is right bundle branch block (SNOMED CT 59118001), complete or not.
        incomplete = generator.random() < 0.35
        duration = population.draw("qrs.iRBBB" if incomplete else "qrs.RBBB", generator)
        axis = population.draw("axis.LAFB", generator) if generator.random() < 0.14 else axis
        size = float(np.clip(amplitude, 0.45, 1.6))
        return ventricles.right_bundle_branch_block(generator, duration, axis, size), duration
    return usual, usual_duration


def _t_vector(
    generator: np.random.Generator, patient: Patient, findings: Collection[str]
) -> np.ndarray:
    """Return the T vector of normal activation, shape (3,), mV."""
    amplitude, angle, front = patient.t_amplitude, patient.t_axis, patient.t_anterior
    if generator.random() < patient.population.flat_t_chance(findings):  # unspecific flattening
        amplitude *= generator.uniform(-0.25, 0.7)
        front *= generator.uniform(-0.2, 0.9)
    return frank_vector(amplitude, angle, -front)


def _beat(
    qrs: Waves,
    duration: float,
    qt: float,
    usual: Waves,
    t_vector: np.ndarray,
    shape: TShape,
    share: float,
) -> Beat:
    vector = repolarisation.secondary_t_vector(t_vector, usual, qrs, shape, duration, qt, share)
    return Beat(qrs, shape.waves(vector, duration, qt), duration, qt)


def _with_st_changes(
    generator: np.random.Generator,
    beat: Beat,
    patient: Patient,
    findings: Collection[str],
    notes: dict[str, float | str],
) -> Beat:
    if "STE" in findings:
        return st_changes.with_elevation(generator, beat, patient, notes)
    population = patient.population
    if population.measured_waves:
        beat = st_changes.with_j_point(generator, beat, patient)
        if generator.random() < population.old_infarction_chance(findings):
            beat = st_changes.with_old_infarction(generator, beat, notes)
    if "STD" in findings:
        return st_changes.with_depression(generator, beat, patient)
    if "MI" in findings:
        return st_changes.with_old_infarction(generator, beat, notes)
    if "LBBB" in findings:
        return beat  # its ST shift is the secondary one
    level = "st.normal" if "Normal" in findings else "st.AF" if "AF" in findings else "st.other"
    return st_changes.with_usual_st(generator, beat, patient, level)
