"""Fetch the paper's published weights, history and predictions, verified."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--from",
        dest="from_path",
        type=Path,
        metavar="PATH",
        help="take the files from a local copy (flat, nested or an archive)",
    )
    parser.add_argument("--out", type=Path, help="default: the model's folder")


def run(arguments: argparse.Namespace) -> int:
    """Fetch or copy the six files and say where they are."""
    from ekg.datasets.published_model import fetch_published_model
    from ekg.paths import PUBLISHED_FOLDER, needs_clone

    if arguments.out is None:
        needs_clone("best-model without --out", "the folder best_model_for_paper")
    folder = arguments.out or PUBLISHED_FOLDER
    files = fetch_published_model(folder, from_path=arguments.from_path)
    print(f"published model: {len(files)} files in {folder}, all verified")
    return 0
