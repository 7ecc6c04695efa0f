"""Everything that reads bytes from outside, by name."""

from __future__ import annotations

import importlib

from campaigns.fuzzing.case import Target

_WHAT = {
    "recordings": {
        "header": "WFDB headers (`*.hea`)",
        "record": "WFDB headers with a signal file beside them",
        "signal": "signal files (`*.mat`, `*.dat`) of every WFDB format",
        "formats": "files of other machines (DICOM, SCP-ECG, XML, EDF, ...)",
        "comments": "diagnoses, SNOMED CT and SCP statements",
        "lists": "lists of a database (`RECORDS`, `CONTROLS`)",
    },
    "tables": {
        "labels": "label files",
        "split": "split files",
        "label_table": "tables of SCP and SNOMED CT statements",
        "manifest": "manifests of image sets",
        "predictions": "predictions (`predictions_*.csv`, `preds_*.csv`)",
        "experiment": "experiment files (TOML)",
        "override": "overrides on the command line",
        "checksums": "publishers' lists of checksums (`SHA256SUMS.txt`)",
        "registry": "the registry of data sets (TOML)",
        "run_files": "results of a run (JSON, CSV, TOML)",
        "journal": "journals of interrupted runs",
    },
    "pictures": {
        "png": "images (PNG and the other formats of Pillow)",
        "archive": "zip and tar archives, plain and compressed",
        "pack": "packed images (`pack.npy`)",
        "saliency": "saliency maps (`saliency.npz`)",
    },
    "models": {
        "safetensors": "weights (`*.safetensors`)",
        "metadata": "metadata of weights (network, classes, sizes)",
        "torch_file": "legacy weights (`*.model`, torch's pickle format)",
        "checkpoint": "checkpoints of an interrupted run (`checkpoint.pt`)",
        "onnx": "exported models (`*.onnx`, read by onnxruntime)",
    },
}
"""Module -> target -> what it reads, in words."""

_MODULE_OF = {name: module for module, targets in _WHAT.items() for name in targets}
_PACKAGES = {
    "recordings": ("ekg", "wfdb", "ecgdatakit", "pydicom"),
    "tables": ("ekg", "tomllib"),
    "pictures": ("ekg", "PIL", "tarfile", "zipfile", "numpy.lib"),
    "models": ("ekg",),
}

NAMES = tuple(_MODULE_OF)


def target_named(name: str) -> Target:
    """Return a target; only the modules that it needs are imported."""
    module = importlib.import_module(f"campaigns.fuzzing.{_MODULE_OF[name]}")
    found: Target = next(target for target in module.TARGETS if target.name == name)
    return found


def what_of(name: str) -> str:
    """Return what a target reads, in words."""
    return _WHAT[_MODULE_OF[name]][name]


def packages_of(name: str) -> tuple[str, ...]:
    """Return the packages whose branches the coverage-guided engine watches."""
    return _PACKAGES[_MODULE_OF[name]]
