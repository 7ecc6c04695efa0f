"""The coverage-guided engine: installed apart from the project's environment, where it exists."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def coverage_engine(
    work: Path, wanted: str | None = None
) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the engine to use, the engines' versions, and the environment of its processes.

    `wanted`: `atheris` or `mutation`; by default atheris where it can be had.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    versions = {"hypothesis": importlib.metadata.version("hypothesis"), "mutation": ""}
    if wanted == "mutation":
        return "mutation", versions, environment
    folder = work / f"tools-{sys.version_info.major}.{sys.version_info.minor}"
    problem = "" if _version(folder) else _install(folder)
    version = _version(folder)
    if not version or problem:
        print(
            f"atheris is not available here ({problem or 'it does not import'}): "
            "inputs are made by plain mutation instead",
            file=sys.stderr,
        )
        if wanted:
            raise SystemExit(2)
        return "mutation", versions, environment
    paths = [str(folder), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return "atheris", {**versions, "atheris": version}, environment


def _version(folder: Path) -> str:
    found = importlib.metadata.distributions(name="atheris", path=[str(folder)])
    return next((distribution.version for distribution in found), "")


def _install(folder: Path) -> str:
    """Install atheris; return why it did not work, nothing if it did."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        str(folder),
        "-r",
        str(REQUIREMENTS),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    return lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with {done.returncode}"
