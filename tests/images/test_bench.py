"""The benchmark script runs, on few slices, and says what it measured."""

import csv
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_benchmark_writes_its_table(root, records, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- measurements: begin -->old\n<!-- measurements: end -->\nz\n")
    out = tmp_path / "bench.csv"
    command = [sys.executable, "scripts/bench_images.py", "--records", str(records)]
    options = ["--slices", "1", "--many", "4", "--repeats", "1", "--size", "100"]
    subprocess.run(
        [*command, *options, "--out", str(out), "--docs", str(page), "--work", str(tmp_path)],
        cwd=root,
        check=True,
    )
    with open(out, newline="") as stream:
        rows = {row["measurement"]: row for row in csv.DictReader(stream)}
    for name in (
        "ratio, in memory",
        "ratio, PNG written",
        "end to end, 1 process",
        "scaling from 1 to 2 processes",
        "peak memory, 50 records, -j 1",
        "peak memory, 400 records, -j 2",
    ):
        assert float(rows[name]["value"]) > 0
    text = page.read_text()
    assert text.startswith("a\n") and text.endswith("z\n") and "old" not in text
    assert "| ratio, in memory |" in text
