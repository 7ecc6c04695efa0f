"""Measure how long the test targets take, and write it to benchmarks/test_targets.csv.

    python scripts/time_targets.py test coverage       measure these, keep the other rows

Processor time says more than the clock where a machine does other things besides.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from ekg.files import write_text

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "benchmarks" / "test_targets.csv"
TARGETS = {
    "test": "every fast test",
    "test-all": "the slow ones too",
    "test-page": "the page in a real browser (needs npm and chromium)",
    "test-faults": "processes killed, disks full, files damaged at every stage",
    "test-fuzz": "malformed input for every reader",
    "test-mutation": "changes of the code that tests must detect",
    "coverage": "the fast tests, and the share of lines that they run",
    "verify": "files, code and docs against each other",
}
COLUMNS = [
    "target",
    "what",
    "minutes",
    "processor_minutes",
    "processes",
    "passed",
    "cores",
    "measured",
]


def measure(target: str, jobs: int) -> dict[str, object]:
    """Run `make TARGET` and return its row."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    done = subprocess.run(["make", target, f"JOBS={jobs}"], cwd=ROOT, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "target": target,
        "what": TARGETS[target],
        "minutes": f"{(time.monotonic() - started) / 60:.1f}",
        "processor_minutes": f"{used / 60:.1f}",
        "processes": str(jobs),
        "passed": "no" if done.returncode else "yes",
        "cores": f"{os.cpu_count()}, {platform.machine()}",
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", choices=TARGETS, metavar="TARGET")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    known: dict[str, dict[str, object]] = {
        name: {"target": name, "what": what} for name, what in TARGETS.items()
    }
    if TABLE.is_file():
        rows = pd.read_csv(TABLE, dtype=str, keep_default_na=False)
        for _, row in rows[rows["target"].isin(TARGETS)].iterrows():
            known[row["target"]] = dict(row) | {"what": TARGETS[row["target"]]}
    failed = []
    for target in arguments.targets:
        known[target] = measure(target, arguments.jobs)
        failed += [target] if known[target]["passed"] == "no" else []
        # After each: what was measured stays, whenever this is interrupted.
        table = pd.DataFrame(known.values(), columns=COLUMNS).fillna("")
        write_text(TABLE, table.to_csv(index=False, lineterminator="\n"))
    if failed:
        sys.exit(f"error: make {', '.join(failed)} failed")


if __name__ == "__main__":
    main()
