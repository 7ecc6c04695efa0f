"""The verb `simulate`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ekg.worker_options import add_worker_options


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the records")
    parser.add_argument(
        "--records", type=int, default=700, help="number of records (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=44, help="seed of the whole set (default: %(default)s)"
    )
    parser.add_argument(
        "--classes",
        help="comma-separated diagnoses in equal parts, e.g. Normal,AF "
        "(default: the seven classes and a few PAC, PVC and multi-label records)",
    )
    parser.add_argument(
        "--population",
        choices=("textbook", "hospital"),
        default="textbook",
        help="clear findings, or slight ones with others beside them (default: %(default)s)",
    )
    add_worker_options(parser)
    parser.add_argument("--overwrite", action="store_true", help="simulate existing records again")


def run_simulate(arguments: argparse.Namespace) -> int:
    """Simulate labelled 12-lead recordings as WFDB records."""
    from ekg.simulator.mix import check_classes
    from ekg.simulator.record_files import SimulationSettings, simulate_folder

    chosen = [name.strip() for name in (arguments.classes or "").split(",") if name.strip()]
    settings = SimulationSettings(
        seed=arguments.seed, classes=check_classes(chosen), population=arguments.population
    )
    made, kept = simulate_folder(
        arguments.out,
        arguments.records,
        settings,
        jobs=arguments.jobs,
        scheduler=arguments.scheduler,
        overwrite=arguments.overwrite,
    )
    print(f"{made:,} records simulated, {kept:,} kept, in {arguments.out}", file=sys.stderr)
    return 0
