"""Image sets against their manifests, and the published split against the folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from checks.findings import Finding, Repository, agree, skipped, some
from checks.slices import sha256_of
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
from ekg.files import read_json, sha256_of_file
from ekg.images.image_set import read_image
from ekg.images.manifest import MANIFEST, read_manifest
from ekg.images.pack import INDEX, PACK, open_pack
from ekg.progress import Progress
from ekg.seeds import generator_for

NAME = "manifests"
SAMPLE = 60
"""Images of a set whose pixels are looked at without `--full`."""
_SEED = 44


def image_sets(root: Path) -> list[Path]:
    """Return the finished image sets below `data/`."""
    return sorted(path.parent for path in (root / "data").glob(f"*/*/{MANIFEST}"))


def check_image_sets(repository: Repository) -> Iterator[Finding]:
    """Compare every image set with its manifest."""
    folders = image_sets(repository.root)
    for folder in folders:
        compared = f"{repository.short(folder)}: pixels = SHA-256 of the manifest"
        try:
            detail, problems = look_at(folder, repository.full)
        except EkgError as error:
            detail, problems = "", [str(error)]
        yield agree(NAME, compared, "; ".join([*filter(None, [detail]), *problems]), not problems)
    if not folders:
        yield skipped(
            NAME, "pixels of the image sets = their manifests", "no image set under data/"
        )


def look_at(folder: Path, full: bool) -> tuple[str, list[str]]:
    """Return what was looked at in one set, and what is wrong with it.

    `full`: Look at the pixels of all images, not only of a sample.
    """
    manifest = read_manifest(folder)
    description = read_json(folder / "dataset.json")
    problems = []
    if description.get("manifest_sha256") != sha256_of_file(folder / MANIFEST):
        problems.append("dataset.json names another checksum of manifest.csv")
    if description.get("images") != len(manifest):
        problems.append(f"dataset.json has {description.get('images')} images, not {len(manifest)}")
    chosen = manifest if full else _sample(manifest, folder)
    looked: list[str] = []
    with Progress(None, f"images of {folder.parent.name}", "image") as progress:
        if description.get("png", True):
            absent = [name for name in manifest["image"] if not (folder / name).is_file()]
            if absent:
                problems.append(f"{len(absent)} PNG files missing: {some(absent)}")
            wrong = []
            for name, expected in zip(chosen["image"], chosen["sha256"], strict=True):
                if name not in absent and sha256_of(read_image(folder / name)) != expected:
                    wrong.append(name)
                progress.update()
            if wrong:
                problems.append(f"{len(wrong)} PNG files have other pixels: {some(wrong)}")
            looked.append(f"{len(chosen) - len(set(absent) & set(chosen['image']))} PNG")
        if description.get("pack"):
            pack, index = open_pack(folder)
            if sha256_of_file(folder / INDEX) != sha256_of_file(folder / MANIFEST):
                problems.append(f"{INDEX} is not the manifest")
            place = {name: number for number, name in enumerate(index["image"])}
            wrong = []
            for name, expected in zip(chosen["image"], chosen["sha256"], strict=True):
                if name not in place or sha256_of(np.asarray(pack[place[name]])) != expected:
                    wrong.append(name)
                progress.update()
            if wrong:
                problems.append(f"{len(wrong)} images of {PACK} differ: {some(wrong)}")
            looked.append(f"{len(chosen)} packed")
    if not looked:
        problems.append("dataset.json names neither PNG files nor a pack")
    return f"{', '.join(looked)} of {len(manifest)} images checked", problems


def _sample(manifest: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return some rows: always the same ones of a set, whatever its place on disk."""
    if len(manifest) <= SAMPLE:
        return manifest
    generator = generator_for(_SEED, f"verify/{folder.parent.name}/{folder.name}")
    return manifest.iloc[np.sort(generator.choice(len(manifest), SAMPLE, replace=False))]


PAPER, SETS = "paper-split", "image-set-splits"


def label_files(repository: Repository) -> list[Path]:
    """Return files that may hold the labels of all CPSC 2018 records."""
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
        detail = f"{repository.short(path)}: sizes {sizes}"
        if repository.shared is not None and path.is_relative_to(repository.shared):
            # This file also says which fold each record was in.
            given = read_split(path)
            moved = [name for name in folds if folds[name] != given.get(name)]
            ok = ok and not moved
            detail = f"reference labels: {len(folds) - len(moved)} of {len(folds)} folds equal" + (
                f"; not: {some(moved)}" if moved else ""
            )
        yield agree(PAPER, compared, detail, ok)
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
