"""QRS: the order in which the ventricles are activated, as vectors in time.

Normal sequence after Durrer 1970: septum (to the right and front), free walls and apex (left
and down), left lateral and posterior wall (left and back), base (up and back). In bundle branch
block the septum or the blocked ventricle is reached late, through muscle (Surawicz 2009).
"""

from __future__ import annotations

import numpy as np

from ekg.simulator.leads import frank_vector
from ekg.simulator.waves import Waves

_EDGE = 2.2  # a wave this many standard deviations from the QRS's end has all but died away


def normal_qrs(
    generator: np.random.Generator,
    duration: float,
    axis: float,
    amplitude: float,
    terminal: float = 0.48,
) -> Waves:
    """Return a normal QRS; its onset is time 0 and its end (J) is `duration`.

    `axis`: Frontal QRS axis, degrees; `amplitude`: Peak frontal vector, mV.
    """
    turn = generator.normal(0, 9)  # the loop opens clockwise or counter-clockwise
    septal = generator.uniform(0.02, 0.22)
    posterior = float(np.clip(generator.normal(0.80, 0.26), 0.25, 1.5))
    basal = generator.uniform(0.0, terminal)
    side = generator.choice([-1, 1])
    angle = np.array([axis + 180 + generator.normal(0, 30), axis - turn, axis, axis + turn, 0.0])
    angle[4] = axis + side * generator.uniform(100, 170)
    relative = np.array(
        [septal, generator.uniform(0.25, 0.5), 0.95, generator.uniform(0.05, 0.32), basal]
    )
    z = np.array(
        [
            -generator.uniform(0.06, 0.30),
            -generator.uniform(0.12, 0.42),
            generator.normal(0.12, 0.14),
            posterior,
            generator.uniform(0.0, 0.40),
        ]
    )
    share = np.array([0.078, 0.068, 0.070, 0.080, 0.082]) * generator.uniform(0.92, 1.08, 5)
    place = np.array([0.0, 0.345, 0.455, 0.60, 0.0]) + generator.normal(0, 0.012, 5)
    place[0], place[4] = _EDGE * share[0], 1 - 1.15 * _EDGE * share[4]
    vector = frank_vector(amplitude * relative, angle, z * (0.45 + 0.55 * amplitude))
    waves = Waves.of(vector, place * duration, share * duration)
    if generator.random() < 0.35:
        return waves + _notch(generator, duration, amplitude)
    return waves


def _notch(generator: np.random.Generator, duration: float, amplitude: float) -> Waves:
    """Return a small, brief deflection somewhere inside QRS: a notch or slur in some leads."""
    angle, z = generator.uniform(-180, 180), generator.normal(0, 0.08)
    vector = frank_vector(amplitude * generator.uniform(0.05, 0.16), angle, z)
    return Waves.of([vector], [duration * generator.uniform(0.35, 0.72)], [0.0042])


def left_bundle_branch_block(
    generator: np.random.Generator, duration: float, axis: float, amplitude: float
) -> Waves:
    """Return a QRS of left bundle branch block.

    No septal q in I, V5, V6; broad, notched or slurred R there; rS or QS in V1-V3 (Surawicz
    2009). The notch is between the moments when activation, crossing the septum slowly,
    reaches the endocardium and then the epicardium of the lateral wall (Strauss 2011).
    """
    notch = generator.uniform(0.65, 1.25)
    first, second = sorted(generator.uniform(0.75, 1.0, 2))
    if generator.random() < 0.4:
        first, second = second, first
    back = generator.uniform(0.85, 1.8) * (0.5 + 0.5 * amplitude)
    early = generator.uniform(-0.22, 0.12)  # negative: a small r in V1-V3
    angle = axis + np.array([generator.normal(20, 15), generator.normal(12, 6), 0, -8, -14])
    relative = 0.78 * amplitude * np.array([0.22, first, 0.55 + 0.3 * (1 - notch), second, 0.22])
    z = np.array([early, 0.55 * back, 0.95 * back, back, 0.30 * back])
    share = np.array([0.075, 0.106, 0.092, 0.112, 0.080]) * generator.uniform(0.95, 1.05, 5)
    place = np.array([_EDGE * share[0], 0.325, 0.49, 0.65, 1 - _EDGE * share[4]])
    return Waves.of(frank_vector(relative, angle, z), place * duration, share * duration)


def right_bundle_branch_block(
    generator: np.random.Generator, duration: float, axis: float, amplitude: float
) -> Waves:
    """Return a QRS of right bundle branch block.

    The left ventricle is activated as usual; the right one follows late and slowly, to the
    right and front: rsR' in V1-V2, wide slurred S in I and V6. Below 0.12 s the block is
    incomplete: less of the right ventricle is late, and r' and S are smaller (Surawicz 2009).
    """
    usual = min(generator.uniform(0.082, 0.095), duration - 0.018)
    left = normal_qrs(generator, usual, axis, amplitude)
    degree = float(np.clip((duration - 0.085) / (0.121 - 0.085), 0.3, 1.0))
    left.vector[3:, 2] *= 1 - 0.55 * degree  # right forces oppose the left ventricle's rear ones
    left.vector[4] *= 1 - 0.7 * degree
    strength = generator.uniform(0.40, 1.20) * degree
    width = duration - 0.62 * usual
    share = np.array([0.15, 0.20])
    place = duration - width * np.array([0.66, _EDGE * share[1]])
    place[1] = duration - _EDGE * share[1] * width
    angle = np.array([generator.normal(178, 22), generator.normal(196, 20)])
    relative = np.array([0.22, 0.27]) * strength
    z = -np.array([0.58, 0.40]) * strength
    late = Waves.of(frank_vector(relative, angle, z), place, share * width)
    return left + late


ECTOPIC_ORIGINS: dict[str, tuple[float, float, float]] = {
    # origin: frontal axis (deg), its scatter, z of the main vector (positive: V1 negative)
    "right outflow tract": (88, 10, 0.75),
    "right apex": (-72, 14, 0.80),
    "left outflow tract": (95, 12, -0.25),
    "left anterior fascicle": (118, 12, -0.95),
    "left posterior fascicle": (-80, 15, -0.95),
    "left lateral wall": (165, 20, -0.70),
}
"""Where premature ventricular complexes start, and the QRS that follows (Surawicz 2008)."""


def ectopic_qrs(
    generator: np.random.Generator, duration: float, origin: str, amplitude: float
) -> Waves:
    """Return a wide ventricular ectopic QRS from one of `ECTOPIC_ORIGINS`."""
    axis, scatter, z = ECTOPIC_ORIGINS[origin]
    axis += generator.normal(0, scatter)
    angle = axis + np.array([generator.normal(0, 25), 0, generator.normal(0, 15), 25])
    relative = amplitude * np.array([0.30, 1.0, generator.uniform(0.45, 0.9), 0.18])
    depth = z * generator.uniform(0.7, 1.3) * np.array([0.3, 0.8, 1.0, 0.3])
    share = np.array([0.085, 0.120, 0.125, 0.085])
    place = np.array([_EDGE * share[0], 0.42, 0.62, 1 - _EDGE * share[3]])
    return Waves.of(frank_vector(relative, angle, depth), place * duration, share * duration)


def with_pathological_q(
    qrs: Waves, generator: np.random.Generator, direction: np.ndarray, depth: float
) -> Waves:
    """Return the QRS after infarction: its first forces point away from the dead muscle.

    A Q of at least 0.02 s in V2-V3 or 0.03 s elsewhere marks a prior infarction (Thygesen 2018):
    the lost forces last 30-45 ms.
    """
    lost = generator.uniform(0.009, 0.013)
    centre = qrs.centre.min() + generator.uniform(0.004, 0.010)
    keep = qrs.vector.copy()
    keep[0] -= np.clip(keep[0] @ direction, 0, None) * direction  # no initial r over the scar
    trimmed = Waves(keep, qrs.centre, qrs.rise, qrs.fall, qrs.hold, qrs.tilt)
    return trimmed + Waves.of([-depth * direction], [centre], [lost])
