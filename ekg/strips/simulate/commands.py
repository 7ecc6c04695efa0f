"""Simulate images of printed EKGs, with the ground truth of each."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_simulate_pages_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the pages")
    parser.add_argument(
        "--pages", type=int, default=100, help="how many pages (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=44, help="seed of the whole set (default: %(default)s)"
    )
    parser.add_argument(
        "--kind",
        help="screen, scan, copy, tilted, photographed, folded, stained or low (default: all)",
    )
    parser.add_argument(
        "--held-out", action="store_true", help="machines, fonts and layouts kept for testing"
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="simulate pages anew that are already there"
    )


def run_simulate_pages(arguments: argparse.Namespace) -> int:
    """Simulate images of printed EKGs, with the ground truth of each."""
    from ekg.strips.simulate.page_files import PageSettings, simulate_pages

    made, kept = simulate_pages(
        arguments.out,
        arguments.pages,
        PageSettings(seed=arguments.seed, held_out=arguments.held_out, kind=arguments.kind),
        jobs=arguments.jobs,
        overwrite=arguments.overwrite,
    )
    print(f"{made:,} pages simulated, {kept:,} kept, in {arguments.out}", file=sys.stderr)
    return 0
