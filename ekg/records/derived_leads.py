"""The four limb leads that leads I and II determine: III, aVR, aVL and aVF."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

DERIVED: Mapping[str, tuple[float, float]] = {
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
"""Weights of leads I and II: Einthoven's III = II - I, Goldberger's augmented leads."""


def derivable(missing: list[str]) -> bool:
    """Return whether all missing leads follow from leads I and II."""
    return all(lead in DERIVED for lead in missing)


def complete_limb_leads(leads: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Add the limb leads that a recording of I, II, V1 to V6 leaves out."""
    computed = [lead for lead in DERIVED if lead not in leads]
    first, second = leads["I"], leads["II"]
    added = {lead: DERIVED[lead][0] * first + DERIVED[lead][1] * second for lead in computed}
    return {**leads, **added}, computed


def computed_warning(computed: list[str]) -> str:
    """Say which leads were computed."""
    plural = len(computed) > 1
    return (
        f"lead{'s' if plural else ''} {', '.join(computed)} {'are' if plural else 'is'} not in the "
        "recording and computed from leads I and II"
    )
