"""Compare the verdict on a page with that on the recording printed on it: benchmarks/verdicts.csv.

    python scripts/bench_verdicts.py photos --shared ../shared [--models default published]

The pages are those of `bench_strips.py`; the recording is cut as the page shows it. One row for
each page and model, and a last one for each model: the share of accepted pages with the same
verdict, its 95 % interval (Wilson), and the pages refused.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench_strips import ROOT, SETS, Case

import ekg
from ekg.errors import EkgError
from ekg.files import atomic_open
from ekg.predict.predictor import Predictor
from ekg.strips.reading import Reading

COLUMNS = ("model", "kind", "name", "page", "recording", "largest_difference", "leads", "reason")


def row_of(model: Predictor, case: Case, reading: Reading | EkgError) -> dict[str, object]:
    """Return the row of a page and a model."""
    row: dict[str, object] = {"model": model.engine.name, "kind": case.kind, "name": case.name}
    if isinstance(reading, EkgError):
        return row | {"reason": reading.problem}
    row["leads"] = len(reading.leads)
    printed = replace(reading.record, signal=case.truth)
    try:
        page, recording = (model.predict(record) for record in (reading.record, printed))
    except EkgError as error:
        return row | {"reason": error.problem}
    differences = [abs(page.probabilities[n] - p) for n, p in recording.probabilities.items()]
    return row | {
        "page": page.diagnosis,
        "recording": recording.diagnosis,
        "largest_difference": f"{max(differences):.3f}",
    }


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, successes / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    half /= 1 + z * z / count
    return max(0.0, middle - half), min(1.0, middle + half)


def summary(name: str, rows: list[dict[str, object]]) -> dict[str, object]:
    """Return the last row of a model."""
    judged = [row for row in rows if "page" in row]
    same = sum(row["page"] == row["recording"] for row in judged)
    low, high = wilson(same, len(judged))
    return {
        "model": name,
        "kind": "all",
        "name": "(summary)",
        "page": f"{same} of {len(judged)} the same ({low:.2f} to {high:.2f})",
        "recording": "",
        "reason": f"{len(rows) - len(judged)} of {len(rows)} refused",
    }


def main() -> None:
    """Read the pages of a set once and judge each with every model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--models", nargs="+", type=Path, default=[None])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "verdicts.csv")
    arguments = parser.parse_args()
    models = [ekg.load(model) for model in arguments.models]
    rows: list[dict[str, object]] = []
    for case in SETS[arguments.set](arguments.shared):
        try:
            reading: Reading | EkgError = ekg.read_strip(case.page)
        except EkgError as error:
            reading = error
        for model in models:
            rows.append(row_of(model, case, reading))
            print(*(rows[-1].get(column, "") for column in COLUMNS), sep="  ", file=sys.stderr)
    names = list(dict.fromkeys(str(row["model"]) for row in rows))
    last = [summary(name, [row for row in rows if row["model"] == name]) for name in names]
    with atomic_open(arguments.out) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, *last])
    for row in last:
        print(*row.values(), sep="  ")


if __name__ == "__main__":
    main()
