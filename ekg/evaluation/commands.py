"""Verbs: `compare`, `evaluate`, `external`, `runs`, `summary`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ekg.errors import EvaluationError
from ekg.records.array_options import add_array_options
from ekg.worker_options import add_worker_options


def add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m ekg compare`."""
    parser.add_argument(
        "a", type=Path, metavar="A", help="a run, a stored model, predictions or published results"
    )
    parser.add_argument(
        "b",
        type=Path,
        nargs="?",
        metavar="B",
        help="what to compare with (default: the default model; for that itself the published one)",
    )
    parser.add_argument(
        "--fold", default="test", choices=("train", "val", "test"), help="default: %(default)s"
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="image set to run B on, where it has no results on A's data (default: A's own)",
    )
    parser.add_argument("--split", type=Path, metavar="FILE", help="split file of that image set")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where comparison.json and .md go (default: A)"
    )
    parser.add_argument(
        "--at-least",
        action="append",
        default=[],
        metavar="METRIC=DELTA",
        help="exit with status 1 unless A's METRIC exceeds B's by at least DELTA (may be negative)",
    )
    parser.add_argument(
        "--allow-different-data",
        action="store_true",
        help="show results on different data side by side, without differences",
    )
    parser.add_argument(
        "--resamples", type=int, default=10_000, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=int, default=44, help="seed of the resampling (default: %(default)s)"
    )


def run_compare(arguments: argparse.Namespace) -> int:
    """Compare two models, or a model with published results, on the same records."""
    from ekg.errors import EvaluationError
    from ekg.evaluation.comparison import check_demands, compare_sides, parse_demand
    from ekg.evaluation.comparison_report import markdown_report, terminal_lines
    from ekg.evaluation.sides import ImageSet, baseline_of, first_side, image_set_of, second_side
    from ekg.files import write_json, write_text
    from ekg.run import COMPARISON_FILE
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    demands = [parse_demand(text) for text in arguments.at_least]
    if (arguments.images is None) != (arguments.split is None):
        raise EvaluationError("--images and --split must be given together", remedy="give both")
    out = arguments.out or (arguments.a if arguments.a.is_dir() else Path())
    images = (
        ImageSet(arguments.images, arguments.split)
        if arguments.images is not None
        else image_set_of(arguments.a)
    )
    # Without a named B there is nothing to refuse: the default is shown for what it is.
    lenient = arguments.allow_different_data or arguments.b is None
    a = first_side(arguments.a, arguments.fold, images, out)
    b = second_side(a, arguments.b or baseline_of(arguments.a), images, out)
    content = compare_sides(
        a, b, allow_different_data=lenient, resamples=arguments.resamples, seed=arguments.seed
    )
    if published := _published_beside(a, content, arguments):
        content["published"] = published
    content["at_least"] = check_demands(content, demands)
    write_text(out / "comparison.md", markdown_report(content))
    write_json(out / COMPARISON_FILE, content)  # last: it stands for both
    print("\n".join(terminal_lines(content)))
    for result in content["at_least"]:
        state = "met" if result["met"] else "not met"
        print(f"at least {result['demand']}: {state} ({result['difference']:+.4f})")
    print(f"written: {out / COMPARISON_FILE}, {out / 'comparison.md'}")
    return 0 if all(result["met"] for result in content["at_least"]) else 1


def _published_beside(
    a: Any, content: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, Any] | None:
    """Return A beside the published model's own results, unless B or A is that model."""
    from ekg.evaluation.comparison import compare_sides
    from ekg.evaluation.published import PUBLISHED_METRICS_FILE
    from ekg.evaluation.sides import DIFFERENT, load_side, relation
    from ekg.paths import PUBLISHED_FOLDER, PUBLISHED_MODEL

    published = load_side(PUBLISHED_FOLDER, arguments.fold)
    if published is None:
        return None
    if content["b"]["name"] == PUBLISHED_MODEL and content["relation"] == relation(a, published):
        return None
    if content["a"]["name"] == PUBLISHED_MODEL:
        return None
    if relation(a, published) == DIFFERENT:
        # The stored figures have their intervals already; nothing is drawn for a mere glance.
        published = load_side(PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE, arguments.fold)
        assert published is not None
    return compare_sides(
        a,
        published,
        allow_different_data=True,
        resamples=arguments.resamples,
        seed=arguments.seed,
    )


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
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
        help="train, val or test; one or more (default: test)",
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
        "--batch-size", type=int, default=32, metavar="N", help="batch size (%(default)s)"
    )
    parser.add_argument(
        "--saliency", action="store_true", help="also write saliency.npz: what the network looks at"
    )


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Evaluate a model on folds of an image set: predictions, metrics with intervals, saliency."""
    from ekg.evaluation.evaluate import EvaluationSettings, evaluate
    from ekg.evaluation.published import reproduced_lines
    from ekg.evaluation.runs import fold_summary
    from ekg.paths import default_model
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    if arguments.resamples < 0:
        raise EvaluationError("--resamples must not be negative", remedy="use 0 or more")
    if arguments.batch_size < 1:
        raise EvaluationError("--batch-size must be at least 1", remedy="use 1 or more")
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


def add_external_arguments(parser: argparse.ArgumentParser) -> None:
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
        help="keep records with other findings beside their class (never beside Normal)",
    )
    parser.add_argument(
        "--least-likelihood",
        type=float,
        default=50.0,
        metavar="PERCENT",
        help="likelihood from which a diagnostic SCP statement counts (default: %(default)g)",
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
        "--seed", type=int, default=44, help="seed of the sample and intervals (%(default)s)"
    )
    add_worker_options(parser)
    add_array_options(parser)


def run_external(arguments: argparse.Namespace) -> int:
    """Evaluate a model on another hospital's records."""
    from ekg.errors import EvaluationError
    from ekg.evaluation.external import ExternalSettings, evaluate_external
    from ekg.evaluation.external_report import summary_of
    from ekg.paths import default_model

    if arguments.limit is not None and arguments.limit < 1:
        raise EvaluationError("--limit must be at least 1", remedy="use 1 or more")
    if arguments.resamples < 0:
        raise EvaluationError("--resamples must not be negative", remedy="use 0 or more")
    if not 0 <= arguments.least_likelihood <= 100:
        raise EvaluationError("--least-likelihood must be a percentage", remedy="give 0 to 100")
    machine = arguments.labels == "machine"
    model = arguments.model or default_model()
    content = evaluate_external(
        ExternalSettings(
            model=model,
            records=arguments.records,
            out=arguments.out,
            labels=None if machine or arguments.labels is None else Path(arguments.labels),
            machine_labels=machine,
            jobs=arguments.jobs,
            scheduler=arguments.scheduler,
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


def add_runs_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m ekg runs`."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("runs"),
        metavar="DIR",
        help="a folder of runs (default: %(default)s)",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="default: %(default)s"
    )


def run_runs(arguments: argparse.Namespace) -> int:
    """List runs with the settings that differ and their main metrics."""
    import json

    from ekg.evaluation.runs import as_json, find_runs, read_run, run_lines

    entries = [read_run(folder) for folder in find_runs(arguments.folder)]
    if arguments.format == "json":
        print(json.dumps(as_json(entries), indent=2))
    else:
        print("\n".join(run_lines(entries)))
    return 0


def add_summary_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--run", dest="run_folder", type=Path, required=True, metavar="DIR")
    parser.add_argument("--images", type=Path, help="the image set's folder")
    parser.add_argument("--figures", type=Path, help="the folder of figures and report")
    parser.add_argument(
        "--started", type=int, metavar="SECONDS", help="when the work began (Unix time)"
    )


def run_summary(arguments: argparse.Namespace) -> int:
    """Print a short table of a run: data, training, results, comparison, and where they are."""
    from ekg.evaluation.runs import run_summary

    for line in run_summary(arguments.run_folder, arguments.images, arguments.figures):
        print(line)
    if arguments.started:
        print(f"time      {(time.time() - arguments.started) / 60:.1f} minutes in total")
    return 0
