"""One simulated recording, from (seed, name) alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ekg.errors import ConfigError
from ekg.records.diagnoses import BY_ABBREVIATION
from ekg.seeds import generator_for
from ekg.simulator import acquisition, atria, mix, rhythm
from ekg.simulator.acquisition import Placement, draw_placement
from ekg.simulator.heart import Heart, draw_heart
from ekg.simulator.leads import atrial_lead_field, twelve_leads
from ekg.simulator.patient import Patient, draw_patient
from ekg.simulator.population import Population, population_of
from ekg.simulator.repolarisation import Beat, qt_interval
from ekg.simulator.waves import Waves, add_waves

VERSION = 6
"""Raised whenever the same (seed, name) gives another recording."""

EXTRA_FINDINGS: tuple[str, ...] = ("MI", "HF")
"""Beyond the table of diagnoses: past myocardial infarction and heart failure."""

_MARGIN = 1.5  # s simulated on either side and cut off, so that filters have no edge to show


def simulate_record(
    name: str,
    seed: int = 44,
    diagnoses: Sequence[str] | None = None,
    *,
    patient: str | None = None,
    sampling_frequency: float = 500.0,
    seconds: float | None = None,
    frank: bool = False,
    noise: float = 1.0,
    population: str = "textbook",
) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any]]:
    """Simulate one 12-lead recording.

    Parameters
    ----------
    name
        The record's name: with `seed` it decides everything that is not given.
    seed
        The seed of the whole set.
    diagnoses
        Abbreviations of `ekg.records.diagnoses`, or `EXTRA_FINDINGS`; by default what
        `mix.diagnoses_of` gives.
    patient
        The patient's name. Records that share it (and the diagnoses) share body, heart and
        disease; rhythm, noise and length are each record's own. By default the record's name.
    sampling_frequency
        Hz.
    seconds
        Length; by default mostly 10 s, 6-60 s.
    frank
        Add Frank's leads vx, vy, vz as rows 13 to 15.
    noise
        Factor on all noise; 0 gives a clean recording.
    population
        "textbook" (clear findings) or "hospital" (slight ones, and others beside them).

    Returns
    -------
    signal : ndarray of float64, shape (12, N) or (15, N)
        mV, leads in the order of `ekg.records.record.LEADS`.
    diagnoses : tuple of str
        Abbreviations.
    parameters : dict
        What was drawn: age, sex, rate (1/min), pr, qrs, qt (s), axis, beats (onset of QRS in s
        and kind), and so on.

    Raises
    ------
    ConfigError
        If a diagnosis cannot be simulated, or length or rate make no sense.
    """
    findings = tuple(diagnoses) if diagnoses is not None else mix.diagnoses_of(name, seed)
    _check(findings, sampling_frequency, seconds)
    whose = f"simulate/{patient or name}"
    people = population_of(population)
    person = draw_patient(generator_for(seed, f"{whose}/person"), findings, people)
    heart = draw_heart(generator_for(seed, f"{whose}/heart/{','.join(findings)}"), person, findings)
    if seconds is None:
        seconds = mix.seconds_of(generator_for(seed, f"simulate/{name}/length"))
    n_samples = round(seconds * sampling_frequency)
    rhythm_generator = generator_for(seed, f"simulate/{name}/rhythm")
    beats, rate = _beats(rhythm_generator, people, heart, findings, seconds)
    signal, placement = _recorded(
        seed, name, person, heart, beats, n_samples, sampling_frequency, noise
    )
    signal = signal if frank else signal[:12]
    parameters = _drawn(person, heart, placement, beats, seconds)
    parameters |= {"rate": rate, "sampling_frequency": sampling_frequency}
    return signal, findings, parameters | heart.notes


def _recorded(
    seed: int,
    name: str,
    person: Patient,
    heart: Heart,
    beats: rhythm.Beats,
    n_samples: int,
    sampling_frequency: float,
    noise: float,
) -> tuple[np.ndarray, Placement]:
    """Return the twelve leads and Frank's as the device delivers them, and the electrodes."""
    margin = round(_MARGIN * sampling_frequency)
    generator = generator_for(seed, f"simulate/{name}/noise")
    device = acquisition.draw_device(generator)
    placement = draw_placement(generator)
    leads = _draw(
        generator_for(seed, f"simulate/{name}/beats"),
        heart,
        beats,
        placement.field(person.lead_field),
        person,
        n_samples + 2 * margin,
        sampling_frequency,
    )
    order = placement.order()
    recorded = acquisition.record(
        generator, person.population, device, leads, order, sampling_frequency, noise
    )
    kept = acquisition.quantised(recorded[:, margin : margin + n_samples], device.resolution)
    return np.vstack([twelve_leads(kept[:8]), kept[8:]]), placement


def _drawn(
    person: Patient, heart: Heart, placement: Placement, beats: rhythm.Beats, seconds: float
) -> dict[str, Any]:
    """Return what was drawn for one recording, by name."""
    inside = (beats.onset >= 0) & (beats.onset < seconds)
    return {
        "age": person.age,
        "sex": person.sex,
        "qrs": heart.conducted.duration,
        "qt": heart.conducted.qt,
        "pr": None if heart.fibrillating else heart.pr,
        "f_rate": heart.f_rate if heart.fibrillating else None,
        "swapped": placement.swapped,
        "raised": placement.raised,
        "seconds": seconds,
        "onsets": beats.onset[inside].tolist(),
        "kinds": beats.kind[inside].tolist(),
    }


def _check(findings: Collection[str], sampling_frequency: float, seconds: float | None) -> None:
    unknown = [f for f in findings if f not in BY_ABBREVIATION and f not in EXTRA_FINDINGS]
    if unknown or not findings:
        raise ConfigError(
            f"diagnosis {', '.join(unknown) or '(none)'} cannot be simulated",
            remedy=f"choose from {', '.join([*BY_ABBREVIATION, *EXTRA_FINDINGS])}",
        )
    if not 100 <= sampling_frequency <= 4000:
        raise ConfigError(
            f"sampling frequency {sampling_frequency} Hz", remedy="choose 100 to 4000 Hz"
        )
    if seconds is not None and not 1 <= seconds <= 3600:
        raise ConfigError(f"length {seconds} s", remedy="choose 1 to 3600 s")


def _beats(
    generator: np.random.Generator,
    people: Population,
    heart: Heart,
    findings: Collection[str],
    seconds: float,
) -> tuple[rhythm.Beats, float]:
    """Return the beats, onsets in seconds from the first kept sample, and the mean rate."""
    rate = heart.rate * float(np.clip(generator.normal(1, 0.02), 0.95, 1.05))
    rr = 60 / rate
    count = int((seconds + 2 * _MARGIN) / rr * 1.4) + 8
    if heart.fibrillating:
        intervals = rhythm.fibrillation_intervals(generator, people, count, rr)
    else:
        intervals = rhythm.sinus_intervals(generator, people, count, rr, heart.variability)
    beats = rhythm.regular_beats(generator, intervals, -_MARGIN - rr)
    kinds = _premature_kinds(generator, people, findings, seconds)
    places = rhythm.premature_places(generator, beats, seconds, len(kinds))
    if len(places):
        beats = rhythm.with_premature_beats(generator, people, beats, kinds[: len(places)], places)
    return beats, rate


def _premature_kinds(
    generator: np.random.Generator, people: Population, findings: Collection[str], seconds: float
) -> str:
    """Return one letter for each premature beat: those named, or a rare one in passing."""
    kinds = ""
    for finding, letter in (("PAC", "A"), ("PVC", "V")):
        if finding in findings:
            kinds += letter * (1 + int(generator.poisson(0.10 * seconds)))
    if not kinds and "Normal" not in findings and generator.random() < people.ectopy:
        kinds = "V" if "AF" in findings or generator.random() < 0.5 else "A"
    return "".join(generator.permutation(list(kinds))) if kinds else ""


def _draw(
    generator: np.random.Generator,
    heart: Heart,
    beats: rhythm.Beats,
    field: np.ndarray,
    person: Patient,
    n_samples: int,
    sampling_frequency: float,
) -> np.ndarray:
    """Return the heart's leads I, II, V1..V6 and Frank's x, y, z with margins on both sides.

    In mV; `field`: Lead vectors of I, II, V1..V6, shape (8, 3).
    """
    ventricular = np.vstack([field, np.eye(3)])
    recovery = np.vstack([person.recovery_field(field), np.eye(3)])
    atrial = np.vstack([atrial_lead_field(field), np.eye(3)])
    leads = np.zeros((len(ventricular), n_samples))
    # Breathing turns and moves the heart: each lead's amplitude swings a little.
    swing = generator.normal(0, 0.025, len(leads))
    breath = generator.uniform(0.15, 0.35)
    phase = generator.uniform(0, 2 * np.pi)
    mean_rr = 60 / heart.rate
    for number, (onset, kind) in enumerate(zip(beats.onset, beats.kind, strict=True)):
        anchor = onset + _MARGIN
        gain = 1 + swing * np.sin(2 * np.pi * breath * onset + phase)
        gain = gain * (1 + 0.01 * generator.standard_normal())
        previous = onset - beats.onset[number - 1] if number else mean_rr
        beat = heart.ectopic if kind == "V" else heart.conducted
        if kind == "A" and previous < 0.62 * mean_rr and heart.conducted.duration < 0.12:
            beat = heart.aberrant
        add_waves(leads, beat.qrs, ventricular, anchor, sampling_frequency, gain)
        late = _recovery(beat, previous, mean_rr)
        add_waves(leads, late, recovery, anchor, sampling_frequency, gain)
    if heart.fibrillating:
        dipole = atria.fibrillatory_waves(
            generator, n_samples, sampling_frequency, heart.f_rate, heart.f_amplitude
        )
        return leads + atrial @ dipole
    for onset, sinus, kind in zip(beats.onset, beats.sinus, beats.kind, strict=True):
        p, when = (heart.early_p, onset) if kind == "A" else (heart.p, sinus)
        add_waves(leads, p, atrial, when + _MARGIN - heart.pr, sampling_frequency)
    return leads


def _recovery(beat: Beat, previous_rr: float, mean_rr: float) -> Waves:
    """Return ST-T with its QT adapted, slowly, to the preceding RR interval."""
    effective = 0.8 * mean_rr + 0.2 * float(np.clip(previous_rr, 0.3, 2.0))
    factor = (qt_interval(effective, 1.0) / qt_interval(mean_rr, 1.0) * beat.qt - beat.duration) / (
        beat.qt - beat.duration
    )
    return beat.recovery.stretched(beat.duration, factor)
