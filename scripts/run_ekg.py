"""Run a verb of `python -m ekg` in the clone, from a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run_ekg(verb: str, *words: str, **options: object) -> None:
    """Run one verb: `words` as they are, then `--name value` for each option."""
    command = [sys.executable, "-m", "ekg", verb, *words]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    subprocess.run(command, cwd=ROOT, check=True)
