"""The table of an image set: one row an image; how many images each class has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from ekg.errors import ImageError
from ekg.files import is_plain_relative, read_json, sha256_of_file

MANIFEST, DESCRIPTION = "manifest.csv", "dataset.json"
MANIFEST_COLUMNS = ("image", "record", "diagnosis", "slice", "start", "sha256", "clipped_fraction")


def read_manifest(folder_or_file: str | Path) -> pd.DataFrame:
    """Read the manifest of an image set."""
    path = Path(folder_or_file)
    described = path / DESCRIPTION if path.is_dir() else None
    if path.is_dir():
        path = path / MANIFEST
    text = dict.fromkeys(("image", "record", "diagnosis", "sha256"), str)
    try:
        manifest = pd.read_csv(path, dtype=text, keep_default_na=False)
    except FileNotFoundError:
        raise ImageError(
            "manifest not found",
            path=path,
            remedy="run `python -m ekg images` and let it finish",
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
            f"does not match {description.name} beside it",
            path=manifest,
            remedy="run `python -m ekg images` again; after a deliberate change, remove the "
            f"field `manifest_sha256` from {description.name}",
        )


def count_images(place: str | Path) -> dict[str, int]:
    """Count the images of each class."""
    place = Path(place)
    if place.is_file() or (place / MANIFEST).is_file():
        counts = Counter(read_manifest(place)["diagnosis"])
    elif place.is_dir():
        root = place / "all" if (place / "all").is_dir() else place
        counts = Counter(
            image.parent.name for image in root.glob("*/*.png") if not image.name.startswith(".")
        )
    else:
        raise ImageError("image set not found", path=place, remedy="check its path")
    if not counts:
        raise ImageError("has no images", path=place, remedy="run `python -m ekg images` first")
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
