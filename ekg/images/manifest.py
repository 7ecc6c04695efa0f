"""The table of an image set: one row an image."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ekg.errors import ImageError
from ekg.files import is_plain_relative, read_json, sha256_of_file

MANIFEST, DESCRIPTION = "manifest.csv", "dataset.json"
MANIFEST_COLUMNS = (
    "image", "record", "diagnosis", "slice", "start", "sha256", "clipped_fraction",
)  # fmt: skip


def read_manifest(folder_or_file: str | Path) -> pd.DataFrame:
    """Read the manifest of an image set.

    Parameters
    ----------
    folder_or_file
        The set's folder, or its `manifest.csv` (or `pack.csv`).

    Returns
    -------
    pandas.DataFrame
        Columns image (path relative to the set's folder), record, diagnosis, slice, start,
        sha256, clipped_fraction; one row an image, records in natural order.

    Raises
    ------
    ImageError
        If there is none, it lacks a column, names an image outside its folder, or is not the
        one that the folder's `dataset.json` describes.
    """
    path = Path(folder_or_file)
    described = path / DESCRIPTION if path.is_dir() else None
    if path.is_dir():
        path = path / MANIFEST
    text = dict.fromkeys(("image", "record", "diagnosis", "sha256"), str)
    try:
        manifest = pd.read_csv(path, dtype=text, keep_default_na=False)
    except FileNotFoundError:
        raise ImageError(
            "no such manifest",
            path=path,
            remedy="draw the images first (`python -m ekg images`), or let it finish",
        ) from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ImageError(f"is not a manifest ({error})", path=path) from None
    missing = [column for column in MANIFEST_COLUMNS if column not in manifest.columns]
    if missing:
        raise ImageError(f"column {', '.join(missing)} missing", path=path)
    for line, image in enumerate(manifest["image"], start=2):
        # A manifest may come from outside: it must not lead the reader out of its own folder.
        if not is_plain_relative(image):
            raise ImageError(
                f"line {line}: field `image` is {image!r}, not a plain path below the set's folder",
                path=path,
                remedy="do not use this manifest",
            )
    if described is not None and described.is_file():
        _check_sum(path, described)
    return manifest


def _check_sum(manifest: Path, description: Path) -> None:
    content = read_json(description)
    wanted = content.get("manifest_sha256") if isinstance(content, dict) else None
    if wanted not in (None, sha256_of_file(manifest)):
        raise ImageError(
            f"is not the manifest that {description.name} beside it describes",
            path=manifest,
            remedy="run `python -m ekg images` again; if you changed it on purpose, remove the "
            f"field `manifest_sha256` from {description.name}",
        )
