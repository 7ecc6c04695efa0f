"""Numbers that the page shares with the Python road: its limits, its filter, its slices."""

from __future__ import annotations

from typing import Any

import scipy.signal

from ekg import __version__
from ekg.config import PAPER_SEED, SliceConfig
from ekg.evaluation import image_checks
from ekg.model import EkgModel
from ekg.model.export import NOTICE
from ekg.waveform import quality
from ekg.waveform.diagnoses import BY_ABBREVIATION


def model_description(model: EkgModel, weights_sha256: str, onnx_sha256: str) -> dict[str, Any]:
    """Describe the model for the page's text and for its first check.

    Parameters
    ----------
    model
        The model that was exported.
    weights_sha256
        Checksum of its weights file.
    onnx_sha256
        Checksum of the exported file, which the page compares before it uses it.
    """
    return {
        "name": model.name,
        "version": __version__,
        "classes": [
            {"name": name, "meaning": BY_ABBREVIATION[name].meaning} for name in model.classes
        ],
        "imageSize": model.image_size,
        "calibrated": model.temperature is not None,
        "weightsSha256": weights_sha256,
        "onnxSha256": onnx_sha256,
        "notice": NOTICE,
    }


def slicing_description() -> dict[str, Any]:
    """Describe where slices lie: `ekg.waveform.slicing` with the paper's seed."""
    config = SliceConfig()
    return {
        "rate": config.sampling_frequency,
        "length": config.length,
        "utilization": config.utilization_fraction,
        "most": config.n_slices_max,
        "seed": PAPER_SEED,
    }


def quality_description() -> dict[str, Any]:
    """Describe what makes the page warn: the limits of the Python road, and its band-pass.

    Returns
    -------
    dict
        `limits` and `band` for signals (`sections` and `initial` state of the filter as
        `scipy.signal.sosfiltfilt` runs it, `pad` samples at both ends, `relations` the
        projection on what is zero in the limb leads), `picture` for images.
    """
    sections = scipy.signal.butter(
        2, quality._PASS_BAND, "bandpass", fs=SliceConfig().sampling_frequency, output="sos"
    )
    initial = scipy.signal.sosfilt_zi(sections)
    zeros = min(int((sections[:, 2] == 0).sum()), int((sections[:, 5] == 0).sum()))
    basis = quality.limb_lead_relations()
    return {
        "limits": {
            "flatSeconds": quality.FLAT_SECONDS,
            "flatStep": quality.FLAT_STEP,
            "clippedSeconds": quality.CLIPPED_SECONDS,
            "clippedDistance": quality.CLIPPED_DISTANCE,
            "pictureLimit": quality.PICTURE_LIMIT,
            "pictureShare": quality.PICTURE_SHARE,
            "spanLow": quality.SPAN_LIMITS[0],
            "spanHigh": quality.SPAN_LIMITS[1],
            "coarsestRate": quality.COARSEST_RATE,
            "relationLimit": quality.RELATION_LIMIT,
        },
        "band": {
            "sections": sections.tolist(),
            "initial": initial.tolist(),
            "pad": 3 * (2 * len(sections) + 1 - zeros),
            "relations": (basis.T @ basis).tolist(),
        },
        "picture": {
            "near": image_checks.NEAR,
            "leastShareNear": image_checks.LEAST_SHARE_NEAR,
            "mostShareBrighter": image_checks.MOST_SHARE_BRIGHTER,
            "leastInk": image_checks.LEAST_INK,
            "ink": image_checks._INK,
        },
    }
