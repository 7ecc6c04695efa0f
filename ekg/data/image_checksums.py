"""Whether images still are what the manifest says: asked once of each, when it is first read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from ekg.errors import ImageError


class ImageChecksums:
    """The SHA-256 of the grey bytes of each image, as the manifest has them.

    A bit that a disk has turned over changes what a network learns, or what it is judged by,
    without any other sign: a packed file has no checksums of its own, and readers of PNG files
    do not ask for theirs. Rows whose `sha256` is empty (sets that were made elsewhere) pass.

    Parameters
    ----------
    rows
        Manifest rows; columns image and, where there is one, sha256.
    """

    def __init__(self, rows: pd.DataFrame):
        self._names = list(rows["image"])
        self._sums = [str(value) for value in rows["sha256"]] if "sha256" in rows else []
        self._open = np.array([bool(value) for value in self._sums], dtype=bool)

    def check(self, row: int, image: np.ndarray, path: Path) -> None:
        """Compare one image with its row.

        Parameters
        ----------
        row
            Index of the row.
        image
            uint8 (size, size), contiguous.
        path
            The file it was read from, for the message.

        Raises
        ------
        ImageError
            If its pixels are not those that were drawn.
        """
        if not len(self._open) or not self._open[row]:
            return
        if hashlib.sha256(image.data).hexdigest() != self._sums[row]:
            raise ImageError(
                f"the pixels of {self._names[row]} do not fit the manifest's checksum",
                path=path,
                remedy="delete this file and run `python -m ekg images` again",
            )
        self._open[row] = False
