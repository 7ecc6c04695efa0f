"""P waves and the fibrillatory waves of atrial fibrillation."""

from __future__ import annotations

import numpy as np

from ekg.simulator.leads import frank_vector
from ekg.simulator.waves import Waves


def p_wave(generator: np.random.Generator, duration: float, axis: float, amplitude: float) -> Waves:
    """Return a sinus P wave; its onset is time 0.

    The right atrium comes first (down and to the front), the left one after it (left, down and
    to the back): biphasic in V1 (Surawicz 2008). A slow opposite wave of atrial repolarisation
    follows and bends the PR segment down a little.
    """
    spread = generator.uniform(10, 30)
    front, back = generator.uniform(0.015, 0.07), generator.uniform(0.01, 0.075)
    angle = np.array([axis + spread, axis - spread, axis + 180])
    relative = amplitude * np.array([0.72, 0.76, generator.uniform(0.04, 0.14)])
    z = np.array([-front, back, 0.0]) * amplitude / 0.12
    centre = duration * np.array([0.36, 0.64, 1.25])
    width = duration * np.array([0.16, 0.165, 0.36])
    return Waves.of(frank_vector(relative, angle, z), centre, width)


def ectopic_p_wave(generator: np.random.Generator, duration: float, amplitude: float) -> Waves:
    """Return the P wave of a premature atrial complex: another place, another direction.

    Low atrial origins give a P that is negative in II, III and aVF (Surawicz 2008).
    """
    axis = generator.uniform(-100, -50) if generator.random() < 0.45 else generator.uniform(-30, 85)
    return p_wave(generator, duration * generator.uniform(0.75, 1.0), axis, amplitude)


def fibrillatory_waves(
    generator: np.random.Generator,
    n_samples: int,
    sampling_frequency: float,
    rate: float,
    amplitude: float,
) -> np.ndarray:
    """Return the dipole of atrial fibrillation, shape (3, n_samples), mV.

    A saw-tooth of three harmonics whose rate and height drift (Stridh 2001), from three sources
    that keep step only loosely; 4-9 waves a second, largest in V1, next in II, III, aVF
    (Bollmann 2006).
    """
    # Directions of an average torso: the right atrium is under V1; then inferior, then left.
    directions = np.array([[-0.45, 0.15, -0.75], [-0.05, 0.50, -0.05], [0.30, 0.05, 0.25]])
    weights = np.array([1.0, 0.8, 0.5]) * generator.uniform(0.6, 1.3, 3)
    dipole = np.zeros((3, n_samples))
    for direction, weight in zip(directions, weights, strict=True):
        wander = _slow_noise(generator, n_samples, sampling_frequency, 0.35)
        own_rate = rate * (1 + generator.normal(0, 0.03) + 0.07 * wander)
        phase = 2 * np.pi * np.cumsum(own_rate) / sampling_frequency
        phase += generator.uniform(0, 2 * np.pi)
        height = np.clip(
            1 + 0.45 * _slow_noise(generator, n_samples, sampling_frequency, 0.6), 0.1, None
        )
        saw = sum((0.62**k) * np.sin((k + 1) * phase + generator.normal(0, 0.4)) for k in range(3))
        turned = direction + generator.normal(0, 0.10, 3)
        dipole += weight * turned[:, None] * (height * saw)[None, :]
    peak_in_v1 = np.quantile(np.abs(np.array([-0.515, 0.157, -0.917]) @ dipole), 0.95)
    return dipole * (amplitude / max(peak_in_v1, 1e-9))


def _slow_noise(
    generator: np.random.Generator, n_samples: int, sampling_frequency: float, corner: float
) -> np.ndarray:
    """Return noise of standard deviation about 1 that changes over 1/corner seconds."""
    seconds = n_samples / sampling_frequency
    knots = max(int(np.ceil(seconds * corner * 2)) + 2, 4)
    values = generator.standard_normal(knots)
    return _smooth_curve(values, n_samples)


def _smooth_curve(values: np.ndarray, n_samples: int) -> np.ndarray:
    """Return a smooth curve through evenly spaced values (cosine steps), shape (n_samples,)."""
    place = np.linspace(0, len(values) - 1, n_samples)
    left = np.minimum(place.astype(int), len(values) - 2)
    share = (1 - np.cos(np.pi * (place - left))) / 2
    return values[left] * (1 - share) + values[left + 1] * share
