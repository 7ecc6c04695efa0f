"""The verb `predict`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import sys

from ekg.records.array_options import add_array_options


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Exit status: 0 when anything was read, 1 when nothing was, 2 when the command could "
        "not start. Not for clinical use."
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="recording of any format, folder, image, pattern, or - for paths on standard input",
    )
    parser.add_argument(
        "--model",
        help="run folder, folder of best_model_for_paper/, weights file or exported .onnx "
        "(default: the default model)",
    )
    parser.add_argument(
        "--from",
        dest="begin",
        type=float,
        metavar="SECONDS",
        help="read each record from here on (default: its start)",
    )
    parser.add_argument(
        "--to",
        dest="end",
        type=float,
        metavar="SECONDS",
        help="read each record up to here (default: its end)",
    )
    parser.add_argument("--format", choices=("text", "json", "csv"), default="text")
    parser.add_argument(
        "--engine",
        choices=("torch", "onnx"),
        help="inference engine (default: the one for the model's file)",
    )
    parser.add_argument(
        "--explain",
        metavar="DIR",
        help="write an explanation image for each prediction to this folder",
    )
    add_array_options(parser)


def run_predict(arguments: argparse.Namespace) -> int:
    """Read records or images with a model: the diagnosis and its probability."""
    from ekg.model.engines import open_engine
    from ekg.paths import default_model
    from ekg.predict.formats import write_predictions
    from ekg.predict.inputs import expand
    from ekg.predict.predictor import Predictor, explainable_model
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    engine = open_engine(arguments.model or default_model(), arguments.engine)
    explainer = None
    if arguments.explain is not None:
        from ekg.predict.saliency import Explainer

        explainer = Explainer(explainable_model(engine), arguments.explain)
    predictor = Predictor(engine, explainer=explainer, part=(arguments.begin, arguments.end))
    inputs = expand(arguments.paths, sys.stdin, fs=arguments.fs, unit=arguments.unit)
    predictions = predictor.predict_all(inputs)
    read, refused = write_predictions(predictions, arguments.format, engine.classes, sys.stdout)
    print(
        f"{read} read, {refused} refused, by {engine.name}"
        f"{'' if arguments.model else ' (the default model)'}. Not for clinical use.",
        file=sys.stderr,
    )
    return 0 if read else 1
