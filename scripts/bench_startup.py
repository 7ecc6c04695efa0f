"""Measure how long commands take from shell to answer, and how many records a second are read.

    python scripts/bench_startup.py speed --before COMMIT
    python scripts/bench_startup.py memory --records 10000

`speed` compares this clone with an earlier commit, in turns, so that a busy minute of the machine
falls on both, and writes `benchmarks/startup.csv`. Processor time counts all processes of a
command. Its folder holds records of 10 s, three slices each; the earlier commit reads it in one
process, with its default engine and with ONNX, this one in two. `memory` reads many records (a
few simulated ones under many names), looks at the memory of all its processes as they go by, and
writes `benchmarks/predict_memory.csv`.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ekg.files import atomic_open
from ekg.paths import default_model
from ekg.records.record import read_header

ROOT = Path(__file__).resolve().parent.parent
SPEED, MEMORY = ROOT / "benchmarks" / "startup.csv", ROOT / "benchmarks" / "predict_memory.csv"
SIMULATED = 48
IN_FOLDER = 96
TEN_SECONDS = 5000
"""Samples."""


def main() -> int:
    """Run one of the two measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    measurements = parser.add_subparsers(dest="measurement", required=True)
    speed = measurements.add_parser("speed")
    speed.add_argument("--before", required=True, metavar="COMMIT")
    speed.add_argument("--rounds", type=int, default=3)
    memory = measurements.add_parser("memory")
    memory.add_argument("--records", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ekg-bench-") as name:
        folder = Path(name)
        simulate = ["simulate", "--records", str(SIMULATED), "--out", str(folder / "records")]
        run(ROOT, simulate)
        if arguments.measurement == "speed":
            measure_speed(folder, arguments.before, arguments.rounds)
        else:
            measure_memory(folder, arguments.records)
    return 0


def run(clone: Path, words: Sequence[str]) -> tuple[float, float]:
    """Run a command of a clone; return wall and processor seconds."""
    command = [sys.executable, "-m", "ekg", *words]
    if words[0] == "import":
        command = [sys.executable, "-c", "import ekg"]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command,
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_speed(folder: Path, commit: str, rounds: int) -> None:
    """Time each command at both commits."""
    records, old = folder / "records", folder / "before"
    model = ["--model", str(default_model())]
    one, image = str(records / "S0001"), str(folder / "image.png")
    many = link_records(folder, IN_FOLDER, TEN_SECONDS)
    predict_folder = ["predict", str(many), *model, "--format", "csv"]
    both: dict[str, tuple[Path, list[str]]] = {"before": (old, []), "after": (ROOT, [])}
    forms = {
        "before": (old, []),
        "before, --engine onnx": (old, ["--engine", "onnx"]),
        "after, -j 2": (ROOT, ["-j", "2"]),
    }
    commands = {
        "import ekg": (["import"], 1, both),
        "ekg --help": (["--help"], 1, both),
        "ekg render RECORD": (["render", one, "--start", "1000", "-o", image], 1, both),
        "ekg predict RECORD": (["predict", one, *model], 1, both),
        f"ekg predict FOLDER ({IN_FOLDER} records)": (predict_folder, IN_FOLDER, forms),
    }
    subprocess.run(["git", "worktree", "add", "-q", str(old), commit], cwd=ROOT, check=True)
    try:
        rows = [
            row
            for what, (words, count, timed_forms) in commands.items()
            for row in compare(what, words, count, timed_forms, rounds)
        ]
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(old)], cwd=ROOT, check=True)
    write(SPEED, rows)


def compare(
    what: str,
    words: Sequence[str],
    count: int,
    forms: dict[str, tuple[Path, list[str]]],
    rounds: int,
) -> list[dict[str, object]]:
    """Time the forms of a command in turns; return a row of medians for each."""
    timed: dict[str, list[tuple[float, float]]] = {form: [] for form in forms}
    for _ in range(rounds):
        for form, (clone, options) in forms.items():
            timed[form].append(run(clone, [*words, *options]))
    medians = {
        form: [statistics.median(column) for column in zip(*times, strict=True)]
        for form, times in timed.items()
    }
    rows: list[dict[str, object]] = []
    for form, (wall, processor) in medians.items():
        rows.append(
            {
                "what": what,
                "form": form,
                "seconds": round(wall, 3),
                "processor_seconds": round(processor, 3),
                "records_per_second": round(count / wall, 1) if count > 1 else "",
                "processor_ms_a_record": round(1000 * processor / count, 1) if count > 1 else "",
                "times_before": round(medians["before"][0] / wall, 2),
                "times_before_processor": round(medians["before"][1] / processor, 2),
                "load": round(os.getloadavg()[0], 1),
                "cores": os.cpu_count(),
            }
        )
        print(*rows[-1].values(), flush=True)
    return rows


def measure_memory(folder: Path, count: int) -> None:
    """Read many records with two processes and note the memory of all processes."""
    many = link_records(folder, count)
    out = folder / "predictions.csv"
    words = ["predict", str(many), "--format", "csv", "--out", str(out), "-j", "2"]
    rows, begin = list[dict[str, object]](), time.perf_counter()
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "ekg", *words], cwd=ROOT, stderr=log)
    step = max(count // 10, 1)
    while process.poll() is None:
        time.sleep(0.5)
        done = written(folder / "predictions.csv.unfinished" / "predictions")
        if done >= step * (len(rows) + 1):
            seconds = time.perf_counter() - begin
            rows.append(
                {
                    "records": done,
                    "memory_mib": round(memory_of(process.pid) / 2**20),
                    "seconds": round(seconds, 1),
                    "records_per_second": round(done / seconds, 1),
                }
            )
            print(*rows[-1].values(), flush=True)
    if process.returncode:
        raise SystemExit((folder / "log").read_text())
    write(MEMORY, rows)


def link_records(folder: Path, count: int, n_samples: int | None = None) -> Path:
    """Give a folder of so many records; `n_samples`: Only those that are this long."""
    names = [
        header.stem
        for header in sorted((folder / "records").glob("*.hea"))
        if n_samples in (None, read_header(header).n_samples)
    ]
    many = folder / "many"
    for number in range(count):
        name = names[number % len(names)]
        # The header names its signal file; records of one name lie in folders of their own.
        place = many / f"{number // len(names):05d}"
        place.mkdir(parents=True, exist_ok=True)
        for suffix in (".hea", ".mat"):
            (place / f"{name}{suffix}").hardlink_to(folder / "records" / f"{name}{suffix}")
    return many


def written(path: Path) -> int:
    """Return how many predictions a CSV file has."""
    try:
        with open(path, "rb") as stream:
            return max(sum(1 for _ in stream) - 1, 0)
    except OSError:
        return 0


def memory_of(process: int) -> int:
    """Return the bytes that a process and its children have to themselves or share (PSS)."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    total = 0
    for one in (process, *map(int, children)):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += 1024 * int(line.split()[1])
    return total


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """Write the rows as CSV."""
    with atomic_open(path) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
