"""What ischaemia, infarction and ordinary variety do to a beat's ST segment, T and Q waves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ekg.simulator import repolarisation, ventricles
from ekg.simulator.leads import frank_vector, twelve_leads
from ekg.simulator.patient import Patient
from ekg.simulator.repolarisation import Beat, TShape
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

STRAIN = Territory(0.60, -150, -0.18, 18)
"""A strained left ventricle: I, aVL, V5 and V6 fall, V1 and V2 rise (Hancock 2009)."""


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

    `direction`: Unit vector, shape (3,); `lead_field`: shape (8, 3); `threshold`: mV, shape (12,);
    `margin`: mV.
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


_TERRITORIES: dict[str, float] = {
    "anterior": 0.15,
    "anterolateral": 0.06,
    "inferior": 0.11,
    "inferolateral": 0.05,
    "lateral": 0.03,
    "early repolarisation": 0.52,
    "pericarditis": 0.08,
}
"""How often each kind of ST elevation is drawn at 50 years (choice)."""

_AFTER_J = 0.02  # s after J at which elevation is scaled: the end of QRS has died away there


def with_elevation(
    generator: np.random.Generator, beat: Beat, patient: Patient, notes: dict[str, float | str]
) -> Beat:
    """Return the beat with ST elevation over the threshold in two leads (Thygesen 2018).

    Infarction: convex, of one territory, the opposite leads depressed, T tall and of the same
    direction; often with Q waves (Wagner 2009). Early repolarisation and pericarditis: concave,
    widespread; the former with a notch at J and tall T waves (Macfarlane 2015).
    """
    territory = _territory(generator, patient.age)
    notes["territory"] = territory
    infarct = territory in INFARCTION
    direction = ELEVATION[territory].direction(generator)
    recovery = beat.recovery
    if infarct:
        hyperacute = direction * generator.uniform(0.0, 0.30)
        recovery = recovery + TShape(0.15, 0.10, 0.1).waves(hyperacute, beat.duration, beat.qt)
    elif territory == "early repolarisation":
        taller = frank_vector(generator.uniform(0.05, 0.30), 45, -generator.uniform(0.10, 0.60))
        recovery = recovery + TShape(0.16, 0.10, 0.1).waves(taller, beat.duration, beat.qt)
    above = patient.population.draw("st.elevation", generator) * (1.0 if infarct else 0.35)
    vector = scaled_to_elevation(
        direction,
        recovery,
        patient.recovery_field(),
        beat.duration + _AFTER_J,
        elevation_threshold(patient.age, patient.sex),
        above,
    )
    tilt = generator.uniform(0.05, 0.45) if infarct else generator.uniform(-0.2, 0.1)
    reach = generator.uniform(0.42, 0.60) if infarct else generator.uniform(0.20, 0.35)
    shift = repolarisation.st_shift(vector, beat.duration, beat.qt, tilt, reach)
    recovery = recovery + shift
    qrs = beat.qrs
    if infarct and generator.random() < 0.45:
        depth = generator.uniform(0.1, 0.45)
        qrs = ventricles.with_pathological_q(qrs, generator, direction, depth)
    if territory == "early repolarisation" and generator.random() < 0.6:
        notch = direction * generator.uniform(0.05, 0.2)
        recovery = recovery + repolarisation.j_notch(notch, beat.duration, 0.008)
    return replace(beat, qrs=qrs, recovery=recovery)


def _territory(generator: np.random.Generator, age: int) -> str:
    """Draw a kind of ST elevation; early repolarisation fades with age (Macfarlane 2015)."""
    weight = np.array(list(_TERRITORIES.values()))
    weight[list(_TERRITORIES).index("early repolarisation")] *= np.clip((75 - age) / 25, 0.1, 1.5)
    return str(generator.choice(list(_TERRITORIES), p=weight / weight.sum()))


def with_depression(generator: np.random.Generator, beat: Beat, patient: Patient) -> Beat:
    """Return the beat with horizontal or downsloping ST depression in two leads or more.

    At least 0.05 mV in two leads (Thygesen 2018), away from the apex: I, II, V4-V6 fall and aVR
    rises (Wagner 2009).
    """
    territory = DEPRESSION
    if patient.population.measured_waves and generator.random() < 0.65:
        territory = STRAIN
    direction = territory.direction(generator)
    # V2 and V3 are a little up to begin with, as in everybody.
    front = frank_vector(0.0, 0.0, -patient.population.draw("st.anterior", generator))
    recovery = beat.recovery + repolarisation.st_shift(front, beat.duration, beat.qt, 0.0, 0.25)
    vector = scaled_to_depression(
        direction,
        recovery,
        patient.recovery_field(),
        beat.duration + 0.05,
        patient.population.draw("st.depression", generator),
    )
    slope = float(generator.choice([0.0, 0.4, 1.0], p=[0.45, 0.35, 0.20]))
    tilt = slope + generator.uniform(-0.10, 0.15)
    reach = generator.uniform(0.30, 0.50)
    shift = repolarisation.st_shift(vector, beat.duration, beat.qt, tilt, reach)
    return replace(beat, recovery=recovery + shift)


def with_old_infarction(
    generator: np.random.Generator, beat: Beat, notes: dict[str, float | str]
) -> Beat:
    """Return the beat with pathological Q waves and, mostly, T turned away from the scar."""
    territory = str(generator.choice(INFARCTION))
    notes["territory"] = territory
    direction = ELEVATION[territory].direction(generator)
    depth = generator.uniform(0.3, 0.8)
    qrs = ventricles.with_pathological_q(beat.qrs, generator, direction, depth)
    recovery = beat.recovery
    if generator.random() < 0.7:
        turned = -direction * generator.uniform(0.15, 0.5)
        recovery = recovery + TShape(0.13, 0.11, 0.05).waves(turned, beat.duration, beat.qt)
    level = direction * generator.uniform(0.0, 0.12)
    shift = repolarisation.st_shift(level, beat.duration, beat.qt, 0.2, 0.4)
    return replace(beat, qrs=qrs, recovery=recovery + shift)


def with_usual_st(
    generator: np.random.Generator, beat: Beat, patient: Patient, level_name: str
) -> Beat:
    """Return the beat with the ST level of `ranges`: in the healthy below every threshold."""
    level = patient.population.draw(level_name, generator)
    vector = frank_vector(level, patient.t_axis, -patient.population.draw("st.anterior", generator))
    shift = repolarisation.st_shift(vector, beat.duration, beat.qt, 0.0, 0.25)
    return replace(beat, recovery=beat.recovery + shift)


def with_j_point(generator: np.random.Generator, beat: Beat, patient: Patient) -> Beat:
    """Return the beat with a J point off the baseline that is gone 60 ms later.

    It goes to the back and mostly down, so that V1 to V4 begin ST below the baseline and climb:
    the upsloping start of ST in the healthy (Rautaharju 2009).
    """
    draw = patient.population.draw
    vector = np.array([draw("j.frontal", generator), draw("j.frontal", generator), 0.0])
    vector[2] = draw("j.posterior", generator)
    waves = Waves.of([vector], [beat.duration - 0.002], [0.010], [generator.uniform(0.012, 0.026)])
    return replace(beat, recovery=beat.recovery + waves)


def with_u_wave(
    generator: np.random.Generator, beat: Beat, patient: Patient, t_vector: np.ndarray
) -> Beat:
    """Return the beat with a U wave in the direction of T."""
    size = max(float(np.linalg.norm(t_vector)), 1e-6)
    vector = patient.population.draw("u.amplitude", generator) / size * t_vector
    return replace(beat, recovery=beat.recovery + repolarisation.u_wave(vector, beat.qt))
