"""Options of every verb that works in parallel."""

from __future__ import annotations

import argparse
import os


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Declare `-j` and `--scheduler`."""
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="work on this Dask cluster instead, e.g. tcp://host:8786 (extra `cluster`)",
    )
