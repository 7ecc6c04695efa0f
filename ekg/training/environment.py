"""What a run depended on besides its configuration, written down beside it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from ekg._version import __version__
from ekg.files import sha256_of_file
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
