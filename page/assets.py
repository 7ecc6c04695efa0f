"""What the page shares with the Python reader: rules, limits, filter, slices, and the model."""

from __future__ import annotations

from typing import Any

import scipy.signal

from ekg._version import __version__
from ekg.config import PAPER_SEED, SliceConfig
from ekg.images import image_checks
from ekg.model import EkgModel
from ekg.model.export import NOTICE
from ekg.records import header_checks as record_checks
from ekg.records import quality, signal_files
from ekg.records.derived_leads import DERIVED
from ekg.records.diagnoses import BY_ABBREVIATION
from ekg.records.header_text import MILLIVOLTS
from ekg.records.record import LEAD_PREFIX, LEADS


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


def rules_description() -> dict[str, Any]:
    """Describe what the reader of records needs to know: `ekg.records` reads by the same.

    Returns
    -------
    dict
        `leads`, `leadPrefix` (a regular expression) and `derived` (weights of I and II);
        `millivolts` by unit; the limits; how signal files are named, and how files of other
        kinds begin (`otherKinds`, `matlab4Types`, `typeOfFormat`).
    """
    return {
        "leads": list(LEADS),
        "leadPrefix": LEAD_PREFIX.pattern,
        "derived": {lead: list(weights) for lead, weights in DERIVED.items()},
        "millivolts": MILLIVOLTS,
        "mostSamples": record_checks.MAX_SAMPLES,
        "mostSignals": record_checks.MAX_SIGNALS,
        "samplingFrequency": dict(
            zip(("lowest", "highest"), record_checks.FREQUENCY_LIMITS, strict=True)
        ),
        "largestMillivolts": record_checks.LARGEST_MILLIVOLTS,
        "signalSuffixes": list(signal_files.SUFFIXES),
        "otherKinds": [
            {"at": at, "bytes": list(start), "kind": kind} for at, start, kind in signal_files.MAGIC
        ],
        "asMatlab4": signal_files.AS_MATLAB_4,
        "matlab4Types": signal_files.MATLAB_4_TYPES,
        "typeOfFormat": signal_files.TYPE_OF_FORMAT,
    }


def slicing_description() -> dict[str, Any]:
    """Describe where slices lie: `ekg.records.slicing` with the paper's seed."""
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
            "tallLimit": quality.TALL_LIMIT,
            "blankStep": quality.BLANK_STEP,
            "blankShare": quality.BLANK_SHARE,
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
