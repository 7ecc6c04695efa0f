"""From the heart to the file: electrodes and their places, noise, filters, digitisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from ekg.simulator.leads import ELECTRODES, electrode_potentials, independent_leads
from ekg.simulator.population import Population

_SWAPS: tuple[tuple[str, str], ...] = (
    ("RA", "LA"),
    ("LA", "LL"),
    ("V1", "V2"),
    ("V2", "V3"),
    ("V4", "V5"),
    ("V5", "V6"),
)
_SWAP_CHANCE = 0.015
_RAISED_CHANCE = 0.07


@dataclass(frozen=True)
class Placement:
    """How the electrodes of one recording are placed."""

    # Two of `ELECTRODES` whose cables are exchanged, or None
    swapped: tuple[str, str] | None = None
    raised: float = 0.0  # how far V1 and V2 sit too high, in intercostal spaces

    def field(self, field: np.ndarray) -> np.ndarray:
        """Return the lead vectors, shape (8, 3), with V1 and V2 where they really are.

        From higher up the heart's vectors look more downward: each space turns the lead vector
        up (y falls) and takes some of its strength.
        """
        if not self.raised:
            return field
        moved = field.copy()
        chest = moved[2:4]
        length = np.linalg.norm(chest, axis=1)
        chest *= 1 - 0.12 * self.raised
        chest[:, 1] -= 0.28 * self.raised * length
        return moved

    def order(self) -> np.ndarray:
        """Return which true electrode each cable of `ELECTRODES` is connected to, shape (9,)."""
        order = np.arange(len(ELECTRODES))
        if self.swapped:
            first, second = (ELECTRODES.index(name) for name in self.swapped)
            order[[first, second]] = order[[second, first]]
        return order


def draw_placement(generator: np.random.Generator) -> Placement:
    """Draw a placement; cables are swapped in about 0.4 to 4 % of recordings (Rudiger 2007)."""
    swap, raised = generator.random(2)
    pair = _SWAPS[int(generator.integers(len(_SWAPS)))]
    height = float(generator.uniform(0.5, 2.0))
    return Placement(
        swapped=pair if swap < _SWAP_CHANCE else None,
        raised=height if raised < _RAISED_CHANCE else 0.0,
    )


_ARMS_AND_LEG = 3


@dataclass(frozen=True)
class Device:
    """The recorder's settings."""

    high_pass: float
    """Hz, -3 dB."""
    low_pass: float
    """Hz, -3 dB."""
    mains: float
    """Hz of the power line: 50 or 60."""
    notch: bool
    """Whether the mains hum is filtered out."""
    resolution: float
    """mV of one step of the converter."""
    calibration: float
    """Gain error, 1 is right."""


def draw_device(generator: np.random.Generator) -> Device:
    """Draw a recorder.

    Standards ask for 0.05 Hz (0.67 Hz where the filter has no phase shift) to 150 Hz; lower
    upper limits are common in practice and blunt the QRS (Kligfield 2007).
    """
    return Device(
        high_pass=float(
            generator.choice([0.05, 0.15, 0.32, 0.5, 0.67], p=[0.45, 0.22, 0.15, 0.14, 0.04])
        ),
        low_pass=float(
            generator.choice([35.0, 40.0, 75.0, 100.0, 150.0], p=[0.08, 0.14, 0.2, 0.33, 0.25])
        ),
        mains=float(generator.choice([50.0, 60.0], p=[0.85, 0.15])),
        notch=bool(generator.random() < 0.6),
        resolution=float(generator.choice([0.001, 0.00244, 0.00488], p=[0.6, 0.2, 0.2])),
        calibration=float(np.clip(generator.normal(1, 0.02), 0.94, 1.06)),
    )


def record(
    generator: np.random.Generator,
    population: Population,
    device: Device,
    heart: np.ndarray,
    order: np.ndarray,
    sampling_frequency: float,
    noise_level: float,
) -> np.ndarray:
    """Return the leads as the device delivers them, shape (8 + M, N), mV.

    Noise arises at the nine electrodes, so that it obeys Einthoven's and Goldberger's relations
    as it does in life: a bad arm electrode spoils several limb leads and, through the central
    terminal, a little of every chest lead.
    """
    electrodes = np.vstack([electrode_potentials(heart[:8])[order], heart[8:]])
    if noise_level > 0:
        electrodes += noise_level * _noise(
            generator, population, device, electrodes.shape, sampling_frequency
        )
    leads = np.vstack([independent_leads(electrodes[:9]), electrodes[9:]])
    filtered = _filtered(leads, device, sampling_frequency)
    return filtered * device.calibration


def _noise(
    generator: np.random.Generator,
    population: Population,
    device: Device,
    shape: tuple[int, ...],
    sampling_frequency: float,
) -> np.ndarray:
    """Return the noise of all electrodes, of the shape (electrodes, samples), mV."""
    count, n_samples = shape
    length = scipy.fft.next_fast_len(n_samples, real=True)
    frequency = scipy.fft.rfftfreq(length, 1 / sampling_frequency)
    time = np.arange(n_samples) / sampling_frequency
    noise = _coloured(generator, count, _wander_shape(frequency), length)[:, :n_samples]
    noise *= population.noise["wander"].draw_many(generator, count)[:, None]
    breathing = np.sin(2 * np.pi * (generator.uniform(0.15, 0.35) * time + generator.random()))
    noise += (np.abs(generator.normal(0, 0.012, count)) * generator.choice([-1, 1], count))[
        :, None
    ] * breathing
    muscle = _coloured(generator, count, _muscle_shape(frequency), length)[:, :n_samples]
    level = population.noise["muscle"].draw(generator) * np.exp(generator.normal(0, 0.45, count))
    level[_ARMS_AND_LEG:] *= 0.6  # limb muscles move more than the chest
    noise += level[:, None] * _envelope(generator, time) * muscle
    hum = np.sin(2 * np.pi * (device.mains * time + generator.random()))
    hum += generator.uniform(0, 0.3) * np.sin(6 * np.pi * device.mains * time)
    hum_level = population.noise["mains"].draw(generator) * np.exp(generator.normal(0, 0.7, count))
    noise += (hum_level * (0.15 if device.notch else 1.0))[:, None] * hum
    for electrode in np.flatnonzero(generator.random(count) < 0.06):
        noise[electrode] += _motion(generator, population, time)
    return noise


def _coloured(
    generator: np.random.Generator, count: int, shape: np.ndarray, length: int
) -> np.ndarray:
    """Return rows of Gaussian noise with a given spectrum and unit variance."""
    spectrum = generator.standard_normal((count, len(shape), 2)).view(np.complex128)[..., 0] * shape
    noise = scipy.fft.irfft(spectrum, length, axis=-1)
    expected = np.sqrt(2 * 2 * np.sum(shape**2)) / length  # two sides, two parts
    return noise / expected


def _wander_shape(frequency: np.ndarray) -> np.ndarray:
    """Return the amplitude spectrum of baseline wander: falling as 1/f, below about 1 Hz."""
    return np.where(frequency > 0, 1 / np.maximum(frequency, 0.08), 0) / (
        1 + (frequency / 0.9) ** 2
    )


def _muscle_shape(frequency: np.ndarray) -> np.ndarray:
    """Return the amplitude spectrum of muscle noise: broad, from about 15 Hz up."""
    return (frequency / 20) ** 2 / (1 + (frequency / 20) ** 2) / (1 + (frequency / 130) ** 2)


def _envelope(generator: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Return how tense the muscles are along the recording, about 1; sometimes a burst."""
    envelope = 1 + 0.25 * np.sin(2 * np.pi * (0.07 * time + generator.random()))
    if generator.random() < 0.2:
        centre, width = generator.uniform(0, time[-1]), generator.uniform(0.2, 1.5)
        envelope += generator.uniform(0.5, 2.5) * np.exp(-0.5 * ((time - centre) / width) ** 2)
    return envelope


def _motion(generator: np.random.Generator, population: Population, time: np.ndarray) -> np.ndarray:
    """Return the jumps and swings of one moving electrode, mV."""
    trace = np.zeros_like(time)
    for _ in range(generator.integers(1, 5)):
        start = generator.uniform(0, time[-1])
        height = population.noise["motion"].draw(generator) * generator.choice([-1, 1])
        rise, fall = generator.uniform(0.02, 0.15), generator.uniform(0.15, 0.8)
        late = time - start
        trace += (
            height
            * np.exp(-0.5 * (np.minimum(late, 0) / rise) ** 2)
            * np.exp(-np.maximum(late, 0) / fall)
        )
    return trace


def _filtered(leads: np.ndarray, device: Device, sampling_frequency: float) -> np.ndarray:
    """Return the leads through the device's pass band, without phase shift."""
    n_samples = leads.shape[1]
    length = scipy.fft.next_fast_len(n_samples, real=True)
    frequency = scipy.fft.rfftfreq(length, 1 / sampling_frequency)
    gain = 1 / np.sqrt(1 + (frequency / device.low_pass) ** 6)  # Butterworth, 3rd order
    gain[1:] /= np.sqrt(1 + (device.high_pass / frequency[1:]) ** 2)
    gain[0] = 0.0
    if device.notch:
        away = (frequency - device.mains) / 0.8
        gain *= away**2 / (1 + away**2)
    spectrum = scipy.fft.rfft(leads, length, axis=-1)
    return scipy.fft.irfft(spectrum * gain, length, axis=-1)[:, :n_samples]


def quantised(leads: np.ndarray, resolution: float) -> np.ndarray:
    """Return the leads in whole steps of the converter, mV."""
    return np.round(leads / resolution) * resolution
