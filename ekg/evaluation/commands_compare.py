"""Compare two models, or a model with published figures, on the same records."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m ekg compare`."""
    parser.add_argument(
        "a", type=Path, metavar="A", help="a run, a stored model, predictions or published figures"
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
        help="status 1 unless A's METRIC exceeds B's by DELTA or more (it may be negative)",
    )
    parser.add_argument(
        "--allow-different-data",
        action="store_true",
        help="show different data side by side, labelled, without differences",
    )
    parser.add_argument(
        "--resamples", type=int, default=10_000, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=int, default=44, help="seed of the resampling (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare, write comparison.json and comparison.md, print a table."""
    from ekg.errors import EvaluationError
    from ekg.evaluation.comparison import check_demands, compare_sides, parse_demand
    from ekg.evaluation.comparison_report import markdown, terminal_lines
    from ekg.evaluation.sides import ImageSet, baseline_of, first_side, image_set_of, second_side
    from ekg.files import write_json, write_text
    from ekg.training.compute import keep_freed_memory

    keep_freed_memory()
    demands = [parse_demand(text) for text in arguments.at_least]
    if (arguments.images is None) != (arguments.split is None):
        raise EvaluationError("--images and --split belong together", remedy="give both")
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
    write_text(out / "comparison.md", markdown(content))
    write_json(out / "comparison.json", content)  # last: it stands for both
    print("\n".join(terminal_lines(content)))
    for result in content["at_least"]:
        state = "met" if result["met"] else "not met"
        print(f"at least {result['demand']}: {state} ({result['difference']:+.4f})")
    print(f"written: {out / 'comparison.json'}, {out / 'comparison.md'}")
    return 0 if all(result["met"] for result in content["at_least"]) else 1


def _published_beside(
    a: Any, content: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, Any] | None:
    """Return A beside the published model's own results, unless B or A is that model."""
    from ekg.evaluation.comparison import compare_sides
    from ekg.evaluation.published import FIGURES_FILE
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
        published = load_side(PUBLISHED_FOLDER / FIGURES_FILE, arguments.fold)
        assert published is not None
    return compare_sides(
        a,
        published,
        allow_different_data=True,
        resamples=arguments.resamples,
        seed=arguments.seed,
    )
