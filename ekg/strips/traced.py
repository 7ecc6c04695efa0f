"""What is found on a page, before it becomes a recording: traces in millimetres, with names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Trace:
    """One lead as drawn."""

    lead: str
    """One of `LEADS`; `-aVR` for an inverted one; `?` for a lead that is none of the twelve."""
    x: np.ndarray
    """Millimetres to the right from the left end of the page's first column, ascending."""
    y: np.ndarray
    """Millimetres upward from the row's own middle; NaN where it is not known."""
    confidence: float
    """Share of the columns that are confident."""
    row: int
    column: int
    rhythm: bool
    """Whether the lead is also printed elsewhere or fills a row below the others."""
    line: np.ndarray
    """Shape (N, 2): where it lies in the image of the page (pixels), for the overlay."""


@dataclass(frozen=True)
class Scale:
    """Millimetres for a second and for a millivolt, and what says so."""

    speed: float
    gain: float
    speed_source: str
    """`page text`, `pulse`, `grid`, `given` or `assumed`."""
    gain_source: str


@dataclass
class TracedPage:
    """All traces of a page."""

    traces: list[Trace]
    scale: Scale
    layout: str
    method: str
    """`vector PDF` or `picture`."""
    length: float
    """Millimetres from the left end of the first column to the right end of the last."""
    names_source: str
    """`page text`, `picture`, `layout` (by the usual order) or `given`."""
    facts: dict[str, float | str | None] = field(default_factory=dict)
    """Further values for the report: pixels a millimetre, pulse, turn of the page."""
    warnings: list[str] = field(default_factory=list)
