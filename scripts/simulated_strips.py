"""Simulated pages of held-out machines as cases of `scripts/bench_strips.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

from ekg.files import read_json
from ekg.records.record import LEADS
from ekg.strips.simulate import CLASSES
from ekg.strips.simulate.kinds import KINDS
from ekg.strips.simulate.page_files import PageSettings, page_name, simulate_pages

SEED = 2001
"""No page of a training has it."""
LEAST_RESOLUTION, LEAST_LEADS, LEAST_SEEN, LEAST_CONTRAST = 4.0, 8, 0.9, 0.12
"""Readable: pixels a mm, leads in the frame, their share in it, trace darker than its ground."""


@dataclass(frozen=True)
class SimulatedCase:
    """A page, what is printed on it, and whether it can be read."""

    kind: str
    name: str
    page: Path
    truth: np.ndarray
    readable: bool


def simulated_pages(folder: Path, pages: int, jobs: int) -> Iterator[SimulatedCase]:
    """Simulate what is missing of `pages` pages of each kind, and return them."""
    for kind in KINDS:
        place = folder / kind.name
        settings = PageSettings(seed=SEED, held_out=True, kind=kind.name)
        simulate_pages(place, pages, settings, jobs=jobs)
        for number in range(1, pages + 1):
            yield case_of(place, page_name(number))


def case_of(folder: Path, name: str) -> SimulatedCase:
    """Return one page that is in a folder."""
    facts = read_json(folder / f"{name}.json")
    ekg = facts["subject"] == "ekg"
    truth = signal_of(folder / name) if ekg else np.full((12, 1), np.nan)
    page = folder / facts["file"]
    can_be_read = ekg and readable(folder, name, facts, truth)
    return SimulatedCase(facts["kind"], f"{facts['kind']}-{name}", page, truth, can_be_read)


def signal_of(path: Path) -> np.ndarray:
    """Return a WFDB record in millivolts, NaN where nothing is printed."""
    import wfdb

    signal: np.ndarray = wfdb.rdrecord(str(path)).p_signal.T
    return signal


def readable(folder: Path, name: str, facts: dict[str, Any], truth: np.ndarray) -> bool:
    """Return whether a person could read a page by the specification's measure."""
    if facts["pixels_per_mm"] < LEAST_RESOLUTION:
        return False
    printed: dict[str, int] = {}
    for segment in facts["segments"]:
        printed[segment["lead"]] = max(printed.get(segment["lead"], 0), segment["samples"])
    seen = sum(
        np.isfinite(truth[LEADS.index(lead)]).sum() >= LEAST_SEEN * count
        for lead, count in printed.items()
    )
    if seen < min(LEAST_LEADS, len(printed)):
        return False
    return contrast(folder / facts["file"], folder / f"{name}.mask.png") >= LEAST_CONTRAST


def contrast(image: Path, mask: Path) -> float:
    """Return by how much the trace is darker than what is around it, in parts of the latter."""
    with Image.open(image) as picture:
        grey = np.asarray(picture.convert("L")).astype(float)
    with Image.open(mask) as picture:
        classes = np.asarray(picture.convert("L"))
    trace = classes == CLASSES.index("trace")
    around = binary_dilation(trace, iterations=6) & ~binary_dilation(trace, iterations=2)
    around &= classes == CLASSES.index("background")
    if not trace.any() or not around.any():
        return 0.0
    ground = float(np.median(grey[around]))
    return (ground - float(np.median(grey[trace]))) / max(ground, 1.0)
