"""What a run depended on and what it learned from, written down beside its weights."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ekg._version import __version__
from ekg.config import DataConfig
from ekg.data.folds import divide, thin_out
from ekg.errors import TrainingError
from ekg.files import read_json, sha256_of_file
from ekg.images.manifest import MANIFEST, read_manifest
from ekg.run import DATASET_FILE, Run
from ekg.simulator.record_files import simulation_of
from ekg.training.compute import Compute

_PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "pillow", "pandas", "safetensors")


def describe_environment(
    compute: Compute, *, images: Path, split_file: Path, seed: int, processes: int
) -> dict[str, Any]:
    """Return versions, device, threads, commit, checksums, command line and seed."""
    manifest = images / "manifest.csv"
    return {
        "ekg": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in _PACKAGES},
        "device": _device_name(compute.device),
        "cuda": torch.version.cuda if compute.device.type == "cuda" else None,
        "precision": str(compute.precision).removeprefix("torch."),
        "compiled": compute.compile,
        "threads": torch.get_num_threads(),
        "processes": processes,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        # A container image has no .git; it says its commit in EKG_REVISION.
        "git_commit": _git("rev-parse", "HEAD") or os.environ.get("EKG_REVISION"),
        "git_changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "images": str(images),
        "manifest_sha256": sha256_of_file(manifest) if manifest.is_file() else None,
        "split": str(split_file),
        "split_sha256": sha256_of_file(split_file),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "seed": seed,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":  # pragma: no cover - needs a GPU
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {os.cpu_count()} cores)"


def _git(*arguments: str) -> str | None:
    """Ask git about the project's folder; None where there is no git or no repository."""
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


_KEPT = (
    "size",
    "seed",
    "slices",
    "keep_multi",
    "keep_ectopy",
    "limit",
    "images",
    "records",
    "excluded",
    "skipped",
    "made_with",
)
"""What is taken over from the image set's own `dataset.json`."""


def describe_dataset(
    config: DataConfig,
    images: Path,
    split_file: Path,
    records: str | Path | None = None,
) -> dict[str, Any]:
    """Return how many records and images there were, in which folds, and who made them.

    `records`: The folder of the records, where it is known; by default `records` beside the image
    set.
    """
    description = images / DATASET_FILE
    known = read_json(description) if description.is_file() else {}
    folds = divide(read_manifest(images), split_file, needed=("train", "val"))
    limits = {"train": config.max_train_images, "val": config.max_val_images}
    beside = Path(records) if records is not None else images.parent / "records"
    return {
        "dataset": str(known.get("dataset") or images.resolve().parent.name),
        "image_set": {key: known[key] for key in _KEPT if key in known},
        "simulation": simulation_of(beside),
        "folds": {name: _size(rows) for name, rows in folds.rows.items()},
        "used": {name: _size(thin_out(folds.fold(name), n)) for name, n in limits.items()},
        "manifest_sha256": sha256_of_file(images / MANIFEST),
        "split_sha256": sha256_of_file(split_file),
    }


def dataset_of_run(run: Path, config: DataConfig) -> dict[str, Any]:
    """Return the facts of a run's data: its own file, or else made from the images it names.

    Older runs have no `dataset.json`. Their images may still be there, and count if manifest
    and split have the checksums that the run wrote down.
    """
    opened = Run(run)
    if opened.dataset_facts:
        return opened.dataset_facts
    environment = opened.environment
    images, split_file = Path(environment["images"]), Path(environment["split"])
    if not ((images / MANIFEST).is_file() and split_file.is_file()):
        raise TrainingError(
            f"no {DATASET_FILE}, and its images are not at {images}",
            path=run,
            remedy="train it again, or call this where its images are",
        )
    facts = describe_dataset(config, images, split_file, _records_of(environment))
    for key in ("manifest_sha256", "split_sha256"):
        if facts[key] != environment[key]:
            raise TrainingError(
                f"no {DATASET_FILE}, and {images} has changed since (field `{key}`)",
                path=run,
                remedy="train it again",
            )
    return facts


def _records_of(environment: dict[str, Any]) -> str | None:
    """Return the folder that `--records` of the run's command named."""
    command = [str(word) for word in environment.get("command", [])]
    return dict(itertools.pairwise(command)).get("--records")


def _size(rows: pd.DataFrame) -> dict[str, Any]:
    by_class = rows["diagnosis"].value_counts().sort_index()
    return {
        "records": int(rows["record"].nunique()),
        "images": len(rows),
        "images_by_class": {str(name): int(count) for name, count in by_class.items()},
    }
