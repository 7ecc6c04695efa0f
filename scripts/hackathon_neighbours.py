"""Print what knowing the person is worth in the hackathon's two ways of dividing.

    python scripts/hackathon_neighbours.py RECORDS [SEED ...]

RECORDS is a folder laid out as ptbdb; one that does not exist is filled with simulated records of
seven patients of each class. No network is trained: each test slice takes the class of the training
slice whose leads have the most similar ranges.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ekg.evaluation.hackathon_neighbours import neighbour_accuracy
from ekg.waveform.synthetic.ptbdb_like import PtbdbLikeSettings, simulate_ptbdb


def main(folder: str, *seeds: str) -> None:
    """Print a table with a row for each seed of slices and folds."""
    if not Path(folder).exists():
        simulate_ptbdb(folder, PtbdbLikeSettings(patients_per_class=7))
    print("| seed | divided by images | divided by patients |\n|---|---|---|")
    for seed in map(int, seeds or ("44",)):
        found = neighbour_accuracy(folder, seed=seed)
        cells = (
            f"{one['accuracy']:.3f} ({one['images']} slices of {one['patients']} patients)"
            for one in (found["images"], found["patients"])
        )
        print(f"| {seed} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
