"""Measure how long uv and pip take to build the environment from an empty cache.

    python scripts/bench_environment.py [--repeats 2] [--folder DIR]

Builds in turn (10 GB of disk), then imports what a prediction needs for the first time: pip
compiles every module while it installs, uv leaves that to the first import.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "benchmarks" / "environment.csv"
COLUMNS = [
    "installer",
    "round",
    "build_s",
    "build_processor_s",
    "first_import_s",
    "cores",
    "load_before",
]


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds by the clock and on processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def measure(installer: str, number: int, place: Path) -> dict[str, object]:
    """Build once, in an empty folder with empty caches; return the row."""
    load = os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(dir=place))
    try:
        environment = os.environ | {
            "PIP_CACHE_DIR": str(folder / "pip"),
            "UV_CACHE_DIR": str(folder / "uv"),
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, str(ROOT / "scripts" / "make_environment.py")]
        command += [str(folder / "env"), "--torch", "cuda", "--installer", installer]
        seconds, used = timed(command, environment)
        python = str(folder / "env" / "bin" / "python")
        first, _ = timed([python, "-c", "import ekg.api"], environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "installer": installer,
        "round": number,
        "build_s": f"{seconds:.0f}",
        "build_processor_s": f"{used:.0f}",
        "first_import_s": f"{first:.0f}",
        "cores": f"{os.cpu_count()}, {platform.machine()}",
        "load_before": f"{load:.1f}",
    }


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=2, metavar="N")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), metavar="DIR")
    arguments = parser.parse_args()
    rows = []
    for number in range(1, arguments.repeats + 1):
        for installer in ("uv", "pip"):
            rows.append(measure(installer, number, arguments.folder))
            print(rows[-1], flush=True)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    temporary = TABLE.with_name(f".{TABLE.name}.new")
    temporary.write_text(text.getvalue(), encoding="utf-8")
    os.replace(temporary, TABLE)


if __name__ == "__main__":
    main()
