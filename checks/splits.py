"""The published split, and the folds of the image sets at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from checks.findings import Finding, Repository, agree, skipped, some
from checks.image_sets import image_sets
from ekg.data.folds import divide
from ekg.data.split import (
    FOLDS,
    PAPER_FOLD_SIZES,
    PAPER_SPLIT_SHA256,
    is_published_record_set,
    read_labels,
    read_split,
    split_checksum,
    split_records,
)
from ekg.errors import EkgError
from ekg.images.manifest import read_manifest

PAPER, SETS = "paper-split", "image-set-splits"


def label_files(repository: Repository) -> list[Path]:
    """Return files at hand that may hold the labels of all CPSC 2018 records."""
    found = sorted((repository.root / "data").glob("*/im_res_*/records.csv"))
    if repository.shared is not None:
        found.append(repository.shared / "spec" / "paper_split.csv")
    return [path for path in found if path.is_file()]


def check_splits(repository: Repository) -> Iterator[Finding]:
    """Make the published split again from labels; look at the folds of every image set."""
    compared = "split made from the labels of 6,877 CPSC 2018 records = published checksum"
    found = False
    for path in label_files(repository):
        labels = read_labels(path)
        if not is_published_record_set(labels):
            continue
        found = True
        folds = split_records(labels)
        sizes = dict(Counter(folds.values()))
        ok = split_checksum(folds) == PAPER_SPLIT_SHA256 and sizes == PAPER_FOLD_SIZES
        said = f"{repository.short(path)}: sizes {sizes}"
        if repository.shared is not None and path.is_relative_to(repository.shared):
            # This file also says which fold each record was in.
            given = read_split(path)
            moved = [name for name in folds if folds[name] != given.get(name)]
            ok = ok and not moved
            said = f"reference labels: {len(folds) - len(moved)} of {len(folds)} folds equal" + (
                f"; not: {some(moved)}" if moved else ""
            )
        yield agree(PAPER, compared, said, ok)
    if not found:
        yield skipped(PAPER, compared, "no labels of all CPSC 2018 records here")
    yield from _image_set_splits(repository)


def _image_set_splits(repository: Repository) -> Iterator[Finding]:
    sets = [folder for folder in image_sets(repository.root) if (folder / "split.csv").is_file()]
    for folder in sets:
        compared = f"{repository.short(folder)}: every record in one fold, every fold has images"
        try:
            folds = divide(read_manifest(folder), folder / "split.csv")
        except EkgError as error:
            yield agree(SETS, compared, str(error), False)
            continue
        records = {fold: set(folds.fold(fold)["record"]) for fold in FOLDS}
        shared = sum(map(len, records.values())) - len(set().union(*records.values()))
        sizes = ", ".join(f"{fold} {len(names)}" for fold, names in records.items())
        yield agree(SETS, compared, f"records: {sizes}; in two folds: {shared}", shared == 0)
    if not sets:
        yield skipped(SETS, "folds of the image sets under data/", "no image set with a split here")
