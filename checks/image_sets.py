"""Image sets: the manifest's checksums against the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from checks.findings import Finding, Repository, agree, skipped, some
from checks.slices import sha256_of
from ekg.errors import EkgError
from ekg.files import read_json, sha256_of_file
from ekg.images.image_set import read_image
from ekg.images.manifest import MANIFEST, read_manifest
from ekg.images.pack import INDEX, PACK, open_pack
from ekg.progress import Progress
from ekg.records.slicing import generator_for

NAME = "manifests"
SAMPLE = 60
"""Images of a set whose pixels are looked at without `--full`."""
_SEED = 44


def image_sets(root: Path) -> list[Path]:
    """Return the finished image sets below `data/`."""
    return sorted(path.parent for path in (root / "data").glob(f"*/*/{MANIFEST}"))


def check_image_sets(repository: Repository) -> Iterator[Finding]:
    """Hold every image set at hand against its manifest."""
    folders = image_sets(repository.root)
    for folder in folders:
        compared = f"{repository.short(folder)}: pixels = SHA-256 of the manifest"
        try:
            said, problems = look_at(folder, repository.full)
        except EkgError as error:
            said, problems = "", [str(error)]
        yield agree(NAME, compared, "; ".join([*filter(None, [said]), *problems]), not problems)
    if not folders:
        yield skipped(
            NAME, "pixels of the image sets = their manifests", "no image set under data/"
        )


def look_at(folder: Path, full: bool) -> tuple[str, list[str]]:
    """Return what was looked at in one set, and what is wrong with it.

    Parameters
    ----------
    folder
        The image set.
    full
        Look at the pixels of all images, not only of a sample.
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
    return f"{', '.join(looked)} of {len(manifest)} images looked at", problems


def _sample(manifest: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return some rows: always the same ones of a set, whatever its place on disk."""
    if len(manifest) <= SAMPLE:
        return manifest
    generator = generator_for(_SEED, f"verify/{folder.parent.name}/{folder.name}")
    return manifest.iloc[np.sort(generator.choice(len(manifest), SAMPLE, replace=False))]
