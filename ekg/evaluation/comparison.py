"""Two models on the same records, or a model beside published metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekg.errors import EvaluationError
from ekg.evaluation.agreement import agreement_of
from ekg.evaluation.intervals import (
    FEWEST_RECORDS,
    RESAMPLES,
    SEED,
    evaluate_predictions,
    notes_of,
    percentile_interval,
)
from ekg.evaluation.levels import LEVELS, Units, levels_of
from ekg.evaluation.metrics import metrics_of
from ekg.evaluation.resampling import all_metrics, resample_counts
from ekg.evaluation.sides import (
    DIFFERENT,
    SAME_IMAGES,
    SAME_RECORDS,
    SAME_SLICES,
    Side,
    relation,
)

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
    """Read `[LEVEL.]METRIC=DELTA`; the level is record_weighted unless it is named."""
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
            remedy=f"e.g. macro_f1=0.01; levels: {', '.join(LEVELS)}",
        )
    return Demand(level, metric, delta)


def check_demands(content: dict[str, Any], demands: list[Demand]) -> list[dict[str, Any]]:
    """Return, for each demand, the difference found and whether it is reached."""
    results = []
    for demand in demands:
        metrics = content["levels"].get(demand.level, {}).get("figures", {})
        if demand.metric not in metrics:
            raise EvaluationError(
                f"--at-least {demand.text}: no such metric in this comparison",
                remedy=f"there are: {', '.join(metrics) or 'none at this level'}",
            )
        difference = metrics[demand.metric]["difference"]
        if difference is None:
            raise EvaluationError(
                f"--at-least {demand.text}: no difference is available ({content['statement']})",
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


NOT_COMPARABLE = "different data: not comparable"
_STATEMENTS = {
    SAME_IMAGES: "paired: the same images",
    SAME_SLICES: "paired: the same slices, drawn differently",
    SAME_RECORDS: "paired by record: the same records, possibly different slices",
    DIFFERENT: NOT_COMPARABLE,
}
UNPAIRED = "unpaired: one side has metrics only, no predictions"
_P_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")


def compare_sides(
    a: Side,
    b: Side,
    *,
    allow_different_data: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Any]:
    """Compare two sides; the content of `comparison.json`."""
    related = relation(a, b)
    if related == DIFFERENT and not allow_different_data:
        raise EvaluationError(
            f"different data: {_describe(a)} against {_describe(b)}",
            remedy="give --images and --split to run both on the same images, or "
            "--allow-different-data to see them side by side without differences",
        )
    paired = related != DIFFERENT and a.predictions is not None and b.predictions is not None
    content: dict[str, Any] = {
        "schema": 1,
        "fold": a.fold,
        "dataset": a.dataset,
        "relation": related,
        "comparable": related != DIFFERENT,
        "paired": paired,
        "statement": _STATEMENTS[related] if paired or related == DIFFERENT else UNPAIRED,
        "a": _about(a),
        "b": _about(b),
        "classes": list(a.classes),
        "resamples": resamples,
        "seed": seed,
    }
    content["heading"] = (
        f"{a.name} against {b.name}, "
        + (a.dataset if a.dataset == b.dataset else f"{a.dataset} against {b.dataset}")
        + f", fold {a.fold} ({content['statement']})"
    )
    if paired:
        return content | _paired(a, b, resamples, seed)
    return content | _side_by_side(a, b, content["comparable"], resamples, seed)


def _describe(side: Side) -> str:
    about = _about(side)
    return f"{side.name} ({side.dataset}, {about['records']} records of fold {side.fold})"


def _about(side: Side) -> dict[str, Any]:
    if side.predictions is not None:
        records, images = side.predictions["record"].nunique(), len(side.predictions)
    else:
        assert side.metrics is not None
        records, images = side.metrics["records"], side.metrics["images"]
    return {
        "name": side.name,
        "dataset": side.dataset,
        "source": side.source,
        "records": int(records),
        "images": int(images),
        "predictions": side.predictions is not None,
    }


def _paired(a: Side, b: Side, resamples: int, seed: int) -> dict[str, Any]:
    assert a.predictions is not None and b.predictions is not None
    a_levels, b_levels = levels_of(a.predictions, a.classes), levels_of(b.predictions, b.classes)
    records = a_levels["per_image"]
    enough = records.n_records >= FEWEST_RECORDS and resamples > 0
    # One draw for both sides and all levels: that is what makes the differences paired.
    counts = resample_counts(records.n_records, resamples, seed) if enough else None
    levels = {
        level: _paired_level(a_levels[level], b_levels[level], counts)
        for level in LEVELS
        if level in a_levels and level in b_levels
    }
    summary, differing = agreement_of(a.predictions, b.predictions, records, counts)
    notes = notes_of(records, resamples)
    if "per_record" not in levels and "hard labels only" not in " ".join(notes):
        notes.append("one side has hard labels only: no metric that needs probabilities")
    return {
        "levels": levels,
        "records": summary,
        "differing_records": differing,
        "notes": [*notes, "p values are not adjusted for the number of comparisons"],
    }


Entry = Callable[[dict[str, Any], dict[str, Any], str, str], dict[str, Any]]
"""From both sides' metrics, the metric's name and its class ("" for all): its entry."""


def _level(own: dict[str, Any], theirs: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """Return what is compared at one level: every number that both sides have."""
    both = [
        (name, own["per_class"][name], theirs["per_class"].get(name)) for name in own["per_class"]
    ]
    return {
        "figures": {
            name: entry(own, theirs, name, "")
            for name, value in own.items()
            if name in theirs and (value is None or isinstance(value, float))
        },
        "per_class": {
            class_: {
                name: entry(mine, other, name, class_)
                for name in mine
                if name in other and name not in ("support", "intervals")
            }
            for class_, mine, other in both
            if other is not None
        },
        "confusion_matrix": {"a": own["confusion_matrix"], "b": theirs["confusion_matrix"]},
    }


def _paired_level(a: Units, b: Units, counts: np.ndarray | None) -> dict[str, Any]:
    a_drawn = {} if counts is None else all_metrics(a, counts)
    b_drawn = {} if counts is None else all_metrics(b, counts)
    sizes = np.bincount(a.record_labels, minlength=len(a.classes))
    size_of = dict(zip(a.classes, sizes.tolist(), strict=True))

    def entry(
        own: dict[str, Any], theirs: dict[str, Any], name: str, class_: str
    ) -> dict[str, Any]:
        found = _entry(own[name], theirs[name])
        key = f"{name}/{class_}" if class_ else name
        few = class_ and size_of[class_] < FEWEST_RECORDS
        if found["difference"] is not None and not few and key in a_drawn and key in b_drawn:
            differences = a_drawn[key] - b_drawn[key]
            found["a_interval"] = percentile_interval(a_drawn[key])
            found["b_interval"] = percentile_interval(b_drawn[key])
            found["interval"] = percentile_interval(differences)
            if key in _P_METRICS:
                found["p"] = resampled_p(differences)
        return found

    own = metrics_of(a)
    level = _level(own, metrics_of(b), entry)
    for class_, entries in level["per_class"].items():
        entries["records"] = size_of[class_]
        entries["support"] = own["per_class"][class_]["support"]
    return level


def _entry(
    a: float | None,
    b: float | None,
    *,
    comparable: bool = True,
    a_interval: list[float] | None = None,
    b_interval: list[float] | None = None,
) -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "difference": a - b if comparable and a is not None and b is not None else None,
        "a_interval": a_interval,
        "b_interval": b_interval,
        "interval": None,
        "p": None,
    }


def resampled_p(differences: np.ndarray) -> float | None:
    """Return twice the share of resampled differences on the rarer side of zero.

    One is added above and below (Davison and Hinkley 1997, section 4.2), so that it is never 0.
    """
    known = differences[np.isfinite(differences)]
    if not known.size:
        return None
    rarer = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (known.size + 1)))


def _side_by_side(a: Side, b: Side, comparable: bool, resamples: int, seed: int) -> dict[str, Any]:
    a_fold, b_fold = _fold_metrics(a, resamples, seed), _fold_metrics(b, resamples, seed)

    def entry(
        own: dict[str, Any], theirs: dict[str, Any], name: str, class_: str
    ) -> dict[str, Any]:
        return _entry(
            own[name],
            theirs[name],
            comparable=comparable,
            a_interval=own["intervals"].get(name),
            b_interval=theirs["intervals"].get(name),
        )

    levels = {
        level: _level(a_fold[level], b_fold[level], entry)
        for level in LEVELS
        if level in a_fold and level in b_fold
    }
    notes = [
        f"{side.name}: {note}"
        for side, fold in ((a, a_fold), (b, b_fold))
        for note in fold.get("notes", [])
    ]
    return {"levels": levels, "records": None, "differing_records": [], "notes": notes}


def _fold_metrics(side: Side, resamples: int, seed: int) -> dict[str, Any]:
    if side.metrics is not None:
        return side.metrics
    assert side.predictions is not None
    return evaluate_predictions(side.predictions, side.classes, resamples=resamples, seed=seed)
