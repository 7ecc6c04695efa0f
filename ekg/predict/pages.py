"""A recording that was read from a page becomes the slices that the network reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ekg.config import SliceConfig
from ekg.errors import RecordError
from ekg.records.record import LEADS, Record

_SHORTEST = 0.8
"""Of a slice: what a column that is cut off at the page's edge must still show."""
_COLUMN = 3
"""Leads that stand in one column of a 3x4 page, in the order of `LEADS`."""
_CHECK = "read from a printed page: check the traces with `python -m ekg read`"


@dataclass(frozen=True)
class PageSlice:
    """Twelve leads of 2.5 s, those of a column from the same time."""

    signal: np.ndarray
    """mV, shape (12, slice length); NaN where a column is shorter than the slice."""
    begins: tuple[float, ...]
    """Seconds from the page's left end at which each lead begins."""
    warnings: tuple[str, ...]


def page_slices(record: Record, config: SliceConfig | None = None) -> list[PageSlice]:
    """Cut slices from a recording whose leads a page shows one after the other.

    A 3x4 page gives one slice, whose columns are of different seconds; 6x2 and 12x1 pages give as
    many as each lead lasts. A lead that a rhythm row shows throughout is cut where the two others
    of its column are.
    """
    length = (config or SliceConfig()).length
    rate = record.sampling_frequency
    runs = [_longest_run(np.isfinite(row)) for row in record.signal]
    short = [
        lead
        for lead, (first, end) in zip(LEADS, runs, strict=True)
        if end - first < _SHORTEST * length
    ]
    if short:
        raise RecordError(
            f"the page shows no {_SHORTEST * length / rate:g} s of {', '.join(short)}",
            path=record.header.path,
            remedy="the network needs all twelve leads; `python -m ekg read` keeps the others",
        )
    starts = [_column_start(runs, number, length) for number in range(len(runs))]
    count = max(1, min((end - s) // length for s, (_, end) in zip(starts, runs, strict=True)))
    return [_cut(record, runs, starts, number, length) for number in range(count)]


def _cut(
    record: Record, runs: list[tuple[int, int]], starts: list[int], number: int, length: int
) -> PageSlice:
    """Return slice `number` of a page."""
    rate = record.sampling_frequency
    signal = np.full((len(LEADS), length), np.nan)
    begins = []
    for lead, ((first, end), start) in enumerate(zip(runs, starts, strict=True)):
        start = start + number * length
        start = min(max(start, first), max(end - round(_SHORTEST * length), first))
        stop = min(start + length, end)
        signal[lead, : stop - start] = record.signal[lead, start:stop]
        begins.append(start / rate)
    blank = np.isnan(signal).sum(axis=1).max() / rate
    warnings = [f"a column of the page ends {blank:.2f} s early"] if blank > 0.02 else []
    return PageSlice(signal, tuple(begins), tuple(warnings))


def _longest_run(known: np.ndarray) -> tuple[int, int]:
    """Return first sample and end of the longest run of known samples."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    firsts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - firsts))
    return int(firsts[longest]), int(ends[longest])


def _column_start(runs: list[tuple[int, int]], number: int, length: int) -> int:
    """Return where a lead's slice begins: with its column, where a rhythm row is longer."""
    first, end = runs[number]
    column = range(number // _COLUMN * _COLUMN, number // _COLUMN * _COLUMN + _COLUMN)
    others = [runs[n] for n in column if n != number and runs[n][1] - runs[n][0] < 1.5 * length]
    if end - first < 1.5 * length or not others:
        return first
    return max(start for start, _ in others)


def has_size(path: str | Path, size: int) -> bool:
    """Return whether an image is as large as the network's, or no image that can be opened."""
    try:
        with Image.open(path) as image:
            return image.size == (size, size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return True  # the reader of the network's images says what is wrong


def page_warnings(report: dict[str, Any]) -> list[str]:
    """Return what a user must know of a verdict on a page."""
    warnings = list(report["warnings"])
    warnings.append(_CHECK)
    return warnings


def page_facts(report: dict[str, Any], begins: tuple[float, ...]) -> dict[str, Any]:
    """Return what a verdict on a page rests on: layout, scale, confidence, what was assumed."""
    return {
        "outcome": report["outcome"],
        "pages": [
            {
                key: page[key]
                for key in (
                    "page",
                    "method",
                    "layout",
                    "names_from",
                    "speed_mm_per_s",
                    "speed_from",
                    "gain_mm_per_mv",
                    "gain_from",
                )
            }
            for page in report["pages"]
        ],
        "leads": {
            lead: {"begins": round(begin, 3), "confidence": report["leads"][lead]["confidence"]}
            for lead, begin in zip(LEADS, begins, strict=True)
        },
    }
