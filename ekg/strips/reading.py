"""From traces on paper to a recording, with its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ekg.records.record import LEADS, Header, Record
from ekg.strips.traced import Trace, TracedPage

RATE = 500.0
"""Hz of every recording that is read from a page."""
_LONGEST_GAP = 0.04
"""Seconds that are filled by a straight line."""


@dataclass(frozen=True)
class Reading:
    """A page that was read."""

    record: Record
    """Of the page's length at 500 Hz, NaN where a lead is not shown."""
    report: dict[str, Any]
    """Layout, scale and where it came from, confidence by lead, checks. Nothing printed on the
    page is in it."""
    overlay: Image.Image
    """The traces that were found, drawn over the page."""
    places: np.ndarray
    """Where each sample lies in the overlay: (12, N, 2), pixels to the right and down, NaN where
    a lead is not shown."""

    @property
    def leads(self) -> tuple[str, ...]:
        """The leads that were read."""
        return tuple(
            lead
            for lead, row in zip(LEADS, self.record.signal, strict=True)
            if np.isfinite(row).any()
        )


def to_record(page: TracedPage, name: str, path: Path) -> Record:
    """Return the recording that a page shows: the longest trace of each lead."""
    count = sample_count(page)
    signal = np.full((len(LEADS), count), np.nan)
    for trace in sorted(page.traces, key=lambda one: one.x[-1] - one.x[0]):
        inverted = trace.lead == "-aVR"
        lead = "aVR" if inverted else trace.lead
        if lead not in LEADS:
            continue
        values = sampled(trace, page, count)
        signal[LEADS.index(lead)] = -values if inverted else values
    header = Header(
        name=name,
        path=path,
        leads=LEADS,
        sampling_frequency=RATE,
        n_samples=count,
        comments=(),
        diagnoses=(),
    )
    return Record(header=header, signal=signal, sampling_frequency=RATE)


def places_of(page: TracedPage) -> np.ndarray:
    """Return where each sample of `to_record` lies in the image of the page, (12, N, 2)."""
    count = sample_count(page)
    moments = np.arange(count) / RATE
    places = np.full((len(LEADS), count, 2), np.nan)
    for trace in sorted(page.traces, key=lambda one: one.x[-1] - one.x[0]):
        lead = trace.lead.removeprefix("-")
        known = np.isfinite(trace.line).all(axis=1) & np.isfinite(trace.y)
        if lead not in LEADS or known.sum() < 2:
            continue
        time = trace.x[known] / page.scale.speed
        for axis in range(2):
            places[LEADS.index(lead), :, axis] = np.interp(
                moments, time, trace.line[known, axis], left=np.nan, right=np.nan
            )
    return places


def sample_count(page: TracedPage) -> int:
    """Return how many samples the page's length has, both ends included."""
    return max(2, round(page.length / page.scale.speed * RATE) + 1)


def sampled(trace: Trace, page: TracedPage, count: int) -> np.ndarray:
    """Return a trace in millivolts at 500 Hz from the page's left end, NaN where there is none."""
    time = trace.x / page.scale.speed
    known = np.isfinite(trace.y)
    moments = np.arange(count) / RATE
    if known.sum() < 2:
        return np.full(count, np.nan)
    values = np.interp(
        moments, time[known], trace.y[known] / page.scale.gain, left=np.nan, right=np.nan
    )
    # Only short gaps are filled: between two known points further apart nothing is known.
    following = np.clip(np.searchsorted(time[known], moments), 1, int(known.sum()) - 1)
    gap = time[known][following] - time[known][following - 1]
    longest = max(_LONGEST_GAP, 2 * float(np.median(np.diff(time[known]))))
    if page.method == "picture":
        values[gap > longest] = np.nan
    return values - np.nanmedian(values)
