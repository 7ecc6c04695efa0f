"""Train a network that reads printed EKGs: the segmentation of the page, or the lead names."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_train_strips_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--experiment", type=Path, required=True, help="the recipe: experiments/strips/*.toml"
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
    parser.add_argument("--steps", type=int, help="stop, to be resumed, after so many steps in all")
    parser.add_argument(
        "--store", action="store_true", help="put the network into the package, with its card"
    )
    parser.add_argument(
        "--check-start", action="store_true", help="repeat the first steps of the stored network"
    )


def run_train_strips(arguments: argparse.Namespace) -> int:
    """Train a network that reads printed EKGs: the segmentation of the page, or the lead names."""
    from ekg.files import folder_lock
    from ekg.strips.learn.loop import ONNX, train
    from ekg.strips.learn.recipe import load_recipe
    from ekg.strips.learn.store import repeat_start, store

    recipe = load_recipe(arguments.experiment)
    jobs = max(arguments.jobs, 1)
    if arguments.check_start:
        steps = repeat_start(recipe, arguments.data, jobs)
        print(f"{recipe.network}: the first {steps} steps give the stored weights", file=sys.stderr)
        return 0
    with folder_lock(arguments.folder, "training"):
        training = train(recipe, arguments.folder, arguments.data, jobs=jobs, steps=arguments.steps)
        if arguments.store:
            store(training, arguments.folder)
    print(
        f"{recipe.network}: {training.done:,} steps in {training.seconds / 60:.1f} minutes, "
        f"network in {arguments.folder / ONNX}",
        file=sys.stderr,
    )
    return 0
