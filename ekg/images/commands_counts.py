"""Count the images of each class, as CSV on standard output, most first."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's arguments."""
    parser.add_argument("folder", type=Path, help="image set, its `all` folder or its manifest")


def run(arguments: argparse.Namespace) -> int:
    """Print one line a class, e.g. `"RBBB",4411`."""
    from ekg.images.manifest import count_images

    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerows(count_images(arguments.folder).items())
    return 0
