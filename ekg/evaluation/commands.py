"""Judge a model on folds of an image set: predictions, metrics with intervals, saliency."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ekg.errors import EvaluationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m ekg evaluate`."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="a run folder, a folder of best_model_for_paper/ or a weights file "
        "(default: the default model)",
    )
    parser.add_argument("--images", required=True, type=Path, metavar="DIR", help="the image set")
    parser.add_argument(
        "--split", required=True, type=Path, metavar="FILE", help="CSV with record and split"
    )
    parser.add_argument(
        "--fold",
        nargs="+",
        action="extend",
        choices=("train", "val", "test"),
        metavar="FOLD",
        help="train, val or test; several may be given (default: test)",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="where the results go (the run)"
    )
    parser.add_argument(
        "--resamples",
        type=int,
        default=10_000,
        metavar="N",
        help="resamples of records for the intervals; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=44, help="seed of the resampling (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="images at once (%(default)s)"
    )
    parser.add_argument(
        "--saliency", action="store_true", help="leave saliency.npz: what the network looks at"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print the main figures and every note."""
    from ekg.evaluation.evaluate import EvaluationSettings, evaluate
    from ekg.evaluation.published import reproduced_lines
    from ekg.evaluation.runs import fold_summary
    from ekg.paths import default_model
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    if arguments.resamples < 0:
        raise EvaluationError("--resamples is negative", remedy="give 0 or more")
    if arguments.batch_size < 1:
        raise EvaluationError("--batch-size is below 1", remedy="give at least 1")
    model = arguments.model or default_model()
    folds = tuple(dict.fromkeys(arguments.fold or ["test"]))
    metrics, notes = evaluate(
        EvaluationSettings(
            model=model,
            images=arguments.images,
            split=arguments.split,
            folds=folds,
            out=arguments.out,
            resamples=arguments.resamples,
            seed=arguments.seed,
            batch_size=arguments.batch_size,
            saliency=arguments.saliency,
        )
    )
    for fold in folds:
        print("\n".join(fold_summary(metrics, fold)))
    for line in reproduced_lines(metrics):
        print(line)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"results: {arguments.out}, by {model}")
    return 0
