"""The verb `store`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--run", dest="run_folder", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="best_model_for_paper/<date>_<name>; the default model is named in `default` there",
    )
    parser.add_argument(
        "--command", help="what made the run, for the card; default: the training's command line"
    )
    parser.add_argument(
        "--external",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="results of `python -m ekg external` with this model and with the published one; "
        "default: the run's folder `external`, if it has one",
    )


def run_store(arguments: argparse.Namespace) -> int:
    """Keep a finished run as a stored model, with model.onnx and a model card."""
    from ekg.store.stored_model import store_model

    names = store_model(arguments.run_folder, arguments.out, arguments.command, arguments.external)
    print(f"{arguments.out}: {', '.join(names)}")
    return 0
