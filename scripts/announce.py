"""Print what `make reproduce` is about to do: data, recipe, time and disk. Standard library alone.

python scripts/announce.py --data NAME --run FOLDER --experiment FILE [--gpu NAME] ...
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

_IMAGE_BYTES = 640_000  # a packed image of 800 x 800
_IMAGES_PER_RECORD = 4.2  # of the simulator's lengths, by the paper's rule of slices


def draws_from_records(experiment: str) -> bool:
    """Return whether a recipe draws while it trains, and so needs no packed images."""
    # By its line: the Python that builds the environment may be too old to read TOML.
    text = Path(experiment).read_text(encoding="utf-8")
    return re.search(r'^source = "records"', text, re.MULTILINE) is not None


def lines(arguments: argparse.Namespace) -> list[str]:
    """Return the lines to print."""
    time = (
        f"GPU: {arguments.gpu}; the full schedule takes minutes to two hours"
        if arguments.gpu
        else "no GPU: at most 15 minutes on 2 idle cores with the default data and recipe"
    )
    disk = "about 6 GB for .venv (TORCH=cpu: 2 GB) and " if arguments.environment else ""
    disk += f"{_IMAGE_BYTES // 1000} kB per image"
    if arguments.simulated and not draws_from_records(arguments.experiment):
        size = arguments.simulated * _IMAGES_PER_RECORD * _IMAGE_BYTES / 1e9
        disk += f" (about {size:.0f} GB for {arguments.simulated} records)"
    return [
        f"{arguments.data} -> images, split, training, evaluation, comparison, figures: "
        f"{arguments.run}, with {arguments.experiment}",
        f"{time}; disk: {disk}",
    ]


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="data set or folder of records")
    parser.add_argument("--run", required=True, help="run folder")
    parser.add_argument("--experiment", required=True, help="training recipe")
    parser.add_argument("--gpu", default="", help="name of the GPU, if there is one")
    parser.add_argument("--simulated", type=int, default=0, help="number of simulated records")
    parser.add_argument("--environment", action="store_true", help=".venv has to be built")
    print("\n".join(lines(parser.parse_args())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
