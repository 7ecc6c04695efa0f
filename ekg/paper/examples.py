"""An example image of each class, from an image set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from ekg.errors import ImageError
from ekg.paper.figures.data import Example
from ekg.records.record import natural_key


def read_grey(path: Path) -> np.ndarray:
    """Return an image's grey pixels, uint8 (height, width).

    Raises
    ------
    ImageError
        If the file is no image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ImageError(f"not an image ({error})", path=path, remedy="draw it again") from None


def example_of_each_class(
    folder: Path, manifest: pd.DataFrame, classes: Sequence[str]
) -> list[Example]:
    """Return one image a class: the first slice of the first record in natural order.

    The first, so that nobody chose it. Records of the training fold come first, so that
    looking at the examples tells nothing about the test fold. Classes without an image at hand
    are left out.
    """
    examples = []
    for name in classes:
        rows = manifest[manifest["diagnosis"] == name]
        training = rows[rows["split"] == "train"]
        rows = rows if training.empty else training
        for row in sorted(rows.itertuples(), key=lambda row: natural_key(str(row.image))):
            path = folder / str(row.image)
            if path.exists():
                examples.append(Example(name, str(row.record), read_grey(path)))
                break
    return examples
