"""The verb `split`: its arguments, and what it prints."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal


def run_split(
    *,
    labels: Annotated[Path, "CSV with the columns record, diagnoses"],
    out: Annotated[Path, "the split file to write"],
    protocol: Annotated[
        Literal["paper", "stratified", "auto"],
        "paper: the published split, exactly; stratified: for any other set; auto: paper for "
        "an image set of cpsc2018, else stratified (default: paper)",
    ] = "paper",
    seed: Annotated[int, "default: 44"] = 44,
    keep_multi: Annotated[bool, "keep multi-label records"] = False,
    keep_ectopy: Annotated[bool, "keep PAC and PVC"] = False,
) -> int:
    """Assign every record to a fold: train, val, test, none or excluded."""
    from ekg.config import PAPER_SEED
    from ekg.data import split

    if protocol == "auto":
        protocol = _protocol_of(labels)
    diagnoses = split.read_labels(labels)
    folds = split.split_records(
        diagnoses,
        protocol=protocol,
        seed=seed,
        keep_multi=keep_multi,
        keep_ectopy=keep_ectopy,
    )
    as_published = (
        protocol == "paper"
        and seed == PAPER_SEED
        and not (keep_multi or keep_ectopy)
        and split.is_published_record_set(folds)
    )
    if as_published:
        split.check_published_split(folds)
    split.write_split(out, folds, diagnoses)
    sizes = Counter(folds.values())
    counts = ", ".join(f"{value} {sizes[value]:,}" for value in split.VALUES)
    note = " (equals the published split)" if as_published else ""
    print(f"{out}: {counts}{note}", file=sys.stderr)
    return 0


def _protocol_of(labels: Path) -> Literal["paper", "stratified"]:
    """Return the protocol for the image set that the labels are of."""
    from ekg.files import read_json
    from ekg.run import DATASET_FILE

    description = labels.with_name(DATASET_FILE)
    if description.is_file() and read_json(description).get("dataset") == "cpsc2018":
        return "paper"
    return "stratified"
