"""Build the project's virtual environment; needs nothing but Python >= 3.11 and its venv module.

Usage: python3 scripts/make_environment.py FOLDER [--torch cuda|cpu] [--torch-index URL_OR_FOLDER]

All versions come from requirements.txt, with hashes. With `--torch cpu`, torch and torchvision
of the same versions come from PyTorch's own index of CPU wheels (whose hashes are not in
requirements.txt: they are other files), and the CUDA libraries are left out.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
GIGABYTES = {"cuda": 8.0, "cpu": 2.5}
"""Free disk needed: the environment itself and the wheels while they are unpacked."""
ESTIMATE = {
    "cuda": "about 5.5 GB on disk, 3 GB to download, 2 to 10 minutes",
    "cpu": "about 1.5 GB on disk, 0.5 GB to download, 1 to 5 minutes",
}
CUDA_PACKAGE = re.compile(r"^(torch|torchvision|triton|nvidia-[\w-]+|cuda-[\w-]+)==")


def complain(problem: str) -> None:
    """End with one clear line."""
    sys.exit(f"error: {problem}")


def check_python() -> None:
    """Refuse a Python that is too old or cannot make virtual environments."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info < (3, 11):  # noqa: UP036  (this script is run by whatever Python there is)
        complain(
            f"Python {version} is too old ({sys.executable}); install Python 3.11 or newer and "
            "run `make BASE_PYTHON=/path/to/python3.11 ...`"
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        complain(
            f"this Python cannot make virtual environments; on Debian and Ubuntu run "
            f"`apt install python{version}-venv` (or python3-venv), or use an existing "
            "environment with `make PYTHON=/path/to/python ...`"
        )


def split_requirements(text: str) -> tuple[list[str], str]:
    """Part the lock file for a CPU install.

    Parameters
    ----------
    text
        The content of requirements.txt.

    Returns
    -------
    (list of str, str)
        The pins of torch and torchvision, and the lock without them and the CUDA libraries.
    """
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", text)
    pins = [
        re.split(r"[\s\\]", block)[0] for block in blocks if re.match(r"torch(vision)?==", block)
    ]
    return pins, "".join(block for block in blocks if not CUDA_PACKAGE.match(block))


def fingerprint(torch: str) -> str:
    """Return what the finished environment must have been made from."""
    content = (ROOT / "requirements.txt").read_bytes()
    return f"{hashlib.sha256(content).hexdigest()} {torch} {sys.version.split()[0]}\n"


def pip(python: Path, *arguments: str) -> None:
    """Run pip in the environment; its output goes to standard error."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        complain(
            f"`{' '.join(command)}` failed; the lines above say why. "
            "Run the same command again to go on"
        )


def build(folder: Path, torch: str, index: str) -> None:
    """Make the environment in `folder`, unless it is there already."""
    stamp = folder / "made-from.txt"
    if stamp.is_file() and stamp.read_text() == fingerprint(torch):
        os.utime(stamp)
        return
    check_python()
    free = shutil.disk_usage(folder.parent).free / 1e9
    print(f"environment {folder}: {ESTIMATE[torch]}; {free:,.0f} GB are free", file=sys.stderr)
    if free < GIGABYTES[torch]:
        complain(
            f"{folder.parent}: {free:.1f} GB free, {GIGABYTES[torch]:g} GB are needed; make room, "
            "or use an existing environment with `make PYTHON=/path/to/python ...`"
        )
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    # An environment of another Python version is not mended but made anew.
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    lock = ROOT / "requirements.txt"
    with tempfile.TemporaryDirectory() as temporary:
        if torch == "cpu":
            pins, rest = split_requirements(lock.read_text(encoding="utf-8"))
            lock = Path(temporary) / "requirements.txt"
            lock.write_text(rest, encoding="utf-8")
            place = (
                ["--find-links", index, "--no-index"]
                if Path(index).is_dir()
                else ["--index-url", index]
            )
            pip(python, "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock))
            pip(python, "install", "--quiet", *place, *pins)
        else:
            pip(python, "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(lock))
    pip(python, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(fingerprint(torch))
    print(f"environment {folder}: made in {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--torch-index", default=CPU_INDEX, help="an index address or a folder of wheels"
    )
    arguments = parser.parse_args()
    build(arguments.folder.absolute(), arguments.torch, arguments.torch_index)
