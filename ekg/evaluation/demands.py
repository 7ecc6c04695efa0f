"""`--at-least METRIC=DELTA`: a comparison that automation can act on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ekg.errors import EvaluationError
from ekg.evaluation.levels import LEVELS

DEFAULT_LEVEL = "record_weighted"


@dataclass(frozen=True)
class Demand:
    """A difference (A minus B) that must be reached."""

    level: str
    metric: str
    delta: float

    @property
    def text(self) -> str:
        """The demand as it is written on the command line."""
        return f"{self.level}.{self.metric}={self.delta:g}"


def parse_demand(text: str) -> Demand:
    """Read `[LEVEL.]METRIC=DELTA`; the level is record_weighted unless it is named.

    Raises
    ------
    EvaluationError
        If it is not of that form.
    """
    place, equals, number = text.partition("=")
    level, dot, metric = place.partition(".")
    if not dot:
        level, metric = DEFAULT_LEVEL, place
    try:
        delta = float(number)
    except ValueError:
        delta = math.nan
    if not equals or not metric or level not in LEVELS or not math.isfinite(delta):
        raise EvaluationError(
            f"--at-least {text!r} is not [LEVEL.]METRIC=DELTA",
            remedy=f"for example macro_f1=0.01; levels: {', '.join(LEVELS)}",
        )
    return Demand(level, metric, delta)


def check_demands(content: dict[str, Any], demands: list[Demand]) -> list[dict[str, Any]]:
    """Return, for each demand, the difference found and whether it is reached.

    Raises
    ------
    EvaluationError
        If the comparison has no such difference.
    """
    results = []
    for demand in demands:
        figures = content["levels"].get(demand.level, {}).get("figures", {})
        if demand.metric not in figures:
            raise EvaluationError(
                f"--at-least {demand.text}: no such figure in this comparison",
                remedy=f"there are: {', '.join(figures) or 'none at this level'}",
            )
        difference = figures[demand.metric]["difference"]
        if difference is None:
            raise EvaluationError(
                f"--at-least {demand.text}: no difference can be given ({content['statement']})",
                remedy="compare on the same images",
            )
        results.append(
            {
                "demand": demand.text,
                "difference": difference,
                "met": bool(difference >= demand.delta),
            }
        )
    return results
