"""Write recordings of any format as WFDB, without anything personal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ekg.records.array_options import add_array_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Names, dates, ids and free text stay behind unless --keep-metadata is given. The name "
        "of the new record is that of the file. Exit status: 0 when everything was written, 1 "
        "when some files were refused, 2 when the command could not start."
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="FILE", help="recordings, or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the WFDB records")
    parser.add_argument(
        "--keep-metadata",
        action="store_true",
        help="also write what the file says of patient, place and time",
    )
    parser.add_argument(
        "--labels",
        choices=("machine",),
        help="write a `Dx` line where the machine's own statements name exactly one class",
    )
    add_array_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Convert every file; refused ones are named and the others written."""
    from ekg.datasets.conversion import convert
    from ekg.errors import EkgError

    written = refused = 0
    for path, outcome in convert(
        arguments.paths,
        arguments.out,
        keep_metadata=arguments.keep_metadata,
        machine_labels=arguments.labels == "machine",
        fs=arguments.fs,
        unit=arguments.unit,
    ):
        if isinstance(outcome, EkgError):
            refused += 1
            print(f"refused {outcome}", file=sys.stderr)
            continue
        written += 1
        print(f"{path}: {outcome.header}")
        for note in outcome.notes:
            print(f"  {note}")
    print(f"{written} written to {arguments.out}, {refused} refused. Not for clinical use.")
    return 1 if refused else 0
