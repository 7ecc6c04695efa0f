"""Print a short table of a run: data, training, results, comparison, and where they lie."""

from __future__ import annotations

import argparse
import time
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--run", dest="run_folder", type=Path, required=True, metavar="DIR")
    parser.add_argument("--images", type=Path, help="the image set's folder")
    parser.add_argument("--figures", type=Path, help="the folder of figures and report")
    parser.add_argument(
        "--started", type=int, metavar="SECONDS", help="when the work began (Unix time)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from ekg.evaluation.runs import run_summary

    for line in run_summary(arguments.run_folder, arguments.images, arguments.figures):
        print(line)
    if arguments.started:
        print(f"time      {(time.time() - arguments.started) / 60:.1f} minutes in all")
    return 0
