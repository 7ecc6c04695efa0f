"""Verbs: `compare`, `evaluate`, `external`, `runs`, `summary`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from ekg.errors import EvaluationError
from ekg.options import CORES, Fs, Jobs, Option, Scheduler, Unit
from ekg.paths import Place

Model = Annotated[
    Path | None,
    Option(
        "a run folder, a folder of best_model_for_paper/ or a weights file "
        "(default: the default model)",
        "MODEL",
    ),
]
Resamples = Annotated[
    int, Option("resamples of records for the intervals; 0 for none (default: %(default)s)", "N")
]


def run_compare(
    a: Annotated[Path, Option("a run, a stored model, predictions or published results", "A")],
    b: Annotated[
        Path | None,
        Option(
            "what to compare with (default: the default model; for that itself the published one)",
            "B",
        ),
    ] = None,
    *,
    fold: Annotated[Literal["train", "val", "test"], "default: %(default)s"] = "test",
    images: Annotated[
        Path | None,
        Option(
            "image set to run B on, where it has no results on A's data (default: A's own)", "DIR"
        ),
    ] = None,
    split: Annotated[Path | None, Option("split file of that image set", "FILE")] = None,
    out: Annotated[
        Path | None, Option("where comparison.json and .md go (default: A)", "DIR")
    ] = None,
    at_least: Annotated[
        Sequence[str],
        Option(
            "exit with status 1 unless A's METRIC exceeds B's by at least DELTA (may be negative)",
            "METRIC=DELTA",
            repeated=True,
        ),
    ] = (),
    allow_different_data: Annotated[
        bool, "show results on different data side by side, without differences"
    ] = False,
    resamples: Annotated[int, Option("default: %(default)s", "N")] = 10_000,
    seed: Annotated[int, "seed of the resampling (default: %(default)s)"] = 44,
) -> int:
    """Compare two models, or a model with published results, on the same records."""
    from ekg.errors import EvaluationError
    from ekg.evaluation.comparison import check_demands, compare_sides, parse_demand
    from ekg.evaluation.comparison_report import markdown_report, terminal_lines
    from ekg.evaluation.sides import ImageSet, baseline_of, first_side, image_set_of, second_side
    from ekg.files import write_json, write_text
    from ekg.run import COMPARISON_FILE
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    demands = [parse_demand(text) for text in at_least]
    if (images is None) != (split is None):
        raise EvaluationError("--images and --split must be given together", remedy="give both")
    out = out or (a if a.is_dir() else Path())
    image_set = (
        ImageSet(images, split) if images is not None and split is not None else image_set_of(a)
    )
    # Without a named B there is nothing to refuse: the default is shown for what it is.
    lenient = allow_different_data or b is None
    first = first_side(a, fold, image_set, out)
    second = second_side(first, b or baseline_of(a), image_set, out)
    content = compare_sides(
        first, second, allow_different_data=lenient, resamples=resamples, seed=seed
    )
    if published := _published_beside(first, content, fold):
        content["published"] = compare_sides(
            first, published, allow_different_data=True, resamples=resamples, seed=seed
        )
    content["at_least"] = check_demands(content, demands)
    write_text(out / "comparison.md", markdown_report(content))
    write_json(out / COMPARISON_FILE, content)  # last: it stands for both
    print("\n".join(terminal_lines(content)))
    for result in content["at_least"]:
        state = "met" if result["met"] else "not met"
        print(f"at least {result['demand']}: {state} ({result['difference']:+.4f})")
    print(f"written: {out / COMPARISON_FILE}, {out / 'comparison.md'}")
    return 0 if all(result["met"] for result in content["at_least"]) else 1


def _published_beside(a: Any, content: dict[str, Any], fold: str) -> Any:
    """Return the published model's own results to show beside A, unless B or A is that model."""
    from ekg.evaluation.published import PUBLISHED_METRICS_FILE
    from ekg.evaluation.sides import DIFFERENT, load_side, relation
    from ekg.paths import PUBLISHED_FOLDER, PUBLISHED_MODEL

    published = load_side(PUBLISHED_FOLDER, fold)
    if published is None:
        return None
    if content["b"]["name"] == PUBLISHED_MODEL and content["relation"] == relation(a, published):
        return None
    if content["a"]["name"] == PUBLISHED_MODEL:
        return None
    if relation(a, published) == DIFFERENT:
        # The stored figures have their intervals already; nothing is drawn for a mere glance.
        return load_side(PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE, fold)
    return published


def run_evaluate(
    *,
    model: Model = None,
    images: Annotated[Path, Option("the image set", "DIR")],
    split: Annotated[Path, Option("CSV with record and split", "FILE")],
    fold: Annotated[
        list[Literal["train", "val", "test"]] | None,
        Option("train, val or test; one or more (default: test)", "FOLD"),
    ] = None,
    out: Annotated[Path, Option("where the results go (the run)", "DIR")],
    resamples: Resamples = 10_000,
    seed: Annotated[int, "seed of the resampling (default: %(default)s)"] = 44,
    batch_size: Annotated[int, Option("batch size (%(default)s)", "N")] = 32,
    saliency: Annotated[bool, "also write saliency.npz: what the network looks at"] = False,
) -> int:
    """Evaluate a model on folds of an image set: predictions, metrics with intervals, saliency."""
    from ekg.evaluation.evaluate import EvaluationSettings, evaluate
    from ekg.evaluation.published import reproduced_lines
    from ekg.evaluation.runs import fold_summary
    from ekg.paths import default_model
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    if resamples < 0:
        raise EvaluationError("--resamples must not be negative", remedy="use 0 or more")
    if batch_size < 1:
        raise EvaluationError("--batch-size must be at least 1", remedy="use 1 or more")
    model = model or default_model()
    folds = tuple(dict.fromkeys(fold or ["test"]))
    metrics, notes = evaluate(
        EvaluationSettings(
            model=model,
            images=images,
            split=split,
            folds=folds,
            out=out,
            resamples=resamples,
            seed=seed,
            batch_size=batch_size,
            saliency=saliency,
        )
    )
    for name in folds:
        print("\n".join(fold_summary(metrics, name)))
    for line in reproduced_lines(metrics):
        print(line)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(f"results: {out}, by {model}")
    return 0


Priors = Annotated[
    str | None,
    Option(
        "also report the metrics for classes that are as frequent as this: "
        "AF=0.08,Normal=0.77,... or a JSON file",
        "SHARES",
    ),
]


def run_external(
    *,
    model: Model = None,
    records: Annotated[Place, Option("a folder of recordings, or its address", "DIR")],
    labels: Annotated[
        str | None,
        Option(
            "a table of statements (ptbxl_database.csv, or columns record,diagnoses); default: "
            "the headers' own; `machine`: what the recording machine itself states",
            "FILE",
        ),
    ] = None,
    out: Annotated[Path, Option("the results", "DIR")],
    name: Annotated[str | None, "the data's name in the report; default: the folder's"] = None,
    allow_findings: Annotated[
        bool, "keep records with other findings beside their class (never beside Normal)"
    ] = False,
    least_likelihood: Annotated[
        float,
        Option(
            "likelihood from which a diagnostic SCP statement counts (default: %(default)g)",
            "PERCENT",
        ),
    ] = 50.0,
    priors: Priors = None,
    outside: Annotated[
        bool,
        "also read recordings that show none of the classes: which verdicts are withheld",
    ] = False,
    limit: Annotated[int | None, Option("read a random sample of N records", "N")] = None,
    resamples: Resamples = 10_000,
    seed: Annotated[int, "seed of the sample and intervals (%(default)s)"] = 44,
    jobs: Jobs = CORES,
    scheduler: Scheduler = None,
    fs: Fs = None,
    unit: Unit = None,
) -> int:
    """Evaluate a model on another hospital's records."""
    from ekg.errors import EvaluationError
    from ekg.evaluation.external import ExternalSettings, evaluate_external
    from ekg.evaluation.external_report import summary_of
    from ekg.paths import default_model

    if limit is not None and limit < 1:
        raise EvaluationError("--limit must be at least 1", remedy="use 1 or more")
    if resamples < 0:
        raise EvaluationError("--resamples must not be negative", remedy="use 0 or more")
    if not 0 <= least_likelihood <= 100:
        raise EvaluationError("--least-likelihood must be a percentage", remedy="give 0 to 100")
    machine = labels == "machine"
    model = model or default_model()
    content = evaluate_external(
        ExternalSettings(
            model=model,
            records=records,
            out=out,
            labels=None if machine or labels is None else Path(labels),
            machine_labels=machine,
            jobs=jobs,
            scheduler=scheduler,
            priors=priors,
            outside=outside,
            fs=fs,
            unit=unit,
            name=name,
            allow_findings=allow_findings,
            least_likelihood=least_likelihood,
            limit=limit,
            resamples=resamples,
            seed=seed,
        )
    )
    print("\n".join(summary_of(content)))
    print(f"report: {out / 'external.md'}, by {model}. Not for clinical use.")
    return 0


def run_runs(
    folder: Annotated[Path, Option("a folder of runs (default: %(default)s)", "DIR")] = Path(
        "runs"
    ),
    *,
    format: Annotated[Literal["text", "json"], "default: %(default)s"] = "text",
) -> int:
    """List runs with the settings that differ and their main metrics."""
    import json

    from ekg.evaluation.runs import as_json, find_runs, read_run, run_lines

    entries = [read_run(folder) for folder in find_runs(folder)]
    if format == "json":
        print(json.dumps(as_json(entries), indent=2))
    else:
        print("\n".join(run_lines(entries)))
    return 0


def run_summary(
    *,
    run_folder: Annotated[Path, Option(metavar="DIR", names=("--run",))],
    images: Annotated[Path | None, "the image set's folder"] = None,
    figures: Annotated[Path | None, "the folder of figures and report"] = None,
    started: Annotated[int | None, Option("when the work began (Unix time)", "SECONDS")] = None,
) -> int:
    """Print a short table of a run: data, training, results, comparison, and where they are."""
    from ekg.evaluation.runs import run_summary

    for line in run_summary(run_folder, images, figures):
        print(line)
    if started:
        print(f"time      {(time.time() - started) / 60:.1f} minutes in total")
    return 0
