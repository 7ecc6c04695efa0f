"""How well a page was read: the signal read from it compared with the signal printed on it.

Both are arrays of shape (12, N) in millivolts at one sampling frequency, leads in the order of
`LEADS`, NaN where a lead is not printed (truth) or was not read.

Per lead: a shift common to the page (at most 0.2 s), then one of at most 20 ms for the lead in
quarter samples, the offset removed, no fit of the gain; SNR = 10 log10(power of the true signal
without its mean / power of the difference).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from ekg.errors import EvaluationError
from ekg.records.record import LEADS

PAGE_SHIFT = 0.2
"""Seconds by which a whole page may be shifted."""
LEAD_SHIFT = 0.02
"""Seconds by which one lead may be shifted on top of that."""
GOOD_LEAD = 10.0
"""dB from which a lead counts as read well."""
WRONG_PAGE = 6.0
"""dB of the median lead below which a page was read wrong."""
WRONG_SCALE = 0.05
"""Relative error of a page's gain or time above which it was read wrong."""
EDGE = 0.05
"""Seconds at either end of a lead that may be missing; what else is missing counts as error."""
_STEPS = 4
_STRETCHES = np.concatenate([[0.5], np.arange(0.88, 1.1201, 0.01), [2.0]])


@dataclass(frozen=True)
class LeadScore:
    """How well one lead was read."""

    lead: str
    snr: float
    """dB; minus infinity for a lead that was lost."""
    gain: float
    """Slope of the read signal over the true one; NaN where the lead was lost."""
    shift: float
    """Seconds by which the read lead is late, the page's own shift included."""
    named_like: str | None
    """The lead (`-I` for an inverted one) that this one really shows, where it is misnamed."""


@dataclass(frozen=True)
class PageScore:
    """How well one page was read."""

    leads: tuple[LeadScore, ...]
    """One for each lead that is printed."""
    time: float
    """Read seconds for each true second."""
    challenge: float
    """dB as in the Challenge of 2024: no alignment, the mean over the leads that were read."""
    power_ratio: float
    """Power of signal over power of error of all leads together (Kaggle 2025; not dB)."""

    @property
    def median(self) -> float:
        """The median lead's SNR in dB."""
        return float(np.median([lead.snr for lead in self.leads]))

    @property
    def gain(self) -> float:
        """The median lead's gain; NaN where no lead was read."""
        gains = [lead.gain for lead in self.leads if np.isfinite(lead.gain)]
        return float(np.median(gains)) if gains else float("nan")

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the page counts as read wrong; empty where it does not."""
        read = [lead.snr for lead in self.leads if lead.snr > -np.inf]
        found = []
        if read and float(np.median(read)) < WRONG_PAGE:
            found.append(f"median {np.median(read):.1f} dB")
        if abs(self.gain - 1) > WRONG_SCALE:
            found.append(f"gain off by {100 * (self.gain - 1):+.1f} %")
        if abs(self.time - 1) > WRONG_SCALE:
            found.append(f"time off by {100 * (self.time - 1):+.1f} %")
        for lead in self.leads:
            if lead.named_like is not None:
                found.append(f"{lead.lead} shows {lead.named_like}")
        return tuple(found)


def score_page(read: np.ndarray, truth: np.ndarray, sampling_frequency: float) -> PageScore:
    """Compare what was read from a page with what is printed on it.

    Parameters
    ----------
    read, truth
        Millivolts, shape (12, N) each (N may differ), NaN where a lead was not read or is not
        printed. Sample 0 of both is the left end of the page's first column.
    sampling_frequency
        Hz, of both.

    Raises
    ------
    EvaluationError
        If a shape is wrong or nothing is printed.
    """
    for name, signal in (("read", read), ("truth", truth)):
        if signal.ndim != 2 or len(signal) != len(LEADS):
            raise EvaluationError(f"the {name} signal has shape {signal.shape}, expected (12, N)")
    printed = [row for row in range(len(LEADS)) if np.isfinite(truth[row]).sum() > 1]
    if not printed:
        raise EvaluationError("the true signal has no lead")
    reach = round((PAGE_SHIFT + LEAD_SHIFT) * sampling_frequency) + 1
    padded = _padded(read, truth.shape[1], reach)
    page_shift = _page_shift(padded, truth, printed, reach, sampling_frequency)
    leads, powers = [], []
    for row in printed:
        score, power = _score_lead(row, padded, truth, page_shift, reach, sampling_frequency)
        leads.append(score)
        powers.append(power)
    signal, noise = np.sum(powers, axis=0)
    return PageScore(
        leads=tuple(leads),
        time=_time_scale(read, truth, printed),
        challenge=_challenge(read, truth, printed),
        power_ratio=float(signal / max(noise, 1e-12)),
    )


def summarise(scores: Sequence[PageScore | None]) -> dict[str, float | int]:
    """Return the figures of several pages; None stands for a page that was refused.

    `median_db` and `p10_db` are over the printed leads of the pages read, `good_leads` is the
    share of the printed leads of the pages read that have at least 10 dB.
    """
    read = [score for score in scores if score is not None]
    snrs = np.array([lead.snr for score in read for lead in score.leads])
    ratios = [score.power_ratio for score in read]
    challenge = [score.challenge for score in read if np.isfinite(score.challenge)]
    nothing = float("nan")
    return {
        "pages": len(scores),
        "read": len(read),
        "refused": len(scores) - len(read),
        "wrong": sum(bool(score.faults) for score in read),
        "leads": len(snrs),
        "median_db": float(np.median(snrs)) if len(snrs) else nothing,
        "p10_db": _quantile(snrs, 0.1) if len(snrs) else nothing,
        "good_leads": float(np.mean(snrs >= GOOD_LEAD)) if len(snrs) else nothing,
        "challenge_db": float(np.mean(challenge)) if challenge else nothing,
        "kaggle_db": float(10 * np.log10(np.mean(ratios))) if ratios else nothing,
    }


def _quantile(values: np.ndarray, share: float) -> float:
    # The lower neighbour: interpolation next to a lost lead (minus infinity) gives no number.
    return float(np.quantile(values, share, method="lower"))


def _padded(read: np.ndarray, length: int, reach: int) -> np.ndarray:
    """Return the read signal as long as the truth, with `reach` more samples at either end."""
    padded = np.full((len(read), length + 2 * reach), np.nan)
    part = read[:, : length + reach]
    padded[:, reach : reach + part.shape[1]] = part
    return padded


def _page_shift(
    padded: np.ndarray, truth: np.ndarray, printed: list[int], reach: int, fs: float
) -> int:
    """Return by how many samples the page is late: what leaves least error in most leads."""
    shifts = range(-round(PAGE_SHIFT * fs), round(PAGE_SHIFT * fs) + 1)
    costs = np.zeros(len(shifts))
    for row in printed:
        true = truth[row]
        there = np.isfinite(true)
        power = true[there].var() + 1e-9
        for index, shift in enumerate(shifts):
            part = padded[row, reach + shift : reach + shift + len(true)]
            both = there & np.isfinite(part)
            if both.sum() < 0.5 * there.sum():
                costs[index] += 1.0
                continue
            costs[index] += min(1.0, float((part[both] - true[both]).var() / power))
    return shifts[int(np.argmin(costs + 1e-9 * np.abs(shifts)))]


def _score_lead(
    row: int, padded: np.ndarray, truth: np.ndarray, page_shift: int, reach: int, fs: float
) -> tuple[LeadScore, tuple[float, float]]:
    """Return a lead's score and the powers (sums of squares) of its signal and its error."""
    true = truth[row]
    where = np.flatnonzero(np.isfinite(true))
    centred = true[where] - true[where].mean()
    signal = float(centred @ centred)
    samples = padded[row]
    if np.isfinite(samples).sum() < 4:
        lost = LeadScore(LEADS[row], -np.inf, float("nan"), float("nan"), None)
        return lost, (signal, signal)
    spline, known = _spline(samples)
    edge = round(EDGE * fs)
    counted = np.ones(len(where), bool)
    counted[:edge] = counted[len(where) - edge :] = False
    steps = round(LEAD_SHIFT * fs * _STEPS)
    best = (np.inf, 0.0, float("nan"))
    for step in range(-steps, steps + 1):
        shift = page_shift + step / _STEPS
        place = where + reach + shift
        there = known[np.clip(np.rint(place).astype(int), 0, len(known) - 1)]
        if there.sum() < 4:
            continue
        values = spline(place[there])
        offset = float(np.mean(values - true[where[there]]))
        error = np.where(counted, centred, 0.0)  # what is missing was read as a flat line
        error[there] = values - offset - true[where[there]]
        noise = float(error @ error)
        if noise < best[0]:
            slope = float(values @ centred[there] - values.mean() * centred[there].sum())
            below = float(np.sum((centred[there] - centred[there].mean()) ** 2))
            best = (noise, shift, slope / max(below, 1e-12))
    noise, shift, gain = best
    if not np.isfinite(noise):
        lost = LeadScore(LEADS[row], -np.inf, float("nan"), float("nan"), None)
        return lost, (signal, signal)
    snr = 10 * np.log10(max(signal, 1e-12) / max(noise, 1e-12))
    name = _other_name(row, samples, truth) if snr < WRONG_PAGE else None
    return LeadScore(LEADS[row], float(snr), gain, shift / fs, name), (signal, noise)


def _spline(samples: np.ndarray) -> tuple[CubicSpline, np.ndarray]:
    """Return a cubic through the samples that are numbers, and which ones are."""
    known = np.isfinite(samples)
    return CubicSpline(np.flatnonzero(known), samples[known]), known


def _other_name(row: int, samples: np.ndarray, truth: np.ndarray) -> str | None:
    """Return the lead whose true signal this one shows at `GOOD_LEAD` dB or more, if any does."""
    part = samples[np.isfinite(samples)]
    best: tuple[float, str] = (GOOD_LEAD, "")
    for other in range(len(LEADS)):
        true = truth[other][np.isfinite(truth[other])]
        for sign, prefix in ((1.0, ""), (-1.0, "-")):
            if (other == row and sign > 0) or len(true) < 8:
                continue
            snr = _free_snr(sign * part, true)
            if snr > best[0]:
                best = (snr, prefix + LEADS[other])
    return best[1] or None


def _free_snr(part: np.ndarray, true: np.ndarray) -> float:
    """Return the SNR of the longest common part at the best of all shifts."""
    if len(part) > len(true):
        long, short = part, true
    else:
        long, short = true, part
    count = len(short)
    short = short - short.mean()
    sums = np.cumsum(np.concatenate([[0.0], long]))
    squares = np.cumsum(np.concatenate([[0.0], long**2]))
    power = squares[count:] - squares[:-count] - (sums[count:] - sums[:-count]) ** 2 / count
    size = 1 << int(np.ceil(np.log2(len(long) + count)))
    product = np.fft.irfft(np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size)), size)
    cross = product[: len(long) - count + 1]
    noise = power + float(short @ short) - 2 * cross
    signal = power if long is true else np.full_like(power, float(short @ short))
    return float(np.max(10 * np.log10(np.maximum(signal, 1e-9) / np.maximum(noise, 1e-9))))


def _time_scale(read: np.ndarray, truth: np.ndarray, printed: list[int]) -> float:
    """Return read seconds for each true second: the stretch under which most leads fit best.

    A reading that fits at no stretch says nothing about it: 1.
    """
    found = []
    for row in printed:
        part = read[row][np.isfinite(read[row])]
        true = truth[row][np.isfinite(truth[row])]
        if len(part) < 8 or np.ptp(part) < 1e-6 or np.ptp(true) < 1e-6:
            continue
        fits = [_correlation(part, true, stretch) for stretch in _STRETCHES]
        best = int(np.argmax(fits))
        if fits[best] > 0.7:
            found.append(float(_STRETCHES[best]))
    return float(np.median(found)) if found else 1.0


def _correlation(part: np.ndarray, true: np.ndarray, stretch: float) -> float:
    """Return the largest correlation of what was read with the truth stretched."""
    count = max(8, round(len(true) * stretch))
    stretched = np.interp(np.linspace(0, len(true) - 1, count), np.arange(len(true)), true)
    first, second = part - part.mean(), stretched - stretched.mean()
    size = 1 << int(np.ceil(np.log2(len(first) + count)))
    product = np.fft.irfft(np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size)), size)
    power = min(float(first @ first), float(second @ second))
    longest = np.sqrt(float(first @ first) * float(second @ second))
    return float(product.max()) / max(longest, power, 1e-12)


def _challenge(read: np.ndarray, truth: np.ndarray, printed: list[int]) -> float:
    length = min(read.shape[1], truth.shape[1])
    found = []
    for row in printed:
        part, true = read[row, :length], truth[row, :length]
        both = np.isfinite(part) & np.isfinite(true)
        noise = float(np.sum((part[both] - true[both]) ** 2))
        if both.any() and noise > 0:
            found.append(10 * np.log10(max(float(np.sum(true[both] ** 2)), 1e-12) / noise))
    return float(np.mean(found)) if found else float("nan")
