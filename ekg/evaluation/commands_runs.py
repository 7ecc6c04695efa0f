"""List runs with the settings in which they differ and their main figures."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m ekg runs`."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("runs"),
        metavar="DIR",
        help="a folder of runs (default: %(default)s)",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="default: %(default)s"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    import json

    from ekg.evaluation.runs import as_json, find_runs, read_run, run_lines

    entries = [read_run(folder) for folder in find_runs(arguments.folder)]
    if arguments.format == "json":
        print(json.dumps(as_json(entries), indent=2))
    else:
        print("\n".join(run_lines(entries)))
    return 0
