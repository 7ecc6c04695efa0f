"""Changes of a signal that keep an EKG an EKG.

None of them moves one wave against another, bends the time axis or mirrors anything: rate,
intervals and morphology, by which the classes are told apart, stay as they are.
"""

from __future__ import annotations

import numpy as np

from ekg.config import AugmentationConfig

_WANDER_HZ = (0.15, 0.5)
"""Breathing and slow movement: the band that baseline wander is usually given."""


def shifted_start(
    start: int,
    last: int,
    config: AugmentationConfig,
    sampling_frequency: float,
    generator: np.random.Generator,
) -> int:
    """Move the first sample of a slice by at most `config.time_shift` s, between 0 and `last`."""
    most = round(config.time_shift * sampling_frequency)
    if most == 0:
        return start
    return int(np.clip(start + generator.integers(-most, most + 1), 0, last))


def change_signal(
    signal: np.ndarray,
    config: AugmentationConfig,
    sampling_frequency: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return a changed copy of a slice.

    Returns factor * signal + wander + noise. The factor is one for all leads, as another electrode
    gain or body would have it; each lead has its own wander and noise; `signal`: float (12, N), mV.
    """
    n_leads, n_samples = signal.shape
    changed = signal.astype(np.float64, copy=True)
    if config.amplitude > 0:
        changed *= 1.0 + config.amplitude * generator.uniform(-1.0, 1.0)
    if config.baseline_wander > 0:
        peak = config.baseline_wander * generator.uniform(0.0, 1.0, size=(n_leads, 1))
        frequency = generator.uniform(*_WANDER_HZ)
        phase = generator.uniform(0.0, 2.0 * np.pi, size=(n_leads, 1))
        seconds = np.arange(n_samples) / sampling_frequency
        changed += peak * np.sin(2.0 * np.pi * frequency * seconds + phase)
    if config.noise > 0:
        deviation = config.noise * generator.uniform(0.0, 1.0, size=(n_leads, 1))
        changed += deviation * generator.standard_normal((n_leads, n_samples))
    return changed
