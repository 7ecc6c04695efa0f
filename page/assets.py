"""Numbers that the page shares with the package: paper, grid, limits, filter, slices."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
import scipy.signal

from ekg._version import __version__
from ekg.config import PAPER_SEED, SliceConfig
from ekg.images import image_checks
from ekg.images.layout import Stroke
from ekg.images.renderer import Renderer
from ekg.model import EkgModel
from ekg.model.export import NOTICE
from ekg.predict import pages
from ekg.records import header_checks as record_checks
from ekg.records import quality, signal_files
from ekg.records.derived_leads import DERIVED
from ekg.records.diagnoses import BY_ABBREVIATION
from ekg.records.header_text import MILLIVOLTS
from ekg.records.record import LEAD_PREFIX, LEADS
from ekg.strips.layout import layouts

_POINTS_PER_INCH = 72.0
_STRIPS = (
    "arrange",
    "clean",
    "fit",
    "flatten",
    "grid",
    "ink",
    "intake",
    "judge",
    "layout",
    "names",
    "overlay",
    "pdf_paths",
    "picture",
    "pulses",
    "read",
    "reading",
    "rows",
    "seed",
    "segment",
    "shared",
    "trace",
    "vector",
    "words",
    "writing",
)
"""Modules of `ekg.strips` that `page/src/strips` mirrors."""
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def image_description(renderer: Renderer) -> tuple[dict[str, Any], bytes]:
    """Describe the image so that another program can draw its traces exactly."""
    layout = renderer.layout
    panels = []
    for lead, panel in zip(LEADS, renderer.static.panels, strict=True):
        top, bottom, left, right = panel.area
        matrix = panel.trace.affine
        panels.append(
            {
                "lead": lead,
                "area": {
                    "x1": left,
                    "y1": top,
                    "x2": right,
                    "y2": bottom,
                },
                "scaleX": float(matrix[0, 0]),
                "shiftX": float(matrix[0, 2]),
                # Agg counts rows from the top: matplotlib mirrors the image, in this order.
                "scaleY": float(-matrix[1, 1]),
                "shiftY": float(-matrix[1, 2] + renderer.size),
                "border": [_border_line(renderer, side) for side in panel.border],
            }
        )
    trace = renderer.static.panels[0].trace
    description = {
        "size": renderer.size,
        "samples": layout.samples,
        "seconds": layout.seconds,
        "trace": {
            "width": _pixels(renderer, trace.pen.width),
            "simplify": float(trace.simplify_threshold),
        },
        "panels": panels,
    }
    return description, renderer.static.background.tobytes()


def _pixels(renderer: Renderer, points: float) -> float:
    # The same operations in the same order as in matplotlib's `points_to_pixels`.
    return float(points * (renderer.size / renderer.layout.inches) / _POINTS_PER_INCH)


def _border_line(renderer: Renderer, side: Stroke) -> dict[str, float]:
    matrix = side.affine
    width = _pixels(renderer, side.pen.width)
    # Upright and level lines snap to whole pixels, or to their middle where an odd number of
    # pixels is nearest to the line's width.
    shift = 0.5 if int(width + 0.5) % 2 else 0.0
    places = []
    for x, y in side.vertices:
        across = x * matrix[0, 0] + matrix[0, 2]
        down = y * -matrix[1, 1] + (-matrix[1, 2] + renderer.size)
        places += [float(np.floor(place + 0.5) + shift) for place in (across, down)]
    return {**dict(zip(("x1", "y1", "x2", "y2"), places, strict=True)), "width": width}


def model_description(model: EkgModel, weights_sha256: str, onnx_sha256: str) -> dict[str, Any]:
    """Describe the model for the page's text and for its first check."""
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
    """Describe what the reader of records needs to know: `ekg.records` reads by the same."""
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
        "pageSlices": {
            "shortest": pages._SHORTEST,
            "column": pages._COLUMN,
            "check": pages._CHECK,
        },
    }


def slicing_description() -> dict[str, Any]:
    """Describe where slices are: `ekg.records.slicing` with the paper's seed."""
    config = SliceConfig()
    return {
        "rate": config.sampling_frequency,
        "length": config.length,
        "utilization": config.utilization_fraction,
        "most": config.n_slices_max,
        "seed": PAPER_SEED,
    }


def quality_description() -> dict[str, Any]:
    """Describe what makes the page warn: the limits of the Python code, and its band-pass."""
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
            "pictureLimit": quality.IMAGE_LIMIT,
            "pictureShare": quality.IMAGE_SHARE,
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


def strips_description() -> dict[str, Any]:
    """Describe what the reader of printed pages knows: all constants by module, and layouts."""
    described: dict[str, Any] = {
        "layouts": [
            {"name": layout.name, "rows": [list(row) for row in layout.rows]}
            for layout in layouts()
        ]
    }
    for name in _STRIPS:
        module = importlib.import_module(f"ekg.strips.{name}")
        described[name] = {
            key: _plain(value)
            for key, value in vars(module).items()
            if _CONSTANT.fullmatch(key) and _is_constant(value)
        }
    return described


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return isinstance(value, int | float | str | bytes | dict | np.ndarray | re.Pattern)


def _plain(value: Any) -> Any:
    """Return a constant as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, re.Pattern):
        return value.pattern
    return value.tolist() if isinstance(value, np.ndarray) else value
