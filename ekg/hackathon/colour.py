"""A model that reads coloured pictures; everything else here reads grey ones."""

from __future__ import annotations

import torch
from torch import Tensor

from ekg.errors import ModelError
from ekg.model.ekg_model import EkgModel

COLOURS = 3


class ColourModel(EkgModel):
    """`EkgModel` for red, green and blue, each normalised with a mean and a deviation of its own.

    Used by the hackathon's comparison alone.
    """

    def normalise(self, images: Tensor) -> Tensor:
        """Return what the network takes.

        Parameters
        ----------
        images
            uint8 (N, 3, H, W), or (N, 1, 3, H, W) as the training loop hands them over.

        Returns
        -------
        Tensor
            Float (N, 3, H, W): (value / 255 - mean) / std.
        """
        if images.ndim == 5 and images.shape[1] == 1:
            images = images.squeeze(1)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != COLOURS:
            raise ModelError(
                f"images are {images.dtype} of shape {tuple(images.shape)}",
                remedy="give uint8 of shape (N, 3, H, W)",
            )
        return (images.to(self.mean.dtype) / 255 - self.mean) / self.std
