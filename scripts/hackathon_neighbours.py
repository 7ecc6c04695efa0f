"""Print what knowing the person is worth in the hackathon's two ways of dividing.

    python scripts/hackathon_neighbours.py RECORDS [SEED ...] [--write]

RECORDS is a folder laid out as ptbdb; one that does not exist is filled with simulated records of
seven patients of each class. No network is trained: each test slice takes the class of the training
slice whose leads have the most similar ranges. `--write` puts the figures into
benchmarks/hackathon_neighbours.csv and the table into docs/hackathon.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from ekg.files import write_text
from ekg.hackathon.neighbours import neighbour_accuracy
from ekg.hackathon.simulated import PtbdbLikeSettings, simulate_ptbdb
from ekg.markdown import replace_block

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "benchmarks" / "hackathon_neighbours.csv"
_WAYS = ("images", "patients")


def measure(folder: Path, seeds: list[int]) -> pd.DataFrame:
    """Return a row for each seed of slices and folds, and each way of dividing."""
    rows = []
    for seed in seeds:
        found = neighbour_accuracy(folder, seed=seed)
        for way in _WAYS:
            accuracy = round(found[way]["accuracy"], 6)
            counts = {key: int(found[way][key]) for key in ("images", "patients")}
            rows.append({"seed": seed, "divided_by": way, "accuracy": accuracy, **counts})
    return pd.DataFrame(rows)


def as_markdown(table: pd.DataFrame) -> list[str]:
    """Return the table with a row for each seed."""
    lines = ["| seed | divided by images | divided by patients |", "|---|---|---|"]
    for seed, rows in table.groupby("seed", sort=False):
        by_way = {str(row["divided_by"]): row for row in rows.to_dict("records")}
        cells = (
            f"{by_way[way]['accuracy']:.3f} ({by_way[way]['images']} slices of "
            f"{by_way[way]['patients']} patients)"
            for way in _WAYS
        )
        lines.append(f"| {seed} | {' | '.join(cells)} |")
    return lines


def table_lines() -> list[str]:
    """Return the page's table, from the CSV file."""
    return as_markdown(pd.read_csv(TABLE))


def main() -> None:
    """Parse the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description="What knowing the person is worth.")
    parser.add_argument("records", type=Path, help="folder laid out as ptbdb, or one to be made")
    parser.add_argument("seeds", type=int, nargs="*", default=[44], help="default: 44")
    parser.add_argument("--write", action="store_true", help="renew the CSV file and the page")
    arguments = parser.parse_args()
    if not arguments.records.exists():
        simulate_ptbdb(arguments.records, PtbdbLikeSettings(patients_per_class=7))
    table = measure(arguments.records, arguments.seeds)
    lines = as_markdown(table)
    print("\n".join(lines))
    if arguments.write:
        write_text(TABLE, table.to_csv(index=False, lineterminator="\n"))
        replace_block(ROOT / "docs" / "hackathon.md", "neighbours", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
