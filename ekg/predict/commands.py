"""The verb `predict`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ekg.records.array_options import add_array_options
from ekg.worker_options import add_worker_options

if TYPE_CHECKING:
    from ekg.model.engines import Engine
    from ekg.predict.inputs import Input
    from ekg.predict.many import ReadingSettings
    from ekg.predict.predictor import Prediction

_INPUTS_A_PROCESS = 4
"""A process is started for this many inputs or more."""


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
        help="recording of any format, printed page (photograph, scan, PDF), image, folder, "
        "pattern, address (http://host/folder/), or - for paths on standard input",
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
    parser.add_argument(
        "--priors",
        metavar="SHARES",
        help="how frequent each class is where the model is used: AF=0.08,Normal=0.77,... or a "
        "JSON file (default: all equally frequent)",
    )
    parser.add_argument("--format", choices=("text", "json", "csv", "parquet"), default="text")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write to this file (parquet: a folder) instead of standard output",
    )
    parser.add_argument(
        "--resume", action="store_true", help="complete the FILE of an interrupted run"
    )
    parser.add_argument(
        "--engine",
        choices=("torch", "onnx"),
        help="inference engine (default: onnx where the model has an export of its weights)",
    )
    parser.add_argument(
        "--explain",
        metavar="DIR",
        help="write an explanation image for each prediction to this folder (in one process)",
    )
    add_worker_options(parser)
    add_array_options(parser)


def run_predict(arguments: argparse.Namespace) -> int:
    """Read records or images with a model: the diagnosis and its probability."""
    from dataclasses import replace

    from ekg.predict.inputs import expand
    from ekg.predict.many import ReadingSettings, identity_of, open_reader
    from ekg.predict.verdict_rules import read_priors

    _check(arguments)
    if arguments.scheduler is not None:  # its workers have folders of their own to start from
        _make_absolute(arguments)
    settings = ReadingSettings(
        arguments.model, arguments.engine, part=(arguments.begin, arguments.end)
    )
    engine = open_reader(settings)
    settings = replace(settings, expected=identity_of(engine))
    if arguments.priors is not None:
        priors = read_priors(arguments.priors, engine.classes)
        settings = replace(settings, priors=tuple(priors.tolist()))
    inputs = expand(arguments.paths, sys.stdin, fs=arguments.fs, unit=arguments.unit)
    read, refused = _write(arguments, settings, engine, inputs)
    print(
        f"{read} read, {refused} refused, by {engine.name}"
        f"{'' if arguments.model else ' (the default model)'}. Not for clinical use.",
        file=sys.stderr,
    )
    return 0 if read else 1


def _check(arguments: argparse.Namespace) -> None:
    from ekg.errors import EkgError

    if arguments.out is None and (arguments.resume or arguments.format == "parquet"):
        option = "--resume" if arguments.resume else "--format parquet"
        raise EkgError(f"{option} needs a file", remedy="give --out FILE")
    if arguments.format == "parquet":
        import pyarrow  # noqa: F401 - where it is missing, the command line says which extra
    if arguments.scheduler and arguments.explain:
        raise EkgError("--explain works on this machine", remedy="leave --scheduler out")


def _make_absolute(arguments: argparse.Namespace) -> None:
    arguments.paths = [
        p if p == "-" or "://" in p else str(Path(p).absolute()) for p in arguments.paths
    ]
    if arguments.model is not None:
        arguments.model = str(Path(arguments.model).absolute())


def _write(
    arguments: argparse.Namespace,
    settings: ReadingSettings,
    engine: Engine,
    inputs: Iterator[Input],
) -> tuple[int, int]:
    """Read the inputs and write the predictions; return how many were read, and refused."""
    from ekg.predict.formats import writer_for

    counts = {False: 0, True: 0}
    if arguments.out is None:
        writer = writer_for(arguments.format, engine.classes, sys.stdout)
        for prediction in _predictions(arguments, settings, engine, inputs):
            counts[prediction.error is not None] += 1
            writer.write(prediction)
        writer.finish()
        return counts[False], counts[True]

    from ekg.predict.output import Output
    from ekg.progress import Progress

    decisive = {
        "engine": settings.expected,
        "seed": settings.seed,
        "part": [*settings.part],
        "priors": None if settings.priors is None else [*settings.priors],
    }
    with (
        Output(
            arguments.out, arguments.format, engine.classes, decisive, resume=arguments.resume
        ) as output,
        Progress(None, "reading", "record") as progress,
    ):

        def unread() -> Iterator[Input]:
            for found, refused in output.missing(inputs):
                if refused is None:
                    yield found
                else:
                    counts[refused] += 1

        for prediction in _predictions(arguments, settings, engine, unread()):
            counts[prediction.error is not None] += 1
            output.write(prediction)
            progress.update()
        output.finish()
    return counts[False], counts[True]


def _predictions(
    arguments: argparse.Namespace,
    settings: ReadingSettings,
    engine: Engine,
    inputs: Iterator[Input],
) -> Iterator[Prediction]:
    """Read the inputs with as many processes as they are worth."""
    from itertools import chain, islice

    from ekg.cluster import open_workers
    from ekg.predict.many import predict_many, predictor_with, warm_up

    if arguments.explain is not None:
        from ekg.predict.predictor import explainable_model
        from ekg.predict.saliency import Explainer

        explainer = Explainer(explainable_model(engine), arguments.explain)
        predictor = predictor_with(settings, engine, explainer)
        yield from map(predictor.predict_input, inputs)
        return
    first = list(islice(inputs, _INPUTS_A_PROCESS * max(arguments.jobs, 1)))
    jobs = max(1, len(first) // _INPUTS_A_PROCESS) if arguments.jobs >= 1 else arguments.jobs
    size = (engine.image_size,)
    with open_workers(jobs, arguments.scheduler, warm_up, size) as workers:
        yield from predict_many(settings, chain(first, inputs), workers)
