"""Measure how fast images are drawn, beside plain matplotlib, in one run; writes a CSV file.

python scripts/bench_images.py [--records FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib as mpl
import numpy as np
import PIL

from ekg.errors import EkgError
from ekg.files import atomic_open
from ekg.images.image_set import read_manifest
from ekg.images.png import read_image, write_png
from ekg.images.record_images import ImageSetConfig, RecordJob, decide, draw_record, warm_up
from ekg.images.reference import draw_slowly, save_slowly
from ekg.images.renderer import Renderer
from ekg.records.record import find_records, read_header, read_record
from ekg.records.slicing import slice_starts

Row = tuple[str, float, str, str]
"""Measurement, value, unit, how."""

_ROOT = Path(__file__).resolve().parent.parent
_ROUNDS = 20


def usable_records(folder: Path) -> list[Path]:
    """Return headers of records that the paper's rules keep."""
    config = ImageSetConfig()
    return [
        header
        for header in find_records(folder)
        if decide(read_header(header).diagnoses, config).status == "kept"
    ]


def multiply(headers: list[Path], folder: Path, count: int) -> Path:
    """Write `count` records into a folder: copies under new names, which draw other slices."""
    folder.mkdir()
    for number in range(count):
        header = headers[number % len(headers)]
        name = f"B{number:05d}"
        text = header.read_text(encoding="utf-8")
        (folder / f"{name}.hea").write_text(
            re.sub(rf"\b{re.escape(header.stem)}\b", name, text), encoding="utf-8"
        )
        for suffix in (".mat", ".dat"):
            source = header.with_suffix(suffix)
            if source.is_file():
                (folder / f"{name}{suffix}").symlink_to(source.resolve())
    return folder


def seconds_each(function: Callable[[np.ndarray], object], slices: list[np.ndarray]) -> float:
    """Return the median processor time of a call, s: other work on the machine stays out of it."""
    times = []
    for part in slices:
        begin = time.process_time()
        function(part)
        times.append(time.process_time() - begin)
    return median(times)


def bench_one_core(slices: list[np.ndarray], folder: Path, size: int) -> list[Row]:
    """Compare with plain matplotlib on the same slices, after making sure the pixels agree."""
    renderer = Renderer(size)
    for part in slices:
        if not np.array_equal(renderer.draw(part), draw_slowly(part, size)):
            raise EkgError("the fast renderer and plain matplotlib give different pixels")
    slow_file, fast_file = folder / "slow.png", folder / "fast.png"
    many = slices * _ROUNDS
    slow = seconds_each(lambda part: draw_slowly(part, size), slices)
    fast = seconds_each(renderer.draw, many)
    slow_png = seconds_each(lambda part: save_slowly(part, slow_file, size), slices)
    fast_png = seconds_each(lambda part: write_png(fast_file, renderer.draw(part)), many)
    if not np.array_equal(read_image(slow_file), read_image(fast_file)):
        raise EkgError("the PNG files of the fast renderer and of plain matplotlib differ")
    how = f"processor time, {size} px, median of {len(slices)} slices"
    ours = f"processor time, {size} px, median of {len(many)} images of the same slices"
    return [
        ("plain matplotlib, in memory", 1e3 * slow, "ms/image", how),
        ("ours, in memory", 1e3 * fast, "ms/image", ours),
        ("ratio, in memory", slow / fast, "times", "same slices, same run, equal pixels"),
        ("plain matplotlib, PNG written", 1e3 * slow_png, "ms/image", how),
        ("ours, PNG written", 1e3 * fast_png, "ms/image", ours),
        ("ratio, PNG written", slow_png / fast_png, "times", "same slices, same run, equal pixels"),
    ]


def bench_parts(renderer: Renderer, slices: list[np.ndarray], folder: Path) -> list[Row]:
    """Take the time of each step of an image apart."""
    agg, panels = renderer._agg, renderer._panels
    image = renderer.draw(slices[0])
    steps: list[tuple[str, Callable[[np.ndarray], object]]] = [
        ("part: background", lambda part: _backgrounds(renderer)),
        ("part: traces", lambda part: _traces(renderer, part)),
        (
            "part: borders",
            lambda part: [agg.draw_path(*side, None) for *_, border in panels for side in border],
        ),
        ("part: grey levels", lambda part: np.ascontiguousarray(renderer._pixels[..., 0])),
        ("part: SHA-256", lambda part: _sha256(image)),
        ("part: PNG", lambda part: write_png(folder / "part.png", image)),
    ]
    many = slices * _ROUNDS
    return [
        (name, 1e3 * seconds_each(step, many), "ms/image", "processor time, median")
        for name, step in steps
    ]


def _backgrounds(renderer: Renderer) -> None:
    for (top, bottom, left, right), *_ in renderer._panels:
        area = (slice(top, bottom), slice(left, right))
        renderer._pixels[area] = renderer._background[area]


def _traces(renderer: Renderer, part: np.ndarray) -> None:
    for (_, trace, _), lead in zip(renderer._panels, part, strict=True):
        renderer._heights[:] = lead
        renderer._agg.draw_path(*trace, None)


def _sha256(image: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(image.data).hexdigest()


def bench_reading(headers: list[Path], folder: Path, images_per_record: float) -> list[Row]:
    """Take the time of reading, and of all that a worker does for a record."""
    config = ImageSetConfig()
    warm_up(config)
    reading, whole, images = [], 0.0, 0
    for header in headers:
        begin = time.process_time()
        read_record(header)
        after_reading = time.process_time()
        entry = draw_record(RecordJob(header, folder, config))
        reading.append(after_reading - begin)
        whole += time.process_time() - after_reading
        images += len(entry["images"])
    return [
        (
            "part: reading the record",
            1e3 * median(reading) / images_per_record,
            "ms/image",
            f"processor time, median, {images_per_record:.2f} images a record",
        ),
        ("whole work of a worker", 1e3 * whole / images, "ms/image", "processor time, mean"),
    ]


@dataclass(frozen=True)
class CommandRun:
    """What one run of the command took."""

    images: int
    seconds: float
    """From start to end, the program's own start included."""
    processor_seconds: float
    """Of all its processes together."""
    megabytes: float
    """Of its largest process."""


# A process's peak memory counts from the process that started it: a small one does, not this.
_LAUNCHER = """
import json, resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
seconds = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


def run_command(records: Path, out: Path, jobs: int) -> CommandRun:
    """Run the command once."""
    command = [sys.executable, "-m", "ekg", "images", "--records", str(records), "--out", str(out)]
    finished = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *command, "-j", str(jobs)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        raise EkgError(f"the command failed: {finished.stderr}")
    seconds, processor_seconds, peak = json.loads(finished.stdout)
    # Kilobytes on Linux, bytes on macOS.
    megabytes = peak / (1e6 if sys.platform == "darwin" else 1e3)
    return CommandRun(len(read_manifest(out)), seconds, processor_seconds, megabytes)


def bench_command(headers: list[Path], folder: Path, records: int, repeats: int) -> list[Row]:
    """Run the whole command: speed, scaling, memory."""
    rows: list[Row] = []
    many = multiply(headers, folder / "many", records)
    best: dict[int, CommandRun] = {}
    for _ in range(repeats):
        for jobs in (1, 2):
            out = folder / f"out{jobs}"
            shutil.rmtree(out, ignore_errors=True)
            run = run_command(many, out, jobs)
            if jobs not in best or run.seconds < best[jobs].seconds:
                best[jobs] = run
    for jobs, run in best.items():
        name = f"end to end, {jobs} process{'es' * (jobs > 1)}"
        how = f"-j {jobs}, {records} records, {run.images} images, start of the program included"
        rows.append((name, run.images / run.seconds, "images/s", f"{how}, best of {repeats} runs"))
        rows.append(
            (
                f"{name}, a core",
                run.images / run.processor_seconds,
                "images/s",
                "images by processor time of all processes, same run",
            )
        )
    scaling = best[1].seconds / best[2].seconds
    rows.append(("scaling from 1 to 2 processes", scaling, "times", "time of the two runs above"))
    for count in (50, 400):
        few = multiply(headers, folder / f"few{count}", count)
        for jobs in (1, 2):
            run = run_command(few, folder / f"memory{count}-{jobs}", jobs)
            how = f"-j {jobs}, {run.images} images, largest process"
            rows.append((f"peak memory, {count} records, -j {jobs}", run.megabytes, "MB", how))
    return rows


def processor() -> str:
    """Return the processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.machine()


def main() -> int:
    """Run every measurement and write the CSV file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    shared = Path(os.environ.get("EKG_SHARED", _ROOT.parent / "shared"))
    parser.add_argument(
        "--records", type=Path, default=shared / "real" / "cpsc2018", help="folder of WFDB records"
    )
    parser.add_argument("--out", type=Path, default=_ROOT / "benchmarks" / "images.csv")
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--slices", type=int, default=12, help="slices drawn the slow way too")
    parser.add_argument("--many", type=int, default=1000, help="records of the end-to-end runs")
    parser.add_argument("--repeats", type=int, default=2, help="of the end-to-end runs")
    parser.add_argument("--work", type=Path, help="where to put temporary files (about 1 GB)")
    arguments = parser.parse_args()
    try:
        headers = usable_records(arguments.records)
        slices, counts = [], []
        for header in headers:
            signal = read_record(header).signal
            starts = slice_starts(header.stem, signal.shape[1])
            counts.append(len(starts))
            slices += [signal[:, start : start + 1250] for start in starts[:1]]
        slices = slices[:: max(1, len(slices) // arguments.slices)][: arguments.slices]
        with tempfile.TemporaryDirectory(dir=arguments.work) as name:
            folder = Path(name)
            rows = bench_one_core(slices, folder, arguments.size)
            rows += bench_parts(Renderer(arguments.size), slices, folder)
            rows += bench_reading(headers, folder / "reading", float(np.mean(counts)))
            rows += bench_command(headers, folder, arguments.many, arguments.repeats)
    except EkgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    conditions = (
        f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"matplotlib {mpl.__version__}, Pillow {PIL.__version__}"
    )
    with atomic_open(arguments.out) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("measurement", "value", "unit", "how", "conditions"))
        for measurement, value, unit, how in rows:
            writer.writerow((measurement, f"{value:.4g}", unit, how, conditions))
            print(f"{measurement:36} {value:10.4g} {unit:9} {how}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
