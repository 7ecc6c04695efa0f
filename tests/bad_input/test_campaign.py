"""The campaign's own machinery: it counts, resumes, and notices death and delay."""

import csv
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_small_campaign_writes_its_table_and_goes_on(root, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- campaign: begin -->old\n<!-- campaign: end -->\nz\n")
    command = [
        sys.executable,
        "-m",
        "campaigns.fuzzing",
        "--cases",
        "300",
        "--engine",
        "mutation",
        "--work",
        str(tmp_path / "work"),
        "--out",
        str(tmp_path / "fuzz.csv"),
        "--docs",
        str(page),
    ]
    first = subprocess.run(
        [*command, "--only", "comments"], cwd=root, capture_output=True, text=True, check=True
    )
    assert "parts to go" in first.stdout and not (tmp_path / "fuzz.csv").exists()
    kept = tmp_path / "work" / "comments-mutation" / "result.json"
    before = kept.stat().st_mtime_ns
    subprocess.run(command, cwd=root, check=True)
    assert kept.stat().st_mtime_ns == before
    with open(tmp_path / "fuzz.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sum(int(row["cases"]) for row in rows) >= 300
    assert all(int(row["results"]) + int(row["refused"]) == int(row["cases"]) for row in rows)
    assert all(row["findings"] == "0" for row in rows)
    assert "| **all** |" in page.read_text() and "old" not in page.read_text()
