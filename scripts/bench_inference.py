"""Measure how fast images and records are read, and write a CSV.

    python scripts/bench_inference.py --out benchmarks/inference.csv

Five forms of the paper's network, from uint8 images to probabilities, on the CPU:

* textbook: torch as one would write it down, activations composed of relu6, NCHW, float32
* fused: the form that training uses: fused activations, channels-last
* folded: fused with batch norm folded into the convolutions
* folded, memory kept: the same while the C library keeps freed memory; what `predict` uses
* onnxruntime: the exported file

The forms take turns, so that a slow minute of the machine falls on all of them; medians are
reported. The last rows are the time from a record's file to its verdict, after start-up.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import wfdb

from ekg.files import atomic_open
from ekg.model import EkgModel, build_network
from ekg.model.engines import Engine, OnnxEngine
from ekg.model.export import check_images, export_onnx
from ekg.model.torch_engine import TorchEngine
from ekg.predict.predictor import Predictor
from ekg.progress import Progress
from ekg.records.record import LEADS, read_record

SEED = 45
SIZE = 800
BATCHES = (1, 16)
TEXTBOOK = "textbook"
KEEPING = "folded, memory kept"
COLUMNS = (
    "what",
    "form",
    "batch",
    "ms",
    "fastest_ms",
    "images_per_second",
    "times_textbook",
    "threads",
    "cpu",
    "torch",
    "onnxruntime",
)
Reading = Callable[[np.ndarray], object]


def main() -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every form")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory(prefix="ekg-bench-") as folder:
        textbook, fused = models()
        exported = export_onnx(fused, Path(folder) / "model.onnx").path
        onnx_engine = OnnxEngine(exported, arguments.threads)
        torch_engine = TorchEngine(fused)
        forms: dict[str, Reading] = {
            TEXTBOOK: in_torch(textbook),
            "fused": in_torch(fused),
            "folded": torch_engine.probabilities,
            KEEPING: torch_engine.probabilities,
            "onnxruntime": onnx_engine.probabilities,
        }
        rows = [row for batch in BATCHES for row in measure_forms(forms, batch, arguments.rounds)]
        record = write_record(Path(folder))
        for form, engine in ((KEEPING, torch_engine), ("onnxruntime", onnx_engine)):
            keep_memory(form == KEEPING)
            rows.append(measure_record(form, engine, record, 4 * arguments.rounds))
    machine = {
        "threads": arguments.threads,
        "cpu": cpu_name(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    with atomic_open(arguments.out) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows({**row, **machine} for row in rows)
    for row in rows:
        print(
            f"{row['what']:<18} {row['form']:<20} batch {row['batch']:<3} {row['ms']:>8} ms"
            f"{row['images_per_second']:>8} images/s   {row.get('times_textbook', '')}"
        )
    return 0


def models() -> tuple[EkgModel, EkgModel]:
    """Return the textbook form and the fused form with the same fresh weights."""
    torch.manual_seed(SEED)
    fused = build_network()
    textbook = build_network(plain=True)
    textbook.load_state_dict(fused.state_dict())
    return EkgModel(textbook).eval(), EkgModel(fused).eval()


def in_torch(model: EkgModel) -> Reading:
    """Return a function that reads images with a model as it is."""

    def read(images: np.ndarray) -> object:
        with torch.inference_mode():
            return model.probabilities(torch.from_numpy(images)).numpy()

    return read


def measure_forms(forms: dict[str, Reading], batch: int, rounds: int) -> list[dict[str, object]]:
    """Time every form on batches of one size."""
    drawn = check_images(SIZE)
    images = np.ascontiguousarray(np.resize(drawn, (batch, SIZE, SIZE)))
    repeats = 4 if batch == 1 else 1
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    with Progress(rounds, f"batch {batch}", "round") as progress:
        for _ in range(rounds):
            for form, read in forms.items():
                keep_memory(form == KEEPING)
                read(images)  # the first call plans and allocates
                for _ in range(repeats):
                    begin = time.perf_counter()
                    read(images)
                    seconds[form].append(time.perf_counter() - begin)
            progress.update()
    textbook = statistics.median(seconds[TEXTBOOK])
    return [
        {
            "what": "pictures",
            "form": form,
            "batch": batch,
            "ms": round(1e3 * statistics.median(times), 1),
            "fastest_ms": round(1e3 * min(times), 1),
            "images_per_second": round(batch / statistics.median(times), 1),
            "times_textbook": round(textbook / statistics.median(times), 2),
        }
        for form, times in seconds.items()
    ]


def keep_memory(keep: bool) -> None:
    """Tell the C library (glibc; elsewhere nothing is done) to keep freed memory, or not to.

    "Not" is the state that glibc reaches by itself after its first large blocks: blocks of
    more than 32 MB are mapped again each time.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, mmap_threshold, mmap_max = -1, -3, -4  # the numbers of mallopt(3)
    mallopt(mmap_threshold, 32 << 20)
    mallopt(mmap_max, 0 if keep else 65536)
    mallopt(trim_threshold, -1 if keep else 64 << 20)


def write_record(folder: Path) -> Path:
    """Write a made-up record of 10 s at 500 Hz and return its header."""
    random = np.random.default_rng(SEED)
    times = np.arange(5000) / 500
    beats = np.exp(-((((times % 0.8) - 0.4) / 0.03) ** 2))
    signal = random.uniform(-0.5, 1.5, (12, 1)) * beats + 0.02 * random.standard_normal((12, 5000))
    wfdb.wrsamp(
        "bench",
        fs=500,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        p_signal=signal.T,
        fmt=["16"] * 12,
        write_dir=str(folder),
    )
    return folder / "bench.hea"


def measure_record(form: str, engine: Engine, record: Path, rounds: int) -> dict[str, object]:
    """Time the whole way from a record's file to its verdict."""
    predictor = Predictor(engine)
    seconds = []
    slices = 0
    for turn in range(rounds + 3):
        begin = time.perf_counter()
        slices = len(predictor.predict(read_record(record)).slices)
        if turn >= 3:
            seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    return {
        "what": "record to verdict",
        "form": form,
        "batch": slices,
        "ms": round(1e3 * median, 1),
        "fastest_ms": round(1e3 * min(seconds), 1),
        "images_per_second": round(slices / median, 1),
    }


def cpu_name() -> str:
    """Return what the machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


if __name__ == "__main__":
    sys.exit(main())
