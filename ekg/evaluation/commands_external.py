"""Evaluate a model on another hospital's records."""

from __future__ import annotations

import argparse
from pathlib import Path

from ekg.records.array_options import add_array_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="a run folder, a folder of best_model_for_paper/ or a weights file "
        "(default: the default model)",
    )
    parser.add_argument(
        "--records", type=Path, required=True, metavar="DIR", help="a folder of recordings"
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="a table of statements (ptbxl_database.csv, or columns record,diagnoses); default: "
        "the headers' own; `machine`: what the recording machine itself states",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the results")
    parser.add_argument("--name", help="the data's name in the report; default: the folder's")
    parser.add_argument(
        "--allow-findings",
        action="store_true",
        help="keep records that have other findings beside their class (never beside Normal)",
    )
    parser.add_argument(
        "--least-likelihood",
        type=float,
        default=50.0,
        metavar="PERCENT",
        help="a diagnostic SCP statement names a class from here on (default: %(default)g)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="read a random sample of N records")
    parser.add_argument(
        "--resamples",
        type=int,
        default=10_000,
        metavar="N",
        help="resamples of records for the intervals; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=44, help="of sample and intervals (%(default)s)"
    )
    add_array_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the main figures."""
    from ekg.errors import EvaluationError
    from ekg.evaluation.external import ExternalSettings, evaluate_external
    from ekg.evaluation.external_report import summary_of
    from ekg.paths import default_model

    if arguments.limit is not None and arguments.limit < 1:
        raise EvaluationError("--limit is below 1", remedy="give at least 1")
    if arguments.resamples < 0:
        raise EvaluationError("--resamples is negative", remedy="give 0 or more")
    if not 0 <= arguments.least_likelihood <= 100:
        raise EvaluationError("--least-likelihood is no percentage", remedy="give 0 to 100")
    machine = arguments.labels == "machine"
    model = arguments.model or default_model()
    content = evaluate_external(
        ExternalSettings(
            model=model,
            records=arguments.records,
            out=arguments.out,
            labels=None if machine or arguments.labels is None else Path(arguments.labels),
            machine_labels=machine,
            fs=arguments.fs,
            unit=arguments.unit,
            name=arguments.name,
            allow_findings=arguments.allow_findings,
            least_likelihood=arguments.least_likelihood,
            limit=arguments.limit,
            resamples=arguments.resamples,
            seed=arguments.seed,
        )
    )
    print("\n".join(summary_of(content)))
    print(f"report: {arguments.out / 'external.md'}, by {model}. Not for clinical use.")
    return 0
