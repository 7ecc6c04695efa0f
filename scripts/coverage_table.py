"""Write the measured coverage to benchmarks/coverage.csv; fail below the limit.

    make coverage        runs the tests under coverage, then this

The figures are those of `coverage json`: lines of `ekg/` that ran in the test process, in its
worker processes, or in a command that a test started.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from ekg.files import write_text

ROOT = Path(__file__).resolve().parents[1]
LEAST = 95.0
TABLE = ROOT / "benchmarks" / "coverage.csv"
LEFT_OUT_TABLE = ROOT / "benchmarks" / "coverage_left_out.csv"
_PRAGMA = re.compile(r"#\s*pragma:\s*no cover\b\s*(.*)")


def packages_table(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> pd.DataFrame:
    """Return one row per package, and one for all."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for path, file in report["files"].items():
        parts = Path(path).parts
        room = "/".join(parts[:2]) if len(parts) > 2 else "ekg/*.py"
        summary = file["summary"]
        for name in (room, "all"):
            sums[name][0] += 1
            sums[name][1] += summary["num_statements"]
            sums[name][2] += summary["covered_lines"]
    names = [*sorted(sums.keys() - {"all"}), "all"]
    return pd.DataFrame(
        {
            "room": names,
            "files": [sums[name][0] for name in names],
            "lines": [sums[name][1] for name in names],
            "covered": [sums[name][2] for name in names],
            "percent": [f"{percent(*sums[name][1:]):.1f}" for name in names],
        }
    )


def percent(lines: int, covered: int) -> float:
    """Return the share of lines covered, in percent; 100 where there is nothing to cover."""
    return 100 * covered / lines if lines else 100.0


def left_out(folder: Path) -> pd.DataFrame:
    """Return the places that are left out of the measurement, with the reason beside each."""
    rows = []
    for path in sorted(folder.rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := _PRAGMA.search(line):
                place = f"{path.relative_to(folder.parent).as_posix()}"
                reason = found.group(1).strip(" -:")
                if not reason:
                    sys.exit(f"error: {place}, line {number}: `pragma: no cover` without a reason")
                rows.append({"file": place, "why": reason})
    table = pd.DataFrame(rows, columns=["file", "why"])
    return table.groupby(["file", "why"], sort=False).size().rename("places").reset_index()


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report", type=Path, help="the file that `coverage json` wrote")
    arguments = parser.parse_args()
    table = packages_table(json.loads(arguments.report.read_text(encoding="utf-8")))
    places = left_out(ROOT / "ekg")
    print(table.to_string(index=False))
    write_text(TABLE, table.to_csv(index=False, lineterminator="\n"))
    places = places[["file", "places", "why"]]
    write_text(LEFT_OUT_TABLE, places.to_csv(index=False, lineterminator="\n"))
    reached = percent(*table.iloc[-1][["lines", "covered"]])
    if reached < LEAST:
        sys.exit(f"error: {reached:.1f} % of lines covered, at least {LEAST:g} % are asked for")


if __name__ == "__main__":
    main()
