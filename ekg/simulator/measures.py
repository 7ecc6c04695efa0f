"""Light measurements on a 12-lead recording, for comparing simulated with real ones.

Not a diagnostic tool: plain thresholds on the median beat, the same for both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

from ekg.records.record import LEADS
from ekg.simulator.leads import frontal_axis

_INDEPENDENT = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
_BEFORE, _AFTER = 0.40, 0.60  # s around the QRS that make up the median beat
_BANDS = {"wander": (0.1, 0.8), "muscle": (40.0, 100.0)}


def find_beats(signal: np.ndarray, sampling_frequency: float) -> np.ndarray:
    """Return the samples at which QRS complexes have their steepest part, all leads together.

    `signal`: shape (12, N), mV; `sampling_frequency`: Hz.
    """
    band = scipy.signal.butter(2, (5, 30), "bandpass", fs=sampling_frequency, output="sos")
    steep = np.diff(scipy.signal.sosfiltfilt(band, signal[_INDEPENDENT], axis=-1), axis=-1)
    width = round(0.08 * sampling_frequency)
    energy = np.convolve((steep**2).sum(axis=0), np.ones(width) / width, mode="same")
    strength = np.sqrt(energy)
    threshold = 0.3 * np.quantile(strength, 0.95)
    peaks, _ = scipy.signal.find_peaks(
        strength, height=threshold, distance=round(0.26 * sampling_frequency)
    )
    return peaks


def median_beat(signal: np.ndarray, beats: np.ndarray, sampling_frequency: float) -> np.ndarray:
    """Return the median of all whole beats, shape (12, L), mV.

    The beats are shifted against their mean by up to 40 ms for the best fit first.
    """
    before, after = round(_BEFORE * sampling_frequency), round(_AFTER * sampling_frequency)
    slack = round(0.04 * sampling_frequency)
    whole = [b for b in beats if b >= before + slack and b + after + slack < signal.shape[1]]
    if len(whole) < 2:
        raise ValueError("fewer than two whole beats")
    middle = slice(before - 3 * slack, before + 3 * slack)
    template = np.median([signal[:, b - before : b + after] for b in whole], axis=0)
    aligned = []
    for beat in whole:
        scores = [
            float(
                (
                    template[:, middle] * signal[:, beat + s - before : beat + s + after][:, middle]
                ).sum()
            )
            for s in range(-slack, slack + 1)
        ]
        shift = int(np.argmax(scores)) - slack
        aligned.append(signal[:, beat + shift - before : beat + shift + after])
    return np.median(aligned, axis=0)


def qrs_bounds(beat: np.ndarray, sampling_frequency: float) -> tuple[int, int]:
    """Return first and last sample of the QRS in a median beat, by its spatial velocity."""
    low = scipy.signal.butter(2, 60, fs=sampling_frequency, output="sos")
    smooth = scipy.signal.sosfiltfilt(low, beat[_INDEPENDENT], axis=-1)
    speed = np.sqrt((np.gradient(smooth, axis=-1) ** 2).sum(axis=0)) * sampling_frequency
    centre = round(_BEFORE * sampling_frequency)
    reach = round(0.13 * sampling_frequency)
    peak = speed[centre - reach // 2 : centre + reach // 2].max()
    quiet = np.quantile(speed, 0.3)
    # A tall T wave after a broad QRS can be as steep as a QRS's flat end.
    recovery = speed[centre + round(0.14 * sampling_frequency) :]
    steep_t = recovery[: round(0.25 * sampling_frequency)].max()
    threshold = min(max(0.055 * peak, 2.5 * quiet, 1.25 * steep_t), 0.3 * peak)
    fast = np.flatnonzero(speed[centre - reach : centre + reach] > threshold) + centre - reach
    # Pieces that are less than 24 ms apart belong to one complex.
    gap = round(0.024 * sampling_frequency)
    pieces = np.split(fast, np.flatnonzero(np.diff(fast) > gap) + 1)
    piece = max(pieces, key=lambda part: float(speed[part].sum()))
    return int(piece[0]), int(piece[-1])


def measure(signal: np.ndarray, sampling_frequency: float) -> dict[str, Any]:
    """Measure one recording.

    `signal`: shape (12, N), mV; `sampling_frequency`: Hz.
    """
    beats = find_beats(signal, sampling_frequency)
    rr = np.diff(beats) / sampling_frequency
    beat = median_beat(signal, beats, sampling_frequency)
    onset, end = qrs_bounds(beat, sampling_frequency)
    step = sampling_frequency / 1000
    base = np.median(beat[:, max(onset - round(16 * step), 0) : onset - round(4 * step)], axis=1)
    beat = beat - base[:, None]
    qrs = beat[:, onset : end + 1]
    j60 = min(end + round(60 * step), beat.shape[1] - 1)
    late = beat[:, j60 : min(end + round(330 * step), beat.shape[1])]
    t = late[np.arange(12), np.abs(late).argmax(axis=1)]
    area = qrs.sum(axis=1)
    result: dict[str, Any] = {
        "rate": float(60 / rr.mean()),
        "rr_cv": float(rr.std() / rr.mean()),
        "qrs": (end - onset) / sampling_frequency,
        "pr": _pr(beat, onset, sampling_frequency),
        "axis": frontal_axis(float(area[0]), float(area[5])),
    }
    for name, values in (
        ("r", qrs.max(axis=1)),
        ("s", qrs.min(axis=1)),
        ("st60", beat[:, j60]),
        ("t", t),
    ):
        result[name] = dict(zip(LEADS, values.tolist(), strict=True))
    result.update(_noise(signal, sampling_frequency))
    return result


def _pr(beat: np.ndarray, onset: int, sampling_frequency: float) -> float:
    """Return the PR interval in s, NaN where nothing like a P wave precedes the QRS."""
    low = scipy.signal.butter(2, 25, fs=sampling_frequency, output="sos")
    smooth = scipy.signal.sosfiltfilt(low, beat[_INDEPENDENT], axis=-1)
    first = max(onset - round(0.36 * sampling_frequency), 0)
    window = smooth[:, first : onset - round(0.02 * sampling_frequency)]
    if window.shape[1] < round(0.1 * sampling_frequency):
        return float("nan")
    level = np.median(window, axis=1, keepdims=True)
    size = np.sqrt(((window - level) ** 2).sum(axis=0))
    peaks, found = scipy.signal.find_peaks(size, prominence=0.06)
    if not len(peaks):
        return float("nan")
    peak = int(peaks[np.argmax(found["prominences"])])
    below = np.flatnonzero(size[:peak] < 0.25 * size[peak])
    if not len(below):
        return float("nan")
    return (onset - first - int(below[-1])) / sampling_frequency


def _noise(signal: np.ndarray, sampling_frequency: float) -> dict[str, float]:
    """Return RMS levels of slow and fast noise, limb (I, II) and chest leads, mV.

    Fast noise is the lower quartile of the RMS over windows of 0.1 s, so that QRS complexes do
    not count.
    """
    result: dict[str, float] = {}
    frequency, power = scipy.signal.periodogram(signal, sampling_frequency, detrend="linear")
    step = frequency[1]
    slow = (frequency >= _BANDS["wander"][0]) & (frequency <= min(_BANDS["wander"][1], 0.8))
    fast_band = scipy.signal.butter(
        3, _BANDS["muscle"], "bandpass", fs=sampling_frequency, output="sos"
    )
    fast = scipy.signal.sosfiltfilt(fast_band, signal, axis=-1)
    width = round(0.1 * sampling_frequency)
    cut = fast[:, : fast.shape[1] // width * width].reshape(12, -1, width)
    quiet = np.quantile(np.sqrt((cut**2).mean(axis=-1)), 0.25, axis=-1)
    hum = (frequency > 49.5) & (frequency < 50.5)
    around = ((frequency > 46) & (frequency < 49)) | ((frequency > 51) & (frequency < 54))
    for where, rows in (("limb", slice(0, 2)), ("chest", slice(6, 12))):
        result[f"wander_{where}"] = float(
            np.median(np.sqrt(power[rows][:, slow].sum(axis=1) * step))
        )
        result[f"muscle_{where}"] = float(np.median(quiet[rows]))
        excess = power[rows][:, hum].sum(axis=1) - power[rows][:, around].mean(axis=1) * hum.sum()
        result[f"hum_{where}"] = float(np.sqrt(np.median(np.maximum(excess, 0)) * step))
    return result
