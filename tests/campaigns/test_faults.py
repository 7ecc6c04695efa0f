"""A slice of the fault campaign: `make test-faults` does all of it."""

import csv
import subprocess
import sys

import pytest

KEPT = ("survived", "undetected")


def disturb(root, tmp_path, *options):
    out = tmp_path / "faults.csv"
    finished = subprocess.run(
        [sys.executable, "-m", "campaigns.faults", "--out", str(out), *options],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    with open(out, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_few_faults_of_the_first_stages(root, tmp_path):
    rows = disturb(
        root,
        tmp_path,
        "--stages",
        "download",
        "images",
        "--kills",
        "1",
        "--writes",
        "1",
        "--truncations",
        "1",
        "--flips",
        "1",
        "--twins",
        "1",
        "--kinds",
        "moments",
        "writes",
        "damage",
        "twins",
    )
    assert {row["stage"] for row in rows} == {"download", "images"} and len(rows) == 10
    assert all(row["verdict"] in KEPT for row in rows)
    assert [row["ended"] for row in rows if row["kind"].startswith("kill")] == ["killed"] * 4
    seen = {row["kind"]: row["ended"] for row in rows}
    assert "success" in seen["two runs at once"] and seen["truncated input"] == "skipped"


@pytest.mark.slow
def test_a_few_faults_of_every_stage(root, tmp_path):
    rows = disturb(
        root,
        tmp_path,
        "--kills",
        "2",
        "--writes",
        "2",
        "--sizes",
        "2",
        "--truncations",
        "1",
        "--flips",
        "2",
        "--twins",
        "1",
    )
    assert len({row["stage"] for row in rows}) == 11 and len(rows) > 200
    assert all(row["verdict"] in KEPT for row in rows)
