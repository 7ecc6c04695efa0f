"""What may be wrong with a recording, in words a reader can act on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ekg.records.record import LEADS, Record

FLAT_SECONDS = 1.0
"""A lead that does not change for this long is called flat."""
FLAT_STEP = 5e-4
"""mV between neighbouring samples, below which a lead does not change."""
CLIPPED_SECONDS = 0.02
"""A level top or bottom of this length, at a lead's extreme, is called clipped."""
CLIPPED_DISTANCE = 0.5
"""mV from the lead's median; levels nearer to it are resting lines, not clipped peaks."""
IMAGE_LIMIT = 3.0
"""mV; the image ends here."""
IMAGE_SHARE = 0.01
"""Share of a lead's samples outside the image from which it is mentioned."""
SPAN_LIMITS = (0.1, 20.0)
"""mV from lowest to highest sample; outside of these, gain or electrode is doubtful."""
TALL_LIMIT = 3.0
"""mV; the usual height of the middle lead (see `_height`) from which the gain is doubted.

Of 242 real records (CPSC 2018, Challenge 2021, PTB-XL) with a right gain all are below it, 241
below 2; five times too tall they are above it with few exceptions.
"""
BLANK_STEP = 1e-6
"""mV between neighbouring samples, below which a signal is padding: far less than any step."""
BLANK_SHARE = 0.5
"""Share of a slice without a break in it from which it is blank."""
COARSEST_RATE = 100.0
"""Hz; below this a QRS complex is a handful of samples."""
RELATION_LIMIT = 0.03
"""Misfit of the limb leads (see `limb_lead_misfit`) from which their order is doubted.

On 259 real records (CPSC 2018, Challenge 2021, PTB-XL, PTB) 99 % are below 0.007; every exchange
of two limb leads gives at least 0.06.
"""
_PASS_BAND = (0.5, 40.0)
_CONTINUED_SECONDS = 4.0
_LIMB_LEADS = 6


def warnings_of(record: Record) -> list[str]:
    """Return what a reader should know before trusting a reading of this record."""
    signal, rate = record.signal, record.sampling_frequency
    findings = [
        *record.warnings,
        *_flat(signal, rate),
        *_clipped(signal, rate),
        *_outside_image(signal),
        *_span(signal, record.gains),
        *_tall(signal, rate, record.gains),
    ]
    if record.header.sampling_frequency < COARSEST_RATE:
        findings.append(
            f"sampled at {record.header.sampling_frequency:g} Hz only: waves are coarse"
        )
    order = _limb_lead_order(signal, rate, record.gains)
    if order:
        findings.append(order)
    return findings


def gains_named(gains: Sequence[float]) -> str:
    """Name the header's gain: `gain 200/mV`, or the range of several."""
    if not gains:
        return "gain"
    low, high = min(gains), max(gains)
    return f"gain {low:g}/mV" if low == high else f"gains {low:g} to {high:g}/mV"


def blank_slices(signal: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Say which slices are padding for the most part.

    `signal`: Millivolts, shape (12, N); `starts, length`: First samples of the slices, and their
    length.
    """
    still = np.ones(max(signal.shape[1] - 1, 0), bool)
    for row in signal:  # lead by lead: a long recording is not copied whole
        still &= np.abs(np.diff(row)) <= BLANK_STEP
    return np.array(
        [
            _longest_run(still[start : start + length - 1]) + 1 >= BLANK_SHARE * length
            for start in starts
        ],
        dtype=bool,
    )


def is_flat_throughout(signal: np.ndarray) -> bool:
    """Return whether no lead of a signal, shape (12, N), ever changes: there is no EKG in it."""
    return bool((np.ptp(signal, axis=1) <= FLAT_STEP).all())


def _named(leads: Sequence[str]) -> str:
    return ("lead " if len(leads) == 1 else "leads ") + ", ".join(leads)


def _longest_run(members: np.ndarray) -> int:
    """Return the length of the longest run of True."""
    breaks = np.flatnonzero(~members)
    if not len(breaks):
        return len(members)
    inner = int(np.diff(breaks).max(initial=1)) - 1
    return max(int(breaks[0]), inner, len(members) - 1 - int(breaks[-1]))


def _flat(signal: np.ndarray, rate: float) -> list[str]:
    seconds = {
        lead: (_longest_run(np.abs(np.diff(row)) <= FLAT_STEP) + 1) / rate
        for lead, row in zip(LEADS, signal, strict=True)
    }
    whole = (signal.shape[1]) / rate
    throughout = [lead for lead, length in seconds.items() if length >= whole]
    in_part = {
        lead: length
        for lead, length in seconds.items()
        if length >= FLAT_SECONDS and lead not in throughout
    }
    findings = []
    if throughout:
        findings.append(f"{_named(throughout)} flat throughout")
    if in_part:
        longest = max(in_part.values())
        findings.append(f"{_named(list(in_part))} flat for up to {longest:.1f} s")
    return findings


def _clipped(signal: np.ndarray, rate: float) -> list[str]:
    clipped = []
    shortest = CLIPPED_SECONDS * rate
    for lead, row in zip(LEADS, signal, strict=True):
        for extreme in (row.max(), row.min()):
            level = np.abs(row - extreme) <= FLAT_STEP
            if (
                np.count_nonzero(level) >= shortest  # few leads pass this, the others cost little
                and _longest_run(level) >= shortest
                and abs(extreme - float(np.median(row))) >= CLIPPED_DISTANCE
            ):
                clipped.append(lead)
                break
    return [f"{_named(clipped)} clipped: peaks are cut off"] if clipped else []


def _outside_image(signal: np.ndarray) -> list[str]:
    # Lead by lead: a long recording is not copied whole.
    shares = np.array([(np.abs(row) > IMAGE_LIMIT).mean() for row in signal])
    cut = [lead for lead, share in zip(LEADS, shares, strict=True) if share >= IMAGE_SHARE]
    if not cut:
        return []
    return [
        f"{_named(cut)} clipped by the image, which ends at {IMAGE_LIMIT:g} mV either way: "
        f"up to {shares.max():.0%} of the samples are outside"
    ]


def _height(signal: np.ndarray, rate: float) -> float:
    """Return how tall the beats are in the middle lead: spans of one second, medians of all."""
    second = max(round(rate), 1)
    whole = signal.shape[1] // second * second
    if not whole:
        return float(np.median(np.ptp(signal, axis=1)))
    spans = [np.ptp(row[:whole].reshape(-1, second), axis=1) for row in signal]
    return float(np.median(np.median(spans, axis=1)))


def _tall(signal: np.ndarray, rate: float, gains: Sequence[float]) -> list[str]:
    height = _height(signal, rate)
    if height <= TALL_LIMIT:
        return []
    known = (
        " (some published headers state 200/mV where a step is 1 uV: five times too tall)"
        if set(gains) == {200.0}
        else ""
    )
    return [
        f"beats of {height:.1f} mV in the middle lead, usual below 2: is the header's "
        f"{gains_named(gains)} right{known}?"
    ]


def _span(signal: np.ndarray, gains: Sequence[float]) -> list[str]:
    low, high = SPAN_LIMITS
    spans = np.ptp(signal, axis=1)
    wide = [lead for lead, span in zip(LEADS, spans, strict=True) if span > high]
    findings = []
    if wide:
        findings.append(
            f"{_named(wide)} spanning up to {spans.max():.0f} mV: "
            f"a loose electrode, spikes or a wrong {gains_named(gains)}"
        )
    if spans.max() < low:
        findings.append(
            f"no lead spans more than {spans.max():.2g} mV: is the {gains_named(gains)} right?"
        )
    return findings


def limb_lead_relations() -> np.ndarray:
    """Return an orthonormal basis of what is zero in the six limb leads, shape (4, 6).

    Einthoven: I + III = II. Goldberger: aVR = -(I + II) / 2, aVL = I - II / 2,
    aVF = II - I / 2.
    """
    relations = np.array(
        [
            [1.0, -1.0, 1.0, 0.0, 0.0, 0.0],
            [0.5, 0.5, 0.0, 1.0, 0.0, 0.0],
            [-1.0, 0.5, 0.0, 0.0, 1.0, 0.0],
            [0.5, -1.0, 0.0, 0.0, 0.0, 1.0],
        ]
    )
    basis, _ = np.linalg.qr(relations.T)
    return basis.T


def _limb_lead_products(signal: np.ndarray, rate: float) -> np.ndarray | None:
    """Return the mean products of the limb leads, (6, 6), each second weighing alike.

    Baseline wander and mains hum, which recorders filter lead by lead, are taken out first.
    None when there is no second in which anything happens.
    """
    filtered = _band_pass(signal[:_LIMB_LEADS], rate)
    second = round(rate)
    windows = filtered[:, : filtered.shape[1] // second * second].reshape(_LIMB_LEADS, -1, second)
    windows = windows - windows.mean(axis=2, keepdims=True)
    products = np.einsum("ant,bnt->nab", windows, windows)
    power = np.trace(products, axis1=1, axis2=2)
    alive = power > second * FLAT_STEP**2
    if not alive.any():
        return None
    return (products[alive] / power[alive, None, None]).mean(axis=0)


def _band_pass(signal: np.ndarray, rate: float) -> np.ndarray:
    """Filter rows forwards and backwards by a Butterworth band-pass filter of second order.

    Both passes together have no phase and the gain |H|^2, which the bilinear transform gives in
    closed form. The signal is continued at its ends by its point reflection, at its end a little
    less where the whole then has a length that is transformed several times faster.
    """
    n = signal.shape[1]
    length = min(n - 1, round(_CONTINUED_SECONDS * rate))
    less = n + 2 * length - _fast_length(n + length, n + 2 * length)
    before = 2 * signal[:, :1] - signal[:, length:0:-1]
    after = (2 * signal[:, -1:] - signal[:, -2 : -length - 2 : -1])[:, : length - less]
    longer = np.concatenate([before, signal, after], axis=1)
    low, high = (np.tan(np.pi * edge / rate) for edge in _PASS_BAND)
    warped = np.tan(np.pi * np.fft.rfftfreq(longer.shape[1]))[1:]
    gain = np.zeros(longer.shape[1] // 2 + 1)
    gain[1:] = 1 / (1 + ((warped**2 - low * high) / ((high - low) * warped)) ** 4)
    filtered = np.fft.irfft(np.fft.rfft(longer, axis=1) * gain, longer.shape[1], axis=1)
    return filtered[:, length : length + n]


def _fast_length(least: int, most: int) -> int:
    """Return the largest number up to `most` that has no prime factor above 7, or `least`."""
    small = (length for length in range(most, least, -1) if pow(2 * 3 * 5 * 7, 64, length) == 0)
    return next(small, least)


def _misfits(products: np.ndarray, orders: Sequence[Sequence[int]]) -> np.ndarray:
    basis = limb_lead_relations()
    weights = basis.T @ basis
    index = np.asarray(orders)
    permuted = products[index[:, :, None], index[:, None, :]]
    return np.sqrt(np.clip((weights * permuted).sum(axis=(1, 2)), 0.0, None))


def limb_lead_misfit(signal: np.ndarray, rate: float) -> float:
    """Return how far the limb leads are from the relations that bind them.

    The root of the share of the limb leads' power (0.5 to 40 Hz) that violates the relations of
    Einthoven and Goldberger: 0 fits, 1 is all contradiction; `rate`: Hz.
    """
    products = _limb_lead_products(signal, rate)
    if products is None:
        return 0.0
    return float(_misfits(products, [range(_LIMB_LEADS)])[0])


def _limb_lead_order(signal: np.ndarray, rate: float, gains: Sequence[float]) -> str | None:
    products = _limb_lead_products(signal, rate)
    if products is None:
        return None
    orders = list(itertools.permutations(range(_LIMB_LEADS)))
    (as_written,) = _misfits(products, orders[:1])
    if as_written <= RELATION_LIMIT:
        return None
    misfits = _misfits(products, orders)
    finding = (
        f"limb leads violate Einthoven's law, I + III = II (misfit {as_written:.2f}, usual "
        f"below {RELATION_LIMIT:g}): "
    )
    limb_gains = np.asarray(gains[:_LIMB_LEADS] if len(gains) == len(LEADS) else ())
    if len(set(limb_gains.tolist())) > 1:
        one_gain = signal[:_LIMB_LEADS] * (limb_gains / limb_gains.mean())[:, None]
        misfit = limb_lead_misfit(one_gain, rate)
        if misfit <= RELATION_LIMIT:
            return finding + (
                f"their unequal {gains_named(limb_gains.tolist())} in the header are the likely "
                f"cause; with one gain for all six the misfit is {misfit:.3f}"
            )
    best = int(misfits.argmin())
    if misfits[best] > RELATION_LIMIT:
        return finding + "wrong lead order, a wrong gain or strong artefacts suspected"
    found = ", ".join(
        f"{LEADS[source]} as {LEADS[target]}"
        for target, source in enumerate(orders[best])
        if source != target
    )
    return finding + f"wrong lead order suspected; consistent if read as {found}"
