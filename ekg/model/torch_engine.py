"""The torch engine, and the form of a network that it computes with."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ekg.model.ekg_model import EkgModel


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Return a copy for inference, in which batch norm is part of the layer before it.

    In eval mode batch norm is a fixed scale and shift of each channel: the convolution before
    it can do both at no cost. The copy also uses channels-last memory, in which torch's CPU
    and GPU kernels filter narrow images faster.
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for module in folded.modules():
        if isinstance(module, nn.Hardswish | nn.ReLU):
            module.inplace = True  # no gradient will ask for what it overwrites
        if not isinstance(module, nn.Sequential):
            continue
        for index in range(len(module) - 1):
            layer, norm = module[index], module[index + 1]
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(layer, norm)
            elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                module[index] = fuse_linear_bn_eval(layer, norm)
            else:
                continue
            module[index + 1] = nn.Identity()
    return folded.to(memory_format=torch.channels_last)


def for_inference(model: EkgModel) -> EkgModel:
    """Return a copy of a model, of the same kind, with a folded network; see `fold_batch_norm`."""
    fast = copy.deepcopy(model)
    fast.network = fold_batch_norm(model.network)
    return fast.eval()


class TorchEngine:
    """A model in torch, with batch norm folded."""

    def __init__(self, model: EkgModel, weights_sha256: str = "", folder: Path | None = None):
        self.model, self.folder = model, folder
        self.weights_sha256 = weights_sha256
        self._fast = for_inference(model)
        self.name = model.name
        self.classes = model.classes
        self.notes = model.notes
        self.image_size = model.image_size
        self.calibrated = model.temperature is not None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float64 (N, number of classes) of uint8 images (N, size, size)."""
        with torch.inference_mode():
            # One at a time: the layers' results stay in the processor's cache
            # (benchmarks/inference.csv).
            parts = [
                self._fast.probabilities(image).numpy()
                for image in torch.from_numpy(images).split(1)
            ]
        return np.concatenate(parts).astype(np.float64)
