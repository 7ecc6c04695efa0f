"""Does the saliency depend on what was learnt? Compare with randomised weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from ekg.model import EkgModel
from ekg.predict.saliency import gradcam, occlusion_by_lead, probabilities_of


def stages_from_the_top(network: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """Return the network's stages, last one first, each with its layers that can be drawn anew.

    A stage is a child of the network, or a member of `features` where there is one.
    """
    stages: dict[str, list[nn.Module]] = {}
    for name, module in network.named_modules():
        if callable(getattr(module, "reset_parameters", None)):
            parts = name.split(".")
            stage = ".".join(parts[:2]) if parts[0] == "features" else parts[0]
            stages.setdefault(stage, []).append(module)
    return list(stages.items())[::-1]


def cascade(model: EkgModel, seed: int) -> Iterator[tuple[str, EkgModel]]:
    """Yield ever more randomised copies of a model, from the last stage to the first.

    Adebayo et al. 2018, "Sanity Checks for Saliency Maps" (cascading randomisation).

    Parameters
    ----------
    model
        It is not changed.
    seed
        Of the new weights; the caller's random state stays as it was.
    """
    device = model.mean.device
    randomised = copy.deepcopy(model).eval()
    for index, (stage, layers) in enumerate(stages_from_the_top(randomised.network)):
        # On the CPU, so that a GPU gets the same weights and keeps its own random state.
        randomised.cpu()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + index)
            for layer in layers:
                layer.reset_parameters()  # type: ignore[operator]
        yield stage, randomised.to(device)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean over images of Spearman's correlation of two maps; NaN where constant.

    Parameters
    ----------
    first, second
        float (n, ...): a map an image.
    """
    values = [
        spearmanr(a.ravel(), b.ravel()).statistic if np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan
        for a, b in zip(first, second, strict=True)
    ]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def randomised_correlations(
    model: EkgModel, images: np.ndarray, targets: np.ndarray, seed: int
) -> tuple[list[str], np.ndarray, float]:
    """Compare saliency of the model with that of randomised copies.

    Parameters
    ----------
    model
        In eval mode.
    images
        uint8 (n, size, size).
    targets
        Class index to explain, int (n,).
    seed
        Of the new weights.

    Returns
    -------
    stages : list of str
        What was randomised last; everything after it was randomised before.
    gradcam : numpy.ndarray
        float (n_stages,): mean rank correlation of the Grad-CAM maps (before the rectifier)
        with those of the model. Near 0 means: the maps depend on what was learnt.
    occlusion : float
        The same of occlusion by lead, everything randomised.
    """
    original = gradcam(model, images, targets)
    stages, correlations = [], []
    last = model
    for stage, last in cascade(model, seed):
        stages.append(stage)
        correlations.append(rank_correlation(original, gradcam(last, images, targets)))

    def occlusion(which: EkgModel) -> np.ndarray:
        chosen = probabilities_of(which, images)[np.arange(len(images)), targets]
        return occlusion_by_lead(which, images, targets, chosen)

    return (
        stages,
        np.array(correlations, np.float32),
        rank_correlation(occlusion(model), occlusion(last)),
    )
