"""How many images of each class a set has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ekg.errors import ImageError
from ekg.images.manifest import MANIFEST, read_manifest


def count_images(place: str | Path) -> dict[str, int]:
    """Count the images of each class.

    Parameters
    ----------
    place
        An image set's folder, its manifest, or a folder with one folder of PNG files a class
        (the set's `all` folder, or the original project's).

    Returns
    -------
    dict
        Most first, equal numbers in alphabetical order.

    Raises
    ------
    ImageError
        If there are no images.
    """
    place = Path(place)
    if place.is_file() or (place / MANIFEST).is_file():
        counts = Counter(read_manifest(place)["diagnosis"])
    elif place.is_dir():
        root = place / "all" if (place / "all").is_dir() else place
        counts = Counter(
            image.parent.name for image in root.glob("*/*.png") if not image.name.startswith(".")
        )
    else:
        raise ImageError("no such image set", path=place, remedy="check its path")
    if not counts:
        raise ImageError(
            "has no images", path=place, remedy="draw them first (`python -m ekg images`)"
        )
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
