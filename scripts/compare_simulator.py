"""Measure simulated and recorded EKGs in the same way and set them side by side.

    python scripts/compare_simulator.py --real data/cpsc2018/records [--records 60] [--write]

Prints, class by class, the median and the 10th to 90th percentile of each measure (see
`ekg.simulator.measures`) over single-label recordings. `--write` puts the short table
into docs/simulator_comparison.csv.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ekg.errors import RecordError
from ekg.files import write_text
from ekg.records.diagnoses import CLASSES, ECTOPY
from ekg.records.record import find_records, read_record
from ekg.simulator import simulate_record
from ekg.simulator.measures import measure

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EKG_SHARED", ROOT.parent / "shared"))
TABLE = ROOT / "docs" / "simulator_comparison.csv"
_SHORT = {
    "rate": "rate, 1/min",
    "rr_cv": "RR variation",
    "pr": "PR, s",
    "qrs": "QRS, s",
    "axis": "axis, deg",
    "r_V1": "R V1, mV",
    "s_V2": "S V2, mV",
    "r_V5": "R V5, mV",
    "s_V6": "S V6, mV",
    "st60_V2": "J+60 V2, mV",
    "st60_V5": "J+60 V5, mV",
    "t_V1": "T V1, mV",
    "t_V2": "T V2, mV",
    "t_V5": "T V5, mV",
    "wander_chest": "wander chest, mV",
    "muscle_limb": "muscle limb, mV",
    "muscle_chest": "muscle chest, mV",
}


def flat_measures(signal: np.ndarray) -> dict[str, float]:
    """Return the measures of one recording (12, N) at 500 Hz, leads joined as in `st60_V5`."""
    result: dict[str, float] = {}
    for name, value in measure(signal, 500).items():
        if isinstance(value, dict):
            result.update({f"{name}_{lead}": number for lead, number in value.items()})
        else:
            result[name] = value
    return result


def measure_real(folder: Path) -> list[dict[str, Any]]:
    """Measure all single-label recordings of a folder; what cannot be measured is named."""
    rows = []
    for path in find_records(folder):
        try:
            record = read_record(path)
            if len(record.diagnoses) == 1:
                rows.append(
                    {"kind": "real", "class": record.diagnoses[0], **flat_measures(record.signal)}
                )
        except (RecordError, ValueError) as error:
            print(f"{path.name}: not measured ({error})", file=sys.stderr)
    return rows


def measure_simulated(per_class: int, seed: int) -> list[dict[str, Any]]:
    """Measure `per_class` simulated recordings of each class."""
    rows = []
    for diagnosis in (*CLASSES, *ECTOPY):
        for number in range(1, per_class + 1):
            name = f"compare-{diagnosis}-{number:04d}"
            signal, _, _ = simulate_record(name, seed, [diagnosis])
            try:
                found = flat_measures(signal)
            except ValueError as error:
                print(f"{name}: not measured ({error})", file=sys.stderr)
                continue
            rows.append({"kind": "simulated", "class": diagnosis, **found})
    return rows


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return median, 10th and 90th percentile by measure, class and kind, one row each."""
    long = table.melt(["kind", "class"], var_name="measure")
    grouped = long.groupby(["measure", "class", "kind"], sort=False)["value"]
    return grouped.describe(percentiles=[0.1, 0.5, 0.9])[
        ["count", "10%", "50%", "90%"]
    ].reset_index()


def as_markdown(rows: pd.DataFrame) -> str:
    """Return the short table: one row a measure, real over simulated in each class."""
    classes = [c for c in (*CLASSES, *ECTOPY) if c in set(rows["class"])]
    cells: dict[tuple[str, str, str], tuple[float, ...]] = {}
    for name, diagnosis, kind, *values in rows.to_numpy().tolist():
        cells[name, kind, diagnosis] = tuple(float(value) for value in values)
    lines = [
        "Median (10th to 90th percentile); first line recorded, second line simulated.",
        "",
        "| measure | " + " | ".join(classes) + " |",
        "|---" * (len(classes) + 1) + "|",
    ]

    def line(title: str, measure: str, form: str) -> str:
        pairs = [
            "<br>".join(_cell(cells[measure, kind, c], form) for kind in ("real", "simulated"))
            for c in classes
        ]
        return f"| {title} | " + " | ".join(pairs) + " |"

    lines.append(line("recordings", "rate", "{0:.0f}"))
    lines += [line(title, name, "{2:.3g} ({1:.3g} to {3:.3g})") for name, title in _SHORT.items()]
    return "\n".join(lines) + "\n"


def _cell(values: tuple[float, ...], form: str) -> str:
    return form.format(*values) if values[0] else "-"


def main() -> None:
    """Parse the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description="Compare simulated with recorded EKGs.")
    parser.add_argument("--real", type=Path, default=SHARED / "real" / "cpsc2018")
    parser.add_argument("--records", type=int, default=60, help="simulated records a class")
    parser.add_argument("--seed", type=int, default=44)
    parser.add_argument("--write", action="store_true", help="write the CSV file")
    arguments = parser.parse_args()
    rows = measure_real(arguments.real) + measure_simulated(arguments.records, arguments.seed)
    result = summary(pd.DataFrame(rows))
    real = set(result.loc[(result["kind"] == "real") & (result["count"] > 0), "class"])
    result = result[result["class"].isin(real & {*CLASSES, *ECTOPY})]
    text = result.to_csv(index=False, float_format="%.4g", lineterminator="\n")
    table = as_markdown(pd.read_csv(io.StringIO(text)))
    print(table, end="")
    if arguments.write:
        write_text(TABLE, text)


if __name__ == "__main__":
    main()
