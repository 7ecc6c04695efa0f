"""Run the whole pipeline under other circumstances and compare every file with the first run.

    python -m campaigns.determinism [--only NAME ...] [--write]

The pipeline: simulate, draw, pack, split, train a few steps on the CPU, evaluate. It is run once
plainly and once for each variation (other process counts, order of files, folder, locale, time
zone, hash seed, umask, user's settings) and once with all of them together. Nothing that is left
may differ by a byte, but for what a clock or a path fills. `--write` puts the counts into
benchmarks/determinism.csv. Ends with status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ekg.files import write_text
from ekg.training.history import MEASURED_COLUMNS

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "benchmarks" / "determinism.csv"
STAGES = ("records", "images", "pack", "split", "weights", "history", "predictions", "metrics")
_PATHS = ("images_folder", "split_file")
"""Fields of `metrics.json` that name folders, which differ on purpose."""


@dataclass(frozen=True)
class Variation:
    """What is different on one walk."""

    name: str
    jobs: int = 1
    """Processes that simulate and draw, and loader threads beside the first."""
    shuffled: bool = False
    """Records are created in another order and folders are listed in a random one."""
    elsewhere: bool = False
    """Another working directory, folders named by relative paths through `..`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    own_settings: bool = False
    """A matplotlibrc of the user's that changes lines, sizes and colours."""
    locale: str = ""
    """Name of a locale to be made and set (thousands, decimal comma, other capital letters)."""


VARIATIONS = (
    Variation("again, nothing changed"),
    Variation("3 processes and loader threads", jobs=3),
    Variation("records created and listed in another order", shuffled=True),
    Variation("another working directory, relative paths", elsewhere=True),
    Variation("Turkish locale", locale="tr_TR"),
    Variation(
        "C locale, ASCII as default encoding",
        environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ),
    Variation("time zone 13:45 h east", environment={"TZ": "XYZ-13:45"}),
    Variation("another hash seed", environment={"PYTHONHASHSEED": "4242"}),
    Variation("umask 077", umask=0o077),
    Variation("matplotlib settings of the user's", own_settings=True),
    Variation(
        "all at once",
        jobs=3,
        shuffled=True,
        elsewhere=True,
        locale="tr_TR",
        umask=0o077,
        own_settings=True,
        environment={"TZ": "XYZ-13:45", "PYTHONHASHSEED": "77"},
    ),
)

SETTINGS = "lines.linewidth: 7\naxes.linewidth: 4\ngrid.linestyle: :\npath.simplify: False\n"

WALKER = """
import json, locale, os, random, runpy, sys

plan = json.loads(sys.argv[1])
os.umask(plan["umask"])
if plan["locale"]:
    locale.setlocale(locale.LC_ALL, plan["locale"])
if plan["shuffled"]:
    shuffle = random.Random(5).shuffle
    plain_scandir, plain_listdir = os.scandir, os.listdir

    class Scan:
        def __init__(self, entries): self.entries = iter(entries)
        def __iter__(self): return self
        def __next__(self): return next(self.entries)
        def __enter__(self): return self
        def __exit__(self, *error): return None
        def close(self): return None

    def scandir(*path):
        with plain_scandir(*path) as found:
            entries = list(found)
        shuffle(entries)
        return Scan(entries)

    def listdir(*path):
        names = plain_listdir(*path)
        shuffle(names)
        return names

    os.scandir, os.listdir = scandir, listdir

from ekg.cli import main

for command in plan["commands"]:
    status = main(command)
    if status:
        sys.exit(status)
"""


def commands(folder: str, jobs: int, size: int, records: int) -> list[list[str]]:
    """Return the pipeline's command lines, for a folder named from the working directory."""
    at = f"{folder}/data/synthetic"
    data = f"--images {at}/im --split {at}/im/split.csv"
    lines = (
        f"simulate --out {at}/records --records {records} -j {jobs}",
        f"images --records {at}/records --out {at}/im --size {size} --pack -j {jobs} "
        "--dataset synthetic",
        f"split --labels {at}/im/records.csv --out {at}/im/split.csv --protocol stratified",
        f"train {data} --run {folder}/run --device cpu --threads 1 --workers {jobs - 1} --epochs 2 "
        f"--batch-size 16 --set data.image_size={size} --set early_stopping.enabled=false "
        "--set training.max_minutes=0 --set training.averaging_decay=0.9",
        f"evaluate --model {folder}/run {data} --fold val test --out {folder}/run --resamples 200",
    )
    return [line.split() for line in lines]


def walk(variation: Variation, folder: Path, size: int, records: int, locales: Path) -> None:
    """Run the pipeline into `folder` as the variation says, in its own process."""
    folder.mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MPLCONFIGDIR": str(folder.parent / "matplotlib"),
    } | dict(variation.environment)
    if variation.own_settings:
        environment["MATPLOTLIBRC"] = str(folder / "matplotlibrc")
        write_text(folder / "matplotlibrc", SETTINGS)
    locale = ""
    if variation.locale:
        locale = made_locale(variation.locale, locales)
        environment |= {"LC_ALL": locale, "LOCPATH": str(locales)}
    place, name = folder, "."
    if variation.elsewhere:
        place = folder / "somewhere" / "else entirely"
        place.mkdir(parents=True)
        name = "../.."
    steps = commands(name, variation.jobs, size, records)
    if variation.shuffled:
        # The records come into being in another order before the pipeline finds them.
        simulate_backwards(folder / "data" / "synthetic" / "records", records)
    plan = {
        "umask": variation.umask,
        "locale": locale,
        "shuffled": variation.shuffled,
        "commands": steps,
    }
    done = subprocess.run(
        [sys.executable, "-c", WALKER, json.dumps(plan)],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"error: {variation.name}: {done.stdout}\n{done.stderr}")


def made_locale(name: str, folder: Path) -> str:
    """Return the name of a locale after compiling it into a folder, where it is not there yet."""
    full = f"{name}.UTF-8"
    if not (folder / full).is_dir():
        folder.mkdir(exist_ok=True)
        if shutil.which("localedef") is None:
            raise SystemExit("error: no localedef here, which makes locales (package locales)")
        subprocess.run(
            ["localedef", "-i", name, "-f", "UTF-8", str(folder / full)],
            check=True,
            capture_output=True,
        )
    return full


def simulate_backwards(folder: Path, records: int) -> None:
    """Simulate the records last first, without what the command leaves beside them."""
    from ekg.simulator.mix import record_name
    from ekg.simulator.record_files import SimulationSettings, simulate_folder, write_record

    settings = SimulationSettings()
    folder.mkdir(parents=True)
    for number in range(records, 0, -1):
        write_record(folder, record_name(number), settings)
    # The command takes a folder for its own by its settings file; whole records stay as they are.
    kept = sorted(folder.iterdir())
    hidden = folder.with_name("set aside")
    hidden.mkdir()
    for path in kept:
        shutil.move(path, hidden / path.name)
    simulate_folder(folder, 1, settings)
    for path in reversed(kept):
        shutil.move(hidden / path.name, path)
    hidden.rmdir()


def _content(path: Path) -> bytes:
    """Return a file's bytes; of an image set's description all but the place of its records."""
    if path.name != "dataset.json":
        return path.read_bytes()
    described = json.loads(path.read_text(encoding="utf-8"))
    return json.dumps({k: v for k, v in described.items() if k != "source"}).encode()


def left_by(folder: Path) -> dict[str, dict[str, str]]:
    """Return a checksum of every file that a walk left, by stage and name."""
    at, run = folder / "data" / "synthetic", folder / "run"
    files = {
        "records": sorted((at / "records").glob("[!.]*")),
        "images": [
            *sorted((at / "im" / "all").rglob("*.png")),
            at / "im" / "manifest.csv",
            at / "im" / "records.csv",
            at / "im" / "dataset.json",
        ],
        "pack": [at / "im" / "pack.npy", at / "im" / "pack.csv"],
        "split": [at / "im" / "split.csv"],
        "weights": [run / "weights.safetensors"],
        "predictions": sorted(run.glob("predictions_*.csv")),
    }
    found = {
        stage: {
            path.relative_to(folder).as_posix(): hashlib.sha256(_content(path)).hexdigest()
            for path in paths
        }
        for stage, paths in files.items()
    }
    history = pd.read_csv(run / "train_results.csv", dtype=str).drop(columns=list(MEASURED_COLUMNS))
    found["history"] = {str(column): ",".join(history[column]) for column in history}
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    found["metrics"] = {
        key: json.dumps(value) for key, value in metrics.items() if key not in _PATHS
    }
    found["metrics"]["calibration.json"] = (
        (run / "calibration.json").read_text(encoding="utf-8")
        if (run / "calibration.json").is_file()
        else "none"
    )
    return found


def compare(
    first: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[int, list[str]]]:
    """Return for each stage how many things were compared, and the names of those that differ."""
    result = {}
    for stage in STAGES:
        names = sorted(first[stage].keys() | other[stage].keys())
        wrong = [name for name in names if first[stage].get(name) != other[stage].get(name)]
        result[stage] = (len(names), wrong)
    return result


def measure(size: int, records: int, work: Path, only: list[str] | None = None) -> pd.DataFrame:
    """Walk plainly and under each variation; return one row a variation, one column a stage.

    Cells are `equal of compared`; the names of what differs go to standard error.
    """
    locales = work / "locales"
    walk(Variation("first"), work / "first", size, records, locales)
    first = left_by(work / "first")
    rows = []
    for number, variation in enumerate(VARIATIONS):
        if only and variation.name not in only:
            continue
        started = time.monotonic()
        folder = work / f"other {number}"
        walk(variation, folder, size, records, locales)
        found = compare(first, left_by(folder))
        shutil.rmtree(folder)
        row: dict[str, object] = {"what is different": variation.name}
        for stage, (count, wrong) in found.items():
            row[stage] = f"{count - len(wrong)} of {count}"
            for name in wrong:
                print(f"{variation.name}: {stage}: {name} differs", file=sys.stderr)
        row["compared"] = sum(count for count, _ in found.values())
        row["different"] = sum(len(wrong) for _, wrong in found.values())
        rows.append(row)
        seconds = time.monotonic() - started
        print(
            f"{variation.name}: {row['compared']} compared, {row['different']} different, "
            f"{seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )
    return pd.DataFrame(rows)


def with_kept(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows measured now and, of the file, those of the other variations, in order."""
    if TABLE.is_file():
        table = pd.concat([table, pd.read_csv(TABLE)]).drop_duplicates("what is different")
    order = {variation.name: number for number, variation in enumerate(VARIATIONS)}
    table = table[table["what is different"].isin(order)]
    return table.sort_values("what is different", key=lambda names: names.map(order))


def main() -> int:
    """Walk, compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=96, help="of the images (default: 96)")
    parser.add_argument("--records", type=int, default=40, help="default: 40")
    parser.add_argument("--only", nargs="+", choices=[v.name for v in VARIATIONS], metavar="NAME")
    parser.add_argument("--write", action="store_true", help="update its rows in the CSV file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ekg-determinism-") as work:
        table = measure(arguments.size, arguments.records, Path(work), arguments.only)
    if arguments.write:
        table = with_kept(table)
        write_text(TABLE, table.to_csv(index=False, lineterminator="\n"))
    print(table.to_string(index=False))
    return int(table["different"].sum() > 0)


if __name__ == "__main__":
    sys.exit(main())
