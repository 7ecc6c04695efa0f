"""Stored figures against those computed again from the saved predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ekg.errors import EvaluationError
from ekg.evaluation.published import (
    FIGURES_FILE,
    PUBLISHED_FOLDER,
    build_published_figures,
    prediction_folder,
    read_published_figures,
)
from ekg.evaluation.runs import flatten
from ekg.verification.findings import Finding, Repository, agree, skipped, some

NAME = "published-figures"
TOLERANCE = 2e-6
"""Figures are stored with six digits."""
INTERVAL_TOLERANCE = 2e-5
"""Resampled sums in float32 differ in the last bits between processors."""


def differing(stored: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Compare two nested tables of figures.

    Parameters
    ----------
    stored
        From a file.
    found
        Computed now; every key of it must be in `stored`.

    Returns
    -------
    compared : int
        How many figures.
    names : list of str
        The figures that differ, keys joined by dots.
    """
    old, new = flatten(stored), flatten(found)
    wrong = [
        name
        for name, value in new.items()
        if name not in old
        or not _equal(old[name], value, INTERVAL_TOLERANCE if ".intervals." in name else TOLERANCE)
    ]
    return len(new), wrong


def _equal(stored: Any, found: Any, tolerance: float) -> bool:
    if isinstance(found, float) and not math.isfinite(found):
        return stored is None  # JSON has no NaN
    if isinstance(found, bool) or isinstance(stored, bool):
        return stored is found
    if isinstance(found, int | float) and isinstance(stored, int | float):
        return abs(stored - found) <= tolerance * max(1.0, abs(found))
    if isinstance(found, list | tuple) and isinstance(stored, list | tuple):
        return len(found) == len(stored) and all(
            _equal(a, b, tolerance) for a, b in zip(stored, found, strict=True)
        )
    if isinstance(found, Mapping) and isinstance(stored, Mapping):
        return found.keys() == stored.keys() and all(
            _equal(stored[key], value, tolerance) for key, value in found.items()
        )
    return bool(stored == found)


def check_published_figures(repository: Repository) -> Iterator[Finding]:
    """Compute the published model's figures from its predictions again."""
    compared = f"figures computed from preds_test.csv and preds_val.csv = {FIGURES_FILE}"
    try:
        folder = prediction_folder()
    except EvaluationError as error:
        yield skipped(NAME, compared, f"{error.problem}; {error.remedy}")
        return
    stored = read_published_figures(
        repository.root / PUBLISHED_FOLDER.parent.name / PUBLISHED_FOLDER.name
    )
    built = build_published_figures(folder)
    count, wrong = differing(stored, built)
    wrong += sorted(flatten(stored).keys() - flatten(built).keys())
    yield agree(
        NAME, compared,
        f"{count} figures computed, "
        + (f"{len(wrong)} differ: {some(wrong)}" if wrong else "all equal"),
        not wrong,
    )  # fmt: skip
