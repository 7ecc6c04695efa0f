"""Build the page that reads an EKG in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model",
        type=Path,
        help="run folder, folder of best_model_for_paper/ or weights file "
        "(default: the default model)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/page"), help="folder (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Build the page and say what is in it."""
    from ekg.paths import default_model
    from page.build import build_page

    model = arguments.model or default_model()
    built = build_page(model, arguments.out)
    print(
        f"{built.folder}: {built.size_bytes / 1e6:.1f} MB, model {model}, largest difference from "
        f"torch {built.export.largest_difference:.1e} over {built.export.pictures} pictures. "
        "Not for clinical use."
    )
    return 0
