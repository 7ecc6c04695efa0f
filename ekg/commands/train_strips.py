"""Train a network that reads printed EKGs: the segmentation of the page, or the lead names."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--experiment", type=Path, required=True, help="the recipe: experiments/strip_*.toml"
    )
    parser.add_argument(
        "--run", dest="folder", type=Path, required=True, help="for checkpoint and network"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data/strips"),
        help="folder for what is simulated (default: %(default)s)",
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=1, help="processes that simulate (default: 1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, or resume where the checkpoint stands."""
    from ekg.files import folder_lock
    from ekg.strips.learn.loop import ONNX, train
    from ekg.strips.learn.recipe import load_recipe

    recipe = load_recipe(arguments.experiment)
    with folder_lock(arguments.folder, "training"):
        training = train(recipe, arguments.folder, arguments.data, jobs=max(arguments.jobs, 1))
    print(
        f"{recipe.network}: {training.done:,} steps in {training.seconds / 60:.1f} minutes, "
        f"network in {arguments.folder / ONNX}",
        file=sys.stderr,
    )
    return 0
