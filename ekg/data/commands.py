"""The verb `split`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--labels", type=Path, required=True, help="CSV with the columns record, diagnoses"
    )
    parser.add_argument("--out", type=Path, required=True, help="the split file to write")
    parser.add_argument(
        "--protocol",
        choices=("paper", "stratified", "auto"),
        default="paper",
        help="paper: the published split, exactly; stratified: for any other set; auto: paper for "
        "an image set of cpsc2018, else stratified (default: paper)",
    )
    parser.add_argument("--seed", type=int, default=44, help="default: 44")
    parser.add_argument("--keep-multi", action="store_true", help="keep multi-label records")
    parser.add_argument("--keep-ectopy", action="store_true", help="keep PAC and PVC")


def run_split(arguments: argparse.Namespace) -> int:
    """Assign every record to a fold: train, val, test, none or excluded."""
    from ekg.config import PAPER_SEED
    from ekg.data import split

    if arguments.protocol == "auto":
        arguments.protocol = _protocol_of(arguments.labels)
    diagnoses = split.read_labels(arguments.labels)
    folds = split.split_records(
        diagnoses,
        protocol=arguments.protocol,
        seed=arguments.seed,
        keep_multi=arguments.keep_multi,
        keep_ectopy=arguments.keep_ectopy,
    )
    as_published = (
        arguments.protocol == "paper"
        and arguments.seed == PAPER_SEED
        and not (arguments.keep_multi or arguments.keep_ectopy)
        and split.is_published_record_set(folds)
    )
    if as_published:
        split.check_published_split(folds)
    split.write_split(arguments.out, folds, diagnoses)
    sizes = Counter(folds.values())
    counts = ", ".join(f"{value} {sizes[value]:,}" for value in split.VALUES)
    note = " (equals the published split)" if as_published else ""
    print(f"{arguments.out}: {counts}{note}", file=sys.stderr)
    return 0


def _protocol_of(labels: Path) -> str:
    """Return the protocol for the image set that the labels are of."""
    from ekg.files import read_json
    from ekg.run import DATASET_FILE

    description = labels.with_name(DATASET_FILE)
    if description.is_file() and read_json(description).get("dataset") == "cpsc2018":
        return "paper"
    return "stratified"
