"""What counts as reproduced: written down before a run on the full data (docs/evaluation.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ekg.evaluation.published import DATASET, read_published_figures

FOLD, LEVEL = "test", "record_weighted"
OVERALL_FIGURES = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Criterion:
    """One figure of a run beside the published 95 % interval."""

    figure: str
    value: float
    published: float
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """`inside`, `above` or `below` the published interval."""
        if self.value < self.interval[0]:
            return "below"
        return "above" if self.value > self.interval[1] else "inside"


def applies(metrics: dict[str, Any], published: dict[str, Any]) -> bool:
    """Say whether a run can be held against the paper: its dataset, its test records."""
    return bool(
        metrics.get("dataset") == DATASET
        and FOLD in metrics
        and metrics[FOLD].get("records_sha256") == published[FOLD]["records_sha256"]
    )


def criteria(metrics: dict[str, Any], published: dict[str, Any]) -> Iterator[Criterion]:
    """Yield the run's record-weighted accuracy, macro F1 and each class's recall."""
    own, theirs = metrics[FOLD][LEVEL], published[FOLD][LEVEL]
    for figure in OVERALL_FIGURES:
        low, high = theirs["intervals"][figure]
        yield Criterion(figure, own[figure], theirs[figure], (low, high))
    for name, figures in theirs["per_class"].items():
        low, high = figures["intervals"]["recall"]
        value = own["per_class"][name]["recall"]
        yield Criterion(f"recall {name}", value, figures["recall"], (low, high))


def reproduced_lines(metrics: dict[str, Any], published: dict[str, Any] | None = None) -> list[str]:
    """Return the lines that say whether a run reproduces the paper; none on other data.

    Parameters
    ----------
    metrics
        Content of a run's `metrics.json`.
    published
        The published figures, by default the stored ones.
    """
    if metrics.get("dataset") != DATASET or FOLD not in metrics:
        return []
    published = published or read_published_figures()
    if not applies(metrics, published):
        return [
            f"whether the paper is reproduced was not judged: these {metrics[FOLD]['records']} "
            f"{FOLD} records are not its {published[FOLD]['records']}"
        ]
    found = list(criteria(metrics, published))
    lines = [f"against the published model ({DATASET}, {FOLD}, record-weighted):"]
    lines += [
        f"  {c.figure:<14} {c.value:.3f}  {c.verdict:<6}  "
        f"published {c.published:.3f} ({c.interval[0]:.3f}-{c.interval[1]:.3f})"
        for c in found
    ]
    below = [c.figure for c in found if c.verdict == "below"]
    lines.append(f"reproduced: {'no, below: ' + ', '.join(below) if below else 'yes'}")
    return lines


def criteria_table(published: dict[str, Any] | None = None) -> list[str]:
    """Return the criteria as a Markdown table, for docs/evaluation.md; by default the stored."""
    published = published or read_published_figures()
    return [
        "| figure, test, record-weighted | published | 95 % interval | a run must not be below |",
        "|---|---:|---:|---:|",
        *(
            f"| {c.figure} | {c.published:.3f} | {c.interval[0]:.3f}-{c.interval[1]:.3f} "
            f"| {c.interval[0]:.3f} |"
            for c in criteria(published, published)
        ),
    ]
