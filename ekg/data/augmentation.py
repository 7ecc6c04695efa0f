"""Changes of a signal that keep an EKG an EKG.

None of them mirrors anything or moves one wave against another by more than a page that is read
does (5 ms): rate, intervals and morphology, by which the classes are told apart, stay.
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
    if config.page_errors > 0 and generator.random() < config.page_errors:
        changed = with_page_errors(changed, sampling_frequency, generator)
    if config.missing_leads > 0 and generator.random() < config.missing_leads:
        count = int(generator.integers(1, 4))
        changed[generator.choice(n_leads, count, replace=False)] = np.nan
    return changed


def page_columns(
    signal: np.ndarray, length: int, generator: np.random.Generator
) -> np.ndarray | None:
    """Return a slice as a 3x4 page shows it, None where the record is too short.

    The second, third and fourth three leads each begin where the three before them end.

    `signal`: The whole record, shape (12, N).
    """
    last = signal.shape[1] - 4 * length
    if last < 0:
        return None
    start = int(generator.integers(last + 1))
    parts = [
        signal[3 * column : 3 * column + 3, start + column * length : start + (column + 1) * length]
        for column in range(4)
    ]
    return np.concatenate(parts)


def with_page_errors(
    signal: np.ndarray, sampling_frequency: float, generator: np.random.Generator
) -> np.ndarray:
    """Return a slice with errors like those of a recording that was read from a page.

    A gain error of the page, offsets of the rows, a paper speed that drifts by up to 5 ms, a pen
    of 0.2 to 1 mm, steps of half a pixel, waves of 0.5 to 30 Hz that 18 to 32 dB of the signal's
    power bound, and QRS tips that are cut off by up to 15 %.
    """
    n_leads, n_samples = signal.shape
    sample = np.arange(n_samples, dtype=float)
    drift = generator.uniform(0.0, 0.005) * sampling_frequency
    phase, turns = generator.uniform(0, 2 * np.pi), generator.uniform(0.3, 2.0)
    moved = sample + drift * np.sin(phase + 2 * np.pi * turns * sample / n_samples)
    width = max(1, round(generator.uniform(0.2, 1.0) / 25 * sampling_frequency * 0.5))
    pen = np.ones(width) / width
    step = generator.uniform(1 / 240, 1 / 60)  # mV: half a pixel of 12 to 3 pixels a mm
    cut = generator.uniform(0.0, 0.15) if generator.random() < 0.4 else 0.0
    gain = 1 + generator.normal(0, 0.012)
    below = 10 ** (-generator.uniform(18, 32) / 20)
    out = np.empty_like(signal)
    for lead in range(n_leads):
        trace = np.interp(moved, sample, signal[lead])
        padded = np.pad(trace, (width // 2, width - 1 - width // 2), mode="edge")
        trace = np.convolve(padded, pen, mode="valid")
        if cut:
            middle = np.median(trace)
            reach = np.abs(trace - middle).max() * (1 - cut * generator.random())
            trace = np.clip(trace, middle - reach, middle + reach)
        power = float(trace.std())
        error = np.zeros(n_samples)
        for frequency in generator.uniform(0.5, 30.0, 6):
            angle = 2 * np.pi * frequency * sample / sampling_frequency
            error += np.sin(angle + generator.uniform(0, 2 * np.pi))
        trace = gain * trace + error * below * power / np.sqrt(3.0) + generator.normal(0, 0.02)
        out[lead] = np.round(trace / step) * step
    return out
