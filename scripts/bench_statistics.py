"""Time the statistics on a fold of the paper's size: 3,311 images of 784 records, one core.

    python scripts/bench_statistics.py            print the table
    python scripts/bench_statistics.py --write    renew benchmarks/statistics.csv as well

The labels and predictions are made up (the time does not depend on them), with as many images
a record and records a class as in the published test fold.
"""

from __future__ import annotations

import argparse
import csv
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ekg.evaluation.comparison import compare_sides
from ekg.evaluation.intervals import RESAMPLES, SEED, evaluate_predictions, intervals_of
from ekg.evaluation.levels import levels_of
from ekg.evaluation.predictions import fingerprints, make_predictions
from ekg.evaluation.published import read_published_metrics
from ekg.evaluation.resampling import resample_counts
from ekg.evaluation.runs import table
from ekg.evaluation.sides import Side
from ekg.files import atomic_open
from ekg.records.diagnoses import CLASSES

LIMITS = {"confusion-matrix figures": 5.0, "every figure": 90.0}
"""Seconds on one core, from the project's goals."""


def made_up_predictions(seed: int) -> pd.DataFrame:
    """Return predictions with the published test fold's numbers of images and records."""
    fold = read_published_metrics()["test"]
    rng = np.random.default_rng(seed)
    owners: list[str] = []
    labels: list[str] = []
    for class_ in CLASSES:
        records, images = fold["records_by_class"][class_], fold["images_by_class"][class_]
        sizes = 1 + rng.multinomial(images - records, np.full(records, 1 / records))
        for k, size in enumerate(sizes):
            owners += [f"{class_}{k:04d}"] * int(size)
            labels += [class_] * int(size)
    scores = rng.normal(size=(len(labels), len(CLASSES)))
    scores[np.arange(len(labels)), [CLASSES.index(label) for label in labels]] += 2
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = [f"{owner}-s{k:05d}.png" for k, owner in enumerate(owners)]
    return make_predictions(names, owners, labels, probabilities)


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure() -> list[tuple[str, float]]:
    """Time the three kinds of work."""
    first, second = made_up_predictions(1), made_up_predictions(2)

    def confusion_metrics() -> None:
        levels = levels_of(first)
        counts = resample_counts(levels["per_image"].n_records, RESAMPLES, SEED)
        for units in levels.values():
            intervals_of(units, counts, confusion_only=True)

    def side(predictions: pd.DataFrame) -> Side:
        return Side(
            "made up", "made up", "test", "", CLASSES, predictions, None, fingerprints(first)
        )

    # The names differ in the second set: a comparison needs the same records.
    second = second.assign(image=first["image"], record=first["record"], label=first["label"])
    second["weight"] = first["weight"]
    return [
        ("confusion-matrix figures", seconds(confusion_metrics)),
        ("every figure", seconds(lambda: evaluate_predictions(first))),
        ("paired comparison", seconds(lambda: compare_sides(side(first), side(second)))),
    ]


def main() -> int:
    """Measure, print, and write when asked to; status 1 above a limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="renew benchmarks/statistics.csv")
    arguments = parser.parse_args()
    predictions = made_up_predictions(1)
    print(
        f"{len(predictions):,} images, {predictions['record'].nunique():,} records, "
        f"{RESAMPLES:,} resamples, all levels, one core"
    )
    with threadpool_limits(1):
        measured = measure()
    rows = [
        [name, f"{value:.1f}", f"{LIMITS[name]:.0f}" if name in LIMITS else "-"]
        for name, value in measured
    ]
    print("\n".join(table(["what", "seconds", "limit"], rows)))
    if arguments.write:
        path = Path(__file__).resolve().parents[1] / "benchmarks" / "statistics.csv"
        with atomic_open(path) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["what", "seconds", "images", "records", "resamples", "machine"])
            size = (len(predictions), predictions["record"].nunique(), RESAMPLES)
            machine = f"1 core, {platform.machine()}, NumPy {np.__version__}"
            writer.writerows([name, f"{value:.2f}", *size, machine] for name, value in measured)
        print("written: benchmarks/statistics.csv")
    return int(any(value > LIMITS.get(name, np.inf) for name, value in measured))


if __name__ == "__main__":
    sys.exit(main())
